"""From a URL to a broker and the records beside it: `sqlite:///path`, `memory://`, `sqs://stage`.

An adapter is imported when its URL is first used, so that an app on one broker never loads another's libraries.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from ebbtide.app import App
from ebbtide.broker import Broker
from ebbtide.errors import TargetError
from ebbtide.names import nearest
from ebbtide.result import Records

VARIABLE = "EBBTIDE_BROKER"
DEFAULT = "sqlite:///ebbtide.db"


def connect(url: str | None, app: App) -> tuple[Broker, Records]:
    """The broker a URL names for this app and its records; without one, that of EBBTIDE_BROKER, or the default.

    `sqlite:///queue.db` is relative to the working directory, `sqlite:////var/lib/queue.db` absolute; both take
    `?durability=full` (the default) or `fast`. The path is taken as it stands. `sqs://prod` is the stage "prod" of the
    app on AWS; see `connect/stage.py` for its options. Raises TargetError.
    """
    url = url or os.environ.get(VARIABLE) or DEFAULT
    scheme, _, rest = url.partition("://")
    if scheme not in _ADAPTERS:
        raise TargetError(f"{url!r} is no broker we know.{nearest(scheme, _ADAPTERS)} As in {DEFAULT!r}")
    module, name, options = _ADAPTERS[scheme]
    made = getattr(importlib.import_module(module), name)(**options(url, rest, app))
    return made if isinstance(made, tuple) else (made, made)


def _file(url: str, rest: str, app: App) -> dict[str, Any]:
    path, _, query = rest.partition("?")
    if not path.startswith("/") or path == "/":
        raise TargetError(f"{url!r} names no file; three slashes and a path: 'sqlite:///queue.db'")
    given = {name: value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name}
    durability = given.pop("durability", "full")
    for unknown in given:
        raise TargetError(f"{url!r}: unknown option {unknown!r}.{nearest(unknown, ['durability'])}")
    if durability not in _DURABILITY:
        raise TargetError(f"{url!r}: durability is 'full' or 'fast', not {durability!r}")
    return {"path": path[1:], "durable": _DURABILITY[durability]}


def _nothing(url: str, rest: str, app: App) -> dict[str, Any]:
    if rest:
        raise TargetError(f"{url!r}: nothing goes after '://'")
    return {}


def _all(url: str, rest: str, app: App) -> dict[str, Any]:
    return {"url": url, "rest": rest, "app": app}


_DURABILITY = {"full": True, "fast": False}
_ADAPTERS = {
    "memory": ("ebbtide.brokers.memory", "MemoryBroker", _nothing),
    "sqs": ("ebbtide.connect.stage", "connect_stage", _all),
    "sqlite": ("ebbtide.brokers.sqlite", "SqliteBroker", _file),
}
