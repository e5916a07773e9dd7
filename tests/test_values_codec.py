"""What codecs are made of: refusals that lead to the culprit, descriptions that are safe to print."""

from ebbtide.values_codec import ValueRefused, describe, within_depth


def test_a_refusal_collects_the_way_to_the_culprit_from_inside_out() -> None:
    refusal = ValueRefused("expected int, got None")
    refusal.under(".when")
    refusal.under("[3]")
    assert refusal.path == "[3].when"
    assert str(refusal) == "[3].when: expected int, got None"


def test_long_and_foreign_values_are_described_without_printing_them() -> None:
    class Secretive:
        def __repr__(self) -> str:
            raise RuntimeError

    assert describe("a" * 50) == f"str '{'a' * 40}'..."
    assert describe(10**5000) == "int"
    assert describe(Secretive()) == "Secretive"
    assert describe(None) == "None"
    assert describe(1.5) == "float 1.5"


def test_depth_counts_lists_and_dicts_alike() -> None:
    value: object = 1
    for _ in range(50):
        value = {"a": [value]}
    assert within_depth(value)  # type: ignore[arg-type]
    assert not within_depth([value])  # type: ignore[list-item]
