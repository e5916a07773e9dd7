"""Lambda's Python runtimes and what runs in them: which Python, which processor, which wheels.

Amazon Linux 2 (glibc 2.26) is below python3.11, Amazon Linux 2023 (glibc 2.34) below the later ones: a wheel that asks
for a newer glibc cannot be loaded there. Source: AWS, "Lambda runtimes".
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from ebbtide.deploy.artefacts import Architecture
from ebbtide.deploy.bundle.wrong import BundleError

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Which runtimes there are that Ebbtide runs in."""

_MACHINES: dict[Architecture, str] = {"arm64": "aarch64", "x86_64": "x86_64"}


class Runtime(NamedTuple):
    """python: "3.13"; architecture: as Lambda writes it."""

    python: str
    architecture: Architecture

    @property
    def name(self) -> str:
        """As Lambda writes it: python3.13."""
        return f"python{self.python}"

    @property
    def platform(self) -> str:
        """As uv writes the oldest platform a wheel may be for."""
        return f"{_MACHINES[self.architecture]}-manylinux_2_{17 if self.python == '3.11' else 34}"

    @property
    def cache_tag(self) -> str:
        """What the names of its bytecode files hold."""
        return f"cpython-{self.python.replace('.', '')}"


def runtime(python: str | None, architecture: str = "arm64") -> Runtime:
    """The runtime of this Python, `3.13` or `python3.13`; without one, of the Python that runs this.

    Raises BundleError for one that Lambda does not have.
    """
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    wanted = (python or here).removeprefix("python")
    if wanted not in PYTHONS:
        why = "" if python else " (the one that runs this command)"
        raise BundleError(f"Lambda has no runtime for Python {wanted}{why}; take one of {', '.join(PYTHONS)}: --python")
    for known in _MACHINES:
        if known == architecture:
            return Runtime(wanted, known)
    raise BundleError(f"Lambda has no {architecture!r}; take one of {', '.join(_MACHINES)}: --architecture")
