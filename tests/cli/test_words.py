"""Times, durations and foreign text as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.cli.words import counted, iso, listed, moment, one_line, printable, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0 s"),
        (0.0024, "2.4 ms"),
        (0.25, "0.25 s"),
        (9.999, "10 s"),
        (12.7, "12 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (90_061, "1 d 1 h"),
        (604_800, "7 d"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


def test_times_are_told_in_utc() -> None:
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment(None) == ""
    assert iso(0.5) == "1970-01-01T00:00:00.500000+00:00"
    assert iso(None) is None


@given(st.text())
def test_printable_text_has_no_control_characters_but_breaks_and_tabs(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in printable(text))
    printable(text).encode()


@given(st.text(), st.integers(min_value=3, max_value=50))
def test_one_line_is_one_line_of_that_length_at_most(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


def test_counts_and_lists_are_words() -> None:
    assert counted(1, "call") == "1 call"
    assert counted(1234, "call") == "1,234 calls"
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed("abcdefg", 2) == "'a', 'b' and 5 more"
