"""One deployment: from a folder of artefacts to a change set that waits to be agreed to, and what it did.

A stack is Ebbtide's if its tags or its description say so; a stranger's of the same name is never touched, for to
update it would be to remove all that is in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ebbtide.deploy.stack import change_set, upload
from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.change_set import ChangeSet
from ebbtide.deploy.stack.execution import remove
from ebbtide.deploy.stack.state import Stack, find, ready, template_of
from ebbtide.deploy.stack.trouble import DeployError
from ebbtide.deploy.stack.upload import Piece
from ebbtide.physical import Place

OURS = {"framework": "ebbtide"}
SIGNATURE = ", by Ebbtide"
"""What the description of each of our templates ends with, so that a stack made by SAM or the AWS CLI is known, too."""


class Plan(NamedTuple):
    """What a deployment would do. stack: as it was; template: as sent; proposed: None if there is nothing to do.

    pieces: the files the template points at, which must be in the bucket before it is carried out.
    """

    stack: Stack | None
    template: Any
    proposed: ChangeSet | None
    pieces: tuple[Piece, ...] = ()


Upload = Callable[[Account, str, Piece], None]


def plan(
    account: Account, place: Place, folder: Path, parameters: Mapping[str, str], tell: Callable[[str], None]
) -> Plan:
    """Ask what a folder with a template.json would change. Uploads nothing but a template too long for a request, and
    removes nothing but the empty stack of a failed first deployment, beside which nothing can be asked.

    tell: is told of what takes its time. Raises DeployError.
    """
    template = read(folder, place)
    made, pieces = upload.located(template, folder, upload.bucket_of(account), place.stack)
    stack = stack_of(account, place)
    if stack is not None and stack.status == "ROLLBACK_COMPLETE":
        tell(f"{stack.name} is what a failed first deployment left behind: removing it")
        for _ in remove(account, stack.id):
            pass
        stack = None
    if stack is not None and not stack.empty and not parameters and template_of(account, stack.id) == made:
        return Plan(stack, made, None)
    argument = upload.template_argument(account, place.stack, made)
    tags = {"application": place.app, "environment": place.stage, **OURS}
    proposed = change_set.propose(account, place.stack, stack, argument, parameters, tags)
    return Plan(stack, made, proposed, tuple(pieces))


def store(account: Account, made: Plan, send: Upload) -> None:
    """Put what the template points at into the bucket, as far as it is not there. send: stores one, as `upload.upload`
    does. Raises DeployError."""
    bucket = upload.make_bucket(account)
    for piece in upload.missing(account, bucket, made.pieces):
        send(account, bucket, piece)


def stack_of(account: Account, place: Place) -> Stack | None:
    """The stage's stack, if it is there and can be changed. Raises DeployError."""
    stack = find(account, place.stack)
    if stack is None:
        return None
    ready(account, stack)
    return _ours(account, stack)


def _ours(account: Account, stack: Stack) -> Stack:
    ours = OURS.items() <= stack.tags.items() or stack.description.endswith(SIGNATURE)
    if stack.status != "REVIEW_IN_PROGRESS" and not ours:
        raise DeployError(
            f"there is a stack {stack.name} in {account.where} that is not Ebbtide's (neither its tags nor its "
            f"description say so); choose another --stage, or remove that stack"
        )
    return stack


def read(folder: Path, place: Place) -> Any:
    """The template of a folder that `ebbtide build` wrote. Raises DeployError, also if it was built for another place:
    its names are that place's own, whatever the stack is called."""
    template = _json(folder / "template.json")
    summary = _json(folder / "build.json") if (folder / "build.json").is_file() else {}
    for what, wanted in (("app", place.app), ("stage", place.stage)):
        if summary.get(what, wanted) != wanted:
            raise DeployError(f"{folder} was built for {what} {summary[what]!r}, not for {wanted!r}; build it for that")
    return template


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DeployError(f"there is no {path}: 'ebbtide build' writes it") from None
    except ValueError as error:
        raise DeployError(f"{path} is not JSON: {error}") from None


def stack_to_remove(account: Account, place: Place) -> Stack | None:
    """The stage's stack in whatever state it is, if it can be removed. Raises DeployError: busy, a stranger's."""
    stack = find(account, place.stack)
    if stack is None:
        return None
    if stack.busy:
        ready(account, stack)
    return _ours(account, stack)
