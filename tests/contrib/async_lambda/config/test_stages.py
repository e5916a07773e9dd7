"""Stages: called anything in the file, by our rule on AWS; what nobody knows is refused, the rehearsal excepted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contrib.async_lambda.config.shop import line_of, read, refused, write

from ebbtide.contrib.async_lambda.config.environment import environment_of
from ebbtide.contrib.async_lambda.config.stages import place_stage
from ebbtide.errors import DeclarationError
from ebbtide.physical import stage_name

TWO = {
    "environment_variables": {"MODE": "any"},
    "stages": {
        "prod-eu": {"environment_variables": {"MODE": "live"}},
        "dev": {"environment_variables": {"MODE": "trial"}},
    },
}
OF_TASKS = {"tasks": {"Orders": {"stages": {"prod": {"tags": {"a": "b"}}}}}}


def mode(folder: Path, stage: str | None) -> str:
    said = read(folder, TWO, stage).everywhere.environment["MODE"]
    assert environment_of(folder, stage) == {"MODE": said}
    return said


@pytest.mark.parametrize(
    ("name", "placed"),
    [
        (None, "default"),
        ("prod", "prod"),
        ("prod-eu", "prodeu"),
        ("PROD_EU.1", "prodeu1"),
        ("2024", "s2024"),
        ("production-in-europe-west", "productionineuro"),
    ],
)
def test_a_stage_is_called_on_aws_by_its_letters_and_digits(name: str | None, placed: str) -> None:
    assert place_stage(name) == placed


@given(st.text(min_size=1, max_size=30))
def test_what_a_stage_is_called_on_aws_is_a_name_for_a_stage_and_stays_so(name: str) -> None:
    try:
        placed = place_stage(name)
    except DeclarationError:
        assert not any(letter.isascii() and letter.isalnum() for letter in name)
    else:
        assert stage_name(placed) == place_stage(placed) == placed


def test_a_stage_without_a_letter_is_refused() -> None:
    with pytest.raises(DeclarationError, match="a stage cannot be called '--': it needs ASCII letters or digits"):
        place_stage("--")


def test_a_stage_without_a_letter_is_refused_in_the_file_with_its_line(tmp_path: Path) -> None:
    told = "a stage cannot be called '--': it needs ASCII letters or digits"
    assert refused(tmp_path, {"stages": {"prod": {}, "--": {}}}) == [f".async_lambda/config.json:4: {told}"]


@pytest.mark.parametrize("asked", ["prod-eu", "prodeu"])
def test_a_stage_is_found_by_its_name_and_by_what_it_is_called_on_aws(tmp_path: Path, asked: str) -> None:
    assert mode(tmp_path, asked) == "live"


@pytest.mark.parametrize("asked", [None, "default", "rehearsal"])
def test_without_a_stage_and_in_a_rehearsal_no_stages_level_applies(tmp_path: Path, asked: str | None) -> None:
    assert mode(tmp_path, asked) == "any"


def test_a_rehearsal_may_have_a_level_of_its_own(tmp_path: Path) -> None:
    said = {"stages": {"prod": {}, "rehearsal": {"environment_variables": {"MODE": "play"}}}}
    assert read(tmp_path, said, "rehearsal").everywhere.environment == {"MODE": "play"}


def test_a_stage_nobody_knows_is_refused_with_the_nearest(tmp_path: Path) -> None:
    told = (
        f".async_lambda/config.json:{line_of(TWO, 'stages')}: there is no stage 'prodeux'. Did you mean 'prod-eu'? "
        'To have one to which only what is said for all applies, add "prodeux": {} to "stages"'
    )
    assert refused(tmp_path, TWO, "prodeux") == [told]
    with pytest.raises(DeclarationError, match="there is no stage 'prodeux'"):
        environment_of(tmp_path, "prodeux")


def test_without_stages_at_the_apps_level_those_of_the_tasks_are_known(tmp_path: Path) -> None:
    assert read(tmp_path, OF_TASKS, "prod").of("Orders").tags["a"] == "b"
    assert "a" not in read(tmp_path, OF_TASKS, None).of("Orders").tags
    (told,) = refused(tmp_path, OF_TASKS, "dev")
    assert told.startswith(".async_lambda/config.json:2: there is no stage 'dev'. Known: prod.")


def test_where_no_stage_is_named_any_is_taken(tmp_path: Path) -> None:
    assert (
        read(tmp_path, {"environment_variables": {"MODE": "any"}}, "whatever").everywhere.environment["MODE"] == "any"
    )


def test_a_tasks_stage_must_be_one_of_the_apps(tmp_path: Path) -> None:
    said = {"stages": {"prod": {}}, "tasks": {"Orders": {"stages": {"prd": {}}}}}
    told = (
        f".async_lambda/config.json:{line_of(said, 'prd')}: there is no stage 'prd'. Did you mean 'prod'? "
        'If it is one, add "prd": {} to "stages" at the top of the file'
    )
    assert refused(tmp_path, said) == [told]


def test_a_stage_that_could_be_either_of_two_is_refused(tmp_path: Path) -> None:
    said: Any = {"stages": {"prod-eu": {}, "prod_eu": {}}}
    (told,) = refused(tmp_path, said, "prodeu")
    assert told == ".async_lambda/config.json:4: stage 'prodeu' can be 'prod-eu' or 'prod_eu'; rename one of them"
    read(tmp_path, said, "prod_eu")


def test_variables_while_building_are_none_without_a_file(tmp_path: Path) -> None:
    assert environment_of(tmp_path, "prod") == {}


def test_variables_while_building_leave_out_what_is_said_for_one_task(tmp_path: Path) -> None:
    said = {"environment_variables": {"AB": "1"}, "tasks": {"Orders": {"environment_variables": {"CD": "2"}}}}
    assert environment_of(write(tmp_path, said), None) == {"AB": "1"}


def test_variables_while_building_are_text_or_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, {"environment_variables": {"WORKERS": 4}})
    with pytest.raises(DeclarationError, match=r'config\.json:3: WORKERS: text in quotes, as "text", expected'):
        environment_of(tmp_path, None)
