"""`--extras FILE`: resources, outputs and parameters of the user's own, put into the template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ebbtide.errors import DeclarationError
from ebbtide.names import nearest

Json = dict[str, Any]

SECTIONS = ("Conditions", "Mappings", "Metadata", "Outputs", "Parameters", "Resources", "Rules")
"""What of a template is a table by names."""


def read(file: Path) -> Json:
    """What stands in the file. Raises DeclarationError for what is no part of a template."""
    try:
        found = json.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise DeclarationError(f"{file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise DeclarationError(f"{file}:{error.lineno}: no JSON: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{file}: no UTF-8: {error}") from None
    if not isinstance(found, dict):
        raise DeclarationError(f'{file}: an object is expected, as {{"Resources": {{}}}}')
    for section, named in found.items():
        if section not in SECTIONS:
            raise DeclarationError(
                f"{file}: {section!r} is no part of a template to add to.{nearest(section, SECTIONS)}"
            )
        if not isinstance(named, dict):
            raise DeclarationError(f"{file}: {section}: an object is expected")
    return found


def added(template: Mapping[str, Any], more: Mapping[str, Json], file: Path) -> Json:
    """The template with more in it. Raises DeclarationError for what both have."""
    made = dict(template)
    for section, named in more.items():
        there = template.get(section, {})
        if twice := sorted(there.keys() & named.keys()):
            raise DeclarationError(
                f"{file}: {section} {', '.join(twice)}: the template has that already; rename it, or change what is "
                f"there by a setting"
            )
        made[section] = {**there, **named}
    return made
