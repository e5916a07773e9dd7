"""What a function may answer to a batch of two messages, and how many of them the mapping then takes for failed.

Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda", success and failure conditions.
A message that failed is found in the dead letters, for its queue lets it be received but once.
"""

from __future__ import annotations

import json
from typing import Any

HANDLER = """
import json

def handler(event, context):
    told = event["Records"][0]["body"]
    if told == "raise":
        raise ValueError("told to")
    last = event["Records"][-1]["messageId"]
    return json.loads(told.replace("LAST", last))
"""
"""Does what its first message says."""


def _failing(*items: Any) -> str:
    return json.dumps({"batchItemFailures": list(items)})


REPLIES: dict[str, tuple[str, int]] = {
    "an empty object": ("{}", 0),
    "null": ("null", 0),
    "an empty list": (_failing(), 0),
    "no list": (json.dumps({"batchItemFailures": None}), 0),
    "one of two": (_failing({"itemIdentifier": "LAST"}), 1),
    "an empty id": (_failing({"itemIdentifier": ""}), 2),
    "a null id": (_failing({"itemIdentifier": None}), 2),
    "another key": (_failing({"messageId": "LAST"}), 2),
    "an unknown id": (_failing({"itemIdentifier": "11111111-1111-4111-8111-111111111111"}), 2),
    "one that is known and one that is not": (_failing({"itemIdentifier": "LAST"}, {"itemIdentifier": "x"}), 2),
    "an exception": ("raise", 2),
}
"""By name: what both messages hold, and how many must be found to have failed."""

NOT_ON_MINISTACK = frozenset(
    ("no list", "an empty id", "a null id", "another key", "an unknown id", "one that is known and one that is not")
)
"""Where MiniStack differs from AWS's document: it reads over what it does not understand, and fails on a null."""
