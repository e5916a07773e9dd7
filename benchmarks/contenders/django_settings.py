"""Django as a small production site on SQLite sets it up: WAL, IMMEDIATE transactions, kept connections.

`synchronous` is left at SQLite's FULL, so that an acknowledged task is on disk. Without CONN_MAX_AGE the
worker opens the database anew for every task.
"""

from benchmarks.contenders import WORK

SECRET_KEY = "only measured, never served"  # noqa: S105
USE_TZ = True
INSTALLED_APPS = ["django_tasks", "django_tasks_db"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(WORK / "django.db"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL", "timeout": 20},
    }
}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
