"""Task ids: UUIDs of version 7."""

import re
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.ids import new_id


@given(st.floats(0, 2**48 / 1000 - 1))
def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond(now: float) -> None:
    text = new_id(now)
    id = UUID(text)
    assert str(id) == text
    assert (id.version, id.variant) == (7, RFC_4122)
    assert id.int >> 80 == int(now * 1000)


def test_an_id_made_later_sorts_later() -> None:
    ids = [new_id(1_800_000_000 + milliseconds / 1000) for milliseconds in range(0, 5000, 2)]
    assert ids == sorted(ids)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(1_800_000_000.0) for _ in range(10_000)}) == 10_000


def test_all_of_the_random_bits_are_used() -> None:
    seen = 0
    for _ in range(500):
        seen |= UUID(new_id(0)).int
    assert seen & (1 << 76) - 1 == (1 << 76) - 1 - (1 << 62)  # the variant bits are 10


def test_an_id_is_lower_case_hex_and_dashes() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", new_id(1.5))
