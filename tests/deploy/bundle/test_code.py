"""Which files of a project go into its bundle."""

from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import project

from ebbtide.deploy.bundle.code import Chosen, code_of, vendored
from ebbtide.deploy.bundle.project import Project, needed
from ebbtide.deploy.bundle.wrong import BundleError

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMII\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMII\n"


def names(root: Path, *, imports: str = "", told: list[str] | None = None, **chosen: tuple[str, ...]) -> list[str]:
    say = (told if told is not None else []).append
    found = code_of(Project(root, root / imports), Chosen(**chosen), say, root / "out")
    return [entry.name for entry in found]


def test_modules_packages_and_data_beside_them_go_in(tmp_path: Path) -> None:
    project(tmp_path, {"shop.py": "", "mail/__init__.py": "", "mail/hello.html": "", "data/prices.csv": ""})
    assert names(tmp_path) == ["data/prices.csv", "mail/__init__.py", "mail/hello.html", "shop.py"]


def test_tests_caches_dot_files_environments_and_tools_files_stay_out(tmp_path: Path) -> None:
    project(
        tmp_path,
        {
            "shop.py": "",
            **dict.fromkeys(["tests/test_shop.py", "mail/tests/data.json", "test_shop.py", "conftest.py"], ""),
            **dict.fromkeys(["__pycache__/shop.cpython-311.pyc", ".git/config", ".env", ".venv/x.py", ".idea/x"], ""),
            **dict.fromkeys(["environment/pyvenv.cfg", "environment/lib/x.py", "node_modules/x.js"], ""),
            **dict.fromkeys(["uv.lock", "pyproject.toml", "requirements-dev.txt", "Makefile", "README.md"], ""),
            **dict.fromkeys(["ebbtide.db", "ebbtide.db-wal", "shop.egg-info/x", "dist/x.whl", "out/code.zip"], ""),
            **dict.fromkeys(["elsewhere/build.json", "elsewhere/code.zip"], ""),
        },
    )
    assert names(tmp_path) == ["shop.py"]


def test_of_a_src_layout_what_is_in_src_goes_in(tmp_path: Path) -> None:
    project(
        tmp_path, {"src/shop/__init__.py": "", "src/shop/a.txt": "", "setup.py": "", "notes/x": "", "src/two.py": ""}
    )
    assert names(tmp_path, imports="src") == ["shop/__init__.py", "shop/a.txt", "two.py"]


def test_an_app_may_say_what_alone_goes_in_beside_what_importing_it_has_loaded(tmp_path: Path) -> None:
    files = ["shop.py", "notes.py", "src/a.py", "src/tests/b.py", "mail/__init__.py", "mail/later.py", "other/c.py"]
    project(tmp_path, dict.fromkeys([*files, "vendor/six.py", "vendor/tests/x.py", "data/a.csv"], ""))
    loaded = needed(tmp_path, [str(tmp_path / name) for name in ("shop.py", "mail/__init__.py", "vendor/tests/x.py")])
    given = Project(tmp_path, tmp_path, loaded)
    chosen = Chosen(only=("src",), vendor=("vendor", "nowhere"), include=("data/*.csv",))
    found = [entry.name for entry in code_of(given, chosen, lambda _: None, tmp_path / "out")]
    assert found == ["data/a.csv", "mail/__init__.py", "mail/later.py", "shop.py", "src/a.py"]
    (inside,) = vendored(given, chosen, lambda _: None, tmp_path / "out")
    assert [entry.name for entry in inside] == ["six.py", "tests/x.py"]


def test_include_brings_back_what_is_left_out_and_what_is_beside_src(tmp_path: Path) -> None:
    project(tmp_path, {"src/shop.py": "", "src/static.db": "", "data/a.csv": "", "data/more/b.csv": "", "c.csv": ""})
    assert names(tmp_path, imports="src", include=("src/*.db", "data")) == [
        "data/a.csv",
        "data/more/b.csv",
        "shop.py",
        "static.db",
    ]


def test_exclude_goes_before_all_else(tmp_path: Path) -> None:
    project(tmp_path, {"src/shop.py": "", "src/big/x.bin": "", "src/a.txt": "", "data/a.txt": "", "data/b.csv": ""})
    assert names(tmp_path, imports="src", include=("data",), exclude=("*.txt", "src/big")) == ["data/b.csv", "shop.py"]


def test_an_include_that_means_nothing_or_leads_out_is_refused(tmp_path: Path) -> None:
    project(tmp_path / "root", {"shop.py": ""})
    (tmp_path / "outside.txt").write_text("")
    with pytest.raises(BundleError, match=r"data/\*\.csv.*no file"):
        names(tmp_path / "root", include=("data/*.csv",))
    for pattern in ("../outside.txt", "x/../../outside.txt", str(tmp_path / "outside.txt")):
        with pytest.raises(BundleError, match=r"no file|leads out"):
            names(tmp_path / "root", include=(pattern,))


def test_secrets_stay_out_and_are_told(tmp_path: Path) -> None:
    secret = {"prod.env": "", "tls/server.key": "", "id_rsa": "", "tls/server.pem": KEY, "keys.p12": ""}
    project(tmp_path, {"shop.py": "", "tls/ca.pem": CERTIFICATE, **secret})
    told: list[str] = []
    assert names(tmp_path, told=told) == ["shop.py", "tls/ca.pem"]
    assert sorted(line.split()[0] for line in told) == sorted(secret)


@pytest.mark.parametrize("name", [".env", ".env.prod", "tls/server.pem", ".aws/credentials", "config/.netrc"])
def test_a_secret_that_is_asked_for_is_refused_with_a_better_place(tmp_path: Path, name: str) -> None:
    project(tmp_path, {"shop.py": "", name: KEY})
    with pytest.raises(BundleError, match=r"looks like a secret.*Secrets Manager"):
        names(tmp_path, include=(name,))


def test_what_importing_the_app_has_loaded_goes_in_whatever_it_is_called(tmp_path: Path) -> None:
    project(
        tmp_path, {"shop.py": "", "tests/__init__.py": "", "tests/lab.py": "", "tests/test_lab.py": "", "docs/x": ""}
    )
    here = Project(tmp_path, tmp_path, needed(tmp_path, [str(tmp_path / "tests" / "__init__.py"), "/elsewhere/x.py"]))
    assert [entry.name for entry in code_of(here, Chosen(), print, tmp_path / "out")] == [
        "shop.py",
        "tests/__init__.py",
        "tests/lab.py",
    ]
    with pytest.raises(BundleError, match=r"`exclude` leaves out tests, which importing the app needs"):
        code_of(here, Chosen(exclude=("tests",)), print, tmp_path / "out")


def test_a_loaded_file_of_an_environment_in_the_folder_is_not_the_projects(tmp_path: Path) -> None:
    loaded = [str(tmp_path / name) for name in ("a.py", ".venv/x.py", "env/lib/python3.13/site-packages/flask/app.py")]
    assert needed(tmp_path, loaded) == {tmp_path / "a.py"}
