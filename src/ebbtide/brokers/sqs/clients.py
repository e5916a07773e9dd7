"""The one place that loads AWS's library: a client for each service and process, made on first use.

botocore takes half a second to load, which a Lambda function that settles nothing need not pay, so it is loaded when
the first call is made. It is what boto3 itself stands on; boto3's own layer would add a tenth and nothing we use.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from threading import Lock
from typing import Any

from ebbtide.brokers.sqs.faults import explained
from ebbtide.errors import StorageError

LONGEST_POLL = 20.0
"""Seconds: how long SQS lets a receive wait."""

_CONNECT = 5.0
_READ = LONGEST_POLL + 10.0
_CONNECTIONS = 50
"""Open connections a process may keep to one service: as many as the threads that may wait in a call at once."""


class Clients:
    """Clients of the services a stage uses. Every call made through them raises StorageError, nothing of botocore.

    region, endpoint: default as botocore finds them (AWS_DEFAULT_REGION or AWS_REGION, the profile, AWS_ENDPOINT_URL).
    where: how errors call the place, as in "stage 'prod' of app 'shop'"; cure: what to do where something is missing.
    A process that was forked gets clients of its own: two processes on one TLS connection garble it.
    """

    def __init__(
        self, region: str | None = None, endpoint: str | None = None, *, where: str = "", cure: str = ""
    ) -> None:
        self.endpoint = endpoint
        self.where = where
        self.cure = cure
        self._region = region
        self._processes: dict[int, _Process] = {}

    @property
    def sqs(self) -> Client:
        """The queues' client."""
        return self.of("sqs")

    @property
    def dynamodb(self) -> Client:
        """The table's client."""
        return self.of("dynamodb")

    @property
    def s3(self) -> Client:
        """The bucket's client."""
        return self.of("s3")

    @property
    def scheduler(self) -> Client:
        """EventBridge Scheduler's client."""
        return self.of("scheduler")

    def of(self, service: str) -> Client:
        """The client of any service. Raises StorageError: no library, no region, no credentials."""
        # setdefault is one step: of two threads that come first, both get the same process's clients.
        return self._processes.setdefault(os.getpid(), _Process()).client(self, service)

    @property
    def region(self) -> str:
        """The region's name."""
        return str(self.sqs.meta.region_name)

    @property
    def partition(self) -> str:
        """The first word of an ARN after "arn": aws, aws-cn or aws-us-gov."""
        return str(self.sqs.meta.partition)

    def close(self) -> None:
        """Let go of this process's connections; the next call makes new ones."""
        here = self._processes.pop(os.getpid(), None)
        for client in here.made.values() if here else ():
            client.close()

    def make(self, session: Any, service: str) -> Any:
        """A new client of botocore's own. Its calls may come from any thread, its making may not."""
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=_CONNECT,
            read_timeout=_READ,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=_CONNECTIONS,
            tcp_keepalive=True,
            s3={"addressing_style": "path"} if self._is_stand_in() else None,
            user_agent_extra="lib/ebbtide",
        )
        region = self._region or os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
        with explained(f"connect to {service}", self.where, self.cure):
            return session.create_client(service, region_name=region, endpoint_url=self.endpoint, config=config)

    def _is_stand_in(self) -> bool:
        """Whether an endpoint of one's own is used: those know no host name for each bucket."""
        return bool(self.endpoint or os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_S3"))


class Client:
    """A service's client whose calls raise StorageError; its `code` is AWS's word for what is wrong."""

    def __init__(self, client: Any, clients: Clients) -> None:
        self.meta = client.meta
        self._client = client
        self._clients = clients

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)

        def explaining(**parameters: Any) -> Any:
            with explained(operation, self._clients.where, self._clients.cure):
                return call(**parameters)

        setattr(self, operation, explaining)  # found at once the next time
        return explaining

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()


class _Process:
    """What one process has made: a session, and clients by service."""

    def __init__(self) -> None:
        self.made: dict[str, Client] = {}
        self._session: Any = None
        self._making = Lock()

    def client(self, clients: Clients, service: str) -> Client:
        made = self.made.get(service)
        if made is None:
            with self._making:
                made = self.made.get(service)
                if made is None:
                    self._session = self._session or _session()
                    made = self.made[service] = Client(clients.make(self._session, service), clients)
        return made


def _session() -> Any:
    try:
        return importlib.import_module("botocore.session").get_session()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "botocore":
            raise
        raise StorageError("AWS's library for Python is not installed: pip install 'ebbtide[aws]'") from None


def account_of(queue_url: str) -> str:
    """The account's number in a queue's URL (`https://sqs.eu-west-1.amazonaws.com/123456789012/shop-prod-default`)."""
    return queue_url.rstrip("/").split("/")[-2]
