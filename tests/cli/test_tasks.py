"""`ebbtide tasks`."""

import json
import re

from tests.cli.conftest import Shop


def test_the_table_shows_parameters_queue_lanes_attempts_timeout_and_kind(shop: Shop) -> None:
    done = shop.run("tasks", "SHOP")
    assert done.returncode == 0
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "order: int, day: date | None = None, price: Decimal = Decimal('1.50')" in lines["receipt"]
    assert re.fullmatch(r"greet +name: str, \*tags: str +mail +3 +5 +1 min 30 s +async", lines["greet"])
    assert re.fullmatch(r"explode +what +default +1 +2 +1 min +sync", lines["explode"])
    assert "delivery" not in done.stdout


def test_json_is_the_only_thing_on_standard_output(shop: Shop) -> None:
    done = shop.run("tasks", "SHOP", "--json")
    tasks = {task["name"]: task for task in json.loads(done.stdout)}
    assert list(tasks) == sorted(tasks)
    assert "the module was imported" in done.stderr
    assert tasks["receipt"]["doc"] == "Write one receipt."
    assert tasks["receipt"]["parameters"] == [
        {"name": "order", "type": "int", "kind": "positional_or_keyword", "required": True, "default": None},
        {
            "name": "day",
            "type": "datetime.date | None",
            "kind": "positional_or_keyword",
            "required": False,
            "default": "None",
        },
        {
            "name": "price",
            "type": "decimal.Decimal",
            "kind": "keyword_only",
            "required": False,
            "default": "Decimal('1.50')",
        },
    ]
    assert (tasks["greet"]["async"], tasks["greet"]["lanes"], tasks["greet"]["timeout"]) == (True, 3, 90)
    assert (tasks["explode"]["async"], tasks["explode"]["attempts"]) == (False, 2)
    assert [p["name"] for p in tasks["pack"]["parameters"]] == ["item", "more"]
    assert tasks["pack"]["takes_context"]


def test_listing_tasks_opens_no_queue_file(shop: Shop) -> None:
    assert shop.call("tasks", "SHOP").exit_code == 0
    assert not list(shop.folder.glob("*.db*"))


def test_an_app_without_tasks_says_how_to_make_one(shop: Shop) -> None:
    (shop.folder / "bare.py").write_text("from ebbtide import App\napp = App('bare')\n")
    done = shop.run("tasks", "bare")
    assert (done.returncode, done.stdout) == (0, "")
    assert "put @app.task on a function" in done.stderr
    assert json.loads(shop.run("tasks", "bare", "--json").stdout) == []
