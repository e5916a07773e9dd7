"""What a bundle cannot be made of, or for; each message names the file or the package, and the cure."""

from __future__ import annotations

from ebbtide.errors import EbbtideError


class BundleError(EbbtideError):
    """The bundle cannot be made; the message names the file or the package and the cure."""
