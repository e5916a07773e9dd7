"""What a check has to say: whose fault, where it is declared, what is wrong, and the cure."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """subject: "task 'receipt'", "queue 'mail'", or "app 'shop'". file, line: of its declaration, or in the settings.
    error: whether it stops a build; else a warning."""

    subject: str
    file: str
    line: int
    message: str
    cure: str
    error: bool = True

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.subject}: {self.message}; {self.cure}"
