"""The documentation as the tests see it: pages, and their fenced blocks, tables and links.

    ```python title=shop.py     is written to that file, in a folder of the page's own
    ```console                  lines with `$ ` are run in one bash for the page (`> ` goes on with a command); the
                                lines below are the output, standard error included; a lone `...` stands for any lines
    ```text, ```json            are only read

What differs from run to run (ids, times, durations, versions, paths) is compared by its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"

_FENCE = re.compile(r"^```(?P<language>\w*)(?: title=(?P<title>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KINDS = [
    (ID, "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? m?s\b"), "<duration>"),
    (re.compile(r"\b\d+\.\d+\.\d+\w*"), "<version>"),
    (re.compile(r"process \d+"), "process <pid>"),
    (re.compile(r'File "[^"]*/(\w+\.py)"'), r'File "\1"'),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
]


class Block(NamedTuple):
    """One fenced block; line is where its text begins, from 1."""

    language: str
    title: str | None
    text: str
    line: int


class Step(NamedTuple):
    """One command of a console block and what it is shown to print."""

    command: str
    expected: str
    line: int


def pages() -> list[str]:
    """All pages but the decisions, relative to docs/."""
    found = (path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
    return sorted(str(path) for path in found if path.parts[0] != "decisions")


def blocks(page: str) -> list[Block]:
    text = (DOCS / page).read_text("utf-8")
    return [
        Block(m["language"], m["title"], m["text"], text.count("\n", 0, m.start("text")) + 1)
        for m in _FENCE.finditer(text)
    ]


def steps(block: Block) -> Iterator[Step]:
    command, expected, line = "", "", 0
    for number, text in enumerate(block.text.splitlines(), block.line):
        if text.startswith("$ "):
            if command:
                yield Step(command, expected, line)
            command, expected, line = text[2:], "", number
        elif text.startswith("> ") and not expected:
            command += "\n" + text[2:]
        else:
            expected += text + "\n"
    yield Step(command, expected, line)


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", (DOCS / page).read_text("utf-8"))


def links(page: str) -> list[str]:
    return [m["target"] for m in _LINK.finditer(prose(page))]


def anchors(page: str) -> set[str]:
    """What `#...` may follow the page's name, as GitHub makes it of a heading."""
    headings = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def tables(page: str, section: str | None = None) -> list[list[list[str]]]:
    """The tables of a page, or of the section under that heading, as rows of cells; the header row is left out."""
    text = prose(page)
    if section is not None:
        _, _, text = text.partition(f"# {section}\n")
        text = re.split(r"^#+ ", text, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[_cells(row) for row in table.splitlines()[2:]] for table in found]


def _cells(row: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", row.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]


def same(expected: str, actual: str) -> bool:
    """Whether an output is the one shown, but for what differs from run to run."""
    lines = [re.escape(line) if line != "..." else "(?:.*\n)*?.*" for line in _by_kind(expected).split("\n")]
    return re.fullmatch("\n".join(lines), _by_kind(actual)) is not None


def _by_kind(text: str) -> str:
    for pattern, kind in _KINDS:
        text = pattern.sub(kind, text)
    return text.strip("\n")
