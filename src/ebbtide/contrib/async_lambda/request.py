"""The trigger of an API task: a route whose task is handed whatever request comes, as `rest_event` says.

    Request("/x/{id}", "get")

The route goes before the server's own pages, and anybody may call it, as an API of async-lambda's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar

from ebbtide.signature import Signature
from ebbtide.triggers.http import METHODS, Http


class Request(Http):
    """Start the task by a request, whatever is in it: `Request("/test", "get")`.

    path: as API Gateway takes it, `/test`, `/x/{id}`, `/{proxy+}`. method: in any case; ANY is every one that no other
    route of this path has. authorization: see `Http`; anybody may call it unless said otherwise.

    Raises DeclarationError.
    """

    methods = (*METHODS, "HEAD", "OPTIONS", "ANY")
    raw: ClassVar[bool] = True

    def __init__(self, path: str, method: str, *, authorization: str = "public") -> None:
        upper = method.upper() if isinstance(method, str) else method
        super().__init__(upper, path, authorization=authorization)

    @staticmethod
    def _shown(method: object, path: object) -> str:
        return f"api_task(path={path!r:.200}, method={method!r:.80})"

    @staticmethod
    def _may_be_named(name: str) -> bool:
        return re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", name) is not None

    def __repr__(self) -> str:
        return self._shown(self.method, self.path)

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        """The task's one parameter takes any request."""

    def bound(self, signature: Callable[[], Signature]) -> Request:
        return self

    def arguments(self, event: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The request as the one argument. Raises Problem for a query that cannot be decoded."""
        # Loaded at the first request: whoever imports an app does not wait for it.
        return [import_module("ebbtide.contrib.async_lambda.rest_event").rest_event(self.path, event)], {}
