"""From a TARGET to an App, and what is said when there is none."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ebbtide.connect.target import TargetBroken, load
from ebbtide.errors import TargetError

APP = "from ebbtide import App\n\napp = App('shop')\n"
Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of a fresh name into the working directory, and say the name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def module(text: str, inside: str = "", name: str = "") -> str:
        folder = tmp_path.joinpath(*inside.split(".")) if inside else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        name = name or f"m_{uuid4().hex}"
        (folder / f"{name}.py").write_text(text)
        return f"{inside}.{name}" if inside else name

    yield module
    for name in set(sys.modules) - before:
        if name.startswith(("m_", "p_")):
            del sys.modules[name]


def refused(target: str) -> str:
    with pytest.raises(TargetError) as error:
        load(target)
    assert not isinstance(error.value, TargetBroken)
    assert "\n" not in str(error.value)
    return str(error.value)


def broken(target: str) -> TargetBroken:
    with pytest.raises(TargetBroken) as error:
        load(target)
    assert "\n" not in str(error.value)
    assert "importlib" not in error.value.traceback
    assert "ebbtide/connect" not in error.value.traceback
    return error.value


def test_an_app_is_found_by_its_attribute(write: Write) -> None:
    assert load(f"{write(APP)}:app").name == "shop"


def test_an_app_is_found_inside_a_package_and_an_object(write: Write) -> None:
    package = f"p_{uuid4().hex}"
    text = f"{APP}\nclass Registry:\n    inner = app\n\nregistry = Registry()\n"
    assert load(f"{write(text, inside=package)}:registry.inner").name == "shop"


def test_the_only_app_of_a_module_needs_no_name(write: Write) -> None:
    assert load(write(f"{APP}\nalias = app\n")).name == "shop"


def test_of_several_apps_one_must_be_named(write: Write) -> None:
    name = write(f"{APP}\nother = App('other')\n")
    assert refused(name) == f"'{name}' has 2 Apps; say which: {name}:app or {name}:other"


def test_a_module_without_an_app_says_so(write: Write) -> None:
    assert "has no App at its top level" in refused(write("x = 1\n"))


def test_a_module_that_is_not_there_names_the_nearest_one_here(write: Write) -> None:
    name = write(APP)
    assert refused(f"{name[:-1]}:app") == f"there is no module {name[:-1]!r}. Did you mean {name!r}?"


def test_a_module_missing_from_a_package_names_the_nearest_one_in_it(write: Write) -> None:
    package = f"p_{uuid4().hex}"
    write(APP, inside=package, name="jobs")
    assert refused(f"{package}.jbos:app") == f"there is no module '{package}.jbos'. Did you mean '{package}.jobs'?"
    assert "there is no module 'p_nowhere'" in refused("p_nowhere.jobs:app")


def test_a_dot_in_place_of_the_colon_is_recognised(write: Write) -> None:
    name = write(APP)
    assert refused(f"{name}.app") == f"there is no module '{name}.app'. Did you mean '{name}:app'?"


def test_a_module_below_src_says_where_to_run(write: Write) -> None:
    name = write(APP, inside="src").removeprefix("src.")
    assert "It is in src/: run the command from there, or set PYTHONPATH=src" in refused(name)


@pytest.mark.parametrize(
    ("target", "cure"),
    [
        ("shop.py:app", "name the module: shop:app"),
        ("shop.py", "name the module: shop:app"),
        ("./jobs/shop.py:registry", "name the module: jobs.shop:registry"),
        ("jobs/shop:app", "name the module: jobs.shop:app"),
    ],
)
def test_a_path_is_answered_with_the_module_it_means(write: Write, target: str, cure: str) -> None:
    assert cure in refused(target)


@pytest.mark.parametrize(
    "target", ["", ":", ":app", "shop:", "a b", "shop:a b", "..shop:app", "shop:1", "1:app", "a:b:c"]
)
def test_what_is_no_target_is_answered_with_what_one_looks_like(write: Write, target: str) -> None:
    assert "write 'module:app'" in refused(target)


def test_an_attribute_that_is_not_there_names_the_apps_there_are(write: Write) -> None:
    name = write(f"{APP}\nother = App('other')\n")
    assert refused(f"{name}:apq") == f"'{name}' has no 'apq'. Did you mean 'app'?"
    assert refused(f"{name}:zzz").endswith("Known: app, other.")
    assert refused(f"{name}:app.task_name") == f"'{name}:app' has no 'task_name'. Did you mean 'task_named'?"


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ("task", "is a Task, not an App. Did you mean"),
        ("make", "is a function (an App made by calling it must stand in the module), not an App"),
        ("App", "is the class App, not an App"),
        ("number", "is an int, not an App"),
        ("nothing", "is None, not an App"),
    ],
)
def test_an_attribute_that_is_no_app_is_told_by_its_kind(write: Write, attribute: str, kind: str) -> None:
    more = "\n@app.task\ndef task(): ...\n\ndef make(): ...\n\nnumber = 1\nnothing = None\n"
    assert kind in refused(f"{write(APP + more)}:{attribute}")


def test_a_missing_import_inside_the_module_is_the_modules_fault(write: Write) -> None:
    name = write("import json\nimport m_not_there\n")
    error = broken(f"{name}:app")
    assert str(error) == f"importing '{name}' failed: ModuleNotFoundError: No module named 'm_not_there' ({name}.py:2)"
    assert error.traceback.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{Path.cwd() / name}.py", line 2, in <module>',
        "    import m_not_there",
        "ModuleNotFoundError: No module named 'm_not_there'",
    ]


def test_a_module_that_misses_a_part_of_itself_is_broken_not_missing(write: Write) -> None:
    name = f"m_{uuid4().hex}"
    write(f"import {name}.part\n", name=name)
    assert "ModuleNotFoundError" in str(broken(f"{name}:app"))


def test_a_fault_deep_in_the_users_imports_shows_all_their_frames(write: Write) -> None:
    deep = write("def act():\n    return 1 / 0\n\nact()\n")
    error = broken(write(f"import {deep}\n"))
    assert error.traceback.count("File ") == 3
    assert f"ZeroDivisionError: division by zero ({deep}.py:2)" in str(error)


def test_a_declaration_refused_by_ebbtide_shows_the_users_line_and_none_of_ours(write: Write) -> None:
    error = broken(write("from ebbtide import App\n\napp = App('a b')\n"))
    assert error.traceback.count("File ") == 1
    assert "app = App('a b')" in error.traceback


def test_a_value_refused_by_ebbtide_is_told_at_the_users_line(write: Write) -> None:
    module = write("from ebbtide import Queue\n\nqueue = Queue('mail', memory=64)\n")
    error = broken(module)
    assert error.traceback.count("File ") == 1
    assert str(error).endswith(f"Queue('mail', memory=64): MB, 128 or more ({module}.py:3)")


def test_the_cause_of_an_error_is_shown_too(write: Write) -> None:
    text = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise RuntimeError('so') from error\n"
    assert "The above exception was the direct cause" in broken(write(text)).traceback


def test_a_cause_is_shown_without_our_frames_too(write: Write) -> None:
    text = "from ebbtide import App\ntry:\n    App('a b')\nexcept ValueError as error:\n    raise OSError from error\n"
    assert broken(write(text)).traceback.count("File ") == 2


@pytest.mark.parametrize("text", ["x = (\n", "import sys\nsys.exit(3)\n", "raise BaseException('rude')\n"])
def test_syntax_errors_and_exits_are_broken_modules_too(write: Write, text: str) -> None:
    name = write(text)
    assert f"({name}.py:" in str(broken(name))


def test_an_attribute_that_raises_when_read_is_the_modules_fault(write: Write) -> None:
    text = f"{APP}\nclass Odd:\n    @property\n    def app(self):\n        return 1 / 0\n\nodd = Odd()\n"
    assert "reading 'app' of" in str(broken(f"{write(text)}:odd.app"))


def test_an_interrupt_while_importing_stays_an_interrupt(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(write("raise KeyboardInterrupt\n"))
