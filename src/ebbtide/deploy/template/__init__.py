"""The template: an app and its stage as a SAM template, plain JSON, made as data and written by others.

template(app, "shop:app", "prod", settings, artefacts) -> dict
"""

from __future__ import annotations

from ebbtide.app import App
from ebbtide.dead_letters import check
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.settings.merge import merge
from ebbtide.deploy.template.api import api, api_outputs
from ebbtide.deploy.template.asked import asked_by
from ebbtide.deploy.template.functions import functions
from ebbtide.deploy.template.outputs import outputs
from ebbtide.deploy.template.plan import Json, Plan
from ebbtide.deploy.template.queues import queues
from ebbtide.deploy.template.scheduler import scheduler
from ebbtide.deploy.template.storage import storage
from ebbtide.errors import DeclarationError

__all__ = ["template"]


def template(app: App, target: str, stage: str, settings: Settings, artefacts: Artefacts) -> Json:
    """The template of one stage. target: `shop:app`. Raises DeclarationError for a bad stage name, and for what only
    the whole app shows, as dead letters that no task takes."""
    check(app)
    plan = Plan(app, target, app.place(stage), settings, artefacts)
    asked = asked_by(plan)
    resources = {
        **storage(plan),
        **scheduler(plan),
        **queues(plan, asked.senders),
        **functions(plan, asked.statements, asked.environment),
        **api(plan, asked.routes),
    }
    if twice := sorted(resources.keys() & asked.resources.keys()):
        raise DeclarationError(f"a trigger asks for resources called {', '.join(twice)}, which are the stage's own")
    resources |= asked.resources
    made: Json = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": f"{app.name}, stage {stage}, by Ebbtide",
        **({"Parameters": asked.parameters} if asked.parameters else {}),
        "Resources": merge(resources, dict(settings.resources)),
        "Outputs": outputs(plan, api_outputs(plan, asked.routes)),
    }
    return made
