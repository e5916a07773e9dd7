"""The OpenAPI 3.1 document of an app, made of nothing but its declarations.

What a parameter accepts comes from its annotation, whether it is required from its default, and what an operation is
about from the function's docstring: the first line is the summary.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterable, Sequence
from types import NoneType, UnionType
from typing import Any

from ebbtide.app import App
from ebbtide.triggers.http_places import WITH_BODY, Place
from ebbtide.triggers.http_problem import PROBLEM_TYPE
from ebbtide.triggers.http_response import Response
from ebbtide.triggers.http_text import item_of, takes_text
from ebbtide.values import codec_for
from ebbtide.values_annotations import unwrapped
from ebbtide.values_schema import Schema, Schemas, default_of
from ebbtide.web.routes import Route, by_specificity, find

_EVERY = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_TEXT: Schema = {"type": "string"}
_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Requests with the same key within 24 hours are one call and get the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "in": {"enum": ["path", "query", "header", "body"]},
                    "parameter": {"type": ["string", "null"]},
                    "reason": {"type": "string"},
                },
                "required": ["in", "parameter", "reason"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "errors"],
}
_ACCEPTED: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "status": {"const": "READY"},
        "result": {"type": ["string", "null"], "description": "The path of the result."},
    },
    "required": ["id", "status", "result"],
}
_MOMENT: Schema = {"type": ["string", "null"], "format": "date-time"}
_RESULT: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "task": {"type": "string"},
        "status": {"enum": ["READY", "RUNNING", "FAILED", "SUCCESSFUL"]},
        "attempts": {"type": "integer"},
        "enqueued_at": {"type": "string", "format": "date-time"},
        "started_at": _MOMENT,
        "finished_at": _MOMENT,
        "return_value": {},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"attempt": {"type": "integer"}, "exception_class": {"type": "string"}},
                "required": ["attempt", "exception_class"],
            },
        },
    },
    "required": ["id", "task", "status", "attempts", "enqueued_at", "return_value", "errors"],
}
_DEPTH: Schema = {
    "type": "object",
    "properties": {
        **{name: {"type": "integer"} for name in ("ready", "running", "delayed", "dead")},
        "oldest": {"type": ["number", "null"], "description": "Age of the ready message that came first, in seconds."},
    },
    "required": ["ready", "running", "delayed", "dead", "oldest"],
}
_HEALTH: Schema = {
    "type": "object",
    "properties": {
        "status": {"const": "ok"},
        "version": {"type": "string"},
        "app": {"type": "string"},
        "queues": {"type": "object", "additionalProperties": _DEPTH},
        "workers": {"type": ["integer", "null"]},
    },
    "required": ["status", "version", "app", "queues", "workers"],
}
_WAIT: Schema = {
    "name": "wait",
    "in": "query",
    "required": False,
    "description": "Seconds to wait for the task to end.",
    "schema": {"type": "number", "minimum": 0, "maximum": 30},
}
_ID: Schema = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def document(app: App, routes: Sequence[Route]) -> dict[str, Any]:
    """The document, as JSON values."""
    schemas = Schemas()
    schemas.named |= {"Problem": _PROBLEM, "Accepted": _ACCEPTED, "Result": _RESULT, "Health": _HEALTH}
    paths: dict[str, dict[str, Any]] = {}
    names: set[str] = {"health", "result"}
    for route in sorted(routes, key=lambda route: route.http.method == "ANY"):
        path = route.http.path.replace("+}", "}")
        for method in _EVERY if route.http.method == "ANY" else [route.http.method]:
            if method.lower() not in paths.get(path, {}):
                described = _loosely(route, method) if route.http.raw else _operation(route, schemas)
                operation = {"operationId": _fresh(route, method, names), **described}
                paths.setdefault(path, {})[method.lower()] = operation
    well, became = "Whether the app is well, and how full its queues are.", "What became of a stored call."
    for path, own in (
        ("/health", _own("health", well, "Health", [])),
        ("/results/{id}", _own("result", became, "Result", [_ID, _WAIT])),
    ):
        if find(by_specificity(routes), "GET", path.replace("{id}", "id")).route is None:
            paths.setdefault(path, {})["get"] = own
    problem = {PROBLEM_TYPE: {"schema": _ref("Problem")}}
    return {
        "openapi": "3.1.0",
        "info": {"title": app.name, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas.named,
            "responses": {"Problem": {"description": "Why it was not done.", "content": problem}},
        },
    }


def _fresh(route: Route, method: str, names: set[str]) -> str:
    """The task's name; of a task with several routes, the others with their method and path."""
    name = route.task.name
    if name in names:
        name = re.sub(r"\W+", "_", f"{name}_{method.lower()}{route.http.path}").strip("_")
    names.add(name)
    return name


def _own(name: str, summary: str, schema: str, parameters: list[Schema]) -> Schema:
    content = {"application/json": {"schema": _ref(schema)}}
    responses = {"200": {"description": summary, "content": content}, **_problems()}
    return {"operationId": name, "summary": summary, "parameters": parameters, "responses": responses}


def _operation(route: Route, schemas: Schemas) -> Schema:
    kinds = route.task.signature.shape.parameters
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    places = [(kinds[name], place) for name, place in route.http.places.items() if kinds[name].kind not in rest]
    more_members = any(kind.kind is inspect.Parameter.VAR_KEYWORD for kind in kinds.values())
    texts = [(kind, place) for kind, place in places if place.where in ("path", "query", "header")]
    operation: Schema = {**_about(route), "parameters": [*(_parameter(*pair, schemas) for pair in texts), _KEY]}
    body = _body(places, more_members, schemas)
    if body and route.http.method in ("POST", "PUT", "PATCH"):
        operation["requestBody"] = body
    return {**operation, "responses": {**_successes(route, schemas), **_problems()}}


def _about(route: Route) -> Schema:
    said = inspect.cleandoc(route.task.function.__doc__ or "")
    summary, _, more = said.partition("\n")
    return {**({"summary": summary} if summary else {}), **({"description": said} if more.strip() else {})}


def _loosely(route: Route, method: str) -> Schema:
    """An operation of a task that reads requests itself: what it takes and answers, nobody else knows."""
    texts = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in route.http.in_path]
    body = {"requestBody": {"required": False, "content": {"*/*": {"schema": {}}}}} if method in WITH_BODY else {}
    answer = {"default": {"description": "What the task answers."}}
    return {**_about(route), "parameters": texts, **body, "responses": answer}


def _parameter(kind: inspect.Parameter, place: Place, schemas: Schemas) -> Schema:
    required = kind.default is inspect.Parameter.empty
    schema = _text_schema(place.annotation, schemas)
    if place.where == "path" and schema.get("type") == "string":
        schema = {"minLength": 1, **schema}
    if not required:
        schema = {**schema, **default_of(codec_for(place.annotation), kind.default)}
    return {"name": place.name, "in": place.where, "required": required or place.where == "path", "schema": schema}


def _text_schema(annotation: Any, schemas: Schemas) -> Schema:
    """What may be written as text: no null, and nothing that takes a JSON document."""
    item = item_of(annotation)
    if item is not None and not takes_text(annotation):
        return {"type": "array", "items": _text_schema(item, schemas)}
    annotation = unwrapped(annotation)
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        members = [m for m in typing.get_args(annotation) if m is not NoneType and takes_text(m)]
        found = [_text_schema(member, schemas) for member in members]
        return found[0] if len(found) == 1 else {"anyOf": found}
    return schemas.of(annotation) or dict(_TEXT)


def _body(places: Iterable[tuple[inspect.Parameter, Place]], more: bool, schemas: Schemas) -> Schema | None:
    members: dict[str, Schema] = {}
    required: list[str] = []
    for kind, place in places:
        needed = kind.default is inspect.Parameter.empty
        if place.where == "raw":
            return {
                "required": False,
                "content": {"application/octet-stream": {"schema": {"format": "binary"} | _TEXT}},
            }
        if place.where == "json":
            return {"required": needed, "content": {"application/json": {"schema": schemas.of(place.annotation)}}}
        if place.where == "open":
            default = {} if needed else default_of(codec_for(place.annotation), kind.default)
            members[place.name] = {**schemas.of(place.annotation), **default}
            required += [place.name] if needed else []
    if not members and not more:
        return None
    schema: Schema = {"type": "object", "properties": members, "additionalProperties": more}
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _successes(route: Route, schemas: Schemas) -> Schema:
    accepted = {"description": "Stored.", "content": {"application/json": {"schema": _ref("Accepted")}}}
    if route.http.asynchronous:
        return {"202": accepted}
    returns = unwrapped(route.task.signature.returns)
    members = typing.get_args(returns) if typing.get_origin(returns) in (typing.Union, UnionType) else (returns,)
    if Response in members:
        return {"2XX": {"description": "What the task answers."}, "202": accepted}
    found: Schema = {}
    if returns is not None and returns is not NoneType:
        is_bytes = returns in (bytes, bytearray)
        kind = "application/octet-stream" if is_bytes else "application/json"
        schema = {"format": "binary"} | _TEXT if is_bytes else schemas.of(returns)
        found["200"] = {"description": "What the task returns.", "content": {kind: {"schema": schema}}}
    if any(member in (None, NoneType, Any) for member in members):
        found["204"] = {"description": "Done; there is nothing to return."}
    return {**found, "202": {**accepted, "description": "Stored; only with an Idempotency-Key."}}


def _problems() -> Schema:
    return {status: {"$ref": "#/components/responses/Problem"} for status in ("4XX", "5XX")}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
