"""What nothing fires on the embedded engine is told by the commands after which somebody would wait for it."""

import json

import pytest
from tests.cli.conftest import Shop

SOURCE = """
from ebbtide import App, Bucket, Http, Queue, Schedule, Topic

app = App("events", broker="sqlite:///events.db")

@app.task(Bucket("uploads", prefix="in/"), Http("POST", "/ingest"))
def ingest(key: str) -> None: ...

@app.task(Topic("orders"), queue=Queue("mail"))
def ship(message: str) -> None: ...

@app.task(Schedule("rate(1 hour)"))
def report() -> None: ...
"""

INGEST = (
    "task ingest: Bucket('uploads', prefix='in/') is not there on the embedded engine; enqueue it by hand, or run "
    "`ebbtide rehearse`"
)


@pytest.fixture(autouse=True)
def module(shop: Shop) -> None:
    (shop.folder / "with_events.py").write_text(SOURCE)


def test_a_list_of_tasks_says_which_triggers_are_not_there(shop: Shop) -> None:
    done = shop.run("tasks", "with_events:app")
    assert [line for line in done.stderr.splitlines() if line.startswith("task ")] == [
        INGEST,
        INGEST.replace("ingest", "ship").replace("Bucket('uploads', prefix='in/')", "Topic('orders')"),
    ]
    assert "is not there" not in done.stdout
    assert "is not there" not in shop.run("tasks", "with_events:app", "--json").stderr


def test_a_worker_says_it_of_the_queues_it_serves(shop: Shop) -> None:
    done = shop.run("worker", "with_events:app", "-p", "1", "--drain", "-q", "default")
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if "is not there" in line] == [INGEST]


def test_with_json_it_is_an_event_of_its_own(shop: Shop) -> None:
    done = shop.run("worker", "with_events:app", "-p", "1", "--drain", "-q", "mail", "--log-format", "json")
    (told,) = (line for line in map(json.loads, done.stderr.splitlines()) if line["event"] == "trigger_unfired")
    assert (told["task"], told["trigger"]) == ("ship", "Topic('orders')")
