"""Which lines of a log are asked for, in CloudWatch's language and here."""

import json

import pytest

from ebbtide.deploy.logs import Line, Wanted

FIELDS = {"event": "task", "level": "WARNING", "task": 'a "b"', "id": "1"}
OURS = Line(1.0, "shop-prod-mail", json.dumps(FIELDS), FIELDS)
START = Line(1.0, "shop-prod-mail", "START RequestId: 1 Version: $LATEST", None)
TRACE = Line(1.0, "shop-prod-mail", "Traceback (most recent call last):", None)


@pytest.mark.parametrize(
    ("wanted", "pattern"),
    [
        (Wanted(), ""),
        (Wanted(text="a"), ""),
        (Wanted(task='a "b"'), '{ $.task = "a \\"b\\"" }'),
        (Wanted(id="1", level="ERROR"), '{ $.id = "1" && ($.level = "ERROR" || $.level = "CRITICAL") }'),
    ],
)
def test_the_pattern_is_what_cloudwatch_filters_by(wanted: Wanted, pattern: str) -> None:
    assert wanted.pattern == pattern


@pytest.mark.parametrize(
    ("wanted", "ours", "theirs"),
    [
        (Wanted(), True, True),
        (Wanted(task='a "b"'), True, False),
        (Wanted(task="other"), False, False),
        (Wanted(id="1", level="WARNING"), True, False),
        (Wanted(level="ERROR"), False, False),
        (Wanted(text="RequestId"), False, True),
    ],
)
def test_a_line_is_looked_at_again_here(wanted: Wanted, ours: bool, theirs: bool) -> None:
    assert (wanted(OURS), wanted(START)) == (ours, theirs)


def test_lambdas_own_lines_are_told_from_what_a_function_printed() -> None:
    assert (OURS.platform, START.platform, TRACE.platform) == (False, True, False)
