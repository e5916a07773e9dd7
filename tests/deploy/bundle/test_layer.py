"""The layer of dependencies is made once and kept, and two builds at once do each other no harm."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest
from tests.deploy.bundle.wheels import native, project, wheel

from ebbtide.deploy.bundle.layer import KEPT, Layer, layer_of
from ebbtide.deploy.bundle.requirements import source_of
from ebbtide.deploy.bundle.runtime import Runtime

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
ARM = Runtime(HERE, "arm64")
Make = Callable[..., Layer]


@pytest.fixture
def make(tmp_path: Path, wheelhouse: Path) -> Make:
    """Make the layer of the project in `tmp_path/app`; `.said` holds what was told."""

    def made(
        runtime: Runtime = ARM, *, boto3: bool = False, fresh: bool = False, said: list[str] | None = None
    ) -> Layer:
        root = tmp_path / "app"
        source = source_of(root)
        assert source
        say = (said if said is not None else []).append
        return layer_of(source, root, runtime, tmp_path / "cache", boto3, fresh, say)

    return made


def names(layer: Layer) -> list[str]:
    assert layer.archive
    with ZipFile(layer.archive.path) as opened:
        return opened.namelist()


def test_it_holds_packages_and_bytecode_below_python_and_knows_its_heaviest(
    tmp_path: Path, wheelhouse: Path, make: Make
) -> None:
    wheel(wheelhouse, "flask", files={"flask/__init__.py": "x = 1\n" * 99, "flask/cli.py": ""}, scripts=["flask"])
    wheel(wheelhouse, "small")
    project(tmp_path / "app", {"requirements.txt": "small\nflask\n"})
    layer = make()
    tag = ARM.cache_tag
    assert [name for name in names(layer) if "dist-info" not in name] == [
        f"python/__pycache__/small.{tag}.pyc",
        "python/flask/__init__.py",
        f"python/flask/__pycache__/__init__.{tag}.pyc",
        f"python/flask/__pycache__/cli.{tag}.pyc",
        "python/flask/cli.py",
        "python/small.py",
    ]
    assert list(layer.packages) == ["flask-1.0", "small-1.0"]


def test_a_second_build_asks_uv_nothing(tmp_path: Path, wheelhouse: Path, make: Make) -> None:
    path = wheel(wheelhouse, "flask")
    project(tmp_path / "app", {"requirements.txt": "flask\n"})
    first, said = make(), list[str]()
    path.unlink()
    assert make(said=said) == first
    assert said == []


def test_other_requirements_another_processor_and_being_asked_to_make_it_anew(
    tmp_path: Path, wheelhouse: Path, make: Make
) -> None:
    native(wheelhouse, "pillow")
    wheel(wheelhouse, "flask")
    root = project(tmp_path / "app", {"requirements.txt": "pillow\n"})
    arm, intel = make(), make(Runtime(HERE, "x86_64"))
    (root / "requirements.txt").write_text("pillow\nflask\n")
    more = make()
    wheel(wheelhouse, "flask", "2.0")
    assert make() == more
    fresh = make(fresh=True)
    assert len({layer.archive.sha256 for layer in (arm, intel, more, fresh) if layer.archive}) == 4
    assert "flask-2.0" in fresh.packages


def test_what_is_made_again_is_the_same_byte_for_byte(tmp_path: Path, wheelhouse: Path, make: Make) -> None:
    wheel(wheelhouse, "flask", files={f"flask/m{n}.py": f"x = {{'a', {n}}}\n" for n in range(300)}, scripts=["flask"])
    project(tmp_path / "app", {"requirements.txt": "flask\n"})
    first = make()
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    assert make() == first


def test_two_at_once_both_get_it(tmp_path: Path, wheelhouse: Path, make: Make) -> None:
    wheel(wheelhouse, "flask", files={f"flask/m{n}.py": "" for n in range(50)})
    project(tmp_path / "app", {"requirements.txt": "flask\n"})
    with ThreadPoolExecutor(4) as pool:
        made = [future.result() for future in [pool.submit(make) for _ in range(4)]]
    assert all(layer == made[0] for layer in made)
    assert names(made[0])
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".json", ".zip"]


@pytest.mark.parametrize("broken", [".json", ".zip"])
def test_what_was_kept_only_by_half_is_made_again(tmp_path: Path, wheelhouse: Path, make: Make, broken: str) -> None:
    wheel(wheelhouse, "flask")
    project(tmp_path / "app", {"requirements.txt": "flask\n"})
    first = make()
    (kept,) = (tmp_path / "cache").glob(f"*{broken}")
    kept.write_bytes(kept.read_bytes()[:40])
    assert make() == first
    assert names(make())


def test_only_the_last_few_are_kept(tmp_path: Path, wheelhouse: Path, make: Make) -> None:
    cache = project(tmp_path / "cache", {f"{number}{end}": "" for number in range(KEPT) for end in (".json", ".zip")})
    for number in range(KEPT):
        os.utime(cache / f"{number}.json", (1_000 + number, 1_000 + number))
    wheel(wheelhouse, "flask")
    project(tmp_path / "app", {"requirements.txt": "flask\n"})
    kept = make().archive
    assert kept
    assert sorted(cache.glob("*.zip")) == sorted([kept.path, *(cache / f"{number}.zip" for number in range(1, KEPT))])


def test_boto3_is_left_to_the_runtime_unless_it_is_wanted_or_pinned(
    tmp_path: Path, wheelhouse: Path, make: Make
) -> None:
    wheel(wheelhouse, "boto3", requires=["botocore"])
    wheel(wheelhouse, "botocore", files={"botocore/__init__.py": ""})
    root = project(tmp_path / "app", {"requirements.txt": "boto3\n"})
    assert make() == Layer(None, {})
    assert set(make(boto3=True).packages) == {"boto3-1.0", "botocore-1.0"}
    (root / "requirements.txt").write_text("boto3==1.0\n")
    assert set(make().packages) == {"boto3-1.0", "botocore-1.0"}


def test_boto3_comes_along_where_another_package_holds_on_to_a_botocore(
    tmp_path: Path, wheelhouse: Path, make: Make
) -> None:
    """The runtime's boto3 would otherwise meet a botocore that is not its own."""
    wheel(wheelhouse, "boto3", requires=["botocore"])
    wheel(wheelhouse, "botocore", files={"botocore/__init__.py": ""})
    wheel(wheelhouse, "aiobotocore", requires=["botocore"])
    root = project(tmp_path / "app", {"requirements.txt": "aiobotocore\nboto3\n"})
    assert set(make().packages) == {"aiobotocore-1.0", "boto3-1.0", "botocore-1.0"}
    (root / "requirements.txt").write_text("aiobotocore\n")
    assert set(make().packages) == {"aiobotocore-1.0", "botocore-1.0"}
