"""G1 by coverage: atheris drives the decoder. Started by `g1_fuzz --atheris N` with libFuzzer's own options and seeds.

atheris sees the coverage of modules that are imported under its eyes, so they are imported by name, in `main`.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main() -> None:
    """Fuzz until the runs are used up; libFuzzer ends the process, with a status of its own."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["ebbtide.message", "ebbtide.strictjson"]):
        decode = importlib.import_module("ebbtide.message").Message.decode
    amiss = importlib.import_module("tests.bar.g1_fuzz").amiss

    def one_input(body: bytes) -> None:
        wrong = amiss(body, decode)
        if wrong:
            raise AssertionError(f"{wrong}: {body[:200]!r}")

    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
