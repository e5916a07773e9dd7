"""A request as a REST API of API Gateway describes it, made of one in payload format 2.0.

    GET /x/7?a=1   ->   {"resource": "/x/{id}", "path": "/x/7", "httpMethod": "GET", ..., "body": null}

The local server and AWS's HTTP API speak 2.0, and tasks of async-lambda read the event of a REST API. A request that
did come so keeps what it has. What can differ: names of headers are in small letters; values of a header that came
more than once stand in one text, between commas; an HTTP API has decoded the path, where a REST API has not.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ebbtide.ids import new_id
from ebbtide.triggers.http_event import body_of, header_of, method_of, query_of

Json = dict[str, Any]
Event = Mapping[str, Any]

_IAM = {
    "accountId": "accountId",
    "caller": "callerId",
    "accessKey": "accessKey",
    "user": "userId",
    "userArn": "userArn",
}
"""A REST API's words for who called, and those of format 2.0."""


def rest_event(resource: str, event: Event) -> Json:
    """The event. resource: the route's path, `/x/{id}`. Raises Problem for a query that cannot be decoded."""
    made, first = _made(resource, event), event.get("first")
    if not isinstance(first, Mapping):
        return made
    context = {**made["requestContext"], **first["requestContext"]}
    ours = {name: made[name] for name in ("resource", "pathParameters")}  # for it may have come by another's resource
    return {**made, **first, **ours, "requestContext": context, "body": first.get("body") or None}


def _made(resource: str, event: Event) -> Json:
    query, headers = query_of(event), dict(event.get("headers") or {})
    return {
        "resource": resource,
        "path": event["rawPath"],
        "httpMethod": method_of(event),
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(event.get("pathParameters") or {}) or None,
        "stageVariables": event.get("stageVariables"),
        "requestContext": _context(resource, event),
        **_body(event),
    }


def _body(event: Event) -> Json:
    """An HTTP API puts whatever it does not know as text into base64, forms too; a REST API hands over text."""
    body = event.get("body") or None
    if body and event.get("isBase64Encoded"):
        try:
            return {"body": body_of(event).decode("utf-8"), "isBase64Encoded": False}
        except UnicodeDecodeError:
            return {"body": body, "isBase64Encoded": True}
    return {"body": body, "isBase64Encoded": False}


def _context(resource: str, event: Event) -> Json:
    """All that format 2.0 says of the request, and the same in the words of a REST API."""
    context = dict(event["requestContext"])
    http, now = context.get("http") or {}, time.time()
    who = {"sourceIp": http.get("sourceIp", ""), "userAgent": http.get("userAgent", header_of(event, "user-agent"))}
    made = {
        "requestId": new_id(now),
        "stage": "$default",
        **context,
        "resourcePath": resource,
        "httpMethod": method_of(event),
        "path": http.get("path", event["rawPath"]),
        "protocol": http.get("protocol", "HTTP/1.1"),
        "identity": {**_iam(context), **who},
        "requestTimeEpoch": context.get("timeEpoch", int(now * 1000)),
    }
    if "time" in context:
        made["requestTime"] = context["time"]
    if authorizer := context.get("authorizer"):
        # What an authorizing function said, and a token's claims and scopes, stand one level higher here.
        made["authorizer"] = {**authorizer, **(authorizer.get("lambda") or {}), **(authorizer.get("jwt") or {})}
    return made


def _iam(context: Event) -> Json:
    told = (context.get("authorizer") or {}).get("iam") or {}
    return {ours: told[theirs] for ours, theirs in _IAM.items() if told.get(theirs) is not None}
