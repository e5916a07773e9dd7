"""The log of a Lambda function: every line JSON, with the request it belongs to; a task's lines with the task."""

from __future__ import annotations

import logging

from ebbtide.runners.logs import JsonLines

log = logging.getLogger("ebbtide.lambda")
"""What the function says itself."""

_now: dict[str, str] = {}


def set_up(level: str) -> None:
    """Have everything logged in this process written to standard error.

    In place of what AWS's runtime has set up, which would write each line once more, as text.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(lambda: _now))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("botocore").setLevel(max(logging.WARNING, logging.getLevelName(level)))  # it tells of each start
    log.setLevel(min(logging.INFO, logging.getLevelName(level)))


def begin(request_id: str) -> None:
    """From now on lines belong to this invocation."""
    _now["request_id"] = request_id
