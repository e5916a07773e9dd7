"""Draws docs/images/demo.svg: runs the demo and sets what it printed, as it printed it, as a picture of a terminal."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 132
STYLES = {"WARNING": "yellow", "ERROR": "red", "kill -9": "bold magenta", "nothing lost": "bold green", "$ ": "bold"}


def main() -> None:
    """Run the demo and draw it."""
    command = [sys.executable, str(HERE / "demo.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text("$ make demo", style="bold"))
    for line in done.stdout.replace(str(ROOT) + "/", "").splitlines():
        style = next((style for mark, style in STYLES.items() if mark in line), "")
        console.print(Text(line, style=style), no_wrap=True, overflow="ellipsis", crop=True)
    PICTURE.write_text(console.export_svg(title="Ebbtide"), encoding="utf-8")


if __name__ == "__main__":
    main()
