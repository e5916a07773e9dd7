"""What a promise about a template is: looked for in what is to be written, before and after SAM's translation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ebbtide.deploy.checks.view import View
from ebbtide.physical import Place


class Stage(NamedTuple):
    """A template and the stage it is for. public: route keys that the user said anybody may call. others: the queues of
    other systems that the app sends to, as ARNs to be filled in by CloudFormation."""

    view: View
    place: Place
    public: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


class Broken(NamedTuple):
    """A promise that is not kept, and by what: id is a logical id, or ""."""

    id: str
    message: str


Promise = Callable[[Stage], Iterator[Broken]]
