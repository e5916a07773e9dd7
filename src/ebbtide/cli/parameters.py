"""The parameters of a task, without the delivery that one with takes_context=True is given first."""

from __future__ import annotations

import inspect
import re
from inspect import Parameter
from typing import Any

from ebbtide.task import Task

AnyTask = Task[Any, Any, Any]
_QUOTED_OR_MODULE = re.compile(r"""('[^']*'|"[^"]*")|(?:[^\W\d]\w*\.)+""")


def parameters(task: AnyTask) -> list[Parameter]:
    """In order, each with its annotation resolved where that can be done."""
    declared = list(inspect.signature(task.function).parameters.values())[1 if task.takes_context else 0 :]
    hints = task.signature.parameters
    return [p if p.annotation is Parameter.empty else p.replace(annotation=hints[p.name]) for p in declared]


def annotation_of(parameter: Parameter) -> str | None:
    """Its type as code, with modules: `int`, `list[datetime.date]`; None where it has none."""
    if parameter.annotation is Parameter.empty:
        return None
    return inspect.formatannotation(parameter.annotation)


def without_modules(annotation: str) -> str:
    """`list[datetime.date]` as `list[date]`; text in quotes, as of a Literal, stays."""
    return _QUOTED_OR_MODULE.sub(lambda found: found[1] or "", annotation)
