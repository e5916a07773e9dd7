"""`ebbtide schedules`, and the schedules of `ebbtide tasks` and `ebbtide worker`."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.cli.conftest import Shop
from tests.runners.crew import until

from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.ticks import Cursor

SOURCE = """
from datetime import date
from pathlib import Path

from ebbtide import App, Schedule

app = App("clock", broker="sqlite:///clock.db")

@app.task(
    Schedule("cron(0 9 ? * MON-FRI *)", timezone="Europe/Berlin", arguments={"day": date(2027, 1, 1)}),
    Schedule("cron(0 9 ? * MON-FRI *)", timezone="America/New_York", missed="skip"),
)
def report(day: date | None = None) -> None: ...

@app.task(Schedule("rate(1 minute)"))
def beat() -> None: ...

@app.task(Schedule("at(2020-01-01T09:00:00)"))
def once() -> None: ...
"""


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    name = f"clock_{uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = Shop(name, tmp_path)
    yield made
    if name in sys.modules:
        made.app.close()
        del sys.modules[name]


def rows(clock: Shop, *words: str) -> list[list[str]]:
    called = clock.call("schedules", "SHOP", *words)
    assert called.exit_code == 0, called.output
    return [re.split(r"\s{2,}", line) for line in called.stdout.splitlines()]


def test_each_schedule_stands_in_a_row_with_its_next_time(clock: Shop) -> None:
    head, *found = rows(clock)
    assert head == ["task", "schedule", "zone", "next, local", "next, UTC", "last fired"]
    assert [row[:3] for row in found] == [
        ["beat", "rate(1 minute)", "UTC"],
        ["once", "at(2020-01-01T09:00:00)", "UTC"],
        ["report", "cron(0 9 ? * MON-FRI *)", "Europe/Berlin"],
        ["report", "cron(0 9 ? * MON-FRI *)", "America/New_York"],
    ]
    assert found[1][3:] == ["never again"]
    local, utc = map(datetime.fromisoformat, found[2][3:5])
    assert local == utc
    assert (local.hour, local.minute) == (9, 0)
    assert local > datetime.now(UTC)


def test_more_times_are_more_rows(clock: Shop) -> None:
    assert len(rows(clock, "--next", "3")) == 1 + 3 + 1 + 3 + 3
    assert clock.run("schedules", "SHOP", "--next", "0").returncode == 2


def test_the_json_document_says_all(clock: Shop) -> None:
    beat, once, berlin, new_york = clock.asked("schedules", "SHOP", "--next", "2")
    assert beat["next"][1]["utc"] > beat["next"][0]["utc"]
    assert (beat["first_seen"], beat["last_fired"], once["next"]) == (None, None, [])
    assert berlin["arguments"] == {"day": "2027-01-01"}
    assert berlin["name"].startswith("report@cron(0 9 ? * MON-FRI *) Europe/Berlin #")
    assert (berlin["expression"], berlin["timezone"]) == ("cron(0 9 ? * MON-FRI *)", "Europe/Berlin")
    assert (berlin["missed"], new_york["missed"], new_york["queue"]) == ("one", "skip", "default")


def test_what_was_fired_is_shown_and_what_comes_counts_from_the_anchor(clock: Shop) -> None:
    anchor = (datetime.now(UTC) - timedelta(minutes=10)).replace(microsecond=0)
    tick = anchor + timedelta(minutes=9)
    broker = SqliteBroker(clock.folder / "clock.db")
    seen = broker.cursor("beat@rate(1 minute) UTC", anchor.timestamp())
    broker.fire("beat@rate(1 minute) UTC", seen, tick.timestamp(), [])
    broker.close()
    (beat, *_) = clock.asked("schedules", "SHOP")
    assert beat["first_seen"] == anchor.isoformat()
    assert beat["last_fired"] == tick.isoformat()
    assert datetime.fromisoformat(beat["next"][0]["utc"]).second == anchor.second
    assert tick.isoformat().replace("+00:00", "Z") in rows(clock)[1]


def test_to_look_at_schedules_anchors_none(clock: Shop) -> None:
    rows(clock)
    broker = SqliteBroker(clock.folder / "clock.db")
    assert broker.cursors(["beat@rate(1 minute) UTC"]) == {}
    broker.close()


def test_an_app_without_schedules_is_told_how_to_declare_one(shop: Shop) -> None:
    called = shop.call("schedules", "SHOP")
    assert (called.exit_code, called.stdout) == (0, "")
    assert "as in @app.task(Schedule('rate(5 minutes)'))" in called.stderr
    assert shop.asked("schedules", "SHOP") == []


def test_the_list_of_tasks_shows_their_schedules(clock: Shop) -> None:
    (beat,) = [task for task in clock.asked("tasks", "SHOP") if task["name"] == "beat"]
    assert beat["triggers"] == ["Schedule('rate(1 minute)')"]


BEAT = "beat@rate(1 minute) UTC"


def long_seen(folder: Path) -> Cursor:
    """Leave the schedule as a worker would that saw it an hour ago."""
    broker = SqliteBroker(folder / "clock.db")
    cursor = broker.cursor(BEAT, datetime.now(UTC).timestamp() - 3600)
    broker.close()
    return cursor


def fired(folder: Path) -> float | None:
    broker = SqliteBroker(folder / "clock.db")
    cursor = broker.cursors([BEAT])[BEAT]
    broker.close()
    return cursor.fired


def test_a_draining_worker_leaves_schedules_alone(clock: Shop) -> None:
    long_seen(clock.folder)
    done = clock.run("worker", "SHOP", "-p", "1", "--drain")
    assert done.returncode == 0, done.stderr
    assert fired(clock.folder) is None


class Working:
    """`ebbtide worker` on the app, until the end of the block."""

    def __init__(self, clock: Shop, *options: str) -> None:
        self._said = clock.folder / "said"
        argv = [sys.executable, "-m", "ebbtide.cli", "worker", clock.module, "-v", *options]
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(argv, cwd=clock.folder, stdout=said, stderr=said)

    @property
    def said(self) -> str:
        return self._said.read_text()

    def __enter__(self) -> "Working":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(30)


def test_a_worker_fires_what_is_due_and_says_what_was_missed(clock: Shop) -> None:
    long_seen(clock.folder)
    with Working(clock, "-p", "2") as worker:
        until(lambda: "beat " in worker.said)
        until(lambda: "missed while nothing ran" in worker.said)
    assert f"ticks of {BEAT} missed while nothing ran; " in worker.said
    assert worker.said.count("missed while nothing ran") == 1, "two processes, one of which fired"


def test_a_worker_may_be_told_to_leave_schedules_to_others(clock: Shop) -> None:
    long_seen(clock.folder)
    with Working(clock, "-p", "1", "--no-schedules") as worker:
        clock.run("enqueue", "SHOP", "once")
        until(lambda: "once " in worker.said)
    assert "beat" not in worker.said
    assert fired(clock.folder) is None
