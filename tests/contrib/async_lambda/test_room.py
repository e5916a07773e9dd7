"""How many tasks fit into a stack, and what is said where one is too many."""

from pathlib import Path

from tests.deploy.template.rich import ZIPPED

from ebbtide.contrib.async_lambda import AsyncLambdaController
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.deploy.checks import findings
from ebbtide.deploy.template import template


def app(tasks: int) -> DoorApp:
    controller = AsyncLambdaController()
    for number in range(tasks):
        controller.async_task(f"Task{number}")(nothing)
    return controller.app()


def nothing(event: object) -> None: ...


def test_eighty_tasks_of_one_lane_fit(tmp_path: Path) -> None:
    eighty = app(80)
    made = template(eighty, "app:app", "prod", eighty.settings("prod", tmp_path), ZIPPED)
    assert (len(made["Resources"]), len(made["Outputs"])) == (497, 3)


def test_one_more_is_told_with_the_limit_and_the_cure(tmp_path: Path) -> None:
    one_more = app(81)
    (told,) = findings(one_more, "prod", one_more.settings("prod", tmp_path))
    assert "503 resources, and CloudFormation takes 500; 81 functions and 83 queues and lanes" in told.message
    assert told.cure.endswith("make two apps of it, which may send to each other's queues")
