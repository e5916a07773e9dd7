"""Fixtures every test may ask for, and how tests are spread over workers."""

from hypothesis import HealthCheck, settings
from tests.aws.ministack import aws as aws
from tests.aws.ministack import ministack_server as ministack_server
from tests.groups import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

# How long drawing and running an example takes is the machine's business: a fresh clone's first text takes seconds.
settings.register_profile("ebbtide", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ebbtide")
