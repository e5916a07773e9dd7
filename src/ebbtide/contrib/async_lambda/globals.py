"""What holds for the whole program, as async-lambda has it: `config_set_name("project-name")` and its neighbours.

The functions write into the one `config`, which the door reads when it makes the app; call them where the controller is
declared. The modes are environment variables, so that a shell and a test can set them, too.
"""

from __future__ import annotations

import os
import re
import warnings

from ebbtide.contrib.async_lambda.notices import AsyncLambdaWarning
from ebbtide.errors import DeclarationError
from ebbtide.names import app_name

FORCE_SYNC = "ASYNC_LAMBDA_FORCE_SYNC"
BUILD_MODE = "ASYNC_LAMBDA_BUILD_MODE"

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

_OFF = ("", "0", "false", "no", "off")


class Config:
    """What was said, or the default.

    name: of the project; it begins the name of every function and queue. runtime: Lambda's word for it, such as
    "python3.13"; None: that of the Python that builds. memory and ephemeral_storage: in MB, of a task that says
    nothing. retention: days a large payload is kept in the bucket. shared_role: one role for all functions.
    """

    name: str
    runtime: str | None
    memory: int
    ephemeral_storage: int
    retention: int
    shared_role: bool

    def __init__(self) -> None:
        self._to_defaults()

    def reset(self) -> None:
        """As at the start of a program, force-sync mode off: for tests."""
        self._to_defaults()
        disable_force_sync_mode()

    def _to_defaults(self) -> None:
        self.name = "async-lambda"
        self.runtime = None
        self.memory = 128
        self.ephemeral_storage = 512
        self.retention = 180
        self.shared_role = False

    @property
    def python(self) -> str | None:
        """The Python of the runtime, such as "3.13": for an older one than Ebbtide's first, that. None: the build's."""
        if self.runtime is None:
            return None
        version = self.runtime.removeprefix("python")
        return version if version in PYTHONS else PYTHONS[0]

    @property
    def force_sync(self) -> bool:
        """Whether every `async_invoke` runs its task here and now."""
        return _is_on(FORCE_SYNC)


def config_set_name(name: str) -> None:
    """Name the project: up to 40 ASCII letters, digits, '_' and '-', a letter first. Raises DeclarationError."""
    config.name = app_name(name)


def config_set_runtime(runtime: str) -> None:
    """Choose the functions' runtime, "python3.11" to "python3.14". An older one is warned about, and 3.11 is used.

    Raises DeclarationError for anything else.
    """
    version = re.fullmatch(r"python(3\.[0-9]{1,2})", runtime, re.ASCII) if isinstance(runtime, str) else None
    older = version is not None and int(version[1][2:]) < 11
    if version is None or not (older or version[1] in PYTHONS):
        raise DeclarationError(f"config_set_runtime({runtime!r}): one of {', '.join(f'python{v}' for v in PYTHONS)}")
    config.runtime = runtime
    if older:
        warnings.warn(
            f"config_set_runtime({runtime!r}): Ebbtide needs Python 3.11, and AWS ends python3.10 on 2026-10-31; "
            "the functions will run on python3.11. Name python3.11 or a later one.",
            AsyncLambdaWarning,
            stacklevel=2,
        )


def config_set_default_task_memory(memory: int = 128) -> None:
    """Memory of the tasks that name none: 128 to 10240 MB. Raises DeclarationError."""
    config.memory = _whole("config_set_default_task_memory", memory, 128, 10_240, "MB")


def config_set_default_task_ephemeral_storage(ephemeral_storage: int = 512) -> None:
    """Space in /tmp of the tasks that name none: 512 to 10240 MB. Raises DeclarationError."""
    config.ephemeral_storage = _whole("config_set_default_task_ephemeral_storage", ephemeral_storage, 512, 10_240, "MB")


def config_set_s3_payload_retention(days: int = 180) -> None:
    """How long the bucket keeps payloads that are too large for a queue: 1 day or more. Raises DeclarationError."""
    config.retention = _whole("config_set_s3_payload_retention", days, 1, 36_500, "days")


def config_set_shared_function_role(enabled: bool = True) -> None:
    """Let all functions share one role, in place of one each that may do no more than its task needs."""
    config.shared_role = bool(enabled)


def enable_force_sync_mode() -> None:
    """From now on `async_invoke` runs its task here and now and returns what the task returns: for tests."""
    os.environ[FORCE_SYNC] = "1"


def disable_force_sync_mode() -> None:
    """From now on `async_invoke` sends a message, which is the normal way."""
    os.environ.pop(FORCE_SYNC, None)


def is_build_mode() -> bool:
    """Whether the app is being imported to be built, not to be run."""
    return _is_on(BUILD_MODE)


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in _OFF


def _whole(function: str, value: int, low: int, high: int, unit: str) -> int:
    if type(value) is int and low <= value <= high:
        return value
    raise DeclarationError(f"{function}({value!r}): a whole number of {unit} from {low} to {high}")


config = Config()
