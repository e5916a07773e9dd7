"""Bytecode for the very Python that will run it, the same whenever it is made."""

from __future__ import annotations

import marshal
import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import project

from ebbtide.deploy.bundle.bytecode import Compiler, bytecode
from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.interpreter import interpreter
from ebbtide.deploy.bundle.runtime import Runtime, runtime
from ebbtide.deploy.bundle.wrong import BundleError

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = "3.12" if HERE != "3.12" else "3.13"


def compiled(
    folder: Path, entries: list[Entry], told: list[str] | None = None, columns: bool = False
) -> dict[str, bytes]:
    compiler = Compiler(Runtime(HERE, "arm64"), Path(sys.executable), folder, columns)
    made = bytecode(entries, "/var/task", compiler, (told if told is not None else []).append)
    return {entry.name: entry.path.read_bytes() for entry in made}


def entries_of(root: Path) -> list[Entry]:
    return [Entry(path.relative_to(root).as_posix(), path) for path in sorted(root.rglob("*.py"))]


def test_it_lies_where_python_looks_for_it_and_is_never_checked(tmp_path: Path) -> None:
    root = project(tmp_path / "in", {"shop.py": "x = 1\n", "mail/__init__.py": ""})
    made = compiled(tmp_path / "out", entries_of(root))
    tag = HERE.replace(".", "")
    assert sorted(made) == [f"__pycache__/shop.cpython-{tag}.pyc", f"mail/__pycache__/__init__.cpython-{tag}.pyc"]
    assert all(int.from_bytes(data[4:8], "little") == 0b01 for data in made.values()), "hash-based, unchecked"


def test_python_runs_it_without_a_look_at_the_source(tmp_path: Path) -> None:
    root = project(tmp_path / "in", {"shop.py": "print(__file__, (lambda: 0).__code__.co_filename)\n"})
    for name, data in compiled(tmp_path / "out", entries_of(root)).items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)
    (root / "shop.py").write_text("raise SystemExit('the source was read')\n")
    done = subprocess.run([sys.executable, "-c", "import shop"], cwd=root, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_holds_no_path_of_this_machine(tmp_path: Path) -> None:
    root = project(tmp_path / "in", {"shop.py": "def f(): ...\n"})
    (data,) = compiled(tmp_path / "out", entries_of(root)).values()
    assert b"/var/task/shop.py" in data
    assert str(tmp_path).encode() not in data


def test_it_does_not_depend_on_what_else_is_compiled(tmp_path: Path) -> None:
    names = ["alpha", "beta", "gamma", "delta"]
    text = "".join(
        f"def {name}(self, {name}_one=({name!r}, 'x')):\n    return {{{name!r}, 'b', 1.5}}\n" for name in names
    )
    files = {
        f"{n}.py": "".join(random.sample(text.splitlines(True)[::2], 4)).replace(":\n", ": ...\n") + text
        for n in range(30)
    }
    root = project(tmp_path / "in", {f"m{name}": text for name, text in files.items()})
    every = entries_of(root)
    together = compiled(tmp_path / "all", every)
    for number, entry in enumerate(every[::7]):
        alone = compiled(tmp_path / str(number), [entry])
        assert alone.items() <= together.items(), entry.name


def test_a_file_that_is_no_python_stays_without_and_is_told(tmp_path: Path) -> None:
    root = project(tmp_path / "in", {"good.py": "", "template.py": "x = {{ name }\n", "nul.py": "\0"})
    told: list[str] = []
    made = compiled(tmp_path / "out", entries_of(root), told)
    assert [Path(name).name.partition(".")[0] for name in made] == ["good"]
    assert told[0].startswith("nul.py stays without bytecode: ")
    assert told[1].startswith("template.py stays without bytecode: line 1: ")


def test_the_interpreter_is_this_one_or_one_of_the_version_asked_for(tmp_path: Path) -> None:
    assert interpreter(runtime(None), tmp_path) == Path(sys.executable)
    with suppress(BundleError):  # there is none; what it then says is the next test's
        found = interpreter(Runtime(OTHER, "arm64"), tmp_path)
        said = subprocess.run([str(found), "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        assert said.startswith(f"Python {OTHER}.")


def test_without_an_interpreter_of_that_version_the_cure_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as told:
        interpreter(Runtime("3.99", "arm64"), tmp_path)
    assert "'uv python install 3.99'" in str(told.value)
    assert f"--python {HERE}" in str(told.value)


def test_a_runtime_that_lambda_does_not_have_is_refused() -> None:
    with pytest.raises(BundleError, match=r"no runtime for Python 3\.9; take one of 3\.11"):
        runtime("3.9")
    with pytest.raises(BundleError, match="no 'sparc'"):
        runtime("3.13", "sparc")
    assert runtime("python3.13", "x86_64") == Runtime("3.13", "x86_64")


def test_columns_are_kept_where_tracebacks_are_to_point_into_a_line(tmp_path: Path) -> None:
    root = project(tmp_path / "in", {"shop.py": "x = a.b.c\n"})
    for wanted in (True, False):
        (data,) = compiled(tmp_path / "out", entries_of(root), columns=wanted).values()
        columns = {position[2] for position in marshal.loads(data[16:]).co_positions()}  # noqa: S302 our own
        assert (columns != {None}) is wanted


def test_what_was_compiled_before_is_kept_for_a_week_after_its_last_use(tmp_path: Path) -> None:
    root = project(tmp_path / "in", {"shop.py": "x = 1\n", "other.py": "y = 1\n"})
    before = compiled(tmp_path / "out", entries_of(root))
    for path in (tmp_path / "out").iterdir():
        os.utime(path, (1, 1))
    (root / "other.py").unlink()
    assert compiled(tmp_path / "out", entries_of(root)).items() <= before.items()
    assert len(list((tmp_path / "out").iterdir())) == 1
