"""Tags: the user's on all that is made, the framework's over them, and on each queue what kind of queue it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.of_app import queued
from ebbtide.deploy.template.ids import dead_letters_id, queue_id
from ebbtide.physical import Place
from ebbtide.version import __version__

Json = dict[str, Any]

KIND, LANE = "async-lambda-queue-type", "async-lambda-lane"


def tags(said: Mapping[str, Any]) -> dict[str, Any]:
    """Of one function and its queues; `application`, `environment` and `framework` are the template's to add."""
    users = {name: value for name, value in said.get("tags", {}).items() if name not in (KIND, LANE)}
    return {**users, "framework-version": __version__}


def tag_list(place: Place, said: Mapping[str, Any]) -> list[Json]:
    """All tags of a resource that the template does not make itself."""
    ours = {"application": place.app, "environment": place.stage, "framework": "ebbtide"}
    return [{"Key": name, "Value": value} for name, value in {**tags(said), **ours}.items()]


def queue_tags(app: DoorApp, place: Place) -> dict[str, Json]:
    """To be laid over the queues, by logical id."""
    made = {dead_letters_id(place, fifo=False): _more({KIND: "dlq"})}
    for task, declared in queued(app).items():
        for lane in range(declared.lane_count):
            own = {KIND: "dlq-task"} if declared.is_dlq_task else {KIND: "managed", LANE: str(lane)}
            made[queue_id(place, app.queues[task], lane)] = _more(own)
    return made


def _more(own: Mapping[str, str]) -> Json:
    return {"Properties": {"Tags": [{"Key": name, "Value": value} for name, value in own.items()]}}
