"""What AWS would refuse, or quietly get wrong, said before anything is written.

    findings(app, "prod", settings) -> list[Finding]

First what is declared (queues, names, variables), then what all of it makes: the template is built and looked at, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ebbtide.app import App
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.checks.built import of_built, of_no_type
from ebbtide.deploy.checks.environment import of_environment
from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.names import of_names
from ebbtide.deploy.checks.queues import of_queues
from ebbtide.deploy.checks.routes import of_routes
from ebbtide.deploy.checks.safe import of_promises
from ebbtide.deploy.checks.where import Subjects, subjects
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.deploy.template.asked import asked_by
from ebbtide.deploy.template.plan import Plan
from ebbtide.errors import DeclarationError

__all__ = ["Finding", "findings"]

_ANY = Artefacts(Path("code.zip"), Path("dependencies.zip"), "arm64", "python3.13")
"""Nothing that is checked depends on what the build makes."""


def findings(app: App, stage: str, settings: Settings) -> list[Finding]:
    """Everything that is wrong, by file and line; an app is fit to be built if no finding is an error."""
    on = subjects(app, stage, settings)
    plan = Plan(app, "app:app", app.place(stage), settings, _ANY)
    found = list(_declared(on, plan))
    try:
        found += of_routes(on, asked_by(plan).routes)
        found += _built(on, plan, found)
    except DeclarationError as error:
        found.append(on.whole(str(error), "then build again"))
    return sorted(dict.fromkeys(found), key=lambda one: (not one.error, one.file, one.line, one.subject))


def _declared(on: Subjects, plan: Plan) -> Iterator[Finding]:
    if not on.app.tasks:
        yield on.whole("it has no tasks", "declare one with @app.task")
    yield from of_queues(on, plan.queues)
    yield from of_names(on, plan.place, plan.queues)
    yield from of_environment(on, plan.queues)


def _built(on: Subjects, plan: Plan, found: list[Finding]) -> Iterator[Finding]:
    """What the template shows besides. What was declared wrong is not told a second time."""
    made = template(plan.app, plan.target, plan.place.stage, plan.settings, plan.artefacts)
    if nameless := list(of_no_type(on, made)):
        yield from nameless
        return
    told = {one.subject for one in found if one.error}
    built = [one for one in of_built(on, made) if one.subject not in told]
    yield from built
    if not told and not any(one.error for one in built):
        yield from of_promises(on, plan, made)
