"""Fixtures every test may ask for, and how tests are spread over workers."""

import signal

from hypothesis import HealthCheck, settings
from tests.aws.ministack import aws as aws
from tests.aws.ministack import ministack_server as ministack_server
from tests.groups import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

# How long drawing and running an example takes is the machine's business: a fresh clone's first text takes seconds.
settings.register_profile("ebbtide", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ebbtide")

# A suite that was started as a background job ignores Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
