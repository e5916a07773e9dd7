"""The kind of file system a queue lies on, and the refusal of one that is another machine's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bar import smalldisk

from ebbtide.brokers.sqlite.mounts import mounted, refuse_network
from ebbtide.errors import StorageError

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:50 / /srv rw,relatime shared:5 master:1 - nfs4 files.example:/srv rw,vers=4.2
41 40 254:1 / /srv/local\040disk rw - xfs /dev/vdb rw
42 27 0:51 / /home/ann/cloud rw - fuse.sshfs ann@files.example: rw
43 27 0:52 / /twice rw - ext4 /dev/vdc rw
44 43 0:53 / /twice rw - cifs //files/share rw
45 27 0:54 / /mnt/c rw - 9p drvfs rw
46 27 0:55 / /data rw - fuseblk /dev/sdb1 rw
47 27 0:56 / /layers rw - fuse.fuse-overlayfs fuse-overlayfs rw
a line nobody knows
"""


@pytest.mark.parametrize(
    ("path", "place", "kind"),
    [
        ("/", "/", "ext4"),
        ("/home/ann/queue", "/", "ext4"),
        ("/srv", "/srv", "nfs4"),
        ("/srv/a/b", "/srv", "nfs4"),
        ("/srvx", "/", "ext4"),
        ("/srv/local disk/a", "/srv/local disk", "xfs"),
        ("/srv/local", "/srv", "nfs4"),
        ("/home/ann/cloud/x", "/home/ann/cloud", "fuse.sshfs"),
        ("/twice/x", "/twice", "cifs"),
    ],
)
def test_a_path_belongs_to_the_innermost_and_latest_mount(path: str, place: str, kind: str) -> None:
    assert mounted(path, MOUNTS) == (place, kind)


def test_without_a_table_nothing_is_known() -> None:
    assert mounted("/a", "") == ("", "")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    written = tmp_path / "mountinfo"
    written.write_text(MOUNTS)
    return written


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/srv/queues", "NFS, mounted at /srv"),
        ("/home/ann/cloud", "SSHFS"),
        ("/twice/a", "SMB"),
        ("/mnt/c/Users", "9P"),
    ],
)
def test_a_folder_of_another_machine_is_refused_with_the_cure(table: Path, folder: str, name: str) -> None:
    with pytest.raises(StorageError) as refused:
        refuse_network(Path(folder), table)
    assert f"{folder}: on a network file system ({name}" in str(refused.value)
    assert str(refused.value).endswith("put the queue on a disk of this machine")


@pytest.mark.parametrize("folder", ["/home/ann", "/srv/local disk", "/data/a", "/layers", "/proc"])
def test_a_folder_of_this_machine_is_fine(table: Path, folder: str) -> None:
    refuse_network(Path(folder), table)


def test_where_there_is_no_table_nothing_is_refused(tmp_path: Path) -> None:
    refuse_network(Path("/srv"), tmp_path / "missing")


def test_a_link_is_followed(tmp_path: Path, table: Path) -> None:
    (tmp_path / "queues").symlink_to("/srv/queues")
    with pytest.raises(StorageError, match="NFS"):
        refuse_network(tmp_path / "queues", table)


@pytest.mark.skipif(not smalldisk.possible(), reason="needs Linux and a mount namespace (unshare)")
def test_the_whole_command_says_so(tmp_path: Path) -> None:
    folder = os.path.realpath(tmp_path)
    (tmp_path / "shop.py").write_text("import ebbtide\n\napp = ebbtide.App('shop')\n\n\n@app.task\ndef work(): ...\n")
    (tmp_path / "far").mkdir()
    (tmp_path / "table").write_text(MOUNTS + f"50 27 0:60 / {folder}/far rw - nfs files:/x rw\n")
    script = (
        "mount -t tmpfs none far && mount --bind table /proc/$$/mountinfo && "
        "exec $PYTHON -m ebbtide.cli $COMMAND --broker sqlite:///far/queue.db"
    )
    for command in ("enqueue shop:app work", "worker shop:app", "queues shop:app", "dlq list shop:app"):
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
            cwd=folder,
            env={**os.environ, "PYTHON": sys.executable, "COMMAND": command},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"error: {folder}/far: on a network file system (NFS, mounted")
