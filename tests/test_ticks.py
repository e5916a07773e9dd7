"""Which schedules an app has, and the names under which their cursors are kept."""

from collections.abc import Mapping
from typing import Any

from ebbtide import App, Schedule
from ebbtide.ticks import schedules

APP = App("t", broker="memory://")


@APP.task(Schedule("rate(5 minutes)"), Schedule("cron(0 9 * * ? *)", timezone="Europe/Berlin"))
def beta() -> None: ...


@APP.task(
    Schedule("rate(1 day)", arguments={"region": "eu", "count": 1}),
    Schedule("rate(1 day)", arguments={"count": 1, "region": "eu"}, missed="all"),
    Schedule("rate(1 day)", arguments={"region": "us"}),
)
def alpha(region: str, count: int = 0) -> None: ...


@APP.task
def gamma() -> None: ...


def names(tasks: Mapping[str, Any]) -> list[str]:
    return [scheduled.name for scheduled in schedules(tasks)]


def test_schedules_come_by_task_and_as_declared() -> None:
    found = names(APP.tasks)
    assert found[2:] == ["beta@rate(5 minutes) UTC", "beta@cron(0 9 * * ? *) Europe/Berlin"]
    assert all(name.startswith("alpha@rate(1 day) UTC #") for name in found[:2])


def test_other_arguments_make_another_schedule_and_the_same_ones_the_same() -> None:
    alphas = [scheduled for scheduled in schedules(APP.tasks) if scheduled.task.name == "alpha"]
    assert [scheduled.trigger.keywords["region"] for scheduled in alphas] == ["eu", "us"]
    assert alphas[0].trigger.missed == "one"
    assert len({scheduled.name for scheduled in alphas}) == 2


def test_a_name_is_the_same_in_every_process() -> None:
    assert names(APP.tasks)[0] == "alpha@rate(1 day) UTC #cb8e1c453b2c"
