"""Tests that share something dear run on one worker: the files that say `xdist_group`.

pytest-xdist 3.8 marks them by changing their node ids, which pytest 9.2 takes from elsewhere, so that the mark has no
effect: the files' tests were spread over all workers, and each made the dear thing anew. Whole files are kept together
here; none of ours marks single tests.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]


class FilesTogether(LoadGroupScheduling):  # type: ignore[misc]
    """Sends the tests of such a file to one worker, and any other test wherever there is time."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if _is_grouped(path) else str(super()._split_scope(nodeid))


@cache
def _is_grouped(path: str) -> bool:
    file = Path(path)
    return file.is_file() and "xdist_group(" in file.read_text("utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return FilesTogether(config, log) if config.getvalue("dist") == "loadgroup" else None
