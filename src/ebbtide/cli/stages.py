"""A stage as the command line names it: its region as the settings say, and the URL of its queues."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from ebbtide.app import App
from ebbtide.broker import Broker
from ebbtide.brokers.sqs import SqsBroker
from ebbtide.deploy.bundle.project import MARKERS
from ebbtide.deploy.settings import settings_of
from ebbtide.physical import stage_name
from ebbtide.queue import Queue


def region_of(app: App, stage: str, given: str | None) -> str | None:
    """The region given, else the one of the stage's settings; None leaves it to the environment.

    Raises DeclarationError for settings that are wrong.
    """
    return given or settings_of(app, stage, _project()).region


def stage_url(stage: str, region: str | None = None, endpoint: str | None = None) -> str:
    """The broker's URL of a stage; region and endpoint where they are not those of the environment."""
    given = {"region": region, "endpoint": endpoint}
    query = urlencode({name: value for name, value in given.items() if value})
    return f"sqs://{stage_name(stage)}" + (f"?{query}" if query else "")


def called(broker: Broker) -> str:
    """What people call a broker, where it cannot do something."""
    return "a stage on AWS" if isinstance(broker, SqsBroker) else type(broker).__name__


def queues_of(app: App, broker: Broker) -> list[Queue]:
    """All queues; of a stage those that its template makes: not `default` if no task is in it, nor what is run
    elsewhere."""
    queues = list(app.queues.values())
    if not isinstance(broker, SqsBroker):
        return queues
    used = {task.queue.name for task in app.tasks.values()}
    return [queue for queue in queues if queue.is_ours and (queue.name in used or queue.name != "default")]


def _project() -> Path:
    """The nearest folder, from the working directory upward, that a project's settings may stand in."""
    here = Path.cwd()
    return next((f for f in (here, *here.parents) if any((f / marker).is_file() for marker in MARKERS)), here)
