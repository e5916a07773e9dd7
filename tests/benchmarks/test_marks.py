"""What tasks leave behind, and who reads it."""

import os
import time
from pathlib import Path
from threading import Timer

import pytest
from benchmarks.harness.marks import RECORD, Marks, payload


def leave(path: Path, *numbers: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    for number in numbers:
        os.write(file, RECORD.pack(time.monotonic_ns(), payload(number)[:8].encode()))
    os.close(file)


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path / "marks")


def test_a_payload_begins_with_its_number_and_has_the_size_asked_for() -> None:
    assert payload(42).startswith("00000042x")
    assert [len(payload(42)), len(payload(42, 4096))] == [100, 4096]


def test_waiting_ends_when_the_last_of_the_numbers_is_there(marks: Marks) -> None:
    leave(marks.path, 3, 4)
    Timer(0.1, leave, (marks.path, 5)).start()
    done = marks.wait(range(3, 6))
    assert sorted(done) == [3, 4, 5]
    assert done[3] <= done[4] < done[5]


def test_a_task_that_runs_twice_is_counted_once_and_told(marks: Marks) -> None:
    leave(marks.path, 0, 0, 1)
    done = marks.wait(range(2))
    leave(marks.path, 1)
    assert len(done) == 2
    assert marks.repeats() == 2


def test_a_late_repeat_is_not_taken_for_work_of_the_next_phase(marks: Marks) -> None:
    leave(marks.path, 0, 1)
    marks.wait(range(2))
    leave(marks.path, 0, 1)
    Timer(0.1, leave, (marks.path, 2, 3)).start()
    assert sorted(marks.wait(range(2, 4))) == [2, 3]


def test_the_next_executions_are_those_after_asking(marks: Marks) -> None:
    leave(marks.path, 0, 1)
    asked = time.monotonic_ns()
    Timer(0.1, leave, (marks.path, 7, 5, 6)).start()
    assert all(when > asked for when in marks.next(2))


def test_half_a_record_is_left_for_later(marks: Marks) -> None:
    leave(marks.path, 0)
    with marks.path.open("ab") as file:
        file.write(b"half")
    assert sorted(marks.wait(range(1))) == [0]
