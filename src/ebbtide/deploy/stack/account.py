"""Who is asked: one AWS account in one region, by the credentials boto3 finds, and its clients."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from ebbtide.deploy.stack.trouble import DeployError, told
from ebbtide.names import nearest

_CONFIG = Config(retries={"mode": "adaptive", "max_attempts": 8}, user_agent_extra="lib/ebbtide")
_FIRST = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=10)
"""Of the first question of all: who has no network is not to wait long for being told so."""


class Account(NamedTuple):
    """One account in one region. id: its twelve digits; endpoint: of a local stand-in, or None for AWS itself."""

    session: Any
    id: str
    region: str
    endpoint: str | None

    def client(self, service: str) -> Any:
        """The client of a service; one for each of them."""
        return _client(self.session, service, self.region, self.endpoint)

    @property
    def pause(self) -> float:
        """Seconds between two looks at what goes on: AWS allows few a second, a stand-in does not mind."""
        return 0.05 if self.endpoint else 1.0

    @property
    def where(self) -> str:
        """For people: `eu-west-1, account 123456789012`."""
        return f"{self.region}, account {self.id}"


def account(region: str | None = None, endpoint: str | None = None) -> Account:
    """The account the environment's credentials belong to. Raises DeployError: no or bad credentials, no such region.

    region: default AWS_DEFAULT_REGION, AWS_REGION, the profile's. endpoint: default AWS_ENDPOINT_URL.
    """
    with told("asking AWS who this is"):
        given = region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
        session = boto3.Session(region_name=given)
        chosen = session.region_name
        endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL") or None
        if chosen is None:
            raise DeployError(
                'no AWS region is named; give --region, or write region = "eu-west-1" in ebbtide.toml, '
                "or set AWS_REGION"
            )
        known = [name for part in session.get_available_partitions() for name in _regions(session, part)]
        if endpoint is None and chosen not in known:
            raise DeployError(f"there is no AWS region {chosen!r}.{nearest(chosen, known)}")
        sts = session.client("sts", region_name=chosen, endpoint_url=endpoint, config=_FIRST)
        caller = sts.get_caller_identity()
    return Account(session, caller["Account"], chosen, endpoint)


def _regions(session: Any, partition: str) -> list[str]:
    found: list[str] = session.get_available_regions("cloudformation", partition)
    return found


@cache
def _client(session: Any, service: str, region: str, endpoint: str | None) -> Any:
    config = _CONFIG
    if service == "s3" and endpoint:
        config = _CONFIG.merge(Config(s3={"addressing_style": "path"}))
    return session.client(service, region_name=region, endpoint_url=endpoint, config=config)
