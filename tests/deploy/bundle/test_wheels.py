"""Dependencies come as wheels for Lambda's processor and Python, or the build ends with the package's name."""

from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import native, project, wheel

from ebbtide.deploy.bundle.requirements import requirements_of, source_of
from ebbtide.deploy.bundle.runtime import Runtime
from ebbtide.deploy.bundle.uv import asked
from ebbtide.deploy.bundle.wheels import install
from ebbtide.deploy.bundle.wrong import BundleError

ARM = Runtime("3.13", "arm64")
INTEL = Runtime("3.13", "x86_64")
NEEDS = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'


def installed(root: Path, runtime: Runtime = ARM, boto3: bool = False) -> list[str]:
    """The names of what is installed; uv's own `.lock` and scripts aside."""
    source = source_of(root)
    assert source
    folder = root / ".made" / f"{runtime.architecture}-{runtime.python}-{boto3}"
    folder.mkdir(parents=True, exist_ok=True)
    install(requirements_of(source, root, folder.with_name("needed.txt"), boto3), runtime, root, folder)
    return sorted(path.name.partition("-")[0] for path in folder.glob("*.dist-info"))


def test_an_extension_module_is_the_one_for_the_target_whatever_this_machine_is(
    tmp_path: Path, wheelhouse: Path
) -> None:
    native(wheelhouse, "pillow")
    project(tmp_path, {"requirements.txt": "pillow\n"})
    for runtime, machine in ((ARM, 183), (INTEL, 62)):
        assert installed(tmp_path, runtime) == ["pillow"]
        module = tmp_path / ".made" / f"{runtime.architecture}-3.13-False" / "pillow" / "_speed.so"
        assert module.read_bytes()[18] == machine


def test_what_ebbtide_alone_needs_is_left_out_and_what_others_need_is_not(tmp_path: Path, wheelhouse: Path) -> None:
    wheel(wheelhouse, "flask", requires=["click"])
    wheel(wheelhouse, "click")
    project(tmp_path, {"requirements.txt": "ebbtide\nboto3>=1\nflask\n"})  # no wheel of ours is anywhere
    assert installed(tmp_path) == ["click", "flask"]


def test_the_dependencies_of_a_project_file_are_installed(tmp_path: Path, wheelhouse: Path) -> None:
    wheel(wheelhouse, "flask")
    project(tmp_path, {"pyproject.toml": f'{NEEDS}dependencies = ["flask", "ebbtide"]\n'})
    assert installed(tmp_path) == ["flask"]


def test_a_lock_is_installed_as_it_stands(tmp_path: Path, wheelhouse: Path) -> None:
    wheel(wheelhouse, "flask")
    project(tmp_path, {"pyproject.toml": f'{NEEDS}dependencies = ["flask"]\n'})
    asked(["lock"], tmp_path)
    wheel(wheelhouse, "flask", "2.0")
    assert installed(tmp_path) == ["flask"]
    assert (tmp_path / ".made" / "arm64-3.13-False" / "flask-1.0.dist-info").is_dir()


def test_a_wheel_that_is_not_the_one_locked_is_refused(tmp_path: Path, wheelhouse: Path) -> None:
    wheel(wheelhouse, "flask")
    project(tmp_path, {"requirements.txt": f"flask==1.0 --hash=sha256:{'0' * 64}\n"})
    with pytest.raises(BundleError, match=r"(?i)flask.*hash"):
        installed(tmp_path)


@pytest.mark.parametrize(("runtime", "python"), [(ARM, "py3-none"), (INTEL, "cp311-cp311")])
def test_without_a_wheel_for_the_target_the_build_ends_with_the_package_and_the_cure(
    tmp_path: Path, wheelhouse: Path, runtime: Runtime, python: str
) -> None:
    native(wheelhouse, "pillow", ["x86_64"], python)
    project(tmp_path, {"requirements.txt": "pillow\n"})
    with pytest.raises(BundleError) as told:
        installed(tmp_path, runtime)
    assert str(told.value).startswith(
        f"pillow==1.0 (from requirements.txt) has no wheel for python3.13 on {runtime.architecture}"
    )
    assert "--image" in str(told.value)


def test_a_wheel_for_a_newer_system_than_lambdas_is_none(tmp_path: Path, wheelhouse: Path) -> None:
    """Below python3.11 is glibc 2.26, below the later ones 2.34."""
    wheel(wheelhouse, "newer", tag="py3-none-manylinux_2_28_x86_64")
    wheel(wheelhouse, "newest", tag="py3-none-manylinux_2_39_x86_64")
    project(tmp_path, {"requirements.txt": "newer\n"})
    assert installed(tmp_path, INTEL) == ["newer"]
    with pytest.raises(BundleError, match=r"newer==1\.0\S* .*no wheel for python3\.11.*--python 3\.12"):
        installed(tmp_path, Runtime("3.11", "x86_64"))
    project(tmp_path, {"requirements.txt": "newest\n"})
    with pytest.raises(BundleError, match=r"newest==1\.0\S* .*no wheel"):
        installed(tmp_path, Runtime("3.12", "x86_64"))


def test_a_package_that_has_only_sources_is_named(tmp_path: Path, wheelhouse: Path) -> None:
    (wheelhouse / "uwsgi-2.0.tar.gz").write_bytes(b"")
    project(tmp_path, {"requirements.txt": "uwsgi\n"})
    with pytest.raises(BundleError, match=r"uwsgi(==2\.0)? \(from requirements\.txt\) has no wheel"):
        installed(tmp_path)


def test_a_package_that_nobody_has_is_named(tmp_path: Path, wheelhouse: Path) -> None:
    project(tmp_path, {"requirements.txt": "flusk\n"})
    with pytest.raises(BundleError, match=r"flusk \(from requirements\.txt\) is on no index"):
        installed(tmp_path)


def test_passwords_of_an_index_are_not_told(tmp_path: Path, wheelhouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_CONFIG_FILE")
    monkeypatch.setenv("UV_INDEX_URL", "http://me:hunter2@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    project(tmp_path, {"requirements.txt": "flask\n"})
    with pytest.raises(BundleError) as told:
        installed(tmp_path)
    assert "127.0.0.1:9" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_of_a_lock_too_the_package_is_named_without_its_conditions(tmp_path: Path, wheelhouse: Path) -> None:
    native(wheelhouse, "pillow", ["x86_64"])
    needs = "dependencies = [\"pillow; implementation_name != 'pypy'\"]\n"
    project(tmp_path, {"pyproject.toml": f"{NEEDS}{needs}"})
    asked(["lock"], tmp_path)
    with pytest.raises(BundleError, match=r"^pillow==1\.0 \(from uv\.lock\) has no wheel for python3\.13 on arm64"):
        installed(tmp_path)


def test_a_package_that_is_a_folder_of_the_lock_is_built_here(tmp_path: Path, wheelhouse: Path) -> None:
    """With a backend of its own, for an isolated build would need an index."""
    backend = (
        "import zipfile\n"
        "def build_wheel(folder, *_):\n"
        "    with zipfile.ZipFile(f'{folder}/local-1-py3-none-any.whl', 'w') as made:\n"
        "        made.writestr('local.py', '')\n"
        "        made.writestr('local-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: local\\nVersion: 1\\n')\n"
        "        made.writestr('local-1.dist-info/WHEEL', "
        "'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        made.writestr('local-1.dist-info/RECORD', '')\n"
        "    return 'local-1-py3-none-any.whl'\n"
    )
    built = '[project]\nname = "local"\nversion = "1"\n[build-system]\nrequires = []\nbuild-backend = "backend"\n'
    sources = '[tool.uv.sources]\nlocal = { path = "libs/local" }\n'
    project(
        tmp_path,
        {
            "pyproject.toml": f'{NEEDS}dependencies = ["local"]\n{sources}',
            "libs/local/pyproject.toml": f'{built}backend-path = ["."]\n',
            "libs/local/backend.py": backend,
        },
    )
    asked(["lock"], tmp_path)
    assert installed(tmp_path) == ["local"]
