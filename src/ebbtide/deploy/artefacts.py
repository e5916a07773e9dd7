"""What a build puts beside its template: the archives, for which processor and Python, and how big they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple

Architecture = Literal["arm64", "x86_64"]
"""As Lambda writes it."""


class Image(NamedTuple):
    """A container image instead of archives. folder: with the Dockerfile and all it copies, to make it of. uri: of one
    that is in a registry already, and holds app and Ebbtide; then nothing is made."""

    folder: Path
    dockerfile: str = "Dockerfile"
    tag: str = "latest"
    uri: str | None = None


class Artefacts(NamedTuple):
    """What a template points at; it names files as these paths do, which are relative to its own folder.

    code: the archive of the user's code and Ebbtide, unpacked to /var/task. dependencies: the archive of a layer
    (python/...), or None if the project depends on nothing. runtime: as Lambda writes it, `python3.13`. image: set
    if a container image takes the place of both archives; code then names its folder.
    """

    code: Path
    dependencies: Path | None
    architecture: Architecture
    runtime: str
    image: Image | None = None

    def seen_from(self, folder: Path) -> Artefacts:
        """The same for a template in this folder."""

        def seen(path: Path) -> Path:
            return Path(os.path.relpath(path, folder))

        image = self.image and self.image._replace(folder=seen(self.image.folder))
        layer = self.dependencies and seen(self.dependencies)
        return self._replace(code=seen(self.code), dependencies=layer, image=image)
