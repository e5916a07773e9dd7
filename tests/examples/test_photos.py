"""`make demo`, started as a person starts it, and its count shown to notice what is wrong."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
ENOUGH = 100.0

pytestmark = pytest.mark.xdist_group("photos")  # one run of the demo serves all


@contextmanager
def demo(out: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, PHOTOS / "demo.py", "--out", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.terminate()  # not kill: it has a worker to stop
        process.communicate(timeout=30)


def count(out: Path) -> tuple[int, list[str]]:
    code = subprocess.run([sys.executable, PHOTOS / "count.py", out], capture_output=True, timeout=60).returncode
    return code, json.loads((out / "summary.json").read_text())["wrong"]


def journal(out: Path) -> list[dict[str, Any]]:
    file = out / "journal.jsonl"
    whole = file.read_text().rpartition("\n")[0] if file.exists() else ""  # not a line that is just being written
    return [json.loads(line) for line in whole.splitlines()]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of one run, and what it printed."""
    out = tmp_path_factory.mktemp("photos") / "out"
    with demo(out) as process:
        printed, _ = process.communicate(timeout=ENOUGH)
    assert process.returncode == 0, printed
    return out, printed


@pytest.fixture
def out(told: tuple[Path, str]) -> Path:
    return told[0]


def test_nothing_is_lost_and_every_photograph_has_its_thumbnails(out: Path) -> None:
    assert count(out) == (0, [])  # anew: other tests have counted what they had broken
    summary = json.loads((out / "summary.json").read_text())
    assert summary["lost"] == 0
    assert summary["photographs found"] >= 25
    assert len(list((out / "thumbnails").iterdir())) == 4 * summary["photographs found"] >= 100
    assert summary["succeeded"] + summary["dead letters"] == summary["tasks enqueued"]
    assert summary["words counted"] > 50_000


def test_a_process_was_killed_in_the_middle_of_a_task_which_then_ran_elsewhere(told: tuple[Path, str]) -> None:
    out, printed = told
    lines = journal(out)
    ended = {line["run"] for line in lines if line["what"] != "start"}
    cut_off = [line for line in lines if line["run"] not in ended]
    assert cut_off
    for line in cut_off:
        assert f"worker process {line['pid']} was killed by SIGKILL; another takes its place" in printed
        later = [other for other in lines if other["id"] == line["id"] and other["what"] == "end"]
        assert later
        assert all(other["pid"] != line["pid"] for other in later)


def test_the_bad_files_are_dead_letters_with_their_reasons(out: Path) -> None:
    argv = [sys.executable, "-m", "ebbtide.cli", "dlq", "list", "app:app", "--json"]
    env = {**os.environ, "PHOTOS_OUT": str(out)}
    letters = json.loads(subprocess.run(argv, cwd=PHOTOS, env=env, capture_output=True, check=True, timeout=60).stdout)
    reasons = {letter["error"]["exception_class"]: letter["attempts"] for letter in letters}
    assert reasons == {"builtins.OSError": 3, "PIL.UnidentifiedImageError": 1}


def test_the_shop_failed_twice_and_its_price_came_at_the_third_attempt(out: Path) -> None:
    prices = [line for line in journal(out) if line["task"] == "price"]
    failed = [line["id"] for line in prices if line["what"] == "fail"]
    assert len(failed) == 2
    assert len(set(failed)) == 1
    assert [line["what"] for line in prices if line["id"] == failed[0]].count("end") == 1


def test_the_count_notices_a_thumbnail_that_is_gone(out: Path) -> None:
    file = min((out / "thumbnails").iterdir())
    aside = file.rename(out / "aside.webp")
    try:
        code, wrong = count(out)
    finally:
        aside.rename(file)
    assert code == 1
    assert f"{file.name} is not as reported" in wrong


def test_the_count_notices_a_task_that_is_gone(out: Path) -> None:
    with closing(sqlite3.connect(out / "ebbtide.db", isolation_level=None)) as db:
        (id,) = db.execute("select id from tasks where task = 'thumbnail' limit 1").fetchone()
        db.execute("update tasks set id = 'gone' where id = ?", (id,))
        try:
            code, wrong = count(out)
        finally:
            db.execute("update tasks set id = ? where id = 'gone'", (id,))
    assert code == 1
    assert f"lost: {id}" in wrong


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        deadline = time.monotonic() + ENOUGH
        while len(journal(tmp_path)) < 10 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=30)
    assert process.returncode == 130, printed
    for pid in {line["pid"] for line in journal(tmp_path)}:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
