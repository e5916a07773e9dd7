"""What a check has to say: whose fault, where it is declared, what is wrong, and the cure."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """subject: "task 'receipt'", "queue 'mail'", or "app 'shop'". file, line: of its declaration, or in the settings;
    line 0 is nowhere. error: whether it stops a build; else a warning."""

    subject: str
    file: str
    line: int
    message: str
    cure: str
    error: bool = True

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else ""
        return f"{place}{self.subject}: {self.message.removesuffix('.')}; {self.cure}"
