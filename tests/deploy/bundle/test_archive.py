"""Archives that anyone can open, and that are the same for the same files."""

from __future__ import annotations

import random
import subprocess
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

from ebbtide.deploy.bundle import archive
from ebbtide.deploy.bundle.archive import copied, moved, written
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.wrong import BundleError


def entries(folder: Path) -> list[Entry]:
    folder.mkdir()
    made = []
    for name, data in {"a/ü.py": b"x = 1\n" * 500, "empty": b"", "run": bytes(range(256)) * 300}.items():
        path = folder / sha256(name.encode()).hexdigest()
        path.write_bytes(data)
        made.append(Entry(name, path, name == "run"))
    return made


def test_what_goes_in_comes_out_by_every_reader(tmp_path: Path) -> None:
    given = entries(tmp_path / "in")
    made = written(tmp_path / "a.zip", given)
    with ZipFile(made.path) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["a/ü.py", "empty", "run"]
        assert {entry.name: entry.path.read_bytes() for entry in given} == {
            n: opened.read(n) for n in opened.namelist()
        }
        assert [oct(info.external_attr >> 16) for info in opened.infolist()] == ["0o100644", "0o100644", "0o100755"]
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert made.unpacked == 3_000 + 76_800
    assert made.bytes == made.path.stat().st_size
    assert made.sha256 == sha256(made.path.read_bytes()).hexdigest()


def test_infozip_finds_nothing_wrong(tmp_path: Path) -> None:
    made = written(tmp_path / "a.zip", entries(tmp_path / "in"))
    try:
        done = subprocess.run(["unzip", "-tq", str(made.path)], capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no unzip here")
    assert done.returncode == 0, done.stdout


def test_order_times_owners_and_other_permissions_do_not_matter(tmp_path: Path) -> None:
    one, other = entries(tmp_path / "one"), entries(tmp_path / "other")
    random.shuffle(other)
    for entry in other:
        entry.path.chmod(0o6600)
    assert written(tmp_path / "1.zip", one).path.read_bytes() == written(tmp_path / "2.zip", other).path.read_bytes()


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    (tmp_path / "b").write_text("")
    with pytest.raises(BundleError, match=r"x\.py is there twice, as .*/a and as .*/b"):
        written(tmp_path / "a.zip", [Entry("x.py", tmp_path / "a"), Entry("x.py", tmp_path / "b")])


def test_more_files_than_it_can_hold_are_refused(tmp_path: Path) -> None:
    one = Entry("", tmp_path / "a")
    with pytest.raises(BundleError, match=r"65,536 files.*--image"):
        written(tmp_path / "a.zip", [one._replace(name=str(number)) for number in range(archive.MOST_ENTRIES + 1)])


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("before")
    with pytest.raises(FileNotFoundError):
        written(tmp_path / "a.zip", [Entry("x", tmp_path / "gone")])
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.zip", "before")]


def test_a_copy_is_another_file_and_a_move_is_not(tmp_path: Path) -> None:
    made = written(tmp_path / "a.zip", entries(tmp_path / "in"))
    copy = copied(made, tmp_path / "b.zip")
    assert copy.path.read_bytes() == made.path.read_bytes()
    assert moved(made, tmp_path / "c.zip").path == tmp_path / "c.zip"
    assert sorted(path.name for path in tmp_path.glob("*.zip")) == ["b.zip", "c.zip"]
