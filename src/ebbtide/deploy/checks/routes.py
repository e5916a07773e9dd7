"""Who may call the HTTP API: every route must say, and no route may wait longer than API Gateway does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.where import Subjects
from ebbtide.deploy.template.asked import Wanted
from ebbtide.names import nearest

WORDS = ("public", "iam")
"""What a route can say besides the name of an authorizer."""

PATIENCE = 30
"""Seconds an HTTP API of API Gateway waits for a function."""


def of_routes(on: Subjects, routes: Sequence[Wanted]) -> Iterator[Finding]:
    """All findings on the routes."""
    known = (*WORDS, *on.settings.api.authorizers)
    yield from _settings(on)
    for wanted in routes:
        called = f"{wanted.route.method} {wanted.route.path}"
        said = wanted.route.authorization
        if said is None:
            yield on.task(
                wanted.task,
                f"{called} does not say who may call it",
                "give its Http(...) authorization='public' if anybody may, 'iam', or the name of an authorizer that "
                "stands in the settings under [api.authorizers.NAME]",
            )
        elif said not in known:
            yield on.task(
                wanted.task,
                f"{called} has authorization={said!r}, and the settings have no such authorizer.{nearest(said, known)}",
                f"declare it: [api.authorizers.{said}] with issuer and audience",
            )
        timeout = on.app.tasks[wanted.task].queue.timeout
        if timeout > PATIENCE and not wanted.route.later:
            yield on.task(
                wanted.task,
                f"{called}: API Gateway waits {PATIENCE} seconds, and the task may run {timeout:g}",
                f"make its timeout {PATIENCE} or less, or have the work done after the answer, by another task or "
                "Http(..., asynchronous=True)",
                error=False,
            )
    yield from _results(on, routes, known)


def _settings(on: Subjects) -> Iterator[Finding]:
    api = on.settings.api
    for word in WORDS:
        if word in api.authorizers:
            yield on.setting(
                "",
                ("api", "authorizers", word),
                f"an authorizer cannot be called {word!r}: routes say that in another sense",
                "give it another name",
            )
    if api.cors.get("credentials") and "*" in api.cors.get("origins", ()):
        yield on.setting(
            "",
            ("api", "cors", "credentials"),
            "API Gateway takes no credentials from any origin ('*')",
            "name the origins",
        )


def _results(on: Subjects, routes: Sequence[Wanted], known: Sequence[str]) -> Iterator[Finding]:
    later = [wanted for wanted in routes if wanted.route.later]
    told = dict.fromkeys(wanted.route.authorization for wanted in later)
    said = on.settings.api.results
    if said is not None and said not in known:
        yield on.setting(
            "", ("api", "results"), f"there is no authorizer {said!r}.{nearest(said, known)}", "name one that there is"
        )
    if said is None and len(told) > 1:
        yield on.task(
            later[-1].task,
            f"asynchronous routes have different authorizations ({', '.join(map(repr, told))}), and it is not said who "
            "may read results",
            "say it in the settings: [api] results = 'iam'",
        )
