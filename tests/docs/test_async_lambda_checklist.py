"""The list of async-lambda's capabilities has every one of them, and each names tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from tests.docs.pages import tables

ROWS = [row for table in tables("reference/async-lambda-checklist.md") for row in table]
TESTS = Path(__file__).parents[1]
PLACES = {"...": TESTS / "contrib" / "async_lambda", "acceptance": TESTS / "acceptance"}


@cache
def _tests_in(file: Path) -> frozenset[str]:
    """Names of the tests that pytest would collect from a file."""
    found = ast.parse(file.read_text("utf-8")).body
    return frozenset(one.name for one in found if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))


def test_every_capability_is_there_once_and_in_order() -> None:
    assert [row[0] for row in ROWS] == [f"1.{number}" for number in range(1, 68)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_capability_is_shown_by_tests_that_are_there(row: list[str]) -> None:
    named = re.findall(r"`([^`:]+)::([^`]+)`", row[3])
    assert named
    for path, test in named:
        begin, _, rest = path.partition("/")
        assert test in _tests_in(PLACES[begin] / rest), f"{row[0]}: {path} has no {test}"
