"""What of Ebbtide is in a bundle needs nothing that is not."""

from __future__ import annotations

import sys

from tests.test_architecture import Module, imports

from ebbtide.deploy.bundle.ours import LEFT_OUT, PACKAGE, SETTINGS, ours

OPTIONAL = {"boto3", "botocore", "opentelemetry"}
"""boto3 is in Lambda's runtime; the door to OpenTelemetry is opened by who has it."""


def test_every_module_finds_what_it_imports() -> None:
    names = {entry.name for entry in ours()}
    assert "ebbtide/on_lambda/entry.py" in names
    for name in sorted(names):
        if name.endswith(".py"):
            module = Module(name.removeprefix("ebbtide/"), (PACKAGE.parent / name).read_text("utf-8"))
            for line, target in imports(module):
                assert _there(target, names), f"{name}:{line} imports {target}"


def _there(target: str, names: set[str]) -> bool:
    first, *rest = target.split(".")
    if first != "ebbtide":
        return first in sys.stdlib_module_names or first in OPTIONAL
    whole = [f"{path}{end}" for path in _paths(target) for end in (".py", "/__init__.py")]
    return not rest or any(path in names for path in whole)


def _paths(target: str) -> list[str]:
    """The last word may be a module, or a name in one; `ebbtide` alone is everywhere."""
    path = target.replace(".", "/")
    parent = path.rpartition("/")[0]
    return [path] if parent == "ebbtide" else [path, parent]


def test_all_that_is_left_out_is_there_to_be_left_out() -> None:
    names = {entry.name for entry in ours()}
    for name in LEFT_OUT - {"console"}:
        assert (PACKAGE / name).exists()
        assert not any(each.startswith(f"ebbtide/{name}") for each in names)


def test_what_async_lambda_apps_import_is_there_and_what_reads_their_settings_is_not() -> None:
    folder = f"ebbtide/{SETTINGS}"
    assert [entry.name for entry in ours() if entry.name.startswith(folder)] == [f"{folder}__init__.py"]
