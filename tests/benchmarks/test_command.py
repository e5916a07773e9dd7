"""Running a measuring command."""

import os
import sys
from pathlib import Path

import pytest
from benchmarks.harness.command import answered


def test_what_a_command_prints_is_its_answer_and_what_it_says_is_not(tmp_path: Path) -> None:
    code = "import sys; print('said', file=sys.stderr); print('answer')"
    assert answered([sys.executable, "-c", code], tmp_path, dict(os.environ)) == b"answer\n"
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_command_that_fails_ends_the_measuring_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"ended with 3:\n.*no such disk"):
        answered(
            [sys.executable, "-c", "import sys; print('no such disk', file=sys.stderr); sys.exit(3)"], tmp_path, {}
        )
