"""Signatures: a call is bound to the parameters before it travels, and again where it arrives."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from ebbtide.errors import ArgumentError, CallRefused
from ebbtide.signature import Signature


def plain(a, b=2, *, c=3):  # type: ignore[no-untyped-def]
    return a, b, c


def typed(when: datetime, price: Decimal = Decimal(1), *, id: UUID | None = None) -> Decimal:
    return price


def several(first: int, *rest: Decimal, **others: datetime) -> None: ...


def positional_only(a: int, /, b: int) -> None: ...


def keyword_only(*, when: datetime) -> None: ...


def with_context(delivery: object, a: Decimal) -> None: ...


def forward(later: "DefinedLater", never: "Undefined", known: "Decimal") -> None: ...  # type: ignore[name-defined]  # noqa: F821


class DefinedLater:
    pass


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def signature(function: Callable[..., Any], context: bool = False) -> Signature:
    return Signature("shop.work", function, context)


def there_and_back(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    compiled = signature(function)
    return compiled.unpack(*compiled.pack(args, kwargs))


def test_arguments_without_annotation_travel_as_plain_json() -> None:
    assert signature(plain).pack((1,), {"c": [None]}) == ([1], {"c": [None]})


def test_defaults_are_left_to_the_function_that_runs() -> None:
    assert signature(plain).pack((1,), {}) == ([1], {})


def test_annotated_arguments_travel_by_their_annotation() -> None:
    packed = signature(typed).pack((NOON,), {"price": Decimal("1.50")})
    assert packed == (["2026-01-01T12:00:00+00:00"], {"price": "1.50"})


def test_arguments_arrive_as_what_they_were() -> None:
    id = UUID(int=5)
    assert there_and_back(typed, NOON, Decimal("1.50"), id=id) == ([NOON, Decimal("1.50")], {"id": id})


def test_the_variadic_parameters_have_their_annotation_for_each_value() -> None:
    assert there_and_back(several, 1, Decimal(2), Decimal(3), due=NOON) == ([1, Decimal(2), Decimal(3)], {"due": NOON})


def test_positional_and_keyword_only_parameters_are_kept() -> None:
    assert there_and_back(positional_only, 1, b=2) == ([1], {"b": 2})
    assert there_and_back(keyword_only, when=NOON) == ([], {"when": NOON})


def test_the_context_is_no_argument() -> None:
    compiled = signature(with_context, context=True)
    assert list(compiled.parameters) == ["a"]
    assert compiled.pack((Decimal(1),), {}) == (["1"], {})


def test_a_function_in_a_wrapper_keeps_its_annotations() -> None:
    @functools.wraps(typed)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return typed(*args, **kwargs)

    assert there_and_back(wrapper, NOON) == ([NOON], {})


def test_an_annotation_that_cannot_be_resolved_spoils_no_other() -> None:
    compiled = signature(forward)
    assert compiled.parameters == {"later": DefinedLater, "never": "Undefined", "known": Decimal}


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "said"),
    [
        (plain, (), {}, "missing a required argument: 'a'"),
        (plain, (1, 2, 3), {}, "too many positional arguments"),
        (plain, (1,), {"d": 4}, "got an unexpected keyword argument 'd'"),
        (plain, (1,), {"a": 1}, "multiple values for argument 'a'"),
        (keyword_only, (), {}, "missing a required .*argument: 'when'"),
        (keyword_only, (NOON,), {}, "too many positional arguments"),
        (positional_only, (), {"a": 1, "b": 1}, "'a'"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_with_the_signature(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArgumentError, match=rf"task 'shop.work': .*{said}.*; its signature is shop.work\(") as caught:
        signature(function).pack(args, kwargs)
    assert not isinstance(caught.value, CallRefused)


@pytest.mark.parametrize(
    ("args", "kwargs", "parameter"),
    [
        (("noon",), {}, "when"),
        ((NOON, 1.5), {}, "price"),
        ((NOON,), {"id": "5"}, "id"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_parameter(
    args: tuple[Any, ...], kwargs: dict[str, Any], parameter: str
) -> None:
    with pytest.raises(ArgumentError, match=f"task 'shop.work', parameter '{parameter}': expected"):
        signature(typed).pack(args, kwargs)


def test_a_value_deep_inside_is_refused_with_the_way_to_it() -> None:
    with pytest.raises(ArgumentError, match=r"parameter 'a': \[0\]\['x'\]: set is not plain JSON"):
        signature(plain).pack(([{"x": {1}}],), {})


def test_a_value_among_the_variadic_ones_is_refused_by_their_name() -> None:
    with pytest.raises(ArgumentError, match="parameter 'rest'"):
        signature(several).pack((1, Decimal(1), "x"), {})
    with pytest.raises(ArgumentError, match="parameter 'due'"):
        signature(several).pack((1,), {"due": 5})


def test_at_the_worker_a_call_that_does_not_fit_is_refused_for_good() -> None:
    with pytest.raises(CallRefused, match="missing a required argument"):
        signature(plain).unpack([], {})


def test_at_the_worker_a_value_that_does_not_fit_is_refused_for_good() -> None:
    with pytest.raises(CallRefused, match="parameter 'when'"):
        signature(typed).unpack(["no date"], {})


def test_a_return_value_travels_by_its_annotation() -> None:
    compiled = signature(typed)
    assert compiled.pack_result(Decimal("2.50")) == '"2.50"'
    assert compiled.unpack_result('"2.50"') == Decimal("2.50")


def test_a_return_value_of_another_type_is_refused_for_good() -> None:
    with pytest.raises(CallRefused, match=r"task 'shop\.work', return value: expected Decimal"):
        signature(typed).pack_result(2.5)


def test_a_return_value_that_no_annotation_explains_must_be_plain_json() -> None:
    assert signature(plain).pack_result({"a": [1]}) == '{"a":[1]}'
    with pytest.raises(CallRefused, match="return value: set is not plain JSON"):
        signature(plain).pack_result({1})


def test_a_task_that_returns_none_takes_nothing_else() -> None:
    assert signature(several).pack_result(None) == "null"
    with pytest.raises(CallRefused, match="return value: expected None"):
        signature(several).pack_result(1)


def test_a_tampered_result_is_refused() -> None:
    with pytest.raises(CallRefused, match="return value"):
        signature(typed).unpack_result('["no decimal"]')
