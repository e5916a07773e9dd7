"""What becomes of the records of one SQS event."""

import asyncio
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.on_lambda.stage import Context, Stage, record

from ebbtide.broker import Permit
from ebbtide.errors import Retry
from ebbtide.on_lambda.queued import ComeAgain
from ebbtide.on_lambda.settings import Settings
from ebbtide.queue import Queue
from ebbtide.result import Status
from ebbtide.retry import RetryPolicy


def messages(task: Any, *calls: Any) -> list[Any]:
    return [task.message(call) for call in calls]


def test_a_batch_that_succeeds_names_nothing_and_asks_the_broker_to_delete_nothing() -> None:
    stage, seen = Stage(), []

    @stage.app.task
    def note(number: int) -> int:
        seen.append(number)
        return number * 2

    sent = messages(note, 1, 2, 3)
    assert stage.invoke(*map(record, sent)) == []
    assert seen == [1, 2, 3]
    assert stage.broker.acked == [message.id for message in sent]
    assert [stage.broker.records[message.id].value for message in sent] == ["2", "4", "6"]
    assert stage.broker.flushed == []


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), BaseException("no"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_one_failure_costs_its_neighbours_nothing(error: BaseException) -> None:
    stage = Stage()

    @stage.app.task(retry=RetryPolicy(attempts=3, base=0))
    def note(number: int) -> None:
        if number == 2:
            raise error

    one, two, three = messages(note, 1, 2, 3)
    assert stage.invoke(record(one), record(two), record(three)) == [two.id]
    assert stage.broker.acked == [one.id, three.id]
    (again,) = stage.broker.retried
    assert (again.delivery.receipt, again.spent) == (two.id, True)


def test_a_failure_for_good_is_buried_with_its_reason_and_comes_no_more() -> None:
    stage = Stage()

    @stage.app.task(retry=RetryPolicy(attempts=1))
    def note(number: int) -> None:
        raise ValueError("bad luck")

    (only,) = messages(note, 1)
    assert stage.invoke(record(only)) == []
    (buried,) = stage.broker.buried
    assert buried.report is not None
    assert buried.report.error is not None
    assert buried.report.error.exception_class == "builtins.ValueError"
    assert "bad luck" in buried.report.error.traceback


def test_what_is_no_message_of_ours_is_buried_and_its_neighbour_runs() -> None:
    stage, seen = Stage(), []

    @stage.app.task
    def note(number: int) -> None:
        seen.append(number)

    (good,) = messages(note, 1)
    assert stage.invoke(record("not ours"), record(good)) == []
    assert seen == [1]
    assert len(stage.broker.buried) == 1


def test_a_wrong_return_value_fails_for_good() -> None:
    stage = Stage()

    @stage.app.task
    def note() -> int:
        return object()  # type: ignore[return-value]

    assert stage.invoke(record(note.message())) == []
    assert len(stage.broker.buried) == 1


def test_a_retry_keeps_the_wait_it_asks_for() -> None:
    stage = Stage()

    @stage.app.task
    def note() -> None:
        raise Retry(after=77)

    message = note.message()
    assert stage.invoke(record(message)) == [message.id]
    assert [one.wait for one in stage.broker.retried] == [77]


def test_new_records_go_first_and_what_ended_is_deleted_before_and_after_each_suspect() -> None:
    stage, seen = Stage(), []

    @stage.app.task
    def note(number: int) -> None:
        seen.append(number)

    a, b, c, d = messages(note, 1, 2, 3, 4)
    assert stage.invoke(record(a, 2), record(b), record(c, 3), record(d)) == []
    assert seen == [2, 4, 1, 3]
    assert stage.broker.flushed == [
        [b.id, d.id],
        [b.id, d.id, a.id],
        [b.id, d.id, a.id],
        [b.id, d.id, a.id, c.id],
    ]


def test_of_the_suspects_the_one_that_was_started_most_often_goes_last() -> None:
    stage, seen = Stage(), []

    @stage.app.task
    def note(number: int) -> None:
        seen.append(number)

    a, b, c = messages(note, 1, 2, 3)
    assert stage.invoke(record(a, 4), record(b, 2), record(c, 3)) == []
    assert seen == [2, 3, 1]


@pytest.mark.parametrize("left", [0.0, -5.0, 2.0])
def test_no_time_left_runs_nothing_and_gives_all_back_unspent(left: float) -> None:
    stage, seen = Stage(), []

    @stage.app.task
    def note(number: int) -> None:
        seen.append(number)

    one, two = messages(note, 1, 2)
    assert stage.invoke(record(one), record(two), left=left) == [one.id, two.id]
    assert seen == []
    assert stage.broker.given_back == [one.id, two.id]
    assert stage.broker.begun == []


def test_the_first_runs_within_what_is_left_and_a_later_one_only_if_its_whole_timeout_fits() -> None:
    stage, seen = Stage(Queue(timeout=60)), []

    @stage.app.task(takes_context=True)
    def note(delivery: Any, number: int) -> None:
        seen.append((number, delivery.deadline - time.time()))

    one, two = (note.message(1), note.message(2))
    assert stage.invoke(record(one), record(two), left=30.0) == [two.id]
    ((number, seconds),) = seen
    assert number == 1
    assert 20 < seconds <= 28
    assert stage.broker.given_back == [two.id]


def test_a_task_past_its_limit_is_interrupted_and_recorded_and_the_rest_runs() -> None:
    stage, seen = Stage(Queue(timeout=0.2)), []

    @stage.app.task
    def note(number: int) -> None:
        if number == 1:
            time.sleep(30)
        seen.append(number)

    one, two = messages(note, 1, 2)
    began = time.monotonic()
    assert stage.invoke(record(one), record(two)) == [one.id]
    assert time.monotonic() - began < 10
    assert seen == [2]
    (again,) = stage.broker.retried
    assert again.report is not None
    assert again.report.error is not None
    assert again.report.error.exception_class == "ebbtide.errors.TaskTimeout"


def test_async_tasks_of_a_batch_run_at_the_same_time_and_on_one_loop() -> None:
    stage, loops = Stage(), []
    together = asyncio.Barrier(3)

    @stage.app.task
    async def note(number: int) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.wait_for(together.wait(), 20)

    assert stage.invoke(*map(record, messages(note, 1, 2, 3))) == []
    assert stage.invoke(*map(record, messages(note, 4, 5, 6))) == []
    assert len(loops) == 6
    assert len(set(map(id, loops))) == 1


def test_an_async_task_past_its_limit_is_cancelled_and_recorded() -> None:
    stage = Stage(Queue(timeout=0.2))

    @stage.app.task
    async def note(number: int) -> None:
        await asyncio.sleep(30 if number == 1 else 0)

    one, two = messages(note, 1, 2)
    assert stage.invoke(record(one), record(two)) == [one.id]
    (again,) = stage.broker.retried
    assert again.report is not None
    assert again.report.error is not None
    assert again.report.error.exception_class == "ebbtide.errors.TaskTimeout"


def test_threads_run_def_tasks_at_the_same_time() -> None:
    stage = Stage(settings=Settings("t:app", stage="prod", threads=2))
    together, names = threading.Barrier(2, timeout=20), []

    @stage.app.task
    def note(number: int) -> None:
        names.append(threading.current_thread().name)
        together.wait()

    assert stage.invoke(*map(record, messages(note, 1, 2, 3, 4))) == []
    assert len(names) == 4
    assert all(name.startswith("ebbtide-task") for name in names)


def test_after_a_failure_nothing_later_of_its_group_runs_and_other_groups_go_on() -> None:
    stage, seen = Stage(Queue(fifo=True)), []

    @stage.app.task
    def note(number: int) -> None:
        seen.append(number)
        if number == 2:
            raise ValueError

    sent = messages(note, 1, 2, 3, 4, 5)
    records = [record(m, group=g) for m, g in zip(sent, "abaaa", strict=True)]
    records[1] = record(sent[1], group="a")
    records[3] = record(sent[3], group="b")
    assert stage.invoke(*records) == [sent[1].id, sent[2].id, sent[4].id]
    assert seen == [1, 2, 4]
    assert stage.broker.given_back == [sent[2].id, sent[4].id]


def test_a_key_that_is_done_is_acknowledged_and_one_that_runs_elsewhere_is_given_back_for_its_timeout() -> None:
    stage, seen = Stage(Queue(timeout=33)), []

    @stage.app.task
    def note(number: int) -> None:
        seen.append(number)

    done, busy, good = messages(note, 1, 2, 3)
    stage.broker.permits |= {done.id: Permit.DONE, busy.id: Permit.BUSY}
    assert stage.invoke(*map(record, (done, busy, good))) == [busy.id]
    assert seen == [3]
    (again,) = stage.broker.retried
    assert (again.wait, again.spent, again.report) == (33, False, None)
    assert stage.broker.records.keys() == {good.id}


def test_when_the_storage_refuses_one_settlement_only_that_one_comes_again() -> None:
    stage = Stage()

    @stage.app.task
    def note(number: int) -> None:
        pass

    one, two, three = messages(note, 1, 2, 3)
    stage.broker.trouble["ack"] = {two.id}
    assert stage.invoke(*map(record, (one, two, three))) == [two.id]


@pytest.mark.parametrize("verb", ["delivered", "begin", "ack"])
def test_when_the_storage_refuses_everything_all_are_named_and_nothing_is_raised(verb: str) -> None:
    stage = Stage()

    @stage.app.task
    def note(number: int) -> None:
        pass

    one, two = messages(note, 1, 2)
    stage.broker.trouble[verb] = None
    assert stage.invoke(record(one), record(two, 2)) == [one.id, two.id]


def test_a_task_that_will_not_end_ends_the_process_once_all_that_is_known_is_settled() -> None:
    free = threading.Event()
    codes: list[int] = []

    def exit(code: int) -> None:
        codes.append(code)
        free.set()

    settings = Settings("t:app", stage="prod", margin=0.4)
    stage = Stage(Queue(timeout=0.3), settings=settings, exit=exit)
    told: dict[str, Any] = {}

    @stage.app.task
    def note(number: int) -> None:
        while number == 2 and not free.is_set():
            try:
                time.sleep(0.01)
            except Exception:
                told["interrupted"] = True

    one, two, three = messages(note, 1, 2, 3)
    free_at_end = stage.broker
    stage.invoke(record(one), record(two), record(three))
    assert codes == [1]
    assert told == {"interrupted": True}
    assert one.id in free_at_end.flushed[0]
    spent = {s.delivery.receipt: s.spent for s in free_at_end.retried}
    assert spent[two.id] is True
    assert free_at_end.records[two.id].errors[0].exception_class == "ebbtide.errors.TaskTimeout"
    assert three.id in free_at_end.given_back


def test_one_that_blocks_the_loop_is_found_out_and_those_it_held_up_are_given_back_unspent() -> None:
    free, spent = threading.Event(), dict[str, bool]()

    def exit(code: int) -> None:
        if not free.is_set():  # as this process does not really end, there is a second time
            spent.update({one.delivery.receipt: one.spent for one in stage.broker.retried})
        free.set()

    stage = Stage(Queue(timeout=0.5), settings=Settings("t:app", stage="prod", margin=0.4), exit=exit)

    @stage.app.task
    async def blocks(number: int) -> None:
        free.wait(20)

    @stage.app.task
    async def waits(number: int) -> None:
        await asyncio.sleep(30)

    bad, good = blocks.message(1), waits.message(2)
    stage.invoke(record(bad), record(good))
    assert spent == {bad.id: True, good.id: False}


def test_a_large_batch_is_settled_as_it_goes() -> None:
    stage, settled = Stage(), list[int]()

    @stage.app.task
    def note(number: int) -> None:
        settled.append(len(stage.broker.acked))

    assert stage.invoke(*[record(note.message(number)) for number in range(35)]) == []
    assert settled == [number // 10 * 10 for number in range(35)]


def test_what_there_is_no_time_to_settle_is_named_so_that_it_comes_again() -> None:
    clock = [100.0]
    stage = Stage(Queue(timeout=10))

    class Running(Context):
        def get_remaining_time_in_millis(self) -> int:
            return int(clock[0] * 1000)

    @stage.app.task
    async def note(number: int) -> None:
        pass

    stage.broker.hear = lambda verb: clock.insert(0, 0.5) if verb == "ack" else None
    sent = [note.message(number) for number in range(9)]
    stage.broker.trouble["ack"] = {sent[0].id}
    answer = stage.function({"Records": list(map(record, sent))}, Running())
    assert len(answer["batchItemFailures"]) == 9


def test_a_task_that_overruns_on_a_thread_ends_the_process_once_the_others_are_settled() -> None:
    free, spent = threading.Event(), dict[str, bool]()

    def exit(code: int) -> None:
        if not free.is_set():
            spent.update({one.delivery.receipt: one.spent for one in stage.broker.retried})
            spent.update(dict.fromkeys(stage.broker.flushed[-1], True))
        free.set()

    settings = Settings("t:app", stage="prod", threads=2, margin=0.4)
    stage = Stage(Queue(timeout=0.5), settings=settings, exit=exit)

    @stage.app.task
    def note(number: int) -> None:
        if number == 1:
            free.wait(20)

    hangs, ends, last = messages(note, 1, 2, 3)
    stage.invoke(record(hangs), record(ends), record(last))
    assert spent == {hangs.id: True, ends.id: True, last.id: True}


# Tasks that gather, and dead letters that a task takes


def gathering_stage(queue: Queue | None = None, **options: Any) -> tuple[Stage, Any, list[list[int]]]:
    stage, calls = Stage(queue), list[list[int]]()

    @stage.app.task(gathers=True, **options)
    def note(numbers: list[int]) -> None:
        calls.append(numbers)
        if 13 in numbers:
            raise ValueError("unlucky")

    return stage, note, calls


def test_a_task_that_gathers_is_called_once_for_an_event() -> None:
    stage, note, calls = gathering_stage()

    @stage.app.task
    def other(number: int) -> None:
        calls.append([-number])

    sent = messages(note, 1, 2, 3)
    between = other.message(7)
    assert stage.invoke(record(sent[0]), record(between), record(sent[1]), record(sent[2])) == []
    assert calls == [[1, 2, 3], [-7]]
    assert stage.broker.begun == [sent[0].id, sent[1].id, sent[2].id, between.id]
    assert sorted(stage.broker.acked) == sorted([*(one.id for one in sent), between.id])
    assert {stage.broker.records[one.id].value for one in sent} == {"null"}


def test_no_call_gathers_more_than_the_queues_batch() -> None:
    stage, note, calls = gathering_stage(Queue(batch=2))
    assert stage.invoke(*map(record, messages(note, 1, 2, 3, 4, 5))) == []
    assert calls == [[1, 2], [3, 4], [5]]


def test_all_that_rode_with_a_failure_come_again_and_then_each_alone() -> None:
    stage, note, calls = gathering_stage(retry=RetryPolicy(attempts=3, base=0))
    good, bad, new = messages(note, 1, 13, 2)
    assert stage.invoke(record(good), record(bad)) == [good.id, bad.id]
    assert stage.invoke(record(good, 2), record(bad, 2), record(new)) == [bad.id]
    assert calls == [[1, 13], [2], [1], [13]]


def test_what_may_not_ride_is_settled_by_itself() -> None:
    stage, note, calls = gathering_stage()
    held, done, fine, wrong = messages(note, 1, 2, 3, 4)
    stage.broker.permits = {held.id: Permit.BUSY, done.id: Permit.DONE}
    wrong.kwargs["more"] = 1
    assert stage.invoke(*map(record, (fine, held, done, wrong)), record("junk")) == [held.id]
    assert calls == [[3]]
    assert stage.broker.buried[0].delivery.receipt == wrong.id
    assert stage.broker.acked == [done.id, fine.id]


def test_on_a_fifo_queue_a_call_gathers_only_what_stands_together() -> None:
    stage, note, calls = gathering_stage(Queue(fifo=True))

    @stage.app.task
    def other(number: int) -> None:
        calls.append([-number])

    one, two, four = messages(note, 1, 2, 4)
    three = other.message(3)
    assert stage.invoke(*(record(message, group="g") for message in (one, two, three, four))) == []
    assert calls == [[1, 2], [-3], [4]]


def test_on_a_fifo_queue_what_follows_a_call_that_failed_waits_for_it() -> None:
    stage, note, calls = gathering_stage(Queue(fifo=True, batch=2))
    one, two, three = messages(note, 1, 13, 3)
    assert stage.invoke(*(record(message, group="g") for message in (one, two, three))) == [one.id, two.id, three.id]
    assert calls == [[1, 13]]
    assert stage.broker.given_back == [three.id]


@pytest.mark.parametrize("held", ["received before", "run by another holder", "not due"])
def test_on_a_fifo_queue_no_call_gathers_what_follows_one_that_does_not_ride(held: str) -> None:
    stage, note, calls = gathering_stage(Queue(fifo=True))
    other, first, second = messages(note, 1, 2, 3)
    first = replace(first, run_after=9e9) if held == "not due" else first
    stage.broker.permits = {first.id: Permit.BUSY} if held == "run by another holder" else {}
    count = 2 if held == "received before" else 1
    named = stage.invoke(record(other, group="h"), record(first, count, group="g"), record(second, group="g"))
    assert (calls, named) == (([[1], [2], [3]], []) if count == 2 else ([[1]], [first.id, second.id]))


def test_an_async_task_gathers_as_well() -> None:
    stage, calls = Stage(), list[list[int]]()

    @stage.app.task(gathers=True)
    async def note(numbers: list[int]) -> None:
        await asyncio.sleep(0)
        calls.append(numbers)

    assert stage.invoke(*map(record, messages(note, 1, 2))) == []
    assert calls == [[1, 2]]


def test_a_call_that_overruns_is_told_of_all_that_rode_in_it() -> None:
    stage = Stage(Queue(timeout=0.05))

    @stage.app.task(gathers=True, retry=RetryPolicy(attempts=3, base=0))
    def slow(numbers: list[int]) -> None:
        time.sleep(5)

    sent = messages(slow, 1, 2)
    assert stage.invoke(*map(record, sent)) == [one.id for one in sent]
    assert all(
        one.report and one.report.error and "TaskTimeout" in str(one.report.error) for one in stage.broker.retried
    )
    assert [(one.delivery.receipt, one.spent) for one in stage.broker.retried] == [(one.id, True) for one in sent]


def test_a_dead_letter_that_a_task_takes_is_sent_there_and_comes_no_more() -> None:
    stage = Stage(Queue(dead_letters="report", attempts=1))
    stage.app.task(queue=Queue("end"))(report)

    @stage.app.task
    def charge(order: int) -> None:
        raise ValueError("no money")

    (sent,) = messages(charge, 7)
    assert stage.invoke(record(sent)) == []
    (letter,) = stage.broker.receive([stage.app.queues["end"]], 10)
    assert (letter.message.task, letter.message.args) == ("report", [7])
    assert letter.message.headers["dead-letter-error"] == "no money"
    assert (stage.broker.acked, stage.broker.buried) == ([sent.id], [])
    assert stage.broker.records[sent.id].status is Status.FAILED


def test_a_dead_letter_that_cannot_be_sent_now_comes_again() -> None:
    stage = Stage(Queue(dead_letters="report", attempts=1))
    stage.app.task(queue=Queue("end"))(report)

    @stage.app.task
    def charge(order: int) -> None:
        if order == 7:
            raise ValueError("no money")

    bad, good = messages(charge, 7, 8)
    stage.broker.trouble = {"send": None}
    assert stage.invoke(record(bad), record(good)) == [bad.id]
    assert stage.broker.acked == [good.id]


def report(order: int) -> None: ...


def raising() -> Stage:
    return Stage(settings=Settings("t:app", stage="prod", raises=True))


def test_where_failures_are_raised_what_is_over_is_deleted_first() -> None:
    stage = raising()

    @stage.app.task(retry=RetryPolicy(attempts=3, base=0))
    def note(number: int) -> None:
        if number == 2:
            raise ValueError

    one, two, three = messages(note, 1, 2, 3)
    with pytest.raises(ComeAgain, match="1 of 3 messages must come again"):
        stage.invoke(record(one), record(two), record(three))
    assert stage.broker.flushed == [[one.id, three.id]]
    (again,) = stage.broker.retried
    assert again.delivery.receipt == two.id


def test_where_failures_are_raised_a_success_is_none() -> None:
    stage = raising()

    @stage.app.task
    def note(number: int) -> None:
        return None

    assert stage.invoke(*map(record, messages(note, 1))) == []


def test_what_a_thread_of_a_task_enqueues_is_of_its_chain_and_lane() -> None:
    stage, sent = Stage(Queue(lanes=3)), []

    @stage.app.task
    def spread(number: int) -> None:
        thread = threading.Thread(target=lambda: sent.append(spread.message(number + 1)))
        thread.start()
        thread.join()

    first = spread.using(lane=2).message(1)
    assert stage.invoke(record(first)) == []
    (second,) = sent
    assert (second.lineage.root, second.lineage.parent, second.lineage.depth) == (first.id, first.id, 1)
    assert stage.app.tasks["spread"].message(5).lineage.depth == 0
