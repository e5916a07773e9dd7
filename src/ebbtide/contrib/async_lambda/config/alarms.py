"""queue_age_alarm: what is changed of the alarm that every lane has, on the age of the message that waits longest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.config.of_app import queued
from ebbtide.deploy.template.ids import dead_letters_id, queue_id
from ebbtide.physical import Place

Json = dict[str, Any]

KEY = "queue_age_alarm"
PERIOD = 86_400
"""Seconds, as async-lambda has it where nobody says another."""


def alarms(
    app: DoorApp, place: Place, everywhere: Mapping[str, Any], of_task: Mapping[str, Mapping[str, Any]]
) -> dict[str, Json]:
    """To be laid over the alarms, by logical id. The one on dead letters goes off at the first, so of what is said for
    the app it only takes whom to tell."""
    made = {}
    if said := everywhere.get(KEY):
        made[f"{dead_letters_id(place, fifo=False)}Alarm"] = {"Properties": _told(said)}
    for task, declared in queued(app).items():
        if said := of_task[task].get(KEY):
            for lane in range(declared.lane_count):
                words = f"a message of task {task!r}, lane {lane}, has waited more than {said['threshold']} seconds"
                made[f"{queue_id(place, app.queues[task], lane)}Age"] = {
                    "Properties": {
                        "AlarmDescription": words,
                        "Threshold": said["threshold"],
                        "Period": said.get("period", PERIOD),
                        **_told(said),
                    }
                }
    return made


def _told(said: Mapping[str, Any]) -> Json:
    found = {"AlarmActions": said.get("alarm_actions", []), "OKActions": said.get("ok_actions", [])}
    return {name: list(who) for name, who in found.items() if who}
