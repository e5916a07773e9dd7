"""From a TARGET on a command line to the user's app: `shop:app`, `shop.jobs:registry.app`, or `shop` with one App.

What can go wrong is told apart: nothing of that name, a module that breaks while it is imported (then the user sees
their own traceback, less our frames and the import system's), and an attribute that is no App.

It is part of a Lambda function's start, so pathlib, which would add to that, is not used.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any

from ebbtide.app import App
from ebbtide.errors import TargetError
from ebbtide.names import nearest

ASYNC_LAMBDA = ".async_lambda"
"""The folder that tells an app of async-lambda; none of its bundles has it."""

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
_IMPORT_SYSTEM = ("<frozen importlib", importlib.__file__)
_GENERATED = "<string>"
"""Where Python says that the `__init__` of a dataclass stands."""


class TargetBroken(TargetError):
    """The target's module is there and raises while it is imported; `traceback` is the user's part of it, as text."""

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.traceback = traceback


def load(target: str, stage: str | None = None) -> App:
    """The App that `module:attribute` names, or the only one in `module`.

    Puts the working directory in front of `sys.path`, as `python -m` does. stage: the one a command is about; None: the
    app is to run here. Raises TargetError, TargetBroken.
    """
    name, colon, attribute = target.partition(":")
    _check(target, name, colon, attribute)
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    if os.path.isdir(ASYNC_LAMBDA):  # such an app's modules find things there that must be in place before them
        importlib.import_module("ebbtide.contrib.async_lambda.config.surroundings").prepare(here, stage)
    module = _module(target, name)
    return _at(module, attribute) if attribute else _only(module)


def _check(target: str, name: str, colon: str, attribute: str) -> None:
    if name.endswith(".py") or "/" in name or os.sep in name:
        dotted = ".".join(part for part in name.removesuffix(".py").replace(os.sep, "/").split("/") if part not in ".")
        raise TargetError(f"{target!r} is a path; name the module: {dotted}:{attribute or 'app'}")
    if not _DOTTED.fullmatch(name) or (colon and not _DOTTED.fullmatch(attribute)):
        raise TargetError(f"{target!r} names no app; write 'module:app': 'shop:app' is the App called app in shop.py")


def _module(target: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and not _in_user_code(error.__traceback__):
            raise TargetError(f"there is no module {error.name or name!r}.{_hint(name)}") from None
        raise broken(f"importing {name!r} failed", error) from None


def _in_user_code(frames: TracebackType | None) -> bool:
    """Whether a module had begun to run, so that what is missing is not the target itself."""
    return any(not _hidden(frame.filename) for frame in traceback.extract_tb(frames))


def _hidden(file: str) -> bool:
    return file.startswith((*_IMPORT_SYSTEM, _OURS)) or file == _GENERATED


def broken(what: str, error: BaseException) -> TargetBroken:
    """What the user's code raised, as an error with their part of the traceback. what: failed."""
    told = traceback.TracebackException.from_exception(error)
    last = next((f for f in reversed(told.stack) if not _hidden(f.filename)), None)
    for part in _chain(told):
        part.stack = traceback.StackSummary.from_list([f for f in part.stack if not _hidden(f.filename)])
    reason = " ".join("".join(traceback.format_exception_only(error)).splitlines()[-1].split())[:300]
    where = f" ({_shown(last.filename)}:{last.lineno})" if last else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" ({_shown(error.filename)}:{error.lineno})"
    return TargetBroken(f"{what}: {reason}{where}", "".join(told.format()))


def _shown(file: str) -> str:
    return file.removeprefix(os.path.join(os.getcwd(), ""))


def _chain(told: traceback.TracebackException) -> Iterable[traceback.TracebackException]:
    yield told
    for above in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if above:
            yield from _chain(above)


def _hint(name: str) -> str:
    parent, _, last = name.rpartition(".")
    if parent in sys.modules and hasattr(sys.modules[parent], last):
        return f" Did you mean {f'{parent}:{last}'!r}?"
    path = name.replace(".", "/")
    for root in ("src", "app", "vendor"):
        if os.path.isfile(f"{root}/{path}.py") or os.path.isdir(f"{root}/{path}"):
            return f" It is in {root}/: run the command from there, or set PYTHONPATH={root}"
    folder = parent.replace(".", "/") if parent and os.path.isdir(parent.replace(".", "/")) else "."
    before = f"{parent}." if folder != "." else ""
    return nearest(name, {f"{before}{module}" for module in _modules_in(folder)})


def _modules_in(folder: str) -> Iterable[str]:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(".py") and not name.startswith("__"):
            yield name.removesuffix(".py")
        elif name.isidentifier() and os.path.isdir(path) and any(file.endswith(".py") for file in os.listdir(path)):
            yield name


def _at(module: ModuleType, attribute: str) -> App:
    found: Any = module
    trail = module.__name__
    for number, part in enumerate(attribute.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            apps = () if number else _apps(module)
            known = apps or (name for name in dir(found) if not name.startswith("_"))
            raise TargetError(f"{trail!r} has no {part!r}.{nearest(part, known)}") from None
        except Exception as error:
            raise broken(f"reading {part!r} of {trail!r} failed", error) from None
        trail += f"{'.' if number else ':'}{part}"
    if isinstance(found, App):
        return found
    if made := _stands_for(found):
        return made()
    raise TargetError(f"{trail!r} is {_kind(found)}, not an App.{_instead(module)}")


def _only(module: ModuleType) -> App:
    apps = _apps(module)
    if len(apps) == 1:
        return _at(module, apps[0])
    name = module.__name__
    if apps:
        choice = " or ".join(f"{name}:{attribute}" for attribute in apps)
        raise TargetError(f"{name!r} has {len(apps)} Apps; say which: {choice}")
    if part := next((attribute for attribute, value in vars(module).items() if _is_part(value)), None):
        raise TargetError(f"{name!r} has no App at its top level: its {part!r} is part of one; name the module of that")
    raise TargetError(f"{name!r} has no App at its top level; write app = App('shop') there, or name another module")


def _apps(module: ModuleType) -> list[str]:
    """The names of the module's apps, each once."""
    found: dict[int, str] = {}
    for name, value in vars(module).items():
        if isinstance(value, App) or _stands_for(value):
            found.setdefault(id(value), name)
    return list(found.values())


def _stands_for(value: Any) -> Callable[[], App] | None:
    """What makes the app that declarations in another framework's words stand for: a door's object has it."""
    return None if isinstance(value, type) else getattr(value, "__ebbtide_app__", None)


def _is_part(value: Any) -> bool:
    """Whether it is such an object, but stands for an app only together with another one."""
    return not isinstance(value, type) and getattr(value, "__ebbtide_app__", True) is None


def _instead(module: ModuleType) -> str:
    apps = _apps(module)
    return f" Did you mean {f'{module.__name__}:{apps[0]}'!r}?" if apps else ""


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    if _is_part(value):
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name} that is part of another one"
    if name == "function":
        return "a function (an App made by calling it must stand in the module)"
    return "None" if value is None else f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
