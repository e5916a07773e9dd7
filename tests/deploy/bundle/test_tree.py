"""Out of a hostile folder come regular files with good names, or nothing at all."""

import os
import socket
from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import project

from ebbtide.deploy.bundle.tree import Bounds, Tree
from ebbtide.deploy.bundle.wrong import BundleError


def names(root: Path) -> list[str]:
    return [entry.name for entry in Tree(root).entries()]


def test_files_come_sorted_and_with_their_path(tmp_path: Path) -> None:
    project(tmp_path, {"b/c.py": "", "a.py": "", "b.py": ""})
    assert sorted(names(tmp_path)) == ["a.py", "b.py", "b/c.py"]
    assert names(tmp_path) == names(tmp_path)


def test_what_is_left_out_is_not_even_looked_into(tmp_path: Path) -> None:
    project(tmp_path, {"keep/a.py": "", "drop/a.py": ""})
    (tmp_path / "drop" / "out").symlink_to("/etc")
    assert [entry.name for entry in Tree(tmp_path, lambda name: name == "drop").entries()] == ["keep/a.py"]


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    project(tmp_path, {"real/a.py": "x"})
    (tmp_path / "file.py").symlink_to("real/a.py")
    (tmp_path / "folder").symlink_to("real")
    found = {entry.name: entry.path.read_text() for entry in Tree(tmp_path).entries()}
    assert found == {"file.py": "x", "folder/a.py": "x", "real/a.py": "x"}


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../outside", "nowhere", "out"])
def test_a_link_out_or_to_nowhere_is_refused_by_name_and_cure(tmp_path: Path, target: str) -> None:
    root = project(tmp_path / "root", {"a.py": ""})
    (tmp_path / "outside").write_text("secret")
    (root / "out").symlink_to(target)
    with pytest.raises(BundleError, match=r"root/out .*exclude"):
        names(root)


def test_a_link_to_a_folder_above_is_refused(tmp_path: Path) -> None:
    project(tmp_path, {"a/b/c.py": ""})
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    with pytest.raises(BundleError, match="stands in"):
        names(tmp_path)


def test_pipes_and_sockets_stay_out_and_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, {"a.py": ""})
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's whole path may not be long
    told: list[str] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert [entry.name for entry in Tree(tmp_path, skipped=told.append).entries()] == ["a.py"]
    assert told == ["pipe is a pipe and stays out", "socket is a socket and stays out"]


@pytest.mark.parametrize("name", ["a\nb.py", "a\x1b[31m.py", "a\\b.py", "a\u202e.py", "\udcff.py"])
def test_a_name_no_archive_should_hold_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(BundleError, match="rename the file"):
        names(tmp_path)


def test_of_the_permissions_only_to_execute_is_kept(tmp_path: Path) -> None:
    project(tmp_path, {"plain": "", "run": "", "root": ""})
    (tmp_path / "run").chmod(0o700)
    (tmp_path / "root").chmod(0o6644)
    assert [(entry.name, entry.executable) for entry in Tree(tmp_path).entries()] == [
        ("plain", False),
        ("root", False),
        ("run", True),
    ]


def test_too_many_files_or_bytes_are_refused_with_the_folder_they_are_in(tmp_path: Path) -> None:
    project(tmp_path, {"a.py": "", **{f"data/{n}": "12345" for n in range(20)}})
    with pytest.raises(BundleError, match=r"more than 10 files.*'data'.*exclude"):
        list(Tree(tmp_path, bounds=Bounds(10, 1_000)).entries())
    with pytest.raises(BundleError, match=r"more than 50 bytes.*'data'"):
        list(Tree(tmp_path, bounds=Bounds(1_000, 50)).entries())
