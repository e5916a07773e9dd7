"""The main of one worker process, as the supervisor starts it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runners import crew_app
from tests.runners.crew import Crew, hired

from ebbtide.result import Status
from ebbtide.runners.supervisor import DRAINED, NOT_STARTABLE, NOT_YET_STARTABLE


@pytest.fixture
def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    with hired(tmp_path, monkeypatch) as made:
        yield made


def test_one_that_has_drained_the_queues_says_so_by_its_exit_code(crew: Crew) -> None:
    result = crew_app.quick.enqueue(1)
    one = crew.one_process(drain=True)
    assert one.ended() == DRAINED
    assert result.get(0) == 1
    assert one.said == ""


def test_it_takes_only_from_the_queues_it_is_given(crew: Crew) -> None:
    other, mine = crew_app.quick.enqueue(1), crew_app.lasting.enqueue(0)
    assert crew.one_process(["brief"], drain=True).ended() == DRAINED
    assert mine.wait(0).status is Status.SUCCESSFUL
    assert other.refresh().status is Status.READY


def test_a_target_that_is_gone_will_never_start_and_is_told_in_a_line(crew: Crew) -> None:
    one = crew.one_process(target="nowhere:app")
    assert one.ended() == NOT_STARTABLE
    assert one.said == "error: there is no module 'nowhere'.\n"


def test_so_is_one_that_breaks_with_the_users_own_traceback(crew: Crew) -> None:
    (crew.folder / "broken.py").write_text("import os\n\n1 / 0\n")
    one = crew.one_process(target="broken:app")
    assert one.ended() == NOT_STARTABLE
    assert 'broken.py", line 3, in <module>' in one.said
    assert one.said.splitlines()[-1] == (
        "error: importing 'broken' failed: ZeroDivisionError: division by zero (broken.py:3)"
    )


def test_storage_that_cannot_be_opened_may_be_back_later_so_another_attempt_is_worth_it(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBBTIDE_BROKER", "sqlite:///missing/queue.db")
    one = crew.one_process()
    assert one.ended() == NOT_YET_STARTABLE
    assert one.said.startswith("error: missing/queue.db: there is no folder missing")


def test_when_its_lifeline_is_cut_it_stops_as_for_sigterm(crew: Crew) -> None:
    one = crew.one_process(grace=0.2)
    result = crew_app.gated.enqueue(1, "gate")
    crew.noted("start", 1)
    crew.cut_lifelines()
    assert one.ended() == 0
    assert (result.refresh().status, result.attempts) == (Status.READY, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_a_terminal_sends_to_all_it_leaves_to_the_supervisor(crew: Crew, number: signal.Signals) -> None:
    one = crew.one_process()
    result = crew_app.gated.enqueue(1, "gate")
    crew.noted("start", 1)
    one.send(number)
    crew.open("gate")
    assert result.wait(20).status is Status.SUCCESSFUL
    assert crew_app.quick.enqueue(2).get(20) == 2
    assert {line.pid for line in crew.lines()} == {one.pid}
