"""Fixtures every test may ask for, and how tests are spread over workers."""

from tests.aws.ministack import aws as aws
from tests.aws.ministack import ministack_server as ministack_server
from tests.groups import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
