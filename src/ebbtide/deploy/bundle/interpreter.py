"""The Python that compiles a bundle's bytecode: it must be of the very version that will run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.uv import UvFailed, asked
from ebbtide.deploy.bundle.wrong import BundleError

_TELL = "import sys; print('%d.%d' % sys.version_info[:2])"


def interpreter(runtime: Runtime, root: Path) -> Path:
    """This one, or the one of that version that uv finds on this machine. Raises BundleError."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if runtime.python == here:
        return Path(sys.executable)
    try:
        found = asked(
            ["python", "find", "--no-project", "--system", "--no-python-downloads", runtime.python], root
        ).strip()
        done = subprocess.run(  # noqa: S603 an interpreter that uv found
            [found, "-I", "-S", "-c", _TELL], capture_output=True, text=True, check=True, timeout=30
        )
        if done.stdout.strip() == runtime.python:
            return Path(found)
    except (UvFailed, OSError, subprocess.SubprocessError):
        pass
    raise BundleError(
        f"bytecode for {runtime.name} can only be made by Python {runtime.python}, and there is none here: "
        f"'uv python install {runtime.python}', or build for this one: --python {here}"
    )
