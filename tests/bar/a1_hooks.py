"""What Schemathesis is to know of our API beyond its document: an Idempotency-Key means one request.

It draws the same key for different requests, which is refused rightly. So each valid key is made another one, and nine
of ten are left out, for a keyed call waits for a worker.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import schemathesis

KEEP_EVERY = 10
_number = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,240}", key):
        number = next(_number)
        if number % KEEP_EVERY:
            del case.headers["Idempotency-Key"]
        else:
            case.headers["Idempotency-Key"] = f"{key}{number}"
