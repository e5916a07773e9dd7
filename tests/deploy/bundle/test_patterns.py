"""Patterns mean what a .gitignore has taught."""

import pytest

from ebbtide.deploy.bundle.patterns import matcher


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("*.log", "a.log", True),
        ("*.log", "deep/er/a.log", True),
        ("*.log", "a.log.txt", False),
        ("*.log", "logs", False),
        ("tests", "shop/tests", True),
        ("tests/", "shop/tests", True),
        ("/build", "build", True),
        ("/build", "shop/build", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/more/a.md", False),
        ("docs/**/*.md", "docs/a.md", True),
        ("docs/**/*.md", "docs/x/y/a.md", True),
        ("data/**", "data/x/y", True),
        ("data/**", "database", False),
        ("a?.py", "ab.py", True),
        ("a?.py", "a/.py", False),
        ("a+(b).py", "a+(b).py", True),
    ],
)
def test_a_pattern_means(pattern: str, path: str, meant: bool) -> None:
    assert matcher([pattern])(path) is meant


def test_no_pattern_means_nothing() -> None:
    assert not matcher([])("")
    assert not matcher([])("a")
