"""`json.dumps(value, cls=PayloadEncoder)`: a payload's JSON, in `json`'s own way; the door's is `payload.encode`."""

from __future__ import annotations

import json
from typing import Any

from ebbtide.contrib.async_lambda.payload import decode, encode


class PayloadEncoder(json.JSONEncoder):
    """Writes, besides what JSON has, what a payload may hold: UUIDs, dates and times, decimals, enums, as text."""

    def default(self, o: Any) -> Any:
        """What stands for such a value. Raises PayloadRefused for any other."""
        return decode(encode(o))
