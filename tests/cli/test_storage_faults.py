"""Storage that is wrong, or goes wrong under a worker: a clear line, no traceback, and on it goes when it can."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.bar import smalldisk
from tests.bar.queuefile import call, rows
from tests.bar.workers import Place, until

from ebbtide.brokers.sqlite import SqliteBroker

PATIENCE = 60.0
SHOP = (
    "import ebbtide\n\napp = ebbtide.App('shop')\n\n\n@app.task\ndef work(number: int = 0) -> int:\n    return number\n"
)
COMMANDS = ("enqueue shop:app work", "worker shop:app", "queues shop:app", "dlq list shop:app", "result shop:app 1")


def command(folder: Path, arguments: str, shell: str = "exec") -> subprocess.CompletedProcess[str]:
    script = f'{shell} "$PYTHON" -m ebbtide.cli {arguments}'
    return subprocess.run(
        ["sh", "-c", script]
        if shell == "exec"
        else ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def no_database(path: Path) -> None:
    path.write_text("hello, this is none")


def another_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table photos (id)")


def a_folder(path: Path) -> None:
    path.mkdir()


def filled(path: Path) -> None:
    with closing(SqliteBroker(path)) as broker:
        broker.send([call(str(number), args=[number]) for number in range(20)])


def damaged(path: Path) -> None:
    filled(path)
    scribble(path)


def cut_short(path: Path) -> None:
    filled(path)
    os.truncate(path, 5_000)


def newer(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma user_version = 99")


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (no_database, "it is no SQLite database; name another file"),
        (another_database, "an SQLite database of something else; name another file"),
        (a_folder, "it cannot be opened; is its folder there and writable?"),
        (damaged, "it is damaged; run `sqlite3 FILE .recover`, or restore it from a backup"),
        (cut_short, "it is damaged; run `sqlite3 FILE .recover`, or restore it from a backup"),
        (newer, "upgrade this one. Nothing was changed"),
    ],
)
def test_a_file_that_is_no_queue_is_told_in_one_line(tmp_path: Path, fault: Callable[[Path], None], told: str) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    fault(tmp_path / "ebbtide.db")
    for arguments in COMMANDS[:3]:
        done = command(tmp_path, arguments)
        (line,) = done.stderr.splitlines()
        assert (done.returncode, line.partition(": ")[0]) == (1, "error")
        assert line.endswith(told)
        assert "ebbtide.db: " in line


@pytest.mark.skipif(not smalldisk.possible(), reason="needs Linux and a mount namespace (unshare)")
@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_read_only_disk_is_told_in_one_line(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    filled(tmp_path / "ebbtide.db")
    read_only = 'mount --bind . . && mount -o remount,ro,bind "$PWD" && cd "$PWD" && exec'
    done = command(tmp_path, arguments, read_only)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("the file or its folder is read-only; a queue must be written to")
    assert "Traceback" not in done.stderr


def remove(path: Path) -> None:
    for file in path.parent.glob("queue.db*"):
        if file.is_file():
            file.unlink()


def replace(path: Path) -> None:
    remove(path)
    filled(path)


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.with_name("queue.db-run"))


def remove_all(path: Path) -> None:
    remove(path)
    remove_folder(path)


def remove_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()
    Path(f"{path}-shm").unlink()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, None)
    with closing(SqliteBroker(made.path)) as broker:
        broker.send([call("first", args=[0])])
    worker = made.start("--processes", "2")
    assert until(lambda: ended(made, 0), PATIENCE)
    yield made
    lives = worker.process.poll() is None
    worker.kill()
    said = made.said.read_text()
    assert lives, said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 20, said


def ended(place: Place, number: int) -> bool:
    return any(line.word == "end" and line.number == number for line in place.lines())


@pytest.mark.parametrize("fault", [remove, replace, remove_folder, remove_all, remove_log])
def test_a_worker_goes_on_with_what_is_there_when_its_files_are_taken_away(
    place: Place, fault: Callable[[Path], None]
) -> None:
    fault(place.path)
    with closing(SqliteBroker(place.path)) as broker:
        broker.send([call("later", args=[1])])
        assert until(lambda: ended(place, 1), PATIENCE), place.said.read_text()
        assert until(lambda: rows(place.path)["later"].state == "done", PATIENCE)
    assert until(lambda: "was removed or replaced while it was in use" in place.said.read_text(), PATIENCE)


def test_a_worker_goes_on_when_a_damaged_file_is_replaced_by_a_backup(place: Place, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with closing(sqlite3.connect(place.path)) as original, closing(sqlite3.connect(backup)) as copy:
        original.backup(copy)
    with closing(sqlite3.connect(place.path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    scribble(place.path)
    with closing(sqlite3.connect(place.path)) as connection:
        connection.execute("pragma user_version")
    assert until(lambda: "damaged" in place.said.read_text(), PATIENCE)
    remove(place.path)
    backup.rename(place.path)
    with closing(SqliteBroker(place.path)) as broker:
        broker.send([call("later", args=[1])])
        assert until(lambda: ended(place, 1), PATIENCE), place.said.read_text()
