"""Where the settings of an async-lambda app stand: `.async_lambda/config.json` in the project's folder."""

from __future__ import annotations

from pathlib import Path

from ebbtide.contrib.async_lambda.config.json_lines import NoJson, read_json
from ebbtide.deploy.settings.file import Written
from ebbtide.errors import DeclarationError

FILE = ".async_lambda/config.json"


def read(folder: Path) -> Written:
    """What the file says; empty if there is none. Raises DeclarationError, with its line, for what is no object."""
    try:
        text = (folder / FILE).read_text("utf-8-sig")
    except FileNotFoundError:
        return Written()
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{FILE}: {error}") from None
    try:
        content, lines = read_json(text)
    except NoJson as error:
        raise DeclarationError(f"{FILE}:{error.line}: no JSON: {error.message}") from None
    if not isinstance(content, dict):
        raise DeclarationError(f"{FILE}:{lines[()]}: an object is expected, as {{}}")
    return Written(content, FILE, lines)
