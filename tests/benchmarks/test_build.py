"""The build benchmark's table, and how it reads a bundle."""

from pathlib import Path
from zipfile import ZipFile

from benchmarks.build import CONTENDERS, Measured, Spent, _machines, _sizes, table


def measured(seconds: float, zipped: int, machines: list[str]) -> Measured:
    return Measured(Spent(seconds, seconds / 2), Spent(seconds / 10, 1.0), zipped, zipped // 10, 3 * zipped, machines)


def test_the_goals_are_told_as_ratios_to_the_best_of_the_others() -> None:
    told = table(
        {
            "ebbtide": measured(10.0, 20_000_000, ["arm64"]),
            "one": measured(30.0, 25_000_000, ["x86_64"]),
            "other": measured(20.0, 40_000_000, ["arm64", "x86_64"]),
        }
    )
    assert "cold: 2.0 times as fast as the fastest other, for 1/2.0 of the least processor time" in told
    assert "changed: 2.0 times as fast" in told
    assert "zip: 0.80 of the smallest other" in told
    assert "alone right for arm64: True" in told


def test_a_bundle_is_right_for_a_processor_by_what_its_elf_files_say(tmp_path: Path) -> None:
    contender = CONTENDERS[0]._replace(made=("a.zip", "folder"))
    elf = b"\x7fELF".ljust(18, b"\0")
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.so", elf + b"\xb7\0")
        archive.writestr("a.py", "x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.so").write_bytes(elf + b"\x3e\0")
    assert list(_machines(contender, tmp_path)) == [183, 62]
    assert _sizes(("a.zip", "folder"), tmp_path)[1] == 41
