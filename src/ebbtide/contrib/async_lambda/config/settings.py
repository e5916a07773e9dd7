"""From `.async_lambda/config.json` to the settings of one stage, which our template is made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.alarms import alarms
from ebbtide.contrib.async_lambda.config.domain import api, domain, wrong_domain
from ebbtide.contrib.async_lambda.config.extras import extras, wrong_extras
from ebbtide.contrib.async_lambda.config.faults import faults
from ebbtide.contrib.async_lambda.config.functions import function, wrong_function
from ebbtide.contrib.async_lambda.config.keys import RULES
from ebbtide.contrib.async_lambda.config.levels import Level, levels_of, merged
from ebbtide.contrib.async_lambda.config.lines import in_our_words
from ebbtide.contrib.async_lambda.config.methods import route_settings, wrong_routes
from ebbtide.contrib.async_lambda.config.of_app import queued, routes
from ebbtide.contrib.async_lambda.config.pending import kept
from ebbtide.contrib.async_lambda.config.read import read
from ebbtide.contrib.async_lambda.config.stages import config_stage, place_stage
from ebbtide.contrib.async_lambda.config.tags import queue_tags, tag_list
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.names import DEAD_LETTERS
from ebbtide.deploy.settings import Api, Settings
from ebbtide.deploy.settings.kinds import Wrong
from ebbtide.deploy.settings.merge import merge
from ebbtide.deploy.template.logical import logical
from ebbtide.deploy.template.plan import API
from ebbtide.physical import Place

Json = dict[str, Any]

ARCHITECTURE = "x86_64"
"""What async-lambda's functions run on: the layers and the vendor folder of such an app were made for it."""


KEPT: Json = {DEAD_LETTERS: {"UpdateReplacePolicy": "Retain"}}
"""async-lambda's dead letters have a name of CloudFormation's making; ours take their place, and lose none of them."""


class Said(NamedTuple):
    """What is said of one function, or of all. whole: all levels in one."""

    levels: Sequence[Level]
    whole: Json


def settings_of(app: DoorApp, stage: str | None, folder: Path) -> Settings:
    """The settings of one stage; the defaults if there is no file. folder: the project's.

    stage: its name in the file or what it is called on AWS; None is a build that names none. Raises DeclarationError
    with all that is wrong, each with its line.
    """
    given = read(folder)
    given.refuse(faults(given.content, app.declared, queued(app)))
    named = config_stage(given, stage)
    place = app.place(place_stage(stage))
    everywhere = _said(given.content, named)
    tasks = {task: _said(given.content, named, task) for task in app.declared}
    given.refuse(dict.fromkeys(_together(app, everywhere, tasks)))
    return Settings(
        architecture=ARCHITECTURE,
        python=config.python,
        only=("src",),
        vendor=("vendor",),
        image=everywhere.whole.get("image_uri"),
        api=api(everywhere.whole) if routes(app) else Api(),
        resources=_resources(app, place, everywhere.whole, {task: said.whole for task, said in tasks.items()}),
        everywhere=function(everywhere.whole, {}),
        queues={task: function(said.whole, app.declared[task].function_properties) for task, said in tasks.items()},
        source=given.file,
        lines=in_our_words(given.lines, named),
    )


def _said(content: Mapping[str, Any], stage: str | None, task: str | None = None) -> Said:
    levels = levels_of(content, stage, task)
    return Said(levels, merged(levels, RULES))


def _together(app: DoorApp, everywhere: Said, tasks: Mapping[str, Said]) -> Iterator[Wrong]:
    """What is wrong where levels meet."""
    for task, said in tasks.items():
        yield from wrong_function(*said)
        if task in queued(app):
            yield from wrong_extras(said.levels)
    yield from wrong_extras(everywhere.levels)
    if found := routes(app):
        yield from wrong_domain(*everywhere)
        yield from wrong_routes(everywhere.levels, list(found))


def _resources(app: DoorApp, place: Place, everywhere: Json, tasks: Mapping[str, Json]) -> dict[str, Json]:
    """What is laid over the template's resources, and what comes beside them."""
    return {
        **merge(queue_tags(app, place), KEPT),
        **_tagged(kept(app, place), tag_list(place, everywhere)),
        **alarms(app, place, everywhere, tasks),
        **extras(app, place, everywhere, tasks),
        **(domain(place, everywhere) | _limits(app, everywhere) if routes(app) else {}),
    }


def _tagged(made: Mapping[str, Json], tags: Sequence[Json]) -> dict[str, Json]:
    """These with the stage's tags, but for the policies of queues, which have none."""
    own = {"Properties": {"Tags": list(tags)}}
    return {id: one if one["Type"].endswith("Policy") else merge(one, own) for id, one in made.items()}


def _limits(app: DoorApp, said: Json) -> dict[str, Json]:
    """The API's stage with its routes' settings. It comes after the routes: API Gateway takes settings for those only
    that are there."""
    found = routes(app)
    properties = route_settings(said.get("method_settings", ()), list(found))
    if not properties:
        return {}
    after = [f"{logical(found[route][0])}Task{found[route][1]}Route" for route in properties.get("RouteSettings", {})]
    return {f"{API}Stage": {**({"DependsOn": after} if after else {}), "Properties": properties}}
