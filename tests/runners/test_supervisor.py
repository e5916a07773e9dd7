"""The supervisor, over processes that are small shell scripts."""

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable

import pytest
from tests.runners.crew import Crew, Running, alive, until

from ebbtide.runners.supervisor import AFTER_GRACE, AGAIN_AFTER, DRAINED, LONGEST_PAUSE, NOT_STARTABLE

SUPERVISE = """
import json, sys
from ebbtide.runners.supervisor import Command, Supervisor

commands, options = [Command(*given) for given in json.loads(sys.argv[1])], json.loads(sys.argv[2])
def say(words):
    print(words, flush=True)
sys.exit(Supervisor(commands, say=say, **options).run())
"""

OBEDIENT = "trap 'echo stopped >> log; exit 0' TERM; echo start $$ >> log; while :; do sleep 0.02; done"
DEAF = "trap '' TERM QUIT; echo start $$ >> log; while :; do sleep 0.02; done"

Supervise = Callable[..., Running]


@pytest.fixture
def supervise(crew: Crew) -> Supervise:
    def start(script: str, processes: int = 1, grace: float = 5.0, prelude: str = "") -> Running:
        commands = [[["/bin/sh", "-c", script]]] * processes
        return crew.run("-c", prelude + SUPERVISE, json.dumps(commands), json.dumps({"grace": grace}))

    return start


def log(crew: Crew) -> list[str]:
    """The lines of the log, but for one that is just being written."""
    return crew.log.read_text().rpartition("\n")[0].splitlines() if crew.log.exists() else []


def started(crew: Crew) -> list[int]:
    return [int(line.split()[1]) for line in log(crew) if line.startswith("start")]


def test_it_starts_as_many_processes_as_asked_for(crew: Crew, supervise: Supervise) -> None:
    supervise(OBEDIENT, processes=3)
    until(lambda: len(started(crew)) == 3)
    assert len(set(started(crew))) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_is_passed_on_as_sigterm_and_it_ends_with_its_processes(
    crew: Crew, supervise: Supervise, number: signal.Signals
) -> None:
    running = supervise(OBEDIENT, processes=2)
    until(lambda: len(started(crew)) == 2)
    running.send(number)
    assert running.ended() == 0
    assert log(crew).count("stopped") == 2
    assert running.said == ""


def test_a_stop_while_processes_are_being_started_reaches_them_all(crew: Crew, supervise: Supervise) -> None:
    # The supervisor is told to stop by its own first child, before it has started the others.
    script = 'mkdir first 2>/dev/null && kill -TERM $PPID; trap "exit 0" TERM; while :; do sleep 0.02; done'
    running = supervise(script, processes=20, grace=60)
    assert running.ended(20) == 0
    assert running.said == ""


def test_under_nohup_a_hangup_stops_nothing(crew: Crew, supervise: Supervise) -> None:
    running = supervise(OBEDIENT, prelude="import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n")
    until(lambda: started(crew))
    running.send(signal.SIGHUP)
    os.kill(started(crew)[0], signal.SIGKILL)
    until(lambda: len(started(crew)) == 2)  # one that is stopping would not start another
    running.send(signal.SIGTERM)
    assert running.ended() == 0


def test_the_same_signal_to_all_at_once_is_one_stop(crew: Crew, supervise: Supervise) -> None:
    script = OBEDIENT.replace("exit 0", "sleep 0.4; echo done >> log; exit 0").replace(
        "trap", "trap 'exit 9' QUIT; trap"
    )
    running = supervise(script)
    until(lambda: started(crew))
    running.send(signal.SIGTERM)
    running.send(signal.SIGINT)  # another number: two of the same may reach it as one
    assert running.ended() == 0
    assert log(crew)[-1] == "done"


def test_a_second_stop_some_time_later_tells_processes_to_give_back_at_once(crew: Crew, supervise: Supervise) -> None:
    script = "trap 'echo quit >> log; exit 0' QUIT; trap 'echo term >> log' TERM; echo start $$ >> log; "
    running = supervise(script + "while :; do sleep 0.02; done", grace=60)
    until(lambda: started(crew))
    running.send(signal.SIGTERM)
    until(lambda: "term" in log(crew))
    time.sleep(AGAIN_AFTER)  # one that comes sooner is the same
    running.send(signal.SIGTERM)
    assert running.ended() == 0


def test_a_process_that_outlives_the_grace_is_killed(crew: Crew, supervise: Supervise) -> None:
    running = supervise(DEAF, grace=0.1)
    until(lambda: started(crew))
    began = time.monotonic()
    running.send(signal.SIGTERM)
    assert running.ended() == 0
    assert time.monotonic() - began >= 0.1 + AFTER_GRACE
    assert not alive(started(crew)[0])


def test_a_process_that_is_killed_is_replaced_and_that_is_told(crew: Crew, supervise: Supervise) -> None:
    running = supervise(OBEDIENT, processes=2)
    until(lambda: len(started(crew)) == 2)
    killed, other = started(crew)
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(started(crew)) == 3)
    assert alive(other)
    assert running.said == f"worker process {killed} was killed by SIGKILL; another takes its place\n"


def test_one_ended_by_its_time_limit_is_told_so(crew: Crew, supervise: Supervise) -> None:
    running = supervise(OBEDIENT)
    until(lambda: started(crew))
    os.kill(started(crew)[0], signal.SIGALRM)
    until(lambda: "was ended: its task ran longer than its queue's timeout" in running.said)


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_one_that_a_task_ended_is_replaced_whatever_its_exit_code(crew: Crew, supervise: Supervise, code: int) -> None:
    running = supervise(f"test -e log && {{ {OBEDIENT}; }}; echo start $$ >> log; exit {code}")
    until(lambda: len(started(crew)) == 2)
    assert f"ended with exit code {code}; another takes its place" in running.said
    running.send(signal.SIGTERM)
    assert running.ended() == 0


def test_one_that_cannot_be_started_ends_them_all_with_exit_code_2(crew: Crew, supervise: Supervise) -> None:
    running = supervise(f"mkdir first 2>/dev/null || {{ {OBEDIENT}; }}; sleep 0.3; exit {NOT_STARTABLE}", processes=2)
    assert running.ended() == 2
    assert len(started(crew)) == 1
    assert log(crew)[-1] == "stopped"


def test_when_all_have_drained_it_ends(crew: Crew, supervise: Supervise) -> None:
    running = supervise(f"echo start $$ >> log; exit {DRAINED}", processes=3)
    assert running.ended() == 0
    assert len(started(crew)) == 3
    assert running.said == ""


def test_one_that_attends_is_stopped_once_the_others_have_drained(crew: Crew) -> None:
    commands = [[["/bin/sh", "-c", f"sleep 0.2; exit {DRAINED}"]], [["/bin/sh", "-c", OBEDIENT], "web", [], True]]
    running = crew.run("-c", SUPERVISE, json.dumps(commands), json.dumps({"grace": 5.0}))
    assert running.ended() == 0
    assert log(crew)[-1] == "stopped"


def test_each_process_is_replaced_by_its_own_kind_and_told_by_its_name(crew: Crew) -> None:
    web = OBEDIENT.replace("start", "web")
    commands = [[["/bin/sh", "-c", OBEDIENT]], [["/bin/sh", "-c", web], "web", [], True]]
    running = crew.run("-c", SUPERVISE, json.dumps(commands), json.dumps({"grace": 5.0}))
    until(lambda: sorted(line.split()[0] for line in log(crew)) == ["start", "web"])
    pid = next(int(line.split()[1]) for line in log(crew) if line.startswith("web"))
    os.kill(pid, signal.SIGKILL)
    until(lambda: sum(line.startswith("web") for line in log(crew)) == 2)
    assert running.said == f"web process {pid} was killed by SIGKILL; another takes its place\n"
    assert len(started(crew)) == 1


def test_processes_that_die_at_once_are_replaced_more_and_more_slowly(crew: Crew, supervise: Supervise) -> None:
    supervise(f"{sys.executable} -S -c 'import time; print(\"start\", time.monotonic_ns())' >> log; exit 3")
    until(lambda: len(started(crew)) == 4)
    at = [nanoseconds / 1e9 for nanoseconds in started(crew)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert [pause >= least for pause, least in zip(pauses, (0.2, 0.4, 0.8), strict=True)] == [True] * 3


def test_a_crash_keeps_others_waiting_for_less_than_a_second(crew: Crew, supervise: Supervise) -> None:
    supervise(f"{sys.executable} -S -c 'import time; print(\"start\", time.monotonic_ns())' >> log; kill -SEGV $$")
    until(lambda: len(started(crew)) == 8)
    at = [nanoseconds / 1e9 for nanoseconds in started(crew)]
    assert at[7] - at[0] < 7 * (LONGEST_PAUSE + 1.0)  # doubling on, it would be 20 seconds and more


def test_a_stop_ends_a_pause(crew: Crew, supervise: Supervise) -> None:
    running = supervise("echo start $$ >> log; exit 3")
    until(lambda: len(started(crew)) == 3)
    running.send(signal.SIGTERM)
    assert running.ended() == 0


def test_when_it_is_killed_its_processes_see_their_lifeline_end(crew: Crew, supervise: Supervise) -> None:
    running = supervise("echo start $$ >> log; cat /dev/fd/$1; echo cut >> log", processes=2)  # $0 is --lifeline
    until(lambda: len(started(crew)) == 2)
    running.send(signal.SIGKILL)
    until(lambda: log(crew).count("cut") == 2)
