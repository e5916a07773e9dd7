"""The twenty promises of every template, kept or the build fails: T1 to T20.

They are asked of what Ebbtide makes by itself, where a breach is a fault of ours, and of the whole with the user's own
policies, properties and resources in it, where it is a warning: whoever passes something through may mean it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ebbtide.deploy.checks import safe_roles, safe_things
from ebbtide.deploy.checks.built import about
from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.promise import Broken, Promise, Stage
from ebbtide.deploy.checks.view import View
from ebbtide.deploy.checks.where import Subjects
from ebbtide.deploy.settings import FunctionSettings, Settings
from ebbtide.deploy.template import template
from ebbtide.deploy.template.api import public_routes
from ebbtide.deploy.template.plan import Plan
from ebbtide.deploy.template.receivers import receivers

PROMISES: Mapping[str, Promise] = {
    "T1": safe_things.names_and_shape,
    "T2": safe_roles.no_managed_policies,
    "T3": safe_roles.no_wildcard_action,
    "T4": safe_roles.no_wildcard_resource,
    "T5": safe_roles.receives_its_own,
    "T6": safe_roles.sends_within_the_stage,
    "T7": safe_roles.reads_its_own_rows,
    "T8": safe_roles.reads_claims_only,
    "T9": safe_roles.passes_one_role,
    "T10": safe_roles.trusts_services,
    "T11": safe_things.queues_closed,
    "T12": safe_things.dead_letters,
    "T13": safe_things.loans,
    "T14": safe_things.mappings,
    "T15": safe_things.buckets,
    "T16": safe_things.tables,
    "T17": safe_things.functions,
    "T18": safe_things.alarms,
    "T19": safe_things.tags,
    "T20": safe_things.routes,
}


def broken(stage: Stage) -> Iterator[tuple[str, Broken]]:
    """Every promise that a template does not keep, by its number."""
    for number, promise in PROMISES.items():
        yield from ((number, one) for one in promise(stage))


def of_promises(on: Subjects, plan: Plan, made: Mapping[str, Any]) -> Iterator[Finding]:
    """All findings on a template that goes against a promise."""
    public, others = public_routes(plan), frozenset(one["Fn::Sub"] for one in receivers(plan) if "Fn::Sub" in one)
    theirs = _added(plan)
    own = _template(plan, _without_changes(plan.settings, theirs))
    ours = {one for one in broken(Stage(View(own), plan.place, public, others)) if one[1].id not in theirs}
    for number, (_, message) in sorted(ours):
        yield on.whole(f"{number}: {message}", "this is a fault of Ebbtide's; please report it")
    view, alike = View(made), dict[tuple[str, str], list[str]]()
    for number, (id, message) in broken(Stage(view, plan.place, public, others)):
        if (number, Broken(id, message)) not in ours and id in view.resources:
            alike.setdefault((number, message), []).append(id)
    for (number, message), ids in alike.items():  # what is said for all is told once, not for each function
        more = f", and {len(ids) - 1} more alike" if len(ids) > 1 else ""
        cure = "leave it as it is if you mean it; otherwise narrow what the settings pass through"
        key = "managed_policies" if number == "T2" else ""
        yield about(on, view, ids[0], "", f"{ids[0]} {message}{more} ({number})", cure, error=False, key=key)


def _template(plan: Plan, settings: Settings) -> Mapping[str, Any]:
    return template(plan.app, plan.target, plan.place.stage, settings, plan.artefacts)


def _added(plan: Plan) -> dict[str, Any]:
    """The resources that the settings add, and not those they change."""
    made = _template(plan, plan.settings._replace(resources={}))["Resources"]
    return {id: resource for id, resource in plan.settings.resources.items() if id not in made}


def _without_changes(settings: Settings, added: Mapping[str, Any]) -> Settings:
    """The settings without what they pass through to our resources."""

    def plain(said: FunctionSettings) -> FunctionSettings:
        return said._replace(policies=(), managed_policies=(), properties={}, queue_properties={})

    queues = {name: plain(said) for name, said in settings.queues.items()}
    return settings._replace(resources=added, everywhere=plain(settings.everywhere), queues=queues)
