"""`ebbtide dlq show` reads what async-lambda's envelope says, and tells what went wrong from the task on."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.fakes import run_ready

from ebbtide.cli.main import main
from ebbtide.connect.target import load

APP = """
from ebbtide.contrib.async_lambda import AsyncLambdaController, ManagedSQSEvent

app = AsyncLambdaController()


@app.async_task("First")
def first(event):
    app.async_invoke("Second", {"n": event.payload}, message_group_id="tenant")


@app.async_task("Second", max_receive_count=1)
def second(event):
    raise RuntimeError("broken pipe")


app.add_middleware([ManagedSQSEvent], lambda event, call_next: call_next(event))
"""


@pytest.mark.filterwarnings("ignore::ebbtide.contrib.async_lambda.AsyncLambdaWarning")
def test_a_dead_letter_is_shown_with_its_payload_and_a_traceback_that_begins_in_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "letters_of_door.py").write_text(APP)
    app = load("letters_of_door")
    app.tasks["First"].enqueue(7)
    run_ready(app)
    (letter,) = app.broker.dead()  # type: ignore[attr-defined]
    told = CliRunner().invoke(main, ["dlq", "show", "letters_of_door", letter.id])
    app.close()
    del sys.modules["letters_of_door"]
    assert told.exit_code == 0
    for line in ("task         Second", "enqueued by  First", "group        tenant", 'arguments    [{"n":7}]'):
        assert line in told.output
    assert '"destination_task_id"' not in told.output
    assert letter.error.traceback.splitlines()[1].strip().startswith(f'File "{tmp_path / "letters_of_door.py"}"')
