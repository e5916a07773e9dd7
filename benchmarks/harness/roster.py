"""Who takes part: each contender's requirements, settings, and what its acknowledgement is worth.

`durability` says what survives once `enqueue` has returned: "on disk", a power cut; "file, no fsync", the
death of every process but not of the machine; "in memory", neither (Redis writes a snapshot now and then).
"""

from dataclasses import dataclass

from benchmarks.harness.redis_server import REQUIREMENT as REDIS

OURS = "ebbtide"
"""What the names of our own contenders begin with; the others are peers."""

ON_DISK, NO_FSYNC, IN_MEMORY = "on disk", "file, no fsync", "in memory"
EVERY_WRITE = "appendonly yes, appendfsync always"


@dataclass(frozen=True)
class Entry:
    """One row of the table. `redis` asks for a server: "default", or "synced" before each answer."""

    name: str
    title: str
    module: str
    environment: str
    requirements: tuple[str, ...]
    durability: str
    settings: str
    variant: str = ""
    redis: str = ""

    @property
    def versions(self) -> tuple[str, ...]:
        """The pinned requirements, as text for the report; Ebbtide is the tree this file stands in."""
        pinned = tuple(requirement.replace("==", " ") for requirement in self.requirements if "==" in requirement)
        return (*(pinned or ("this working tree",)), *((REDIS.replace("==", " "),) if self.redis else ()))


def _ebbtide(name: str, title: str, durability: str, settings: str, variant: str = "") -> Entry:
    return Entry(name, title, "ebbtide_sqlite", "ebbtide", ("--editable", "."), durability, settings, variant)


def _huey(name: str, title: str, durability: str, settings: str, variant: str = "") -> Entry:
    return Entry(name, title, "huey_sqlite", "huey", ("huey==3.5.4",), durability, settings, variant)


def _huey_redis(name: str, title: str, durability: str, settings: str, redis: str) -> Entry:
    pins = ("huey==3.5.4", "redis==8.1.0")
    return Entry(name, title, "huey_redis", "huey-redis", pins, durability, settings, redis=redis)


def _celery(name: str, title: str, durability: str, settings: str, redis: str) -> Entry:
    pins = ("celery[redis]==5.7.0", "redis==8.1.0")
    return Entry(name, title, "celery_redis", "celery", pins, durability, settings, redis=redis)


def _dramatiq(name: str, title: str, durability: str, settings: str, redis: str) -> Entry:
    pins = ("dramatiq[redis]==2.2.1", "redis==8.1.0")
    return Entry(name, title, "dramatiq_redis", "dramatiq", pins, durability, settings, redis=redis)


def _django(name: str, title: str, durability: str, settings: str) -> Entry:
    pins = ("django==5.2.19", "django-tasks==0.12.0", "django-tasks-db==0.13.0")
    return Entry(name, title, "django_db", "django", pins, durability, settings)


ROSTER = (
    _ebbtide("ebbtide", "Ebbtide, SQLite", ON_DISK, "defaults, results kept"),
    _ebbtide("ebbtide-no-results", "Ebbtide, SQLite, results off", ON_DISK, "results=0", "no-results"),
    _ebbtide("ebbtide-fast", "Ebbtide, SQLite, durability=fast", NO_FSYNC, "durability=fast, results kept", "fast"),
    _huey("huey", "huey, SQLite", ON_DISK, "process workers, huey's defaults"),
    _huey("huey-nosync", "huey, SQLite, fsync=False", NO_FSYNC, "process workers", "nosync"),
    _huey_redis("huey-redis", "huey, Redis", IN_MEMORY, "process workers, huey's defaults", "default"),
    _huey_redis("huey-redis-disk", "huey, Redis synced", ON_DISK, f"the same; Redis with {EVERY_WRITE}", "synced"),
    _django("django", "Django Tasks database backend, SQLite", ON_DISK, "WAL, IMMEDIATE, kept connections"),
    _celery("celery", "Celery, Redis", IN_MEMORY, "prefork pool, results ignored, prefetch 64", "default"),
    _celery("celery-disk", "Celery, Redis synced", ON_DISK, f"the same; Redis with {EVERY_WRITE}", "synced"),
    _dramatiq("dramatiq", "dramatiq, Redis", IN_MEMORY, "8 threads a process, dramatiq's defaults", "default"),
    _dramatiq("dramatiq-disk", "dramatiq, Redis synced", ON_DISK, f"the same; Redis with {EVERY_WRITE}", "synced"),
)
