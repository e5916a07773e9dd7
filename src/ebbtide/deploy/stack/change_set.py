"""What would change, before it does: CloudFormation's change set, read into a few plain values."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from botocore.exceptions import ClientError

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.state import Stack
from ebbtide.deploy.stack.trouble import DeployError, code_of, told
from ebbtide.deploy.stack.validation import faults
from ebbtide.deploy.stack.words import HOLDS, noun

CAPABILITIES = ("CAPABILITY_AUTO_EXPAND", "CAPABILITY_NAMED_IAM")
PATIENCE = 900.0
"""Seconds a change set may take to be made."""

Action = Literal["add", "change", "replace", "may replace", "remove", "keep"]
Kind = Literal["CREATE", "UPDATE"]
_LASTING = ("", "Arn", "QueueName")
"""What of a resource is another only when it is replaced; "" is what `Ref` gives."""
_NOTHING = ("didn't contain changes", "No updates are to be performed")


class Change(NamedTuple):
    """What becomes of one resource. keep: it leaves the stack and stays in the account. because: a line a cause."""

    action: Action
    kind: str
    logical: str
    physical: str
    because: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        return noun(self.kind)

    @property
    def loses(self) -> str | None:
        """What would be lost for good; None: nothing."""
        return HOLDS.get(self.kind) if self.action in ("replace", "may replace", "remove") else None


class ChangeSet(NamedTuple):
    """One change set. kind: CREATE for a stack that is not there yet."""

    id: str
    stack: str
    kind: Kind
    changes: tuple[Change, ...]


def propose(
    account: Account,
    name: str,
    stack: Stack | None,
    template: Mapping[str, str],
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
) -> ChangeSet | None:
    """What this template would change in the stack of that name; None: nothing. Raises DeployError.

    stack: as it is, None if there is none. template: as `upload.template_argument` gives it. parameters: those given
    now; a stack keeps the values of the others.
    """
    new = stack is None or stack.status == "REVIEW_IN_PROGRESS"
    kind: Kind = "CREATE" if new else "UPDATE"
    cloudformation = account.client("cloudformation")
    kept = stack.parameters if stack else {}
    with told(f"comparing the stack {name} with the template"):
        made = cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=f"ebbtide-{uuid4().hex[:12]}",
            ChangeSetType=kind,
            Capabilities=list(CAPABILITIES),
            Parameters=_parameters(parameters, kept, _declared(account, template) if kept else ()),
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            **template,
        )
        pages = _made(account, made["Id"], made["StackId"], kind)
    if pages is None:
        discard(account, ChangeSet(made["Id"], made["StackId"], kind, ()))
        return None
    found = [change["ResourceChange"] for page in pages for change in page.get("Changes", ())]
    return ChangeSet(made["Id"], made["StackId"], kind, tuple(map(_read, _without_followers(found))))


def discard(account: Account, proposed: ChangeSet) -> None:
    """Leave no trace of a change set that is not executed: nor of the stack made for it alone."""
    cloudformation = account.client("cloudformation")
    with told("discarding the change set"):
        cloudformation.delete_change_set(ChangeSetName=proposed.id, StackName=proposed.stack)
        if proposed.kind == "CREATE":
            cloudformation.delete_stack(StackName=proposed.stack)


def _declared(account: Account, template: Mapping[str, str]) -> Sequence[str]:
    if "TemplateBody" in template:
        return list(json.loads(template["TemplateBody"]).get("Parameters", ()))
    summary = account.client("cloudformation").get_template_summary(TemplateURL=template["TemplateURL"])
    return [parameter["ParameterKey"] for parameter in summary["Parameters"]]


def _parameters(given: Mapping[str, str], kept: Mapping[str, str], declared: Sequence[str]) -> list[dict[str, Any]]:
    new = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    old = [name for name in kept if name in declared and name not in given]
    return new + [{"ParameterKey": name, "UsePreviousValue": True} for name in old]


def _made(account: Account, id: str, stack: str, kind: Kind) -> list[dict[str, Any]] | None:
    """The pages of a change set once it is made; None if it holds nothing. Raises DeployError."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        pages = list(_pages(account, id, stack))
        status, reason = pages[0]["Status"], pages[0].get("StatusReason", "")
        if status == "CREATE_COMPLETE":
            return pages
        if status == "FAILED":
            if any(words in reason for words in _NOTHING):
                return None
            reason = "; ".join(faults(account, ChangeSetName=id, StackName=stack)) or reason
            discard(account, ChangeSet(id, stack, kind, ()))
            raise DeployError(f"CloudFormation refuses the template: {reason}")
        time.sleep(account.pause)
    raise DeployError(f"CloudFormation did not finish the change set within {PATIENCE:g} seconds")


def _pages(account: Account, id: str, stack: str) -> Iterator[dict[str, Any]]:
    cloudformation, more = account.client("cloudformation"), dict[str, str]()
    while True:
        try:
            page = cloudformation.describe_change_set(
                ChangeSetName=id, StackName=stack, IncludePropertyValues=True, **more
            )
        except ClientError as error:
            if code_of(error) != "ValidationError":
                raise
            page = cloudformation.describe_change_set(ChangeSetName=id, StackName=stack, **more)
        yield page
        if "NextToken" not in page:
            return
        more = {"NextToken": page["NextToken"]}


def _without_followers(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The changes less those that only refer to a resource which stays the one it is.

    CloudFormation names these as well, for it does not know beforehand that an id or an ARN will be the same.
    """
    kept = list(found)
    staying = {change["LogicalResourceId"] for change in kept if _action(change) == "change"}
    while following := [change for change in kept if _follows(change, staying)]:
        staying |= {change["LogicalResourceId"] for change in following}
        kept = [change for change in kept if change not in following]
    return kept


def _follows(found: Mapping[str, Any], staying: Set[str]) -> bool:
    details = found.get("Details", ())
    return found["Action"] == "Modify" and bool(details) and all(_is_about(detail, staying) for detail in details)


def _is_about(detail: Mapping[str, Any], staying: Set[str]) -> bool:
    causing, _, attribute = detail.get("CausingEntity", "").partition(".")
    refers = detail.get("ChangeSource") in ("ResourceReference", "ResourceAttribute")
    return refers and causing in staying and attribute in _LASTING


def _read(found: Mapping[str, Any]) -> Change:
    because = {_cause(detail): None for detail in found.get("Details", ())}
    return Change(
        _action(found),
        found["ResourceType"],
        found["LogicalResourceId"],
        found.get("PhysicalResourceId", ""),
        tuple(cause for cause in because if cause),
    )


def _action(found: Mapping[str, Any]) -> Action:
    policy = found.get("PolicyAction", "")
    if found["Action"] == "Remove":
        return "keep" if policy in ("Retain", "Snapshot") else "remove"
    if found["Action"] != "Modify":
        return "add"
    if found.get("Replacement") == "True":
        return "replace"
    return "may replace" if found.get("Replacement") == "Conditional" else "change"


def _cause(detail: Mapping[str, Any]) -> str:
    target = detail.get("Target", {})
    what = target.get("Path", "").removeprefix("/Properties/").replace("/", ".")
    what = what or target.get("Name") or target.get("Attribute", "")
    before, after = target.get("BeforeValue"), target.get("AfterValue")
    if before is not None and after is not None:
        return f"{what}: {_short(before)} -> {_short(after)}"
    if detail.get("CausingEntity"):
        return f"{what}, by {detail['CausingEntity']}"
    return str(what)


def _short(value: str, limit: int = 60) -> str:
    return value if len(value) <= limit else f"{value[: limit - 3]}..."
