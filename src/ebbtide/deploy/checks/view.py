"""A template to be looked at: its resources by kind, what they refer to, and what its roles allow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Json = Mapping[str, Any]

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
"""What a function is called before SAM's translation and after."""

PSEUDO = ("AccountId", "NotificationARNs", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")


class View(NamedTuple):
    """template: before or after SAM's translation."""

    template: Json

    @property
    def resources(self) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self.template["Resources"]
        return found

    def of(self, *kinds: str) -> Iterator[tuple[str, Json]]:
        """Logical id and properties of every resource of these kinds."""
        for id, made in self.resources.items():
            if made["Type"] in kinds:
                yield id, made.get("Properties", {})

    def properties(self, id: str | None) -> Json:
        """Those of one resource; empty if it is none of the template's."""
        found: Json = self.resources.get(id or "", {}).get("Properties", {})
        return found

    def kind(self, id: str | None) -> str:
        """Its type; "" if it is none of the template's."""
        return str(self.resources.get(id or "", {}).get("Type", ""))

    def mappings(self, function: str) -> Iterator[tuple[str, Json]]:
        """The event source mappings of a function."""
        return (
            (id, said)
            for id, said in self.of("AWS::Lambda::EventSourceMapping")
            if ref(said["FunctionName"]) == function
        )

    def allowed(self, role: str | None) -> Iterator[Json]:
        """The statements of a role, Action and Resource as lists."""
        for policy in self.properties(role).get("Policies", ()):
            yield from statements(policy["PolicyDocument"])

    def references(self) -> Iterator[tuple[str, str]]:
        """What refers to what: where it stands, and the logical id or parameter."""
        for id, made in self.resources.items():
            yield from ((id, to) for to in _references(made))
            depends = made.get("DependsOn", ())
            yield from ((id, to) for to in ([depends] if isinstance(depends, str) else depends))
        yield from (("Outputs", to) for to in _references(self.template.get("Outputs", {})))


def ref(value: Any) -> str | None:
    """The logical id that `{"Ref": id}` or `{"Fn::GetAtt": [id, ...]}` is about."""
    if isinstance(value, Mapping):
        if isinstance(value.get("Ref"), str):
            return str(value["Ref"])
        at = value.get("Fn::GetAtt")
        if at:
            return str(at.split(".")[0] if isinstance(at, str) else at[0])
    return None


def listed(value: Any) -> list[Any]:
    """One or many, as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def statements(document: Json) -> Iterator[Json]:
    """The statements of a policy, Action and Resource as lists."""
    for said in listed(document.get("Statement", [])):
        yield {**said, "Action": listed(said.get("Action", [])), "Resource": listed(said.get("Resource", []))}


def text(value: Any) -> str:
    """A name as written, Fn::Sub or not."""
    return str(value.get("Fn::Sub", value)) if isinstance(value, Mapping) else str(value)


def resolved(view: View, value: Any) -> Any:
    """About as long as CloudFormation will make it: ARNs for references to queues and the like."""
    if (to := ref(value)) is not None:
        said = view.properties(to)
        named = next((text(said[name]) for name in said if name.endswith("Name")), to)
        return f"arn:aws:dynamodb:ap-northeast-1:000000000000:{named}"
    if isinstance(value, Mapping):
        return {key: resolved(view, inner) for key, inner in value.items()}
    return [resolved(view, inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if to := ref(value):
            yield to
        said = value.get("Fn::Sub")
        names: Mapping[str, Any] = {}
        if isinstance(said, list):
            said, names = said
        if isinstance(said, str):
            yield from (to for to in re.findall(r"\$\{([A-Za-z0-9:]+)[^}]*\}", said) if to not in names)
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _references(inner)
