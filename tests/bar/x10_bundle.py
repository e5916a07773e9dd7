"""X10: a bundle made of a hostile tree is refused, or holds nothing hostile; two bundles of one tree are equal.

Each tree is a sound project with one trap at a random place: a link out, up, or to itself; a pipe, a socket, a device;
a set-user-id file; a name that no archive should hold; a secret; an `include` that leads out; far too many files, or
bytes. Then come dependencies whose wheels lead out of their folder. What comes of it all is looked at name by name.

    refused   the build ends with an error that names the trap
    cleaned   the archive holds no trap: relative names, plain files, 0644 or 0755, no byte from outside
"""

from __future__ import annotations

import os
import random
import socket
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tests.bar.row import Draw, Figure, Miss, Row
from tests.deploy.bundle.wheels import wheel

from ebbtide.deploy.bundle.archive import written
from ebbtide.deploy.bundle.bytecode import Compiler, bytecode
from ebbtide.deploy.bundle.code import Chosen, code_of
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.project import Project
from ebbtide.deploy.bundle.requirements import Requirements
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.tree import Bounds
from ebbtide.deploy.bundle.wheels import install
from ebbtide.deploy.bundle.wrong import BundleError

RUNTIME = Runtime(f"{sys.version_info[0]}.{sys.version_info[1]}", "arm64")
CANARY = b"canary-from-outside-7f3a"
BOUNDS = Bounds(files=200, bytes=1_000_000)
Collect = Callable[[Project, Chosen, Path], list[Entry]]
Write = Callable[[Path, list[Entry]], None]


class Trap(NamedTuple):
    """name: what the error must name, if there is one. set: into this folder of the tree; outside is beside the tree.
    include: for the settings."""

    name: str
    set: Callable[[Path, Path], None]
    include: tuple[str, ...] = ()


def _link(target: Callable[[Path, Path], str]) -> Callable[[Path, Path], None]:
    return lambda folder, outside: (folder / "trap").symlink_to(target(folder, outside))


def _socket(folder: Path, outside: Path) -> None:
    before = Path.cwd()
    os.chdir(folder)  # a socket's whole path may not be long
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("trap")
    finally:
        os.chdir(before)


def _device(folder: Path, outside: Path) -> None:
    try:
        os.mknod(folder / "trap", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero has no end
    except PermissionError:
        os.mkfifo(folder / "trap")


def _set_user_id(folder: Path, outside: Path) -> None:
    (folder / "trap").write_text("#!/bin/sh\n")
    (folder / "trap").chmod(0o6777)


def _sparse(folder: Path, outside: Path) -> None:
    with (folder / "trap").open("wb") as file:
        file.truncate(50_000_000_000)


def _named(name: str) -> Callable[[Path, Path], None]:
    def plant(folder: Path, outside: Path) -> None:
        (folder / name).write_text("x = 1\n")

    return plant


def _secret(name: str) -> Callable[[Path, Path], None]:
    def plant(folder: Path, outside: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"-----BEGIN PRIVATE KEY-----\n" + CANARY)

    return plant


TRAPS = {
    "absolute link to a file": Trap("trap", _link(lambda folder, outside: str(outside / "secret.txt"))),
    "absolute link to a folder": Trap("trap", _link(lambda folder, outside: str(outside))),
    "relative link out": Trap("trap", _link(lambda folder, outside: os.path.relpath(outside, folder))),
    "link to a link out": Trap("trap", _link(lambda folder, outside: str(outside / "link"))),
    "link to /proc": Trap("trap", _link(lambda folder, outside: "/proc/self/environ")),
    "link to the root": Trap("trap", _link(lambda folder, outside: "/")),
    "link to its folder": Trap("trap", _link(lambda folder, outside: ".")),
    "link to itself": Trap("trap", _link(lambda folder, outside: "trap")),
    "link to nowhere": Trap("trap", _link(lambda folder, outside: "nowhere")),
    "pipe": Trap("trap", lambda folder, outside: os.mkfifo(folder / "trap")),
    "socket": Trap("trap", _socket),
    "device": Trap("trap", _device),
    "set-user-id": Trap("trap", _set_user_id),
    "50 GB with a hole": Trap("more than 1,000,000 bytes", _sparse),
    "line break in a name": Trap("trap", _named("trap\n.py")),
    "escape in a name": Trap("trap", _named("trap\x1b[2J.py")),
    "backslashes in a name": Trap("trap", _named("..\\..\\trap.py")),
    "name that is no UTF-8": Trap("trap", _named("trap\udcff.py")),
    "environment file": Trap(".env", _secret(".env")),
    "key in a folder": Trap("private", _secret("private/server.pem")),
    "environment file asked for": Trap(".env", _secret(".env"), ("**/.env",)),
    "include that leads out": Trap("outside", _named("fine.py"), ("../outside/secret.txt",)),
    "absolute include": Trap("/etc/hostname", _named("fine.py"), ("/etc/hostname",)),
}


def run(draw: Draw) -> Iterator[Figure | Miss]:
    collect = _naive_walk if draw.fault == "links-followed" else _walk
    write = _as_they_are if draw.fault == "times-and-modes-kept" else _archive
    ends: Counter[str] = Counter()
    traps = [*TRAPS.items()] * draw.sizes["rounds"]
    for number, (kind, trap) in enumerate(traps):
        with tempfile.TemporaryDirectory(prefix="x10-") as folder:
            for found in _trapped(Path(folder), kind, trap, random.Random(f"{draw.seed} {number}"), collect, write):
                if isinstance(found, Miss):
                    yield found
                else:
                    ends[found] += 1
    yield Figure("traps", len(traps))
    yield Figure("refused", ends["refused"])
    yield Figure("cleaned", ends["cleaned"])
    yield from _crowded(draw.sizes["crowd"], collect)
    yield from _twice(draw, write)
    yield from _wheels_that_lead_out()


def _trapped(
    folder: Path, kind: str, trap: Trap, chance: random.Random, collect: Collect, write: Write
) -> Iterator[str | Miss]:
    root, outside = folder / "project", folder / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(CANARY)
    (outside / "link").symlink_to("secret.txt")
    trap.set(chance.choice(_sound(root, chance)), outside)
    try:
        entries = collect(Project(root, root), Chosen(trap.include), folder / "out")
        write(folder / "code.zip", entries)
    except BundleError as error:
        told = str(error)
        yield "refused" if trap.name in told else Miss(f"{kind}: refused without a word of it: {told}")
    except (OSError, ValueError) as error:
        yield Miss(f"{kind}: {type(error).__name__}: {error}")
    else:
        yield from (Miss(f"{kind}: {fault}") for fault in _hostile(folder / "code.zip"))
        yield "cleaned"


def _sound(root: Path, chance: random.Random) -> list[Path]:
    """A project with packages and data, and its folders."""
    folders = [root]
    for number in range(chance.randint(2, 6)):
        folders.append(chance.choice(folders) / f"part{number}")
    for folder in folders:
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(f"NAMES = {{'a', 'b', {chance.random()}}}\n")
        (folder / "data.csv").write_text("1,2\n" * chance.randint(1, 50))
    return folders


def _walk(project: Project, chosen: Chosen, output: Path) -> list[Entry]:
    return code_of(project, chosen, lambda _: None, output, BOUNDS)


def _naive_walk(project: Project, chosen: Chosen, output: Path) -> list[Entry]:
    """The planted fault: what `os.walk` finds, links followed."""
    found: list[Entry] = []
    for folder, _, names in os.walk(project.root, followlinks=True):
        if len(found) > BOUNDS.files or len(Path(folder).parts) > 12:
            break
        for path in (Path(folder, name) for name in names):
            if path.is_file() and path.stat().st_size < BOUNDS.bytes:
                found.append(Entry(str(path.relative_to(project.root)).encode(errors="replace").decode(), path))
    return found


def _archive(path: Path, entries: list[Entry]) -> None:
    written(path, entries)


def _as_they_are(path: Path, entries: list[Entry]) -> None:
    """The planted fault: times and permissions as they are on disk."""
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for entry in entries:
            info = ZipInfo.from_file(entry.path, entry.name)
            archive.writestr(info, entry.path.read_bytes())


def _hostile(archive: Path) -> Iterator[str]:
    with ZipFile(archive) as opened:
        for info in opened.infolist():
            name, mode = info.filename, info.external_attr >> 16
            if name.startswith("/") or ".." in name.split("/") or "\\" in name or not name.isprintable():
                yield f"the archive has a file called {name!r}"
            if mode not in (0o100644, 0o100755):
                yield f"{name} is {stat.filemode(mode)}"
            if CANARY in opened.read(info) or b"PRIVATE KEY" in opened.read(info):
                yield f"{name} holds what is not to be in it"


def _crowded(files: int, collect: Collect) -> Iterator[Figure | Miss]:
    with tempfile.TemporaryDirectory(prefix="x10-") as folder:
        root = Path(folder, "project")
        (root / "media").mkdir(parents=True)
        for number in range(files):
            os.close(os.open(root / "media" / f"{number}.jpg", os.O_CREAT | os.O_WRONLY, 0o644))
        bounds = Bounds(files=files // 2) if files < 2 * Bounds().files else Bounds()
        try:
            if collect is _naive_walk:
                collect(Project(root, root), Chosen(), root)
            else:
                code_of(Project(root, root), Chosen(), lambda _: None, root, bounds)
        except BundleError as error:
            if "'media'" not in str(error) or "exclude" not in str(error):
                yield Miss(f"{files:,} files: the error does not name their folder and the cure: {error}")
        else:
            yield Miss(f"{files:,} files were taken")
        yield Figure("files in the crowded tree", files)


def _twice(draw: Draw, write: Write) -> Iterator[Figure | Miss]:
    """The same tree, made twice in another order, at another time, by another umask, in another folder."""
    compared = 0
    for number in range(draw.sizes["twins"]):
        with tempfile.TemporaryDirectory(prefix="x10-") as folder:
            archives = [_twin(Path(folder, name), f"{draw.seed} {number}", write) for name in ("one", "the-other")]
            compared += 1
            if archives[0].read_bytes() != archives[1].read_bytes():
                yield Miss(f"tree {number}: two bundles of it differ")
    yield Figure("trees bundled twice", compared)


def _twin(folder: Path, seed: str, write: Write) -> Path:
    folder.mkdir()
    chance = random.Random(seed)
    files = {f"m{n}.py": f"def f{n}(a={chance.random()}): return {{'x', 'y', {n}}}, 'z'\n" for n in range(12)}
    shuffled = list(files.items())
    random.shuffle(shuffled)
    root = folder / "project"
    root.mkdir()
    for name, text in shuffled:
        (root / name).write_text(text)
        (root / name).chmod(random.choice([0o600, 0o644, 0o6664]))
        os.utime(root / name, (random.randrange(10**9, 2 * 10**9),) * 2)
    entries = _walk(Project(root, root), Chosen(), folder)
    compiler = Compiler(RUNTIME, Path(sys.executable), folder / "bytecode")
    entries += bytecode(entries, "/var/task", compiler, lambda _: None)
    write(folder / "code.zip", entries)
    return folder / "code.zip"


def _wheels_that_lead_out() -> Iterator[Figure | Miss]:
    with tempfile.TemporaryDirectory(prefix="x10-") as temporary:
        names = ("../../trap.py", f"{temporary}/trap.py", "package/../../../trap.py")
        for number, name in enumerate(names):
            folder = Path(temporary, str(number))
            wheel(folder / "wheels", "evil", files={"evil.py": "", name: CANARY})
            inside = folder / "packages" / "deep"
            inside.mkdir(parents=True)
            needed = Requirements(folder / "needed.txt", f"--no-index\n--find-links {folder / 'wheels'}\nevil\n")
            with suppress(BundleError):
                install(needed, RUNTIME, folder, inside)
            stray = [path for path in Path(temporary).rglob("trap.py") if not path.is_relative_to(inside)]
            if stray:
                yield Miss(f"a wheel with {name!r} wrote {stray}")
    yield Figure("wheels that lead out", len(names))


ROW = Row(
    "X10",
    "a hostile tree is refused or cleaned, and two bundles of one tree are equal",
    run,
    quick={"rounds": 1, "crowd": 2_000, "twins": 3},
    full={"rounds": 20, "crowd": 100_001, "twins": 60},
    faults=("links-followed", "times-and-modes-kept"),
)

if __name__ == "__main__":
    ROW.main()
