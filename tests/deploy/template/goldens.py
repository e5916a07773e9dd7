"""Writes the golden templates anew: `python -m tests.deploy.template.goldens`, then look at what changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.deploy.template.examples import examples

FOLDER = Path(__file__).parents[1] / "golden"


def as_text(template: Any) -> str:
    return json.dumps(template, indent=1) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for example in examples():
        (FOLDER / f"{example.name}.json").write_text(as_text(example.template()), "utf-8")


if __name__ == "__main__":
    main()
