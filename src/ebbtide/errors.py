"""Every error Ebbtide raises or records, each saying in its message what is wrong, where, and the cure.

Two families. `EbbtideError` and its children are raised to the caller. Those under `Verdict` are never raised at a
caller: they are the reasons written on a dead letter and into a result when no exception of the task's own explains
its end.
"""

from __future__ import annotations


class EbbtideError(Exception):
    """Base of all errors raised by Ebbtide; catching it catches nothing of the user's."""


class DeclarationError(EbbtideError, ValueError):
    """An app, queue, task or retry policy is declared in a way that cannot work."""


class ArgumentError(EbbtideError, TypeError):
    """A call does not fit its task's signature, or a value cannot travel; names the task and the parameter."""


class CallRefused(ArgumentError):
    """At the worker: a message's arguments do not fit the task's signature, or its return value cannot travel.

    Never retried: another attempt would end the same.
    """


class PayloadError(EbbtideError, ValueError):
    """A message is larger than the app's `max_payload` (default 64 MiB); pass a reference instead of the data."""


class KeyConflict(EbbtideError):
    """A `key=` is held by a task with other arguments; put what differs into the key."""


class EnvelopeError(EbbtideError):
    """Bytes on a queue are not a message of a version we speak."""


class PayloadGone(EnvelopeError):
    """A message's payload waited in the bucket, and is there no more: the bucket's lifecycle or somebody removed it."""


class UnknownTask(EbbtideError, LookupError):
    """A message or a caller names a task the app does not have."""


class UnknownResult(EbbtideError, LookupError):
    """No record under that id: never stored, past its retention time, or results are off for its queue."""


class StorageError(EbbtideError):
    """The queue's storage cannot be opened, read or written; the message names what, where, and the cure."""

    code = ""
    """What the service calls it (`AccessDenied`), where it has a word for it."""


class PartlyStored(StorageError):
    """Of a batch some messages were stored and some were not: `stored` and `missing` hold their ids.

    Of those missing after a broken connection it is not known; sent again, they may be there twice.
    """

    def __init__(self, message: str, stored: tuple[str, ...] = (), missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.stored = stored
        self.missing = missing


class StorageFull(StorageError):
    """There is no room left on the disk; nothing was stored, and the call may be repeated once there is."""


class StorageLost(StorageError):
    """What this process has open is the queue no more, or may not keep what is written: start the process anew.

    The file was deleted or replaced under it, or a flush to disk failed. What it was told to store before is not
    affected; of the call that raises this it is not known.
    """


class TargetError(EbbtideError):
    """A `module:app` target or a broker URL cannot be resolved."""


class TaskFailed(EbbtideError):
    """Raised by `Result.get`: the task ended without success; the message carries its last error."""


class TaskNotFinished(EbbtideError, TimeoutError):
    """Raised by `Result.wait` and `Result.get`: the task had not ended within the timeout."""


class Verdict(EbbtideError):
    """Base of the reasons that Ebbtide itself gives for a task's end."""


class LoopDetected(Verdict):
    """A chain of tasks enqueuing tasks went past the app's depth budget; the message shows its path."""


class StormLimit(Verdict):
    """A chain of tasks sent more messages to a queue than its `storm_limit` allows one root; the message names it."""


class Expired(Verdict):
    """The message's `expires` had passed before a worker took it."""


class WorkerDied(Verdict):
    """The process running the task ended without a word: killed, crashed, or out of memory."""


class TaskTimeout(Verdict):
    """The task ran longer than its queue's timeout and was killed, as Lambda would."""


def dotted(kind: type[BaseException]) -> str:
    """An exception class's name as records and dead letters hold it: `package.module.Name`."""
    return f"{kind.__module__}.{kind.__qualname__}"


class Retry(Exception):
    """Raise it inside a task to be run again: `raise Retry(after=30)`.

    `after` is in seconds; without it the task's retry policy chooses the wait. It spends an attempt like any failure:
    on the last one the task fails. Chain it (`raise Retry(after=30) from error`) to keep the cause in the result.
    """

    def __init__(self, message: str = "the task asked to be retried", *, after: float | None = None) -> None:
        super().__init__(message)
        if after is not None and not 0 <= after < float("inf"):
            raise ValueError(f"Retry(after={after!r}): seconds, zero or more")
        self.after = after
