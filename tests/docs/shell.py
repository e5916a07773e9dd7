"""A shell to run a page in. An id that the page shows stands for the id that came in its place, also in commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.acceptance.house import runtime
from tests.docs.pages import ID

_END = "\x1e"
_RUNTIME = {"EBBTIDE_RUNTIME_PYTHON": str(python)} if (python := runtime()) else {}
"""So that a rehearsal need not make an environment, which takes a network."""


class Shell:
    """One bash with Ebbtide on its path, in a folder; whatever it left running ends with it."""

    def __init__(self, folder: Path) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("EBBTIDE_", "COV_"))}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**env, **_RUNTIME, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "", "COLUMNS": "80"},
            text=True,
            start_new_session=True,
        )
        self._ids: dict[str, str] = {}

    def run(self, command: str) -> tuple[str, int]:
        """Output and exit code of a command, which may contain ids that the page shows."""
        command = ID.sub(lambda m: self._ids.get(m[0], m[0]), command)
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(
            f"(exit ${{code:-0}})\n{{ {command}\n}} </dev/null\ncode=$?; printf '\\n{_END}%d\\n' $code\n"
        )
        self._bash.stdin.flush()
        output = ""
        for line in self._bash.stdout:
            if line.startswith(_END):
                return output.removesuffix("\n"), int(line[1:])
            output += line
        raise AssertionError(f"the shell ended in {command!r}: {output}")

    def learn(self, expected: str, actual: str) -> None:
        """From now on the ids that are shown stand for those that came. Raises AssertionError if one is another now."""
        shown, came = ID.findall(expected), ID.findall(actual)
        for one, other in zip(shown, came, strict=len(shown) == len(came)):
            known = self._ids.setdefault(one, other)
            assert known == other, f"{one} stood for {known} and now for {other}"

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.killpg(self._bash.pid, signal.SIGKILL)
        with self._bash:
            pass
