"""How a deployed function works, as its environment says; the template sets these, or its user does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from ebbtide.errors import TargetError
from ebbtide.trigger import TABLE_VARIABLE

T = TypeVar("T")


class Settings(NamedTuple):
    """EBBTIDE_TARGET, `shop:app`: the user's app. EBBTIDE_QUEUE: the queue this function runs. EBBTIDE_STAGE: of which
    deployment. EBBTIDE_MARGIN: seconds of an invocation kept for settling. EBBTIDE_THREADS: for `def` tasks, 0 runs
    them on the main thread, one after another. EBBTIDE_METRICS: 1 writes metrics. EBBTIDE_LOG: the level of the log.
    EBBTIDE_RAISES: 1 tells by failing that messages must come again, for a mapping without ReportBatchItemFailures.
    EBBTIDE_TABLE_Orders: what the table is called whose logical id in the template is Orders; tables: the reverse.
    """

    target: str = ""
    queue: str = "default"
    stage: str = "dev"
    margin: float = 2.0
    threads: int = 0
    metrics: bool = False
    log: str = "INFO"
    raises: bool = False
    tables: Mapping[str, str] = MappingProxyType({})


def settings_of(environment: Mapping[str, str]) -> Settings:
    """What an environment says. Raises TargetError for a value that cannot be meant."""
    told = _Told(environment)
    return Settings(
        told.read("EBBTIDE_TARGET", str, None, "the app, as 'shop:app'"),
        told.read("EBBTIDE_QUEUE", str, "default", "the name of a queue"),
        told.read("EBBTIDE_STAGE", str, None, "the name of the deployed stage"),
        told.read("EBBTIDE_MARGIN", _seconds, 2.0, "seconds, above 0"),
        told.read("EBBTIDE_THREADS", _count, 0, "a number of threads, 0 for the main thread"),
        told.read("EBBTIDE_METRICS", _switch, False, "1 or 0"),
        told.read("EBBTIDE_LOG", _level, _LAMBDAS.get(environment.get("AWS_LAMBDA_LOG_LEVEL", ""), "INFO"), _SHOWN),
        told.read("EBBTIDE_RAISES", _switch, False, "1 or 0"),
        {text: name[len(TABLE_VARIABLE) :] for name, text in environment.items() if name.startswith(TABLE_VARIABLE)},
    )


class _Told(NamedTuple):
    environment: Mapping[str, str]

    def read(self, name: str, kind: Callable[[str], T], default: T | None, expected: str) -> T:
        text = self.environment.get(name) or ""
        if not text and default is not None:
            return default
        try:
            if text:
                return kind(text)
        except ValueError:
            pass
        raise TargetError(f"the function's environment has {name}={text!r}; it must be {expected}")


_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_SHOWN = f"one of {', '.join(_LEVELS)}"
_LAMBDAS = {"TRACE": "DEBUG", "DEBUG": "DEBUG", "WARN": "WARNING", "ERROR": "ERROR", "FATAL": "CRITICAL"}
"""Levels as Lambda's own logging settings call them."""


def _level(text: str) -> str:
    if text.upper() not in _LEVELS:
        raise ValueError(text)
    return text.upper()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 900:
        raise ValueError(text)
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if not 0 <= count <= 1000:
        raise ValueError(text)
    return count


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(text)
    return text == "1"
