"""What of Ebbtide goes into a bundle: all but the command line, what deploys, the console and the web server."""

from __future__ import annotations

from pathlib import Path

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.tree import Tree

PACKAGE = Path(__file__).resolve().parents[2]
LEFT_OUT = frozenset(
    {"cli", "deploy", "console", "web/server.py", "web/process.py"}
    | {"contrib/async_lambda/cli", "contrib/async_lambda/payload_bucket.py"}
)
"""What needs libraries that are not in a bundle; nothing else imports it."""

SETTINGS = "contrib/async_lambda/config/"
"""So do the modules in this folder, but not the folder itself, from which such apps import."""


def ours() -> list[Entry]:
    """The files of the package that is running, named from `ebbtide/` on."""
    tree = Tree(PACKAGE, _left_out)
    return [entry._replace(name=f"{PACKAGE.name}/{entry.name}") for entry in tree.entries()]


def _left_out(name: str) -> bool:
    of_settings = name.startswith(SETTINGS) and name != f"{SETTINGS}__init__.py"
    return name in LEFT_OUT or of_settings or name.endswith("__pycache__")
