"""The apps in examples/ with their settings, and the one here that has everything: what template tests run over."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.deploy.template import rich

from ebbtide.app import App
from ebbtide.deploy.artefacts import Artefacts
from ebbtide.deploy.settings import Settings, settings_of
from ebbtide.deploy.template import template

EXAMPLES = Path(__file__).parents[3] / "examples"
KEY = f"arn:aws:kms:{rich.REGION}:{rich.ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef"


class Example(NamedTuple):
    """An app as it would be built. target: as on the command line."""

    name: str
    target: str
    app: App
    settings: Settings
    artefacts: Artefacts = rich.ZIPPED

    def template(self) -> dict[str, Any]:
        return template(self.app, self.target, "prod", self.settings, self.artefacts)


@cache
def examples() -> list[Example]:
    """All of them, by name."""
    found = [loaded(file) for file in sorted(EXAMPLES.glob("*/*.py")) if "\napp = App(" in file.read_text("utf-8")]
    everything = [
        Example("rich", "shop:app", rich.app(), rich.settings()),
        Example("rich-image", "shop:app", rich.app(), rich.settings(), rich.IMAGE),
        Example("rich-own-key", "shop:app", rich.app(), rich.settings()._replace(kms_key=KEY)),
    ]
    return [*found, *everything]


def loaded(file: Path) -> Example:
    """The app of one file, imported under a name that nothing else has."""
    name = f"ebbtide_example_{file.parent.name.replace('-', '_')}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
    return Example(file.parent.name, f"{file.stem}:app", module.app, settings_of(module.app, "prod", file.parent))
