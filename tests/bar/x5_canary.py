"""X5, settings: a secret that its user marked is in nothing that building writes, and in nothing that it says.

A canary stands where secrets stand: in the environment of the build, in `.env` and a key file beside the code, in the
settings (where a reference should be, in a variable, under a key of another kind, on two tasks that disagree), in what
the app's module does when it cannot be loaded. Looked for is the canary in the template, in every file of every
archive, and on the terminal.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from zipfile import ZipFile

from tests.bar.row import Draw, Figure, Miss, Row

MODULE = """
    from ebbtide import App, Queue

    app = App("shop", queues=[Queue("mail", timeout=30)])

    @app.task(queue="mail")
    def greet(name: str) -> str:
        return name

    @app.task(queue="mail")
    def other() -> None: ...
"""

REFUSED = {
    "in place of a reference": '[secrets]\nPASSWORD = "{canary}"\n',
    "as a variable, by its name": '[environment]\nDB_PASSWORD = "{canary}"\n',
    "as a variable, by its beginning": '[environment]\nXX = "sk_live_{canary}"\n',
    "in a URL": '[environment]\nDATABASE = "postgres://shop:{canary}@db/shop"\n',
    "under a property passed through": '[properties.Environment.Variables]\nAPI_TOKEN = "{canary}"\n',
    "as the whole environment": 'environment = "{canary}"\n',
    "in a list": '[environment]\nTOKEN = ["{canary}"]\n',
    "on two tasks that disagree": '[task.greet]\nenvironment.X1 = "{canary}"\n[task.other]\nenvironment.X1 = "2"\n',
    "under an unknown key": 'pasword = "{canary}"\n',
    "in what is no TOML": "[environment]\nTOKEN = {canary}\n",
}
"""Settings with a secret in them, each of which must end the build."""

BUILT = '[secrets]\nPASSWORD = "ssm:/shop/password"\n[environment]\nMODE = "prod"\n'


def built(folder: Path, settings: str, canary: str) -> tuple[int, str]:
    """Build in this folder; how it ended, and all it said."""
    (folder / "ebbtide.toml").write_text(settings.replace("{canary}", canary))
    said = subprocess.run(
        [sys.executable, "-m", "ebbtide.cli", "build", "shop:app", "--stage", "prod"],
        cwd=folder,
        env={**os.environ, "DB_PASSWORD": canary, "EBBTIDE_BROKER": f"sqs://prod?region={canary}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return said.returncode, said.stdout + said.stderr


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file a build wrote, those within archives too."""
    for path in sorted(path for path in (folder / ".ebbtide").rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        yield name, path.read_bytes()
        if path.suffix == ".zip":
            with ZipFile(path) as archive:
                yield from ((f"{name}/{inner}", archive.read(inner)) for inner in archive.namelist())


def project(folder: Path, canary: str, fault: str | None) -> None:
    """What is built."""
    (folder / "shop.py").write_text(dedent(MODULE))
    (folder / ".env").write_text(f"DB_PASSWORD={canary}\n")
    (folder / "server.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n")
    if fault == "in-the-code":
        (folder / "config.py").write_text(f"PASSWORD = {canary!r}\n")


def run(draw: Draw) -> Iterator[Figure | Miss]:
    canary = f"Canary{draw.random.getrandbits(64):016x}"
    chosen = list(REFUSED.items())
    draw.random.shuffle(chosen)
    chosen = chosen[: draw.sizes["settings"]]
    searched = 0
    with TemporaryDirectory(prefix="bar-") as temporary:
        folder = Path(temporary)
        project(folder, canary, draw.fault)
        for where, settings in chosen:
            code, said = built(folder, settings, canary)
            if code != 2:
                yield Miss(f"a secret {where} lets the build end with {code}: {said[-200:]!r}")
            if canary in said:
                yield Miss(f"a secret {where} is shown on the terminal: {said[-300:]!r}")
        code, said = built(folder, BUILT, canary)
        if code or canary in said:
            yield Miss(f"the build without a secret ends with {code}: {said[-300:]!r}")
        for name, content in written(folder):
            searched += 1
            if canary.encode() in content:
                yield Miss(f"the canary is in {name}")
        (folder / "shop.py").write_text(dedent(MODULE) + '\nopen("nowhere.txt")\n')
        code, said = built(folder, BUILT, canary)
        if not code or canary in said:
            yield Miss(f"a module that raises ends the build with {code}: {said[-300:]!r}")
    yield Figure("places in the settings, each refused", len(chosen))
    yield Figure("files searched", searched)
    if searched < 3:
        yield Miss(f"only {searched} files were written")


ROW = Row(
    "X5",
    "a secret is in nothing that building writes or says",
    run,
    quick={"settings": 2},
    full={"settings": len(REFUSED)},
    faults=("in-the-code",),
)

if __name__ == "__main__":
    ROW.main()
