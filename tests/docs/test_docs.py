"""The documentation holds: what it shows is what happens, its links lead somewhere, and every page can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.acceptance.house import runtime
from tests.docs.pages import DOCS, anchors, blocks, links, pages, prose, same, steps
from tests.docs.shell import Shell

READ_ONLY = {"text", "json"}
NOUNS = {"app", "task", "queue", "lane", "trigger", "retry policy", "message", "broker", "delivery", "outcome"}
NOUNS |= {"result", "worker", "stage", "group", "envelope", "attempt", "record", "dead letter", "redrive", "lineage"}
NOUNS |= {"holder", "loan", "grace", "drain", "durability"}
"""The nouns of the design, and those the pages lean on."""


@pytest.mark.parametrize("page", [page for page in pages() if any(b.language == "console" for b in blocks(page))])
def test_what_a_page_shows_is_what_happens(page: str, tmp_path: Path) -> None:
    if "$ ebbtide rehearse" in _commands(page) and runtime() is None:
        pytest.skip("needs .venvs/lambda, of this Python")
    with Shell(tmp_path) as shell:
        for block in blocks(page):
            if block.title:
                (tmp_path / block.title).write_text(block.text, "utf-8")
            if block.language == "console":
                found = list(steps(block))
                following = [step.command for step in found[1:]] + [""]
                for step, after in zip(found, following, strict=True):
                    _holds(shell, page, step.command, step.expected, step.line, told="echo $?" in after)


def _commands(page: str) -> str:
    return "\n".join(block.text for block in blocks(page) if block.language == "console")


def _holds(shell: Shell, page: str, command: str, expected: str, line: int, told: bool) -> None:
    output, code = shell.run(command)
    where = f"docs/{page}:{line}: $ {command}"
    assert same(expected, output), f"{where}\n--- shown\n{expected}\n--- came\n{output}"
    assert told or code == 0, f"{where}\nended with {code}; let `$ echo $?` follow where that is meant"
    shell.learn(expected, output)


@pytest.mark.parametrize("page", pages())
def test_every_block_says_what_is_to_be_done_with_it(page: str) -> None:
    for block in blocks(page):
        known = (
            block.language in READ_ONLY
            or block.language == "console"
            or (block.language in ("python", "toml") and block.title)
        )
        assert known, f"docs/{page}:{block.line}: a {block.language or 'nameless'} block is run by nobody"
    assert prose(page).count("```") == 0, f"docs/{page}: a fence is not closed, or not understood"


@pytest.mark.parametrize("page", pages())
def test_every_file_a_page_has_us_write_is_used_on_it(page: str) -> None:
    texts = [(block.title, block.text) for block in blocks(page)]
    for title in {title for title, _ in texts if title}:
        stem = title.removesuffix(".py")
        assert any(re.search(rf"\b{stem}\b", text) for other, text in texts if other != title), f"docs/{page}: {title}"


@pytest.mark.parametrize("page", [str(path.relative_to(DOCS)) for path in sorted(DOCS.rglob("*.md"))])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (DOCS / page).parent / path if path else DOCS / page
        assert there.exists(), f"docs/{page}: {target}"
        if anchor:
            assert anchor in anchors(str(there.resolve().relative_to(DOCS))), f"docs/{page}: {target}"


def test_the_index_leads_to_every_page() -> None:
    assert sorted(link for link in links("README.md") if link.endswith(".md") and not link.startswith("decisions")) == [
        page for page in pages() if page != "README.md"
    ]


def test_the_glossary_explains_every_noun_of_the_design() -> None:
    terms = re.findall(r"^\*\*(.+?)\*\*", prose("glossary.md"), re.MULTILINE)
    assert not NOUNS - {term.lower() for term in terms}
    assert terms == sorted(terms, key=str.lower)


def test_a_different_output_is_told_from_the_same_one() -> None:
    id, other = "0190163d-8694-739b-aea5-966c26f8ad91", "01a1fe27-b7be-7346-81d5-c2261e56dcb3"
    assert same(f"{id}  took 12 ms\n", f"{other} took 1.5 s\n")
    assert same("a\n...\nd", "a\nb\nc\nd\n")
    assert not same("1 dead letter", "2 dead letters")
    assert not same("a\n...\nd", "a\nb\nc")
    assert not same("", "a warning")
