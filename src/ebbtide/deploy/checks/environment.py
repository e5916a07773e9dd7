"""Variables: what Lambda refuses, what the template sets itself, and what must not be written in plain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.plain import looks_secret
from ebbtide.deploy.checks.where import Subjects
from ebbtide.deploy.settings import FunctionSettings
from ebbtide.queue import Queue

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+", re.ASCII)
_OF_LAMBDA = re.compile(
    r"AWS_(DEFAULT_)?REGION|AWS_LAMBDA_.*|AWS_ACCESS_KEY(_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|AWS_EXECUTION_ENV"
    r"|LAMBDA_(TASK_ROOT|RUNTIME_DIR)|TZ|_.*"
)
_OURS_TO_CHANGE = ("EBBTIDE_MARGIN", "EBBTIDE_THREADS")
"""Variables of the handler that the template does not set."""


def of_environment(on: Subjects, queues: list[Queue]) -> Iterator[Finding]:
    """All findings on the variables of the queues' functions; one for each variable, not for each function."""
    seen: set[tuple[object, ...]] = set()
    for queue in queues:
        for finding in _of_function(on, queue.name, on.settings.of(queue.name)):
            where = (finding.file, finding.line, finding.message)
            if where not in seen:
                yield finding
            seen.add(where)


def _of_function(on: Subjects, queue: str, said: FunctionSettings) -> Iterator[Finding]:
    passed = said.properties.get("Environment", {}).get("Variables", {})
    plain = {name: (value, ("environment", name)) for name, value in said.environment.items()}
    plain |= {name: (value, ("properties", "Environment", "Variables", name)) for name, value in passed.items()}
    for name, (value, path) in plain.items():
        if name in said.secrets:
            yield on.setting(queue, path, f"{name} stands in environment and in secrets", "leave one of them out")
        elif isinstance(value, str) and name not in said.plain and (why := looks_secret(name, value)):
            yield on.setting(
                queue,
                path,
                f"{name} looks like a secret ({why}), and all of a template can be read by many",
                f"keep it in Parameter Store and write [secrets] {name} = 'ssm:/path/of/it'; if it is none, "
                f"write plain = [{name!r}]",
            )
    for name, path in [
        *((name, path) for name, (_, path) in plain.items()),
        *((n, ("secrets", n)) for n in said.secrets),
    ]:
        if wrong := _refused(name):
            yield on.setting(queue, path, wrong, "choose another name")


def _refused(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return f"{name!r} is no name for a variable to Lambda: two or more ASCII letters, digits, '_', a letter first"
    if name.startswith("EBBTIDE_") and name not in _OURS_TO_CHANGE:
        return f"{name} is set by the template itself"
    if _OF_LAMBDA.fullmatch(name):
        return f"{name} is set by Lambda, which lets nobody else do it"
    return None
