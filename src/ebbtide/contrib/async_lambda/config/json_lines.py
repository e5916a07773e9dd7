"""JSON and the line of every value in it: the standard library's reader keeps no lines, an error message needs one.

It is strict: no comments, no comma at the end, no name twice in one object, no NaN.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Any, NoReturn

from ebbtide.deploy.settings.merge import Path

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENTS = ("//", "/*", "#")
_CLOSING = {"{": "}", "[": "]"}


class NoJson(ValueError):
    """The text is no JSON. line: where; message: why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


def read_json(text: str) -> tuple[Any, dict[Path, int]]:
    """The value, and the line of everything in it by its path; items of a list are called "0", "1".

    Raises NoJson.
    """
    reader = _Reader(text)
    try:
        value, end = reader.value(reader.next(0), ())
    except RecursionError:
        raise NoJson(1, "it is nested too deeply") from None
    if (end := reader.next(end)) != len(text):
        reader.refuse(end, "the end is expected")
    return value, reader.lines


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[Path, int] = {}
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._scalars = json.JSONDecoder(parse_constant=_constant, parse_float=_finite)

    def value(self, at: int, path: Path) -> tuple[Any, int]:
        """The value that begins there, and where it ends."""
        self.lines.setdefault(path, self._line(at))
        if self.text[at : at + 1] == "{":
            return self._object(at, path)
        if self.text[at : at + 1] == "[":
            return self._list(at, path)
        return self._scalar(at)

    def next(self, at: int) -> int:
        """Where the next thing begins."""
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def refuse(self, at: int, expected: str) -> NoReturn:
        """Say what is expected, and what is there."""
        rest = self.text[at : at + 20].split("\n")[0]
        if rest.startswith(_COMMENTS):
            expected = "JSON has no comments"
        raise NoJson(self._line(at), f"{expected}, and there is {rest!r}" if rest else f"{expected}, and the file ends")

    def _object(self, at: int, path: Path) -> tuple[dict[str, Any], int]:
        made: dict[str, Any] = {}
        begin, at = at, self.next(at + 1)
        while self.text[at : at + 1] != "}":
            if self.text[at : at + 1] != '"':
                self.refuse(at, 'a name in quotes, as "layers", is expected')
            start = at
            name, at = self._scalar(at)
            here = (*path, name)
            if name in made:
                raise NoJson(
                    self._line(start), f"{name!r} stands twice in one object, first on line {self.lines[here]}"
                )
            self.lines[here] = self._line(start)
            if self.text[(at := self.next(at)) : at + 1] != ":":
                self.refuse(at, f"a colon is expected after {name!r}")
            made[name], at = self.value(self.next(at + 1), here)
            at = self._comma(begin, self.next(at))
        return made, at + 1

    def _list(self, at: int, path: Path) -> tuple[list[Any], int]:
        made: list[Any] = []
        begin, at = at, self.next(at + 1)
        while self.text[at : at + 1] != "]":
            item, at = self.value(at, (*path, str(len(made))))
            made.append(item)
            at = self._comma(begin, self.next(at))
        return made, at + 1

    def _comma(self, begin: int, at: int) -> int:
        """Where the next member begins, or the closing bracket stands."""
        closing = _CLOSING[self.text[begin]]
        if self.text[at : at + 1] == closing:
            return at
        if self.text[at : at + 1] != ",":
            self.refuse(at, f"a comma or {closing!r} is expected")
        after = self.next(at + 1)
        if self.text[after : after + 1] == closing:
            raise NoJson(self._line(at), f"there is a comma too many before {closing!r}")
        return after

    def _scalar(self, at: int) -> tuple[Any, int]:
        try:
            return self._scalars.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            if self.text[at : at + 1] == '"':
                raise NoJson(self._line(error.pos), f"a text is not right: {error.msg}") from None
            self.refuse(at, "a value is expected")
        except ValueError as error:
            raise NoJson(self._line(at), str(error)) from None

    def _line(self, at: int) -> int:
        return bisect_right(self._ends, at - 1) + 1


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(f"the number {digits[:40]} is too big")
    return number
