"""method_settings, which are a REST API's, as what our HTTP API has of it: limits and metrics of its routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ebbtide.contrib.async_lambda.config.levels import Level
from ebbtide.deploy.settings.kinds import FLAG, TEXT, WHOLE, Kind, Wrong, wrong
from ebbtide.deploy.settings.merge import Path
from ebbtide.names import nearest

Json = dict[str, Any]

EVERY = "*"

_RATE = Kind("a number, 0 or more,", lambda value: type(value) in (int, float) and value >= 0)
_KINDS = {
    "ResourcePath": TEXT,
    "HttpMethod": TEXT,
    "ThrottlingBurstLimit": WHOLE,
    "ThrottlingRateLimit": _RATE,
    "MetricsEnabled": FLAG,
}
_BECOMES = {
    "ThrottlingBurstLimit": "ThrottlingBurstLimit",
    "ThrottlingRateLimit": "ThrottlingRateLimit",
    "MetricsEnabled": "DetailedMetricsEnabled",
}
_OF_REST = {
    "CachingEnabled": "cache",
    "CacheTtlInSeconds": "cache",
    "CacheDataEncrypted": "cache",
    "DataTraceEnabled": "execution log; its access log is always written",
    "LoggingLevel": "execution log; its access log is always written",
}
"""What a REST API has and an HTTP API has not."""


class Method(NamedTuple):
    """One setting. method, path: `*` is every one. said: in an HTTP API's words."""

    method: str
    path: str
    said: Json

    def fits(self, route: str) -> bool:
        """Whether it is for this route, as `GET /orders`."""
        method, _, path = route.partition(" ")
        return self.method in (EVERY, method) and self.path in (EVERY, path)


def wrong_method(said: Json, path: Path) -> Iterator[Wrong]:
    """What is wrong with one setting, whatever the app's routes are."""
    for name in ("ResourcePath", "HttpMethod"):
        if name not in said:
            yield Wrong(
                path, f'method_settings has no {name}; "{"/*" if name == "ResourcePath" else "*"}" is for every one'
            )
    for name, value in said.items():
        if name in _OF_REST:
            if value not in (False, "OFF"):
                yield Wrong((*path, name), f"the API is an HTTP API, which has no {_OF_REST[name]}; take {name} out")
        elif name not in _KINDS:
            yield Wrong((*path, name), f"unknown key {name!r}.{nearest(name, _KINDS)}")
        else:
            yield from wrong(_KINDS[name], value, (*path, name))


def wrong_routes(levels: Sequence[Level], routes: Sequence[str]) -> Iterator[Wrong]:
    """Settings for no route of the app's. routes: as `GET /orders`."""
    for level in levels:
        for number, said in enumerate(level.said.get("method_settings", [])):
            one = _method(said)
            if not any(map(one.fits, routes)):
                shown = f"{one.method} {one.path}"
                path = (*level.path, "method_settings", str(number))
                yield Wrong(path, f"no api_task has the route {shown!r}.{nearest(shown, routes)}")


def route_settings(said: Sequence[Mapping[str, Any]], routes: Sequence[str]) -> Json:
    """Properties of the API's stage. What is said of a route lies over what is said of every one."""
    methods = [_method(one) for one in said]
    default = _together([one for one in methods if (one.method, one.path) == (EVERY, EVERY)])
    own = [one for one in methods if (one.method, one.path) != (EVERY, EVERY)]
    by_route = {route: _together([one for one in own if one.fits(route)]) for route in routes}
    found = {route: {**default, **its} for route, its in by_route.items() if its}
    return {
        **({"DefaultRouteSettings": default} if default else {}),
        **({"RouteSettings": found} if found else {}),
    }


def _together(methods: Sequence[Method]) -> Json:
    return {name: value for one in methods for name, value in one.said.items()}


def _method(said: Mapping[str, Any]) -> Method:
    path = said["ResourcePath"]
    if "~1" in path:  # as the REST API's stage has it: /~1orders~1{id}
        path = path.removeprefix("/").replace("~1", "/")
    words = {_BECOMES[name]: value for name, value in said.items() if name in _BECOMES}
    return Method(said["HttpMethod"].upper(), EVERY if path == "/*" else path, words)
