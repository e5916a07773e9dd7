"""Names that AWS refuses for their length, and two that become one."""

from __future__ import annotations

from collections.abc import Iterator

from ebbtide.deploy.checks.finding import Finding
from ebbtide.deploy.checks.where import Subjects
from ebbtide.physical import Place
from ebbtide.queue import Queue

QUEUE, FUNCTION, BUCKET, ROLE = 80, 64, 63, 64
"""Characters AWS lets their names have."""

_ACCOUNT = "0" * 12
_LONGEST_REGION = "ap-northeast-1"
_RESERVED = ("xn--", "sthree-", "amzn-s3-demo-")
"""How S3 lets no bucket's name begin."""


def of_names(on: Subjects, place: Place, queues: list[Queue]) -> Iterator[Finding]:
    """All findings on what a stage's things would be called."""
    yield from _app(on, place)
    taken = {place.dead_letters(fifo): "the stage's dead letters" for fifo in (False, True)}
    for queue in queues:
        for lane in range(queue.lanes):
            name = place.queue(queue, lane)
            if len(name) > QUEUE:
                yield on.queue(queue.name, _long("queue", name, QUEUE), _shorter(place, name))
            if name in taken:
                yield on.queue(
                    queue.name,
                    f"lane {lane} would be called {name!r} on AWS, and so would {taken[name]}",
                    "give it another name",
                )
            taken[name] = f"lane {lane} of queue {queue.name!r}"
        name = place.function(queue)
        if len(name) > FUNCTION:
            yield on.queue(queue.name, _long("function", name, FUNCTION), _shorter(place, name))


def _app(on: Subjects, place: Place) -> Iterator[Finding]:
    if "_" in place.stack:
        cure = f"call it App({place.app.replace('_', '-')!r})"
        yield on.whole(f"the stack would be called {place.stack!r}, and CloudFormation takes no underscore", cure)
    region = on.settings.region or _LONGEST_REGION
    bucket, role = place.bucket(_ACCOUNT, region), place.scheduler_role(region)
    if len(bucket) > BUCKET:
        room = BUCKET - (len(bucket) - len(place.app))
        yield on.whole(_long("bucket", bucket, BUCKET), f"give it a name of {room} characters or fewer")
    if len(role) > ROLE:
        yield on.whole(_long("role", role, ROLE), "give it a shorter name")
    if bucket.startswith(_RESERVED):
        yield on.whole(f"no bucket may be called {bucket!r}: S3 keeps that beginning for itself", "rename it")


def _shorter(place: Place, name: str) -> str:
    return f"give {'app, stage or queue' if name.startswith(place.prefix) else 'app or task'} a shorter name"


def _long(kind: str, name: str, limit: int) -> str:
    return f"its {kind} would be called {name!r}, {len(name)} characters; AWS takes {limit}"
