"""`import ebbtide` is paid by every cold start, so it loads the standard library alone, less its dear parts."""

import subprocess
import sys

import pytest

DEAR = {"asyncio", "logging", "sqlite3", "boto3", "concurrent", "http", "socket", "ssl"}

# What a bare interpreter and its site packages loaded before the statement is not the statement's doing.
SCRIPT = "import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"


def loaded_by(statement: str) -> set[str]:
    """Names of the top-level modules a fresh interpreter loads for this statement."""
    command = [sys.executable, "-I", "-c", SCRIPT.format(statement=statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.split()}


def unwelcome(loaded: set[str]) -> set[str]:
    """Those of them that are dear, or come neither from the standard library nor from Ebbtide."""
    # The interpreter's own build data has a name of its own on each system, and stands in no list.
    theirs = {name for name in loaded if name not in {*sys.stdlib_module_names, "ebbtide"}}
    return {name for name in theirs if not name.startswith("_sysconfigdata")} | (loaded & DEAR)


def test_importing_ebbtide_loads_nothing_dear_and_nothing_of_others() -> None:
    loaded = loaded_by("import ebbtide")
    assert "ebbtide" in loaded
    assert unwelcome(loaded) == set()


@pytest.mark.parametrize("planted", ["asyncio", "logging", "sqlite3", "click", "pytest"])
def test_an_unwelcome_import_is_seen(planted: str) -> None:
    assert planted in unwelcome(loaded_by(f"import {planted}"))
