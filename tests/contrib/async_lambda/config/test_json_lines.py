"""JSON with lines: what the standard library reads is read alike, and what is wrong is told with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contrib.async_lambda.config.shop import refused, write

from ebbtide.contrib.async_lambda.config.json_lines import read_json
from ebbtide.contrib.async_lambda.config.read import read

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 0, 2, "\t"]), st.booleans())
@settings(max_examples=50, deadline=None)
def test_what_json_writes_is_read_as_json_reads_it(value: Any, indent: int | str | None, ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert read_json(f" {text}\n")[0] == json.loads(text)


def test_everything_has_its_line() -> None:
    _, lines = read_json('{\n  "layers": [\n    "one",\n    "two"\n  ],\n  "tags": {"a":\n "b"}}')
    assert lines == {(): 1, ("layers",): 2, ("layers", "0"): 3, ("layers", "1"): 4, ("tags",): 6, ("tags", "a"): 6}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n "layers": []\n "tags": {}}', "3: no JSON: a comma or '}' is expected, and there is '\"tags\": {}}'"),
        ('{\n "layers": [\n  "one",\n ]}', "3: no JSON: there is a comma too many before ']'"),
        ('{\n "tags": {},\n}', "2: no JSON: there is a comma too many before '}'"),
        ('{\n "tags": {}, // mine\n}', "2: no JSON: JSON has no comments, and there is '// mine'"),
        ('{\n # mine\n "tags": {}}', "2: no JSON: JSON has no comments, and there is '# mine'"),
        ("/* mine */ {}", "1: no JSON: JSON has no comments, and there is '/* mine */ {}'"),
        (
            '{\n "tags": {},\n "layers": [],\n "tags": {}}',
            "4: no JSON: 'tags' stands twice in one object, first on line 2",
        ),
        ('{\n "queue_age_alarm": {"threshold": NaN}}', "2: no JSON: NaN is no number of JSON's"),
        ('{\n "queue_age_alarm": {"threshold": -Infinity}}', "2: no JSON: -Infinity is no number of JSON's"),
        ('{\n "queue_age_alarm": {"threshold": 1e999}}', "2: no JSON: the number 1e999 is too big"),
        ("{\n 'tags': {}}", '2: no JSON: a name in quotes, as "layers", is expected, and there is "\'tags\': {}}"'),
        ('{\n "tags" {}}', "2: no JSON: a colon is expected after 'tags', and there is '{}}'"),
        ('{\n "tags": }', "2: no JSON: a value is expected, and there is '}'"),
        ('{\n "tags": tru}', "2: no JSON: a value is expected, and there is 'tru}'"),
        ('{\n "domain_name": "a\n"}', "2: no JSON: a text is not right: Invalid control character at"),
        ('{\n "domain_name": "a', "2: no JSON: a text is not right: Unterminated string starting at"),
        ('{\n "tags": {}', "2: no JSON: a comma or '}' is expected, and the file ends"),
        ("", "1: no JSON: a value is expected, and the file ends"),
        ("{}\n{}", "2: no JSON: the end is expected, and there is '{}'"),
        ("[" * 100_000, "1: no JSON: it is nested too deeply"),
        ("\n[]", "2: an object is expected, as {}"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert refused(tmp_path, text) == [f".async_lambda/config.json:{told}"]


def test_a_mark_of_the_byte_order_is_no_fault(tmp_path: Path) -> None:
    assert read(write(tmp_path, '\ufeff{"tags": {}}')).content == {"tags": {}}


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path).content == {}


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "{}")
    (tmp_path / ".async_lambda/config.json").write_bytes(b'{"domain_name": "\xff"}')
    with pytest.raises(Exception, match=r"^\.async_lambda/config\.json: 'utf-8' codec can't decode byte 0xff"):
        read(tmp_path)
