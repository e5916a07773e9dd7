"""The variables that are there while the app is built and run here, as they will be on AWS."""

from __future__ import annotations

from pathlib import Path

from ebbtide.contrib.async_lambda.config.faults import wrong_variables
from ebbtide.contrib.async_lambda.config.keys import RULES
from ebbtide.contrib.async_lambda.config.levels import levels_of, merged
from ebbtide.contrib.async_lambda.config.read import read
from ebbtide.contrib.async_lambda.config.stages import config_stage

KEY = "environment_variables"


def environment_of(folder: Path, stage: str | None) -> dict[str, str]:
    """What is said of them for the app and its stage; empty if there is no file.

    What is said for one task only is its function's own. Raises DeclarationError for a file that cannot be read, for a
    stage nobody knows, and for variables that are no text.
    """
    given = read(folder)
    levels = levels_of(given.content, config_stage(given, stage))
    given.refuse(wrong for level in levels for wrong in wrong_variables(level.said, level.path))
    found: dict[str, str] = merged(levels, {KEY: RULES[KEY]}).get(KEY, {})
    return found
