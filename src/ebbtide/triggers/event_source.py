"""What the triggers that read events of AWS have in common: a frozen value whose events offer values by name.

Such a trigger says what it offers, what an event must be to be its own, and which values an event has. The rest is
here: the check of the task's parameters, and the picking of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ebbtide.errors import DeclarationError, EnvelopeError
from ebbtide.signature import Signature
from ebbtide.trigger import Miss, Trigger
from ebbtide.triggers import picking
from ebbtide.triggers.picking import Offers

Event = Mapping[str, Any]
Conditions = Iterator[tuple[bool, str]]
"""Of an event, one after another, whether it holds, and what is amiss where not."""


class EventSource(Trigger):
    """Frozen; equal if all its parts are. A subclass hands the parts it was declared with to `_declare`."""

    _parts: dict[str, Any]
    _signature: Callable[[], Signature] | None = None

    def _declare(self, **parts: Any) -> None:
        vars(self).update(parts, _parts=parts)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} is frozen; declare another instead of setting {name!r}")

    def __repr__(self) -> str:
        (_, first), *others = self._parts.items()
        said = [repr(first), *(f"{name}={value!r}" for name, value in others if value != self._default(name))]
        return f"{type(self).__name__}({', '.join(said)})"

    def _default(self, name: str) -> Any:
        return (type(self).__init__.__kwdefaults__ or {}).get(name)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, EventSource) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(repr(self))

    def _wrong(self, name: str, expected: str) -> DeclarationError:
        (first, value), *_ = self._parts.items()
        shown = f"{value!r:.200}" + ("" if name == first else f", {name}={self._parts[name]!r:.80}")
        return DeclarationError(f"{type(self).__name__}({shown}): {expected}")

    @property
    @abstractmethod
    def offers(self) -> Offers:
        """The values a task's parameters may ask for."""

    @abstractmethod
    def conditions(self, event: Event) -> Conditions:
        """What must hold of an event to be one of these, the most telling first. Only those before it may be relied
        on by the next."""

    @abstractmethod
    def values(self, event: Event) -> dict[str, Any]:
        """The values of an event of which all conditions hold; None for one it does not have."""

    def check(self, task: str, parameters: Mapping[str, Any]) -> None:
        """All is checked in `bound`, where defaults are known."""

    def bound(self, signature: Callable[[], Signature]) -> Self:
        compiled = signature()
        picking.check(f"task {compiled.task!r}, {self!r}", self.offers, compiled)
        made = object.__new__(type(self))
        vars(made).update(vars(self), _signature=signature)
        return made

    def miss(self, task: str, event: Event) -> Miss | None:
        for near, (holds, amiss) in enumerate(self.conditions(event)):
            if not holds:
                return Miss(near, amiss)
        return None

    def reads(self, task: str, event: Event) -> bool:
        return self.miss(task, event) is None

    def arguments(self, event: Event) -> tuple[list[Any], dict[str, Any]]:
        miss = self.miss("", event)
        if miss:
            raise EnvelopeError(f"not an event of {self!r}: {miss.reason}")
        if self._signature is None:
            raise DeclarationError(f"{self!r} belongs to no task yet")
        return picking.pick(self.offers, self._signature(), self.values(event))


def shown(value: object) -> str:
    """A value of an event, printable and short."""
    return ascii(value)[:100]


def text(value: object) -> str | None:
    """The value if it is text, else None."""
    return value if isinstance(value, str) else None


def member(value: object, *names: str) -> Any:
    """What stands at this path of objects; None where it leads nowhere."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
