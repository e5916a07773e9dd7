"""A disk without room: errors that say so, nothing half done, and no process ended by a page it was promised."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.bar import smalldisk

pytestmark = pytest.mark.skipif(not smalldisk.possible(), reason="needs Linux and a mount namespace (unshare)")

FULL = "StorageFull the disk is full; nothing was stored. Make room and repeat the call"
PREPARE = """
import os, sys
from pathlib import Path
from tests.bar import smalldisk
from tests.bar.queuefile import call
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.brokers.sqlite.holders import Holder
from ebbtide.errors import StorageFull
from ebbtide.queue import Queue
disk = Path(sys.argv[1])
smalldisk.mount(disk, sys.argv[2])
def told(deed, *args):
    try:
        deed(*args)
    except Exception as error:
        print(type(error).__name__, getattr(error, "strerror", None) or str(error).partition(": ")[2])
    else:
        print("done")
"""


def outcome(tmp_path: Path, script: str, options: str = "size=2m") -> list[str]:
    """What the script printed; a disk of its own is mounted at `disk`."""
    argv = ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", PREPARE + script]
    done = subprocess.run(
        [*argv, str(tmp_path / "disk"), options], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_an_enqueue_is_refused_and_accepted_once_there_is_room(tmp_path: Path) -> None:
    script = """
broker = SqliteBroker(disk / "queue.db")
told(broker.send, [call("a")])
filler = smalldisk.fill(disk)
told(broker.send, [call("b", args=["x" * 200_000])])
filler.unlink()
told(broker.send, [call("b", args=["x" * 200_000])])
print(broker.depth("default")[0].ready)
"""
    assert outcome(tmp_path, script) == ["done", FULL, "done", "2"]


def test_a_large_message_that_finds_no_room_leaves_no_file(tmp_path: Path) -> None:
    script = """
broker = SqliteBroker(disk / "queue.db")
told(broker.send, [call("a")])
told(broker.send, [call("b", args=["x" * 3_000_000])])
print([path.name for path in disk.rglob("payload-*")])
"""
    assert outcome(tmp_path, script) == ["done", FULL, "[]"]


def test_a_holder_has_room_for_all_it_may_note_or_does_not_begin(tmp_path: Path) -> None:
    script = """
filler = smalldisk.fill(disk)
told(Holder, disk)
print(sorted(path.name for path in disk.iterdir()))
filler.unlink()
holder = Holder(disk)
smalldisk.fill(disk)
for seq in range(1024):
    holder.begin((seq, 1))
print("noted")
"""
    assert outcome(tmp_path, script) == ["OSError No space left on device", "['filler']", "noted"]


def test_a_new_queue_is_refused(tmp_path: Path) -> None:
    script = """
smalldisk.fill(disk)
told(SqliteBroker(disk / "queue.db").send, [call("a")])
"""
    assert outcome(tmp_path, script) == [FULL]


@pytest.mark.parametrize("room", [20_000, 60_000, 100_000, 130_000])
def test_a_queue_that_cannot_be_made_for_want_of_room_leaves_nothing_open(tmp_path: Path, room: int) -> None:
    script = f"""
(disk / "reserve").write_bytes(bytes({room}))
smalldisk.fill(disk)
(disk / "reserve").unlink()
broker = SqliteBroker(disk / "queue.db")
for number in range(3):
    told(broker.send, [call("a", args=["x" * 100_000])])
before = len(os.listdir("/proc/self/fd"))
for number in range(10):
    told(broker.send, [call("a", args=["x" * 100_000])])
print(len(os.listdir("/proc/self/fd")) - before)
"""
    assert outcome(tmp_path, script) == [FULL] * 13 + ["0"]


def test_without_room_for_another_file_a_receiver_still_receives(tmp_path: Path) -> None:
    script = """
broker = SqliteBroker(disk / "queue.db")
broker.send([call("a")])
broker.receive([Queue()], 1)
try:
    for number in range(1000):
        (disk / str(number)).touch()
except OSError as error:
    print(error.strerror)
broker.send([call("b")])
print(len(broker.receive([Queue()], 1, wait=5.0)))
print(len(broker.receive([Queue()], 1, wait=0.1)))
"""
    assert outcome(tmp_path, script, "nr_inodes=40") == ["No space left on device", "1", "0"]
