"""Django Tasks on the database backend, SQLite, as `django_settings` has it.

One `db_worker` is one process, so two of them run, with the command's own interval of a second between
looks at an empty table. The backend always keeps results. Many are sent in one transaction, which is how
Django does things in bulk where no call for it exists.
"""

# mypy: disable-error-code="import-not-found,import-untyped,untyped-decorator,misc"

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.contenders.django_settings")

import django
from django.core.management import call_command
from django.db import transaction
from django_tasks import task

from benchmarks.harness.marks import burn, leave

django.setup()


@task()
def noop(payload: str) -> None:
    leave(payload)


@task()
def busy(payload: str) -> None:
    burn(payload)


def prepare() -> None:
    call_command("migrate", verbosity=0)


def send(payload: str) -> None:
    noop.enqueue(payload)


def send_busy(payload: str) -> None:
    busy.enqueue(payload)


def send_many(payloads: list[str]) -> None:
    with transaction.atomic():
        for payload in payloads:
            noop.enqueue(payload)


def worker_commands(processes: int) -> list[list[str]]:
    settings = "--settings=benchmarks.contenders.django_settings"
    return [["django-admin", "db_worker", settings, "--verbosity=0"] for _ in range(processes)]
