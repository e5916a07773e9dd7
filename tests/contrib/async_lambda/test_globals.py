"""What holds for the whole program: names, defaults, runtime, modes."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ebbtide.contrib.async_lambda import globals as said
from ebbtide.contrib.async_lambda.globals import config
from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.errors import DeclarationError


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in (said.FORCE_SYNC, said.BUILD_MODE):
        monkeypatch.setenv(variable, "")  # so that monkeypatch puts back what was there
        monkeypatch.delenv(variable)
    config.reset()
    yield
    config.reset()


def parts() -> tuple[object, ...]:
    return (
        config.name,
        config.runtime,
        config.python,
        config.memory,
        config.ephemeral_storage,
        config.retention,
        config.shared_role,
        config.force_sync,
    )


DEFAULTS = ("async-lambda", None, None, 128, 512, 180, False, False)


def test_a_program_that_says_nothing_has_async_lambdas_defaults_and_the_builds_runtime() -> None:
    assert parts() == DEFAULTS


def test_what_is_said_is_kept_until_the_reset() -> None:
    said.config_set_name("project-name")
    said.config_set_runtime("python3.13")
    said.config_set_default_task_memory(256)
    said.config_set_default_task_ephemeral_storage(1024)
    said.config_set_s3_payload_retention(30)
    said.config_set_shared_function_role()
    said.enable_force_sync_mode()
    assert parts() == ("project-name", "python3.13", "3.13", 256, 1024, 30, True, True)
    config.reset()
    assert parts() == DEFAULTS


def test_without_a_value_the_functions_set_the_default() -> None:
    said.config_set_default_task_memory(256)
    said.config_set_default_task_memory()
    said.config_set_default_task_ephemeral_storage(1024)
    said.config_set_default_task_ephemeral_storage()
    said.config_set_s3_payload_retention(1)
    said.config_set_s3_payload_retention()
    said.config_set_shared_function_role(True)
    said.config_set_shared_function_role(False)
    assert parts() == DEFAULTS


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_a_runtime_of_today_is_taken_in_silence(minor: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said.config_set_runtime(f"python3.{minor}")
    assert config.python == f"3.{minor}"


@pytest.mark.parametrize("runtime", ["python3.6", "python3.9", "python3.10"])
def test_an_older_runtime_is_warned_about_where_it_is_said_and_the_nearest_is_used(runtime: str) -> None:
    with pytest.warns(AsyncLambdaWarning, match=r"needs Python 3\.11.* 2026-10-31") as caught:
        said.config_set_runtime(runtime)
    assert caught[0].filename == __file__
    assert (config.runtime, config.python) == (runtime, "3.11")


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        (said.config_set_name, "", "up to 40"),
        (said.config_set_name, "my project", "up to 40"),
        (said.config_set_name, "x" * 41, "up to 40"),
        (said.config_set_name, None, "up to 40"),
        (said.config_set_runtime, "nodejs22.x", r"one of python3\.11"),
        (said.config_set_runtime, "python3.15", r"one of python3\.11"),
        (said.config_set_runtime, "python2.7", r"one of python3\.11"),
        (said.config_set_runtime, "3.12", r"one of python3\.11"),
        (said.config_set_runtime, None, r"one of python3\.11"),
        (said.config_set_default_task_memory, 127, "from 128 to 10240"),
        (said.config_set_default_task_memory, 10_241, "from 128 to 10240"),
        (said.config_set_default_task_memory, "256", "whole number of MB"),
        (said.config_set_default_task_memory, 256.0, "whole number of MB"),
        (said.config_set_default_task_ephemeral_storage, 511, "from 512 to 10240"),
        (said.config_set_default_task_ephemeral_storage, 10_241, "from 512 to 10240"),
        (said.config_set_s3_payload_retention, 0, "whole number of days from 1"),
        (said.config_set_s3_payload_retention, True, "whole number of days from 1"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(function: Callable[[Any], None], value: Any, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        function(value)
    assert parts() == DEFAULTS


@pytest.mark.parametrize("text", ["1", "true", "yes", "TRUE"])
def test_the_modes_are_on_by_their_variables(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNC_LAMBDA_FORCE_SYNC", text)
    monkeypatch.setenv("ASYNC_LAMBDA_BUILD_MODE", text)
    assert config.force_sync
    assert said.is_build_mode()


@pytest.mark.parametrize("text", ["", "0", "false", "False", " no ", "off"])
def test_a_variable_that_says_no_is_off(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNC_LAMBDA_FORCE_SYNC", text)
    monkeypatch.setenv("ASYNC_LAMBDA_BUILD_MODE", text)
    assert not config.force_sync
    assert not said.is_build_mode()


def test_force_sync_mode_is_switched_on_and_off_and_the_variable_still_counts_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said.enable_force_sync_mode()
    assert config.force_sync
    said.disable_force_sync_mode()
    assert not config.force_sync
    monkeypatch.setenv("ASYNC_LAMBDA_FORCE_SYNC", "1")
    assert config.force_sync
    said.disable_force_sync_mode()
    assert not config.force_sync


def test_nothing_is_built_unless_said() -> None:
    assert not said.is_build_mode()
