"""One virtual environment per contender, made on first use and kept until its requirements change.

Contenders' dependencies disagree, and what is merely installed beside a library can change its speed.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks" / ".venvs"


def environment(name: str, requirements: tuple[str, ...]) -> Path:
    """The folder of an environment holding these requirements."""
    folder = FOLDER / name
    ready = folder / ".ready"
    wanted = _fingerprint(requirements)
    if not ready.exists() or ready.read_text() != wanted:
        print(f"making an environment for {name}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, requirements)
        ready.write_text(wanted)
    return folder


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    python = folder / "bin" / "python"
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0:
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        install: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, *requirements], check=True, cwd=ROOT)


def _fingerprint(requirements: tuple[str, ...]) -> str:
    # An editable install of this very project changes with what the project asks for.
    project = (ROOT / "pyproject.toml").read_bytes() if "--editable" in requirements else b""
    return hashlib.sha256("\n".join((sys.version, *requirements)).encode() + project).hexdigest()
