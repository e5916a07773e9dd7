"""Wheels and projects made for a test, so that uv needs no index and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile

ELF = {"x86_64": 62, "aarch64": 183}
"""Machine numbers in an ELF header."""

NATIVE = {"x86_64": "manylinux_2_17_x86_64", "aarch64": "manylinux_2_17_aarch64"}


def wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    scripts: Sequence[str] = (),
) -> Path:
    """Write one wheel into the folder; without files it holds one module of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    content: dict[str, str | bytes] = dict(files or {f"{name}.py": f"NAME = {name!r}\n"})
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if scripts:
        lines = "".join(f"{script} = {name}:main\n" for script in scripts)
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    record = "".join(f"{each},,\n" for each in content) + f"{info}/RECORD,,\n"
    with ZipFile(path, "w") as archive:
        for each, text in content.items():
            archive.writestr(each, text)
        archive.writestr(f"{info}/RECORD", record)
    return path


def native(folder: Path, name: str, machines: Sequence[str] = ("x86_64", "aarch64"), python: str = "py3-none") -> None:
    """Write a wheel for each machine, holding an extension module's header of that machine."""
    for machine in machines:
        header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x03\0" + ELF[machine].to_bytes(2, "little")
        wheel(
            folder,
            name,
            tag=f"{python}-{NATIVE[machine]}",
            files={f"{name}/__init__.py": "", f"{name}/_speed.so": header.ljust(64, b"\0")},
        )


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """Write these files below the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
