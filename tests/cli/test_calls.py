"""What typed words become."""

from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from ebbtide.app import App
from ebbtide.cli.calls import Arguments, from_lines, from_words
from ebbtide.errors import ArgumentError

app = App()


class Size(Enum):
    SMALL = 1


@app.task
def take(
    number: int = 0,
    text: str = "",
    day: date | None = None,
    price: Decimal | None = None,
    size: Size = Size.SMALL,
    file: Path = Path(),
    rate: float = 0,
    many: list[int] | None = None,
    either: int | str = 0,
    anything: Any = None,
) -> None: ...


@app.task
def rest(first: str, *others: Decimal, **named: int) -> None: ...


def called(task: Any, *words: str, args: str | None = None, kwargs: str | None = None) -> Any:
    return task.signature.unpack(*from_words(task, words, args, kwargs))


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("number=5", 5),
        ("number=-5", -5),
        ("text=5", "5"),
        ("text=true", "true"),
        ("text=null", "null"),
        ("text=12.50", "12.50"),
        ('text="quoted"', "quoted"),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("day=2027-01-01", date(2027, 1, 1)),
        ('day="2027-01-01"', date(2027, 1, 1)),
        ("day=null", None),
        ("price=12.50", Decimal("12.50")),
        ("price=0.12345678901234567890123", Decimal("0.12345678901234567890123")),
        ("price=7", Decimal(7)),
        ("size=SMALL", Size.SMALL),
        ("file=123", Path("123")),
        ("file=a/b.txt", Path("a/b.txt")),
        ("rate=12.50", 12.5),
        ("many=[1, 2]", [1, 2]),
        ("either=5", 5),
        ("either=five", "five"),
        ("anything=5", 5),
        ("anything=12.50", 12.5),
        ('anything={"a": [1]}', {"a": [1]}),
        ("anything=word", "word"),
    ],
)
def test_a_word_is_what_the_annotation_wants(word: str, value: object) -> None:
    _, kwargs = called(take, word)
    (arrived,) = kwargs.values()
    assert arrived == value
    assert type(arrived) is type(value)


def test_words_by_position_follow_the_parameters_and_the_rest_has_one_type() -> None:
    assert called(take, "5", "5", "2027-01-01") == ([5, "5", date(2027, 1, 1)], {})
    assert called(rest, "1", "1.10", "2", "more=3") == (["1", Decimal("1.10"), Decimal(2)], {"more": 3})


def test_an_address_with_a_query_is_no_pair() -> None:
    assert called(rest, "https://example.org/?a=b") == (["https://example.org/?a=b"], {})


def test_json_texts_and_words_complete_each_other() -> None:
    assert called(take, "text=x", args="[5]") == ([5], {"text": "x"})
    assert called(take, "5", kwargs='{"text": "x"}') == ([5], {"text": "x"})


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        (("1",), {"args": "[1]"}, "one or the other"),
        (("text=a", "text=b"), {}, "'text' is given twice"),
        (("text=a",), {"kwargs": '{"text": "b"}'}, "'text' is given twice"),
        ((), {"args": "{}"}, "--args: a JSON array expected"),
        ((), {"kwargs": "[]"}, "--kwargs: a JSON object expected"),
        ((), {"args": "[1"}, "--args is not JSON"),
        ((), {"args": "[NaN]"}, "--args is not JSON"),
        (("txet=a",), {}, "has no parameter 'txet'. Did you mean 'text'?"),
        (("x",), {}, "parameter 'number': expected int, got str 'x'"),
        (("day=tomorrow",), {}, "parameter 'day'"),
        (("number=1.5",), {}, "parameter 'number': expected int, got float 1.5"),
        (("1", "2", "null", "4", "SMALL", "f", "1", "[]", "1", "1", "eleventh"), {}, "too many positional arguments"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(words: tuple[str, ...], options: dict[str, str], message: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        called(take, *words, **options)
    assert message in str(refused.value)


def test_the_cure_for_text_that_looks_like_a_pair_works() -> None:
    with pytest.raises(ArgumentError, match="quote it twice: '\"abc=x\"'"):
        called(take, "1", "abc=x")
    assert called(take, "1", '"abc=x"') == ([1, "abc=x"], {})


def test_each_line_is_one_call_and_empty_lines_are_none() -> None:
    lines = [b"[1, 2]\n", b"\n", b'{"text": "\xc3\xa9"}\n', b"[]"]
    assert list(from_lines(lines)) == [
        (1, Arguments([1, 2], {})),
        (3, Arguments([], {"text": "é"})),
        (4, Arguments([], {})),
    ]


@pytest.mark.parametrize("line", [b"5", b'"x"', b"[1", b"\xff", b'{"a": 1, "a": 2}', b"[NaN]"])
def test_any_other_line_is_refused_with_its_number(line: bytes) -> None:
    with pytest.raises(ArgumentError, match=r"^line 2: "):
        list(from_lines([b"[]", line]))
