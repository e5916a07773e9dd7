"""An HTTP request, in the words of a REST API's event (API Gateway's payload format 1.0)."""

from __future__ import annotations

from typing import Any

from ebbtide.contrib.async_lambda.events.base import BaseEvent
from ebbtide.contrib.async_lambda.headers import CaseInsensitiveDict


class APIEvent(BaseEvent):
    """A request. Where API Gateway says null (there is no query, say) stands an empty dict; only a body may be None."""

    path: str
    method: str
    """In capitals: "GET"."""
    headers: CaseInsensitiveDict[str]
    multi_value_headers: CaseInsensitiveDict[list[str]]
    querystring_params: dict[str, str]
    """Of a name that stands twice, the last value."""
    multi_value_querystring_params: dict[str, list[str]]
    path_parameters: dict[str, str]
    request_context: dict[str, Any]
    body: str | None
    is_base64_encoded: bool
    """Whether the body is base64 of the bytes that were sent."""

    def __init__(self, event: dict[str, Any] | None = None, context: Any = None, task: object = None) -> None:
        super().__init__(event, context, task)
        told = self._event
        self.path = told.get("path") or ""
        self.method = told.get("httpMethod") or ""
        self.headers = CaseInsensitiveDict(told.get("headers"))
        self.multi_value_headers = CaseInsensitiveDict(told.get("multiValueHeaders"))
        self.querystring_params = told.get("queryStringParameters") or {}
        self.multi_value_querystring_params = told.get("multiValueQueryStringParameters") or {}
        self.path_parameters = told.get("pathParameters") or {}
        self.request_context = told.get("requestContext") or {}
        self.body = told.get("body")
        self.is_base64_encoded = bool(told.get("isBase64Encoded"))
