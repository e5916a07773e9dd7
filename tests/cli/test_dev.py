"""`ebbtide dev`: it runs the app, starts it anew when the code changes, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runners.crew import Running, alive, until

from ebbtide.app import App
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.result import Status

SOURCE = """
import os, time
from pathlib import Path
from ebbtide import App

app = App("desk", broker="sqlite:///desk.db")

@app.task
def work() -> str:
    Path("pids").open("a").write(f"{os.getpid()} {os.getppid()}\\n")
    return "one"

@app.task
def long() -> None:
    Path("long").touch()
    time.sleep(60)
"""


class Desk:
    """A folder with an app, `ebbtide dev` on it, and the app's tasks to enqueue from here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = folder / "desk.py"
        self.module.write_text(SOURCE)
        self.dev = Running(["-m", "ebbtide.cli", "dev", "desk:app", "--grace", "0.2"], folder)
        self.app = App("desk", broker=lambda: SqliteBroker(folder / "desk.db", durable=False))

        @self.app.task
        def work() -> str:
            return ""

        @self.app.task
        def long() -> None: ...

        self.work, self.long = work, long

    def restarts(self) -> int:
        return self.dev.said.count("worker process for desk:app")

    def pids(self) -> set[int]:
        """The processes of the worker: each one's and its supervisor's."""
        return set(map(int, (self.folder / "pids").read_text().split()))

    def clear(self) -> None:
        for pid in self.pids() if (self.folder / "pids").exists() else ():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.dev.clear()
        self.app.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clear()


def test_it_runs_the_app_and_tells_each_task_in_a_line(desk: Desk) -> None:
    result = desk.work.enqueue()
    assert result.get(30) == "one"
    until(lambda: f"work {result.id} succeeded in" in desk.dev.said)


def test_changed_code_is_told_and_run(desk: Desk) -> None:
    assert desk.work.enqueue().get(30) == "one"
    desk.module.write_text(SOURCE.replace('"one"', '"two"'))
    until(lambda: desk.restarts() == 2)
    assert "desk.py changed: restarting" in desk.dev.said
    assert desk.work.enqueue().get(30) == "two"


def test_a_task_that_runs_when_the_code_changes_is_given_back_unspent(desk: Desk) -> None:
    result = desk.long.enqueue()
    until((desk.folder / "long").exists)
    desk.module.write_text(SOURCE.replace("time.sleep(60)", "pass"))
    assert result.wait(30).status is Status.SUCCESSFUL
    assert result.attempts == 1


def test_a_syntax_error_is_told_with_its_place_and_the_next_change_is_tried_again(desk: Desk) -> None:
    assert desk.work.enqueue().get(30) == "one"
    desk.module.write_text("from ebbtide import App\n\napp = App(\n")
    until(lambda: "error: importing 'desk' failed: SyntaxError: '(' was never closed (desk.py:3)" in desk.dev.said)
    assert f'File "{desk.module}", line 3' in desk.dev.said
    assert "ebbtide/cli" not in desk.dev.said
    desk.module.write_text(SOURCE.replace('"one"', '"two"'))
    assert desk.work.enqueue().get(30) == "two"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("busy", [False, True])
def test_however_it_ends_no_process_is_left_behind(desk: Desk, number: signal.Signals, busy: bool) -> None:
    assert desk.work.enqueue().get(30) == "one"
    long = desk.long.enqueue() if busy else None
    until(lambda: not busy or (desk.folder / "long").exists())
    assert all(map(alive, desk.pids()))
    desk.dev.send_all(number)  # as a terminal does; the worker is in a group of its own
    code = desk.dev.ended()
    assert code == (0 if number in (signal.SIGINT, signal.SIGTERM) else -number)
    until(lambda: not any(map(alive, desk.pids())))
    assert "Traceback" not in desk.dev.said
    if long:
        assert (long.refresh().status, long.attempts) == (Status.READY, 0)


def test_other_folders_can_be_watched(tmp_path: Path) -> None:
    source, library = tmp_path / "source", tmp_path / "library"
    source.mkdir()
    library.mkdir()
    (source / "desk.py").write_text(SOURCE)
    dev = Running(["-m", "ebbtide.cli", "dev", "desk:app", "--watch", str(library)], source)

    def noticed() -> bool:
        (library / "lib.py").write_text(os.urandom(2).hex())  # again and again: nobody tells when the watch begins
        return "changed: restarting" in dev.said

    try:
        until(noticed)
        assert "../library/lib.py changed: restarting" in dev.said
    finally:
        dev.send(signal.SIGTERM)
        dev.ended()


def test_a_folder_to_watch_that_is_not_there_is_refused(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ebbtide.cli", "dev", "desk:app", "--watch", "nowhere"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: Invalid value for '--watch': Path 'nowhere' does not exist.")
