"""The HTTP trigger: a route that starts a task, and how a request becomes the task's arguments.

    @app.task(Http("POST", "/reports/{year}"))
    def report(year: int, pages: int = 1) -> str: ...

See `http_places` for what is taken from where. Requests come as events of API Gateway's payload format 2.0, from the
local server as from AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

from ebbtide.errors import DeclarationError
from ebbtide.names import nearest
from ebbtide.signature import Signature
from ebbtide.trigger import Asked, Route, Target, Trigger
from ebbtide.triggers.http_places import WITH_BODY, Body, Header, Place, Query, places

__all__ = ["Body", "Header", "Http", "Query"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

MAX_BODY = 10 * 1024 * 1024
"""Bytes: what API Gateway lets through."""

RESERVED = ("GET /health", "GET /openapi.json", "GET /results/{}")
"""Routes of the server itself."""

# Compiled on first use: whoever imports Ebbtide without a route does not wait for it.
_LITERAL = r"[A-Za-z0-9._~!$&'()*+,;=:@-]+"
_NAMED = r"\{([^{}]*?)(\+?)\}"
_AUTHORIZER = r"[A-Za-z][A-Za-z0-9_-]{0,63}"


class Http(Trigger):
    """Start the task by a request: `Http("POST", "/reports/{year}")`.

    method: GET, POST, PUT, PATCH or DELETE. path: begins with a slash; `{name}` is one segment and that parameter,
    `{name+}` at the end takes all that are left. asynchronous: store the call and answer 202 with where its result
    will be, instead of running it and answering with its value. max_body: bytes, above which 413 is answered.
    authorization: who may call it once it is deployed: "public", "iam", or an authorizer of the stage's settings by its
    name. None: nobody said, which `ebbtide build` refuses.

    Raises DeclarationError.
    """

    def __init__(
        self,
        method: str,
        path: str,
        *,
        asynchronous: bool = False,
        max_body: int = MAX_BODY,
        authorization: str | None = None,
    ) -> None:
        made = vars(self)  # frozen from here on
        shown = self._shown(method, path)
        made["method"] = _method(shown, method, self.methods)
        made["path"] = path
        made["segments"] = _segments(shown, path, self._may_be_named)
        made["asynchronous"] = asynchronous
        made["max_body"] = max_body
        made["authorization"] = authorization
        if not isinstance(max_body, int) or isinstance(max_body, bool) or max_body < 0:
            raise DeclarationError(f"{self!r}: max_body={max_body!r} must be a number of bytes, zero or more")
        if self.claim in RESERVED and not self.raw:
            raise DeclarationError(f"{self!r}: {self.claim} is the server's own; choose another path")
        if authorization is not None and not (
            isinstance(authorization, str) and re.fullmatch(_AUTHORIZER, authorization)
        ):
            raise DeclarationError(
                f"{self!r}: authorization={authorization!r:.80} must be 'public', 'iam', or the name of an authorizer "
                f"in the stage's settings: up to 64 of A-Z a-z 0-9 _ -, a letter first"
            )

    methods: ClassVar[Sequence[str]] = METHODS
    raw: ClassVar[bool] = False
    """Whether the task reads requests itself. Then a body may come with any method and be anything, the route goes
    before the server's own pages, and headers such as Idempotency-Key are the task's business."""

    method: str
    path: str
    segments: tuple[str, ...]
    """What is between the slashes; "{}" stands for one segment, "{+}" for all that are left."""
    asynchronous: bool
    max_body: int
    authorization: str | None
    _signature: Callable[[], Signature] | None = None

    @staticmethod
    def _shown(method: object, path: object) -> str:
        return f"Http({method!r}, {path!r})"

    @staticmethod
    def _may_be_named(name: str) -> bool:
        return name.isidentifier()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; make another one instead of setting {name!r}")

    def __repr__(self) -> str:
        later = ", asynchronous=True" if self.asynchronous else ""
        who = f", authorization={self.authorization!r}" if isinstance(self.authorization, str) else ""
        return f"Http({self.method!r}, {self.path!r}{later}{who})"

    def _told(self) -> tuple[str, str, bool, int, str | None]:
        return self.method, self.path, self.asynchronous, self.max_body, self.authorization

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Http) and type(other) is type(self) and other._told() == self._told()

    def __hash__(self) -> int:
        return hash(self._told())

    @property
    def claim(self) -> str:
        """The route, whatever its parameters are called: two tasks cannot share it."""
        return f"{self.method} /{'/'.join(self.segments)}"

    def takes_body(self, method: str) -> bool:
        """Whether a request with this method may have a body."""
        return self.raw or method in WITH_BODY

    @property
    def in_path(self) -> list[str]:
        """The names of the path's parameters, in order."""
        return [name for name, _ in re.findall(_NAMED, self.path)]

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        places(task, self.method, self.in_path, parameters)

    def bound(self, signature: Callable[[], Signature]) -> Http:
        made = object.__new__(type(self))
        vars(made).update(vars(self), _signature=signature)
        return made

    def asks(self, target: Target) -> Asked:
        return Asked(route=Route(self.method, self.path, self.authorization, self.asynchronous))

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """As the port says, for an event of payload format 2.0. Raises Problem for a request that does not fit."""
        read: tuple[list[Any], dict[str, Any]] = self._binding.arguments(event)
        return read

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where each parameter of the task stands in a request."""
        return places("", self.method, self.in_path, self._task.parameters)

    @cached_property
    def _binding(self) -> Any:
        # What reads requests is loaded at the first one: declaring a route, as every import of an app does, is quick.
        return import_module("ebbtide.triggers.http_binding").Binding(self._task, self.places)

    @property
    def _task(self) -> Signature:
        if self._signature is None:
            raise DeclarationError(f"{self!r} belongs to no task yet")
        return self._signature()

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The path's parameters if this route has these segments, already decoded; else None."""
        mine = self.segments
        if mine[-1] == "{+}" and len(segments) >= len(mine):
            segments = [*segments[: len(mine) - 1], "/".join(segments[len(mine) - 1 :])]
        if len(mine) != len(segments):
            return None
        taken = []
        for own, other in zip(mine, segments, strict=True):
            if own[0:1] == "{" and other:
                taken.append(other)
            elif own != other:
                return None
        return dict(zip(self.in_path, taken, strict=True))


def _method(shown: str, method: str, known: Sequence[str]) -> str:
    if method in known:
        return method
    upper = str(method).upper()
    said = f" Write {upper!r}." if upper in known else nearest(upper, known)
    raise DeclarationError(f"{shown}: a task is started by one of {', '.join(known)}.{said}")


def _segments(shown: str, path: str, may_be_named: Callable[[str], bool]) -> tuple[str, ...]:
    if not isinstance(path, str) or not path.startswith("/"):
        raise DeclarationError(f"{shown}: a path begins with a slash: {'/' + str(path)!r}")
    if path != "/" and ("//" in path or path.endswith("/")):
        cure = re.sub("/+", "/", path).rstrip("/") or "/"
        raise DeclarationError(f"{shown}: no empty segments and no slash at the end; write {cure!r}")
    parts = path[1:].split("/")
    named = [re.fullmatch(_NAMED, part) for part in parts]
    names = [match[1] for match in named if match]
    for name in names:
        if not may_be_named(name):
            raise DeclarationError(f"{shown}: {{{name}}} must hold the name of a parameter")
        if names.count(name) > 1:
            raise DeclarationError(f"{shown}: {{{name}}} stands twice; give each its own name")
    for part, match in zip(parts, named, strict=True):
        if not match and part and (not re.fullmatch(_LITERAL, part) or part in (".", "..")):
            raise DeclarationError(
                f"{shown}: {part!r} must be a parameter by itself, as {{name}}, or letters, digits and -._~ (no %)"
            )
    if any(match and match[2] for match in named[:-1]):
        raise DeclarationError(f"{shown}: a parameter with + takes all that is left, so it must be the last")
    return tuple((f"{{{match[2]}}}" if match else part) for part, match in zip(parts, named, strict=True))
