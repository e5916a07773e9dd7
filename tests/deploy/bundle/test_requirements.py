"""Where a project says what it depends on, and what of that a bundle needs."""

from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import project, wheel

from ebbtide.deploy.bundle.requirements import pins_boto3, requirements_of, source_of
from ebbtide.deploy.bundle.uv import asked
from ebbtide.deploy.bundle.wrong import BundleError

NEEDS = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [{}]\n'


def test_a_lock_goes_before_a_list_and_a_list_before_the_project_file(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": NEEDS.format('"flask"'), "requirements.txt": "flask\n", "uv.lock": ""})
    for file in ("uv.lock", "requirements.txt", "pyproject.toml"):
        source = source_of(tmp_path)
        assert source
        assert source.path == tmp_path / file
        (tmp_path / file).unlink()
    assert source_of(tmp_path) is None


def test_a_project_that_names_no_dependencies_has_no_source(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": "[tool.ruff]\n"})
    assert source_of(tmp_path) is None


def test_the_lock_of_a_workspace_is_the_members_and_that_of_a_stranger_is_not(tmp_path: Path) -> None:
    project(
        tmp_path, {"uv.lock": "", "a/pyproject.toml": "", "pyproject.toml": '[tool.uv.workspace]\nmembers = ["a"]\n'}
    )
    source = source_of(tmp_path / "a")
    assert source
    assert source.path == tmp_path / "uv.lock"
    (tmp_path / "pyproject.toml").write_text("")
    assert source_of(tmp_path / "a") is None


@pytest.mark.parametrize("name", ["poetry.lock", "Pipfile.lock", "pdm.lock", "pylock.toml"])
def test_a_lock_of_another_tool_is_refused_with_the_cure(tmp_path: Path, name: str) -> None:
    project(tmp_path, {name: ""})
    with pytest.raises(BundleError, match=rf"{name}.*uv lock.*requirements\.txt"):
        source_of(tmp_path)


def test_dependencies_that_are_computed_are_refused_with_the_cure(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": '[project]\nname = "shop"\ndynamic = ["dependencies"]\n'})
    with pytest.raises(BundleError, match=r"pyproject\.toml.*uv lock"):
        source_of(tmp_path)


def test_a_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": "[project\n"})
    with pytest.raises(BundleError, match=r"pyproject\.toml.*line 1"):
        source_of(tmp_path)


def test_the_source_changes_with_every_file_it_refers_to(tmp_path: Path) -> None:
    project(tmp_path, {"requirements.txt": "-r more.txt\n-c limits.txt", "more.txt": "flask", "limits.txt": ""})
    before = source_of(tmp_path)
    (tmp_path / "limits.txt").write_text("flask<4")
    assert source_of(tmp_path) != before


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ("boto3==1.40.1", True),
        ("boto3[crt] == 1.40.1 ; python_version > '3'", True),
        ("boto3===1.40.1", True),
        ("boto3==1.40.1 --hash=sha256:00", True),
        ("boto3", False),
        ("boto3>=1.40", False),
        ("boto3==1.*", False),
        ("boto3-stubs==1.40.1", False),
    ],
)
def test_boto3_is_pinned_by_one_version_only(tmp_path: Path, line: str, pinned: bool) -> None:
    project(tmp_path, {"requirements.txt": f"flask\n{line}\n"})
    assert pins_boto3(tmp_path) is pinned
    project(tmp_path, {"pyproject.toml": NEEDS.format(f'"{line.partition(" --")[0]}"')})
    assert pins_boto3(tmp_path) is pinned


def test_of_a_lock_what_only_ebbtide_or_boto3_need_is_left_out(tmp_path: Path, wheelhouse: Path) -> None:
    wheel(wheelhouse, "ebbtide", requires=["click", "rich"])
    wheel(wheelhouse, "flask", requires=["click"])
    wheel(wheelhouse, "boto3", requires=["urllib3"])
    for name in ("click", "rich", "urllib3", "pytest"):
        wheel(wheelhouse, name)
    groups = '[dependency-groups]\ndev = ["pytest"]\n'
    project(tmp_path, {"pyproject.toml": NEEDS.format('"ebbtide", "flask", "boto3"') + groups})
    asked(["lock"], tmp_path)
    source = source_of(tmp_path)
    assert source
    for boto3, names in ((False, ["click", "flask"]), (True, ["boto3", "click", "flask", "urllib3"])):
        needed = requirements_of(source, tmp_path, tmp_path / "needed.txt", boto3)
        assert needed.complete
        assert needed.text
        assert [line.partition("==")[0] for line in needed.text.splitlines() if "==" in line] == names
