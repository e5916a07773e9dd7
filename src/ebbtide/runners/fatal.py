"""What is done about an error that is nobody's: not the task's, which becomes an outcome, but of what surrounds it.

Off the main thread such an error would vanish, and the message would be held, and its loan extended, for ever. So the
process ends, the supervisor starts another, and the message comes back.
"""

from __future__ import annotations

import logging
import os
from typing import Protocol


class Ended(Protocol):
    """What futures of threads and tasks of asyncio have in common."""

    def cancelled(self) -> bool:
        """Whether it was cancelled."""

    def exception(self) -> BaseException | None:
        """What it raised."""


def end_process_on_error(work: Ended) -> None:
    """For `add_done_callback`: log what the work raised, if it raised, and end the process with exit code 1."""
    error = None if work.cancelled() else work.exception()
    if error is not None:
        about = {"event": "process_ended_by_error"}
        logging.getLogger("ebbtide.worker").critical("the process ends", exc_info=error, extra=about)
        os._exit(1)
