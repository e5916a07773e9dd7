"""The embedded broker between processes: waking up, dying, forking, and a disk that is full."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.brokers.sqlite.processes import PATIENCE, heard, process, sleepers_in, until
from tests.fakes import NOON, Clock, message

from ebbtide.app import App
from ebbtide.broker import Depth, Settlement
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.errors import StorageFull
from ebbtide.execute import execute
from ebbtide.queue import Queue

QUEUE = Queue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def broker(path: Path) -> Iterator[SqliteBroker]:
    made = SqliteBroker(path, durable=False)
    yield made
    made.close()


def send(broker: SqliteBroker, *ids: str, **fields: Any) -> None:
    broker.send([message(id, **fields) for id in ids])


def count(broker: SqliteBroker) -> Depth:
    return broker.depth("default")[0]._replace(oldest=None, due_in=None)


# Two processes


def test_what_one_process_sends_another_receives(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a")
    script = """
(delivery,) = broker.receive([Queue()], 10)
say(delivery.message.id, delivery.attempt)
broker.send([message("b")])
say(broker.ack([module.Settlement(delivery)]))
"""
    with process(path, script) as other:
        assert [heard(other), heard(other)] == ["a 1", "1"]
    assert broker.load(["a"]) == {}
    assert [d.message.id for d in broker.receive([QUEUE], 10)] == ["b"]


def test_a_sleeping_process_is_woken_by_anothers_send(path: Path, broker: SqliteBroker) -> None:
    send(broker)
    # Between two looks of its own it would sleep for ten minutes: only the bell can wake it in time.
    script = """
module.NAP = 600
say(*(d.message.id for d in broker.receive([Queue("other"), Queue()], 10, wait=600)))
"""
    with process(path, script) as other:
        until(lambda: sleepers_in(path.parent / "queue.db-run"))
        send(broker, "a")
        assert heard(other) == "a"
        assert other.wait(PATIENCE) == 0
    assert sleepers_in(path.parent / "queue.db-run") == 0


def test_a_sleeping_process_is_woken_by_a_redrive(path: Path, broker: SqliteBroker) -> None:
    app = App("t", broker=lambda: broker)
    send(broker, "a", task="unknown")
    execute(app, broker.receive([QUEUE], 1)[0])
    with process(
        path, "module.NAP = 600; say(*(d.message.id for d in broker.receive([Queue()], 1, wait=600)))"
    ) as other:
        until(lambda: sleepers_in(path.parent / "queue.db-run"))
        broker.redrive(["a"])
        assert heard(other) == "a"


def test_many_processes_share_the_work_and_none_is_done_twice(path: Path, broker: SqliteBroker) -> None:
    script = """
while True:
    for delivery in broker.receive([Queue()], 3, wait=60):
        if delivery.message.args:
            broker.ack([module.Settlement(delivery)])
            sys.exit()
        say(delivery.message.id)
        broker.ack([module.Settlement(delivery)])
"""
    names = [f"m{number}" for number in range(90)]
    with process(path, script) as one, process(path, script) as two, process(path, script) as three:
        for name in names:
            send(broker, name)
        until(lambda: count(broker) == Depth())
        for number in range(3):  # one at a time, so that each takes one
            send(broker, f"stop{number}", args=["stop"])
            until(lambda: count(broker) == Depth())
        done = [child.communicate(timeout=PATIENCE)[0].split() for child in (one, two, three)]
    assert Counter(name for part in done for name in part) == Counter(names)


# Dying


HOLD_TWO = """
started, unstarted = broker.receive([Queue()], 2)
broker.begin(started)
say(started.message.id)
"""


def test_a_killed_holders_messages_come_back_and_only_started_ones_have_spent_the_attempt(
    path: Path, broker: SqliteBroker
) -> None:
    send(broker, "a", "b")
    with process(path, HOLD_TWO + "time.sleep(600)") as other:
        assert heard(other) == "a"
        assert broker.receive([QUEUE], 10) == []
        other.kill()
        other.wait(PATIENCE)
        found = broker.receive([QUEUE], 10, wait=PATIENCE)
    assert [(d.message.id, d.attempt) for d in found] == [("a", 2), ("b", 1)]
    fate = found[0].fate
    assert fate is not None
    assert fate.exception_class == "ebbtide.errors.WorkerDied"
    assert "without a word" in fate.message
    assert fate.attempt == 1
    assert found[1].fate is None


def test_how_its_holder_died_stands_in_the_record(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a", "b")
    with process(path, HOLD_TWO + "os._exit(3)") as other:
        assert other.wait(PATIENCE) == 3
    (again,) = [d for d in broker.receive([QUEUE], 10, wait=PATIENCE) if d.message.id == "a"]
    assert [error.attempt for error in broker.load(["a"])["a"].errors] == [1]
    assert broker.load(["b"])["b"].errors == ()
    assert broker.ack([Settlement(again)]) == 1


def test_messages_settled_before_the_death_stay_settled(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a", "b", "c")
    script = """
a, b, c = broker.receive([Queue()], 3)
for delivery in (a, b, c):
    broker.begin(delivery)
broker.ack([module.Settlement(a)])
broker.retry([module.Settlement(b, wait=3600, spent=False)])
os.kill(os.getpid(), signal.SIGKILL)
"""
    with process(path, script) as other:
        other.wait(PATIENCE)
    assert [(d.message.id, d.attempt) for d in broker.receive([QUEUE], 10, wait=PATIENCE)] == [("c", 2)]
    assert count(broker) == Depth(running=1, delayed=1)


def test_a_holder_that_closes_gives_back_what_it_had_not_started(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a", "b")
    other = SqliteBroker(path, durable=False)
    started, _ = other.receive([QUEUE], 2)
    other.begin(started)
    other.close()
    assert [(d.message.id, d.attempt) for d in broker.receive([QUEUE], 10, wait=PATIENCE)] == [("a", 2), ("b", 1)]


def test_a_living_holder_is_left_alone_however_long_it_sleeps(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a", "b")
    with process(path, HOLD_TWO + "sys.stdin.readline(); say(broker.ack([module.Settlement(started)]))") as other:
        heard(other)
        assert broker._upkeep.reclaim() == 0
        assert broker.receive([QUEUE], 10) == []
        assert other.stdin is not None
        print(file=other.stdin, flush=True)
        assert heard(other) == "1"


def test_a_stopped_holder_that_resumes_after_its_loan_changes_nothing(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a")
    script = """
(mine,) = broker.receive([Queue(visibility=0.05)], 1)
say("held")
sys.stdin.readline()
back = broker.retry([module.Settlement(mine, spent=False)])
say(broker.ack([module.Settlement(mine)]), back, broker.extend([mine], 60))
"""
    with process(path, script) as other:
        assert heard(other) == "held"
        (again,) = broker.receive([QUEUE], 10, wait=PATIENCE)
        assert again.attempt == 2
        before = broker.load(["a"])
        assert other.stdin is not None
        print(file=other.stdin, flush=True)
        assert heard(other) == "0 0 0"
    assert broker.load(["a"]) == before
    assert broker.ack([Settlement(again)]) == 1


# Last words


def last_words(path: Path, broker: SqliteBroker, script: str) -> Any:
    send(broker, "a")
    prelude = """
import resource
from ebbtide.runners.limits import TimeLimit
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
(delivery,) = broker.receive([Queue()], 1)
limit = TimeLimit(broker.last_words())
broker.begin(delivery)
"""
    with process(path, prelude + script) as other:
        assert other.wait(PATIENCE) != 0
    (again,) = broker.receive([QUEUE], 1, wait=PATIENCE)
    assert again.attempt == 2
    assert again.fate is not None
    return again.fate


def test_a_task_ended_by_its_time_limit_is_a_timeout_with_the_place_it_hung(path: Path, broker: SqliteBroker) -> None:
    script = """
def hang():
    while True:
        pass

limit.start(delivery.receipt, 0.05)
hang()
"""
    fate = last_words(path, broker, script)
    assert fate.exception_class == "ebbtide.errors.TaskTimeout"
    assert "in hang" in fate.traceback


def test_a_crash_of_the_interpreter_is_a_death_with_its_reason(path: Path, broker: SqliteBroker) -> None:
    fate = last_words(path, broker, "os.abort()")
    assert fate.exception_class == "ebbtide.errors.WorkerDied"
    assert "Fatal Python error: Aborted" in fate.message
    assert "File" in fate.traceback


def test_a_death_without_a_word_is_no_timeout(path: Path, broker: SqliteBroker) -> None:
    fate = last_words(path, broker, "limit.start(delivery.receipt, 60); os.kill(os.getpid(), signal.SIGKILL)")
    assert fate.exception_class == "ebbtide.errors.WorkerDied"
    assert fate.traceback == ""


# Forks


def test_parent_and_child_of_a_fork_use_the_queue_each_on_its_own(path: Path, broker: SqliteBroker) -> None:
    script = """
broker.send([message("a"), message("b")])
(held,) = broker.receive([Queue()], 1)
child = os.fork()
if not child:
    assert [d.message.id for d in broker.receive([Queue()], 10)] == ["b"]
    broker.send([message("from child")])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert broker.ack([module.Settlement(held)]) == 1
broker.send([message("from parent")])
say(sorted(d.message.id for d in broker.receive([Queue()], 10, wait=30)))
say(sorted(d.message.id for d in broker.receive([Queue()], 10, wait=30)))
"""
    with process(path, script) as other:
        lines = heard(other) + heard(other)
    # What the child held comes back when it has died, maybe in a second look.
    assert all(name in lines for name in ("'b'", "'from child'", "'from parent'"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.mark.timeout(30)
def test_a_child_forked_in_the_middle_of_a_write_keeps_nobody_out_when_its_parent_dies(
    path: Path, broker: SqliteBroker
) -> None:
    script = """
broker.send([message("a")])
with broker.together():
    child = os.fork()
    if not child:
        sys.stdin.readline()
        os._exit(0)
    say(child)
    time.sleep(600)
"""
    with process(path, script) as other:
        heard(other)
        other.kill()
        other.wait(PATIENCE)
        with process(path, "broker.send([message('b')]); say('sent')") as third:
            assert heard(third) == "sent"
        assert other.stdin is not None
        other.stdin.close()


# Waiting


class Counting(sqlite3.Connection):
    """A connection that counts the write transactions begun."""

    begun = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self.begun += sql.startswith("begin")
        return super().execute(sql, *parameters)


@pytest.mark.parametrize("blocked", ["a full lane", "a group on loan"])
def test_a_receiver_that_may_take_nothing_sleeps(path: Path, blocked: str) -> None:
    connections: list[Counting] = []

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(sqlite3.connect(*args, factory=Counting, **kwargs))
        return connections[0]

    broker = SqliteBroker(path, durable=False, connect=connect)
    queue = Queue(concurrency=1) if blocked == "a full lane" else Queue(fifo=True)
    send(broker, "a", "b", group="g")
    assert len(broker.receive([queue], 10)) == 1
    before = connections[0].begun
    assert broker.receive([queue], 10, wait=0.5) == []
    broker.close()
    assert connections[0].begun - before < 20


def test_a_receiver_of_no_queues_gets_nothing(path: Path) -> None:
    clock = Clock()
    broker = SqliteBroker(path, durable=False, clock=clock)
    send(broker, "a", run_after=NOON + 1)
    clock.forward(1)
    assert broker.receive([], 10) == []
    broker.close()


# What others may have written


@pytest.mark.parametrize("body", [b"", b"junk", b"\xff\x00", b'{"v":2}'], ids=range(4))
def test_bytes_that_are_no_message_are_set_aside_as_they_came(path: Path, broker: SqliteBroker, body: bytes) -> None:
    send(broker, "a")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update tasks set body = ?", (body,))
    app = App("t", broker=lambda: broker)
    execute(app, broker.receive([QUEUE], 1)[0])
    (letter,) = broker.dead()
    assert (letter.body, letter.id, letter.task) == (body, "a", "work")
    assert letter.error.exception_class == "ebbtide.errors.EnvelopeError"


def test_a_body_written_as_text_is_read_as_its_bytes(path: Path, broker: SqliteBroker) -> None:
    send(broker, "a")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update tasks set body = cast(body as text)")
    assert broker.receive([QUEUE], 1)[0].message.id == "a"


# A full disk


class Small(sqlite3.Connection):
    """A file that may not grow, until told otherwise."""

    def allow(self, pages: int) -> None:
        self.execute(f"pragma max_page_count = {pages}")


def test_a_full_disk_stores_nothing_of_the_call_and_the_next_works_when_there_is_room(path: Path) -> None:
    connections: list[Small] = []

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(sqlite3.connect(*args, factory=Small, **kwargs))
        return connections[0]

    broker = SqliteBroker(path, connect=connect)
    send(broker, "a")
    connections[0].allow(1)  # SQLite takes it as: no more than now
    with pytest.raises(StorageFull, match=r"queue\.db: the disk is full; nothing was stored\. Make room and repeat"):
        send(broker, *(f"m{number}" for number in range(300)), args=["x" * 1000])
    assert count(broker) == Depth(ready=1)
    connections[0].allow(100_000)
    send(broker, *(f"m{number}" for number in range(300)), args=["x" * 1000])
    assert count(broker) == Depth(ready=301)
    broker.close()


def test_on_a_full_disk_the_queue_can_still_be_emptied(path: Path) -> None:
    connections: list[Small] = []

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connections.append(sqlite3.connect(*args, factory=Small, **kwargs))
        return connections[0]

    broker = SqliteBroker(path, connect=connect)
    send(broker, *(f"m{number}" for number in range(50)))
    connections[0].allow(1)
    taken = broker.receive([QUEUE], 50)
    assert broker.ack([Settlement(delivery) for delivery in taken]) == 50
    assert count(broker) == Depth()
    broker.close()


def test_who_listens_in_vain_is_told_so(broker: SqliteBroker) -> None:
    send(broker, "elsewhere", queue="other")
    assert not broker.listen([QUEUE], 0.01)


def test_who_listens_is_woken_by_anothers_send(path: Path, broker: SqliteBroker) -> None:
    send(broker)
    with process(path, "say(broker.listen([Queue()], 600), broker.depth('default')[0].ready)") as other:
        until(lambda: sleepers_in(path.parent / "queue.db-run"))
        send(broker, "a")
        assert heard(other) == "True 1"
