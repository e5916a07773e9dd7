"""A bucket: the trigger that starts a task when an object is put into S3, or goes.

    @app.task(Bucket("uploads", prefix="in/", suffix=".csv"))
    def ingest(key: str, size: int) -> None: ...

Events come by S3's own notifications or through EventBridge, and are read in either form. What a template needs for
them is in `bucket_template`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from ebbtide.errors import DeclarationError
from ebbtide.trigger import Asked, Target
from ebbtide.triggers.bucket_kinds import CREATED, KINDS
from ebbtide.triggers.event_source import Conditions, Event, EventSource, member, shown, text
from ebbtide.triggers.names import is_physical, short
from ebbtide.triggers.picking import Offer, Offers

_HEX = frozenset("0123456789abcdefABCDEF")


class Bucket(EventSource):
    """Start the task for each object: `Bucket("uploads", prefix="in/", suffix=".csv")`.

    name: short, as "uploads": the stack makes the bucket `app-stage-uploads-account-region`. existing: it is there
    already, under this very name, and sends its events to EventBridge. prefix, suffix: of the keys, exactly.
    events: as S3 calls them, "ObjectCreated:*" or one of its kinds.

    A parameter may be called bucket, key (decoded), size (bytes), etag, version, event ("ObjectCreated:Put"), time,
    region. Raises DeclarationError.
    """

    name: str
    existing: bool
    prefix: str
    suffix: str
    events: tuple[str, ...]

    def __init__(
        self,
        name: str,
        *,
        prefix: str = "",
        suffix: str = "",
        events: Sequence[str] = (CREATED + "*",),
        existing: bool = False,
    ) -> None:
        given = tuple(events) if isinstance(events, Sequence) and not isinstance(events, str) else ()
        self._declare(name=name, prefix=prefix, suffix=suffix, events=tuple(map(_plain, given)), existing=existing)
        if not existing:
            short("Bucket", name, "a bucket that is there already is Bucket(..., existing=True)")
        elif not isinstance(name, str) or not 3 <= len(name) <= 63:
            raise self._wrong("existing", "the name of a bucket is 3 to 63 characters")
        for part in ("prefix", "suffix"):
            if not isinstance(getattr(self, part), str) or len(getattr(self, part)) > 1024:
                raise self._wrong(part, "text of up to 1024 characters, as the keys have it; no wildcards")
        known = [*KINDS, *dict.fromkeys(f"{kind.partition(':')[0]}:*" for kind in KINDS if kind != "ObjectAcl:Put")]
        if not given or any(event not in known for event in self.events):
            raise DeclarationError(f"Bucket({name!r}, events={events!r:.100}): some of {', '.join(sorted(known))}")

    @property
    def kinds(self) -> list[str]:
        """Every event it is for, by its full name."""
        return [kind for kind in KINDS if self._wants(kind)]

    def _wants(self, kind: str) -> bool:
        return kind in self.events or f"{kind.partition(':')[0]}:*" in self.events

    @property
    def offers(self) -> Offers:
        created = all(kind.startswith(CREATED) for kind in self.kinds)
        always = {"bucket": "text", "key": "text", "event": "text", "time": "time", "region": "text"}
        return {
            **{name: Offer(kind) for name, kind in always.items()},
            "size": Offer("number", created),
            "etag": Offer("text", created),
            "version": Offer("text", always=False),
        }

    def conditions(self, event: Event) -> Conditions:
        yield event.get("eventSource") == "aws:s3" or event.get("source") == "aws.s3", "it is no event of S3"
        found = _read(event)
        yield found is not None, "it is not whole, or its key cannot be decoded"
        assert found is not None  # noqa: S101 - the condition above
        bucket, key, kind = found["bucket"], found["key"], found["event"]
        mine = bucket == self.name if self.existing else is_physical(bucket, self.name, r"-\d{12}-[a-z0-9-]+")
        yield mine, f"its bucket is {shown(bucket)}"
        yield self._wants(kind), f"it is {shown(kind)}"
        yield key.startswith(self.prefix), f"its key {shown(key)} does not begin with {self.prefix!r}"
        yield key.endswith(self.suffix), f"its key {shown(key)} does not end with {self.suffix!r}"

    def values(self, event: Event) -> dict[str, Any]:
        return _read(event) or {}

    def asks(self, target: Target) -> Asked:
        # Only who builds a template needs it: an app's import, as every cold start does it, does not pay for it.
        asked: Asked = import_module("ebbtide.triggers.bucket_template").asked(self, target)
        return asked


def _plain(event: object) -> str:
    return str(event).removeprefix("s3:")


def _read(event: Event) -> dict[str, Any] | None:
    """The values of an event of S3, in either form; None if it is none, or not whole."""
    if event.get("eventSource") == "aws:s3":
        return _whole(_notified(event))
    if event.get("source") == "aws.s3" and isinstance(event.get("detail"), Mapping):
        return _whole(_bridged(event))
    return None


def _whole(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if all(found[name] is not None for name in ("bucket", "key", "event", "time", "region")) else None


def _notified(event: Event) -> dict[str, Any]:
    thing = member(event, "s3", "object")
    return {
        "bucket": text(member(event, "s3", "bucket", "name")),
        "key": _decoded(member(thing, "key")),
        "event": _plain(event.get("eventName")),
        "time": text(event.get("eventTime")),
        "region": text(event.get("awsRegion")),
        **_about(thing, "eTag", "versionId"),
    }


def _bridged(event: Event) -> dict[str, Any]:
    detail = event["detail"]
    thing, kind = member(detail, "object"), event.get("detail-type")
    same = [name for name, (told, _, _) in KINDS.items() if told == kind]
    exact = [name for name in same if KINDS[name][1] and member(detail, KINDS[name][1]) == KINDS[name][2]]
    return {
        "bucket": text(member(detail, "bucket", "name")),
        "key": text(member(thing, "key")),
        "event": next(iter(exact or same), None),
        "time": text(event.get("time")),
        "region": text(event.get("region")),
        **_about(thing, "etag", "version-id"),
    }


def _about(thing: object, etag: str, version: str) -> dict[str, Any]:
    size = member(thing, "size")
    return {
        "size": size if type(size) is int else None,
        "etag": text(member(thing, etag)),
        "version": text(member(thing, version)) or None,
    }


def _decoded(key: object) -> str | None:
    """A key as it is, out of the form S3 writes it in: a plus for a space, %XX for the bytes of UTF-8."""
    if not isinstance(key, str):
        return None
    head, *parts = key.replace("+", " ").split("%")
    octets = bytearray(head.encode("utf-8", "surrogatepass"))
    try:
        for part in parts:
            if not (len(part) >= 2 and part[0] in _HEX and part[1] in _HEX):
                return None
            octets.append(int(part[:2], 16))
            octets += part[2:].encode()
        return octets.decode("utf-8")
    except ValueError:
        return None
