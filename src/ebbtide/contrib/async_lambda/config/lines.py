"""Where in the file our settings' words stand, so that a later finding leads to the line it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from ebbtide.contrib.async_lambda.config.stages import place_stage
from ebbtide.deploy.settings.merge import Path

_OURS: dict[str, Path] = {
    "environment_variables": ("environment",),
    "subnet_ids": ("vpc", "subnets"),
    "security_group_ids": ("vpc", "security_groups"),
    "logging_config": ("properties", "LoggingConfig"),
    "domain_name": ("api", "domain", "name"),
    "certificate_arn": ("api", "domain", "certificate"),
}


def in_our_words(lines: Mapping[Path, int], stage: str | None) -> dict[Path, int]:
    """The lines by our settings' paths. stage: the one that is built, by its name in the file."""
    told = {_path(path, stage): line for path, line in lines.items()}
    # A policy that is only named is among these, and ours of another key.
    named = {(*path[:-1], "managed_policies"): line for path, line in told.items() if path[-1:] == ("policies",)}
    return {**told, **named}


def _path(path: Path, stage: str | None) -> Path:
    if path[:1] == ("tasks",) and len(path) > 1:
        return ("task", path[1], *_path(path[2:], stage))
    if path[:1] == ("stages",) and len(path) > 1:
        # Others keep their name, which may be no name for a place.
        return ("stage", place_stage(stage) if path[1] == stage else path[1], *_path(path[2:], stage))
    return (*_OURS.get(path[0], path[:1]), *path[1:]) if path else ()
