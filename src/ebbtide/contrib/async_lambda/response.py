"""What an API task may return to choose status, headers and body: `Response`, or `JSONResponse` for any value.

Any class with a method `__async_lambda_response__` that answers `{"statusCode": 200, "headers": {}, "body": "..."}`
serves as well; it is what API Gateway wants of a function.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


class Response:
    """An HTTP response. body: text; None: an empty one. The headers are the caller's own dict, if there is one."""

    status_code: int
    headers: dict[str, str]
    body: str | None

    def __init__(self, status_code: int = 200, headers: dict[str, str] | None = None, body: str | None = None) -> None:
        self.status_code = status_code
        self.headers = {} if headers is None else headers
        self.body = body

    def __async_lambda_response__(self) -> dict[str, Any]:
        """As API Gateway wants it: `{"statusCode", "headers", "body"}`."""
        return {"statusCode": self.status_code, "headers": self.headers, "body": self.body}


class JSONResponse(Response):
    """A value as JSON, written by `encoder`. `Content-Type` is `application/json` unless the headers name another."""

    def __init__(
        self,
        body: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        encoder: Callable[[Any], str] = json.dumps,
    ) -> None:
        # A copy: who shares one dict of headers among responses must not find a content type in it.
        told = dict(headers or {})
        if not any(name.lower() == "content-type" for name in told):
            told["Content-Type"] = "application/json"
        super().__init__(status_code, told, encoder(body))
