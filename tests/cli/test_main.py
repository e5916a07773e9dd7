"""What holds for every command: exit codes, one line of error, help that lists them."""

import platform
import subprocess
import sys

import pytest
from click.testing import CliRunner
from tests.cli.conftest import Shop

from ebbtide.cli.main import COMMANDS, main
from ebbtide.version import __version__


def test_the_version_names_ebbtide_and_python(shop: Shop) -> None:
    done = shop.run("--version")
    assert done.stdout == f"ebbtide {__version__} (Python {platform.python_version()})\n"
    assert done.returncode == 0


def test_without_a_command_the_help_lists_them_all(shop: Shop) -> None:
    done = shop.call()
    assert done.exit_code == 0
    listed = " ".join(done.stdout.split())
    for name, entry in COMMANDS.items():
        assert f" {name} {entry.help}" in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_the_line_the_list_shows(name: str) -> None:
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0
    assert COMMANDS[name].help in " ".join(done.stdout.split())


def test_the_help_is_shown_without_loading_what_draws_tables(shop: Shop) -> None:
    assert "rich.table" not in _loaded_by("['--help']")
    assert "rich.table" in _loaded_by("['tasks', '--help']")


def _loaded_by(arguments: str) -> set[str]:
    script = f"import sys\nfrom ebbtide.cli.main import main\ntry: main({arguments})\n"
    script += "except SystemExit: print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", script]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines())


def test_an_unknown_command_names_the_nearest_one(shop: Shop) -> None:
    done = shop.call("taks")
    assert done.exit_code == 2
    assert "there is no command 'taks'. Did you mean 'tasks'?" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("tasks",),
        ("tasks", "SHOP", "more"),
        ("tasks", "SHOP", "--nope"),
        ("tasks", "nowhere:app"),
        ("tasks", "SHOP:nope"),
        ("queues", "SHOP", "--broker", "nosuch://x"),
        ("queues", "SHOP", "--broker", "memory://"),
        ("result", "SHOP", "id", "--wait", "soon"),
        ("dlq", "lst", "SHOP"),
    ],
)
def test_a_wrong_command_line_is_one_line_of_error_and_exit_code_2(shop: Shop, words: tuple[str, ...]) -> None:
    done = shop.run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    remarks = [line for line in done.stderr.splitlines() if line != "the module was imported"]
    assert len(remarks) == 1
    assert remarks[0].startswith("error: ")


def test_an_app_that_breaks_shows_its_own_traceback_and_none_of_ours(shop: Shop) -> None:
    (shop.folder / "broken.py").write_text("import ebbtide\n\napp = ebbtide.App('no name')\n")
    done = shop.run("tasks", "broken:app")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "broken.py\", line 3, in <module>\n    app = ebbtide.App('no name')" in done.stderr
    assert "importlib" not in done.stderr
    assert "ebbtide/app.py" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: importing 'broken' failed: ")


def test_a_queue_file_that_cannot_be_opened_is_exit_code_1_and_names_it(shop: Shop) -> None:
    done = shop.run("queues", "SHOP", "--broker", "sqlite:///missing/folder/queue.db")
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert "missing/folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_nobody_foresaw_is_one_line_too_and_traceback_shows_where(shop: Shop) -> None:
    (shop.folder / "odd.py").write_text(
        "from ebbtide import App\n\ndef broker():\n    return 1 / 0\n\napp = App(broker=broker)"
    )
    done = shop.run("queues", "odd:app")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ZeroDivisionError: division by zero")
    assert len(done.stderr.splitlines()) == 1
    assert 'odd.py", line 4, in broker' in shop.run("--traceback", "queues", "odd:app").stderr


def test_the_broker_comes_from_the_option_else_the_app_else_the_environment(shop: Shop) -> None:
    (shop.folder / "plain.py").write_text("from ebbtide import App\napp = App()\n@app.task\ndef act(): ...\n")
    shop.run("enqueue", "plain", "act", EBBTIDE_BROKER="sqlite:///from_env.db")
    shop.run("enqueue", "SHOP", "add", "1", EBBTIDE_BROKER="sqlite:///not_this.db")
    shop.run("enqueue", "SHOP", "add", "1", "--broker", "sqlite:///from_option.db")
    files = {path.name for path in shop.folder.glob("*.db")}
    assert files == {"from_env.db", "shop.db", "from_option.db"}


def test_control_characters_of_others_do_not_reach_the_terminal(shop: Shop) -> None:
    done = shop.call("tasks", "no\x1b[31mwhere")
    assert "\x1b" not in done.stderr
    assert "\\x1b[31m" in done.stderr


def test_a_wrong_option_is_told_in_whole_sentences() -> None:
    done = CliRunner().invoke(main, ["worker", "shop:app", "--grace", "soon"])
    assert done.exit_code == 2
    assert done.stderr.endswith("90, 15m, 2h, 1d. See 'main worker --help'.\n")
