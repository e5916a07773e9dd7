"""What a build puts beside its template: the archives, for which processor and Python, and how big they are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

Architecture = Literal["arm64", "x86_64"]
"""As Lambda writes it."""


class Image(NamedTuple):
    """A container image to be made instead of archives. folder: with the Dockerfile and all it copies."""

    folder: Path
    dockerfile: str = "Dockerfile"
    tag: str = "latest"


class Artefacts(NamedTuple):
    """What a template points at.

    code: the archive of the user's code and Ebbtide, unpacked to /var/task. dependencies: the archive of a layer
    (python/...), or None if the project depends on nothing. runtime: as Lambda writes it, `python3.13`. image: set
    if a container image takes the place of both archives; code then names its folder.
    """

    code: Path
    dependencies: Path | None
    architecture: Architecture
    runtime: str
    image: Image | None = None
