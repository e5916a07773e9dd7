"""On which kind of file system a queue lies: one of another machine is refused.

SQLite's write-ahead log needs memory that all processes share through a file, and the engine needs locks that the
kernel drops when a process dies. Over a network neither is kept, and the damage shows late. Only Linux is asked, where
that is one small file to read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ebbtide.errors import StorageError

TABLE = Path("/proc/self/mountinfo")
"""The mounts that this process sees, see proc_pid_mountinfo(5)."""

NETWORK = {
    "nfs": "NFS",
    "nfs4": "NFS",
    "cifs": "SMB",
    "smb3": "SMB",
    "smbfs": "SMB",
    "afs": "AFS",
    "coda": "Coda",
    "ceph": "CephFS",
    "lustre": "Lustre",
    "gpfs": "GPFS",
    "beegfs": "BeeGFS",
    "orangefs": "OrangeFS",
    "9p": "9P, as a folder shared with a host",
    "vboxsf": "VirtualBox's shared folders",
}
NETWORK_FUSE = {
    "sshfs": "SSHFS",
    "glusterfs": "GlusterFS",
    "ceph": "CephFS",
    "juicefs": "JuiceFS",
    "rclone": "rclone",
    "s3fs": "s3fs",
    "mountpoint-s3": "Mountpoint for S3",
    "gcsfuse": "Cloud Storage FUSE",
    "goofys": "goofys",
    "davfs": "WebDAV",
    "vmhgfs-fuse": "VMware's shared folders",
}
"""Kinds that are refused, by their names in the table; the second as "fuse.NAME"."""


def refuse_network(folder: Path, table: Path = TABLE) -> None:
    """Raises StorageError if the folder is on a file system of another machine."""
    if _on_a_device(folder):
        return
    try:
        mounts = table.read_text("utf-8", "surrogateescape")
    except OSError:  # no Linux, or no /proc
        return
    place, kind = mounted(os.path.realpath(folder), mounts)
    name = NETWORK_FUSE.get(kind.removeprefix("fuse.")) if kind.startswith("fuse.") else NETWORK.get(kind)
    if name:
        raise StorageError(
            f"{folder.absolute()}: on a network file system ({name}, mounted at {place}), where neither the locks nor "
            f"the shared memory work that a queue needs; put the queue on a disk of this machine"
        )


def _on_a_device(folder: Path) -> bool:
    """Whether it lies on a block device, as most do. Others, tmpfs as well as NFS, have a number with major part 0."""
    try:
        return os.major(os.stat(folder).st_dev) != 0
    except OSError:
        return False


def mounted(path: str, mounts: str) -> tuple[str, str]:
    """Where the file system is mounted that holds this absolute path, and its kind; both empty if none does."""
    found = "", ""
    for line in mounts.splitlines():
        before, parted, after = line.partition(" - ")
        fields = before.split(" ")
        if not parted or len(fields) < 5:
            continue
        place = fields[4]
        if "\\" in place:
            place = _OCTAL.sub(lambda code: chr(int(code[1], 8)), place)
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(found[0]):  # of two at one place, the later one hides the first
            found = place, after.split(" ")[0]
    return found


_OCTAL = re.compile(r"\\([0-7]{3})")  # how the table writes a space, a tab, a line's end and a backslash
