"""The routes of an app: which task a method and a path mean, the most specific route first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ebbtide.app import App
from ebbtide.task import Task
from ebbtide.triggers.http import Http
from ebbtide.triggers.http_event import percent_decoded
from ebbtide.triggers.http_problem import Problem

_OWN = (("health",), ("openapi.json",), ("results", "{}"))


class Route(NamedTuple):
    """A task and the trigger it has."""

    task: Task[Any, Any, Any]
    http: Http


class Found(NamedTuple):
    """What a request asks for. route: None for the server's own pages; own: which of them, with its parameter."""

    route: Route | None
    own: str
    parameters: dict[str, str]


def routes_of(app: App) -> list[Route]:
    """All routes, as they are declared."""
    return [Route(task, http) for task in app.tasks.values() for http in task.triggers if isinstance(http, Http)]


def by_specificity(routes: Sequence[Route]) -> list[Route]:
    """The order in which they are tried: a name goes before a parameter, from the left; then a method before ANY."""
    return sorted(routes, key=lambda route: ([_rank(one) for one in route.http.segments], route.http.method == "ANY"))


def find(routes: Sequence[Route], method: str, raw_path: str) -> Found:
    """What this request means; a HEAD is a GET. Raises Problem 400, 404 or 405."""
    if not raw_path.startswith("/"):
        raise Problem(400, "the request's target must be a path that begins with a slash")
    segments = [percent_decoded(part, "path") for part in raw_path[1:].split("/")]
    there = list(_under(routes, segments))
    for wanted in dict.fromkeys((method, "GET" if method == "HEAD" else method)):
        if found := next((one for takes, one in there if takes in (wanted, "ANY")), None):
            return found
    allowed = {takes for takes, _ in there}
    if not allowed:
        raise Problem(404, "there is nothing under this path")
    allowed |= {"HEAD"} if "GET" in allowed else set()
    listed = ", ".join(sorted(allowed))
    raise Problem(405, f"this path takes {listed}", headers={"allow": listed})


def _under(routes: Sequence[Route], segments: Sequence[str]) -> Iterator[tuple[str, Found]]:
    """All that is under a path, each with its method, in the order in which a request means it."""
    matching = [(route, route.http.match(segments)) for route in routes]
    found = [Found(route, "", parameters) for route, parameters in matching if parameters is not None]
    for raw in (True, False):
        yield from ((one.route.http.method, one) for one in found if one.route and one.route.http.raw is raw)
        if raw:
            yield from (("GET", Found(None, own[0], {"id": segments[-1]})) for own in _OWN if _is_own(own, segments))


def _is_own(own: tuple[str, ...], segments: Sequence[str]) -> bool:
    return len(own) == len(segments) and all(one in ("{}", two) and two for one, two in zip(own, segments, strict=True))


def _rank(segment: str) -> int:
    return {"{}": 1, "{+}": 2}.get(segment, 0)
