"""What AWS would refuse of the things that events come from: buckets that notify, tables with streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from ebbtide.deploy.checks.view import View, ref, text

Breach = tuple[str, str, str, str]
"""Logical id, path of the property, what is wrong, the cure."""

LONGEST_BUCKET = 63
_LONGEST = {"${AWS::AccountId}": "0" * 12, "${AWS::Region}": "ap-northeast-1"}


def of_sources(view: View) -> Iterator[Breach]:
    """All findings on them."""
    for id, properties in view.of("AWS::S3::Bucket"):
        yield from _overlaps(id, properties)
        yield from _name(id, properties)
    for id, properties in view.of("AWS::Lambda::EventSourceMapping"):
        yield from _function(view, id, properties)
        yield from _stream(view, id, properties)


def _overlaps(id: str, properties: Mapping[str, Any]) -> Iterator[Breach]:
    """S3 refuses two notifications of which one object could meet both, wherever they go."""
    told = properties.get("NotificationConfiguration", {}).get("QueueConfigurations", [])
    for one, other in combinations(told, 2):
        if _meet(one["Event"], other["Event"]) and _both(_ends(one), _ends(other)):
            yield (
                id,
                "NotificationConfiguration",
                f"two triggers want {one['Event']} of the same objects, keys {_shown(one)} and {_shown(other)}, and S3 "
                "sends an object's event to one queue only",
                "choose prefixes or suffixes that no key can both have, or put both tasks into one queue with the same "
                "prefix and suffix",
            )


def _meet(one: str, other: str) -> bool:
    return one == other or any(a.endswith("*") and b.startswith(a[:-1]) for a, b in ((one, other), (other, one)))


def _ends(told: Mapping[str, Any]) -> dict[str, str]:
    rules = told.get("Filter", {}).get("S3Key", {}).get("Rules", [])
    return {rule["Name"].lower(): rule["Value"] for rule in rules}


def _both(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether some key has these ends and those."""
    first, second = one.get("prefix", ""), other.get("prefix", "")
    last, ultimate = one.get("suffix", ""), other.get("suffix", "")
    begins = first.startswith(second) or second.startswith(first)
    return begins and (last.endswith(ultimate) or ultimate.endswith(last))


def _shown(told: Mapping[str, Any]) -> str:
    ends = _ends(told)
    return repr(f"{ends.get('prefix', '')}*{ends.get('suffix', '')}")


def _name(id: str, properties: Mapping[str, Any]) -> Iterator[Breach]:
    name = text(properties.get("BucketName", ""))
    for part, longest in _LONGEST.items():
        name = name.replace(part, longest)
    if len(name) > LONGEST_BUCKET:
        message = f"its bucket would be called {name!r}, {len(name)} characters; S3 takes {LONGEST_BUCKET}"
        yield id, "BucketName", message, "give the app or the bucket a shorter name"


def _function(view: View, id: str, properties: Mapping[str, Any]) -> Iterator[Breach]:
    function = ref(properties.get("FunctionName"))
    if function and function not in view.resources:
        message = "only Lambda reads foreign queues and table streams, and its queue has no function"
        yield id, "FunctionName", message, "put the task into a queue with runner='lambda'"


def _stream(view: View, id: str, properties: Mapping[str, Any]) -> Iterator[Breach]:
    source = properties.get("EventSourceArn")
    at = source.get("Fn::GetAtt") if isinstance(source, Mapping) else None
    if not at or at[-1] != "StreamArn":
        return
    table = str(ref(source))
    cure = f"say its ARN, or give the stage a table {table!r} with a StreamSpecification, in its settings' resources"
    if view.kind(table) != "AWS::DynamoDB::Table":
        yield id, "EventSourceArn", f"it reads the stream of {table!r}, which is no table of this stage", cure
    elif not view.properties(table).get("StreamSpecification"):
        yield id, "EventSourceArn", f"it reads the stream of table {table!r}, which has none", cure
