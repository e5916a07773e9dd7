"""Which folder is the project, and from which its modules are imported."""

from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import project

from ebbtide.deploy.bundle.project import Project, project_of
from ebbtide.deploy.bundle.wrong import BundleError


def test_the_project_is_the_nearest_folder_that_says_what_it_needs(tmp_path: Path) -> None:
    root = project(tmp_path, {"pyproject.toml": "", "service/requirements.txt": "", "service/in/shop.py": ""})
    here = root / "service" / "in"
    assert project_of("shop", here / "shop.py", here) == Project(root / "service", here)


def test_the_settings_of_async_lambda_tell_a_project_too(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": "", "service/.async_lambda/config.json": "{}", "service/app.py": ""})
    here = tmp_path / "service"
    assert project_of("app", here / "app.py", here) == Project(here, here)


def test_without_such_a_file_it_is_the_working_directory(tmp_path: Path) -> None:
    project(tmp_path, {"shop/jobs.py": "", "shop/__init__.py": ""})
    assert project_of("shop.jobs", tmp_path / "shop" / "jobs.py", tmp_path) == Project(tmp_path, tmp_path)
    assert project_of("shop", tmp_path / "shop" / "__init__.py", tmp_path) == Project(tmp_path, tmp_path)


def test_a_src_layout_is_imported_from_src(tmp_path: Path) -> None:
    project(tmp_path, {"pyproject.toml": "", "src/shop/jobs/__init__.py": ""})
    file = tmp_path / "src" / "shop" / "jobs" / "__init__.py"
    assert project_of("shop.jobs", file, tmp_path) == Project(tmp_path, tmp_path / "src")


@pytest.mark.parametrize("place", ["elsewhere", "here/.venv/lib/python3.13/site-packages"])
def test_a_module_from_elsewhere_is_refused(tmp_path: Path, place: str) -> None:
    project(tmp_path, {"here/requirements.txt": "", f"{place}/shop.py": ""})
    with pytest.raises(BundleError, match="no part of the project"):
        project_of("shop", tmp_path / place / "shop.py", tmp_path / "here")
