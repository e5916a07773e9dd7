"""What things are called on AWS: as async-lambda calls them, and where AWS refuses that, it is told with the cure."""

from pathlib import Path

import pytest

from ebbtide.contrib.async_lambda import AsyncLambdaController, config_set_name
from ebbtide.contrib.async_lambda.names import AsyncLambdaPlace
from ebbtide.deploy.checks import Finding, findings

ACCOUNT, FAR = "1" * 12, "ap-northeast-1"


def found(project: str, task: str, folder: Path) -> list[Finding]:
    """All findings on a project with one task, in no settings' folder."""
    config_set_name(project)
    controller = AsyncLambdaController()
    controller.async_task(task, lane_count=2)(nothing)
    app = controller.app()
    return findings(app, "prod", app.settings("prod", folder))


def nothing(event: object) -> None: ...


@pytest.mark.parametrize("project", ["my_project", "x" * 31, "shop-orders"])
def test_a_project_keeps_the_name_that_async_lambda_let_it_have(project: str, tmp_path: Path) -> None:
    assert found(project, "Task", tmp_path) == []


def test_the_stack_has_no_underscore() -> None:
    place = AsyncLambdaPlace("my_project", "prod")
    assert (place.stack, place.prefix) == ("my-project-prod", "my_project-prod")


@pytest.mark.parametrize("length", [1, 27, 28, 40])
def test_what_only_ebbtide_has_is_called_so_that_it_fits(length: int) -> None:
    names = {AsyncLambdaPlace(letter * length, "default") for letter in "ab"}
    assert all(len(place.bucket(ACCOUNT, FAR)) <= 63 and len(place.scheduler_role(FAR)) <= 64 for place in names)
    assert len({place.bucket(ACCOUNT, FAR) for place in names}) == 2


def test_a_function_of_too_long_a_name_is_told_with_the_cure(tmp_path: Path) -> None:
    told = found("x" * 40, "T" * 32, tmp_path)
    assert [finding.cure for finding in told] == ["give app or task a shorter name"]
    assert "73 characters; AWS takes 64" in told[0].message


def test_a_task_may_begin_with_a_digit_or_be_a_word_of_pythons(tmp_path: Path) -> None:
    assert found("shop", "9lives", tmp_path) == found("shop", "class", tmp_path) == []
