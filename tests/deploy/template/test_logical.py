"""Logical ids: letters and digits only, never two alike, and the same whoever the neighbours are."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.deploy.template.logical import logical

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}", fullmatch=True) | st.from_regex(
    r"(a|b|queue|lane1|task0|stage|A|X|aa|bb)([_.-]?(a|b|queue|lane1|task0|Task0|stage|A|X|aa|bb)){0,4}", fullmatch=True
)
ENDINGS = [
    "",
    "Queue",
    "Lane1Queue",
    "QueuePolicy",
    "Function",
    "Role",
    "Log",
    "Task0Schedule",
    "Task10Route",
    "Integration",
]


def test_a_plain_name_reads_as_people_would_write_it() -> None:
    assert logical("images") == "Images"
    assert logical("count_words2") == "CountWords2"


def test_any_other_name_is_marked() -> None:
    for name in ("Images", "count-words", "count.words", "a", "images_queue", "lane1", "stage", "_x", "count__words"):
        assert re.fullmatch(r"[A-Za-z0-9]*X[A-Z]{11}", logical(name)), name


@given(NAMES, NAMES, st.sampled_from(ENDINGS), st.sampled_from(ENDINGS))
def test_two_names_lead_to_two_ids_whatever_is_put_behind_them(one: str, other: str, a: str, b: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{1,100}", logical(one), re.ASCII)
    assert ((one, a) == (other, b)) == (logical(one) + a == logical(other) + b)
