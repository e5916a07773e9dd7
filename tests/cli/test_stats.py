"""`ebbtide stats`."""

import pytest
from tests.cli.conftest import Shop

from ebbtide.cli.stats import lasting, sparkline


def test_the_last_hour_is_shown_by_queue_and_task(shop: Shop) -> None:
    for call in (("add", "1"), ("add", "2"), ("explode", "x"), ("mute",)):
        shop.call("enqueue", "SHOP", *call)
    shop.work()
    found = {(hour["queue"], hour["task"]): hour for hour in shop.asked("stats", "SHOP")}
    assert list(found) == [("default", "add"), ("default", "explode"), ("mute", "mute")]
    add, explode = found["default", "add"], found["default", "explode"]
    assert (add["succeeded"], add["retried"], add["failed"], sum(add["by_minute"])) == (2, 0, 0, 2)
    assert (explode["succeeded"], explode["retried"], explode["failed"]) == (0, 1, 1)
    assert len(add["by_minute"]) == 60
    assert 0 <= add["mean_run"] <= add["longest_run"]
    assert add["mean_wait"] > 0


def test_the_table_has_a_bar_for_each_minute(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    shop.work()
    done = shop.run("stats", "SHOP", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0
    header, line = done.stdout.splitlines()
    assert header.split("  ")[0] == "queue"
    assert line.split()[:5] == ["default", "add", "1", "0", "0"]
    assert line.endswith("█") or line.rstrip().endswith("█")


def test_where_the_output_cannot_draw_bars_they_are_plain_characters(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    shop.work()
    done = shop.run("stats", "SHOP", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout.isascii(), done.stdout.rstrip()[-1]) == (0, True, "@")


def test_an_hour_without_any_is_an_answer(shop: Shop) -> None:
    done = shop.call("stats", "SHOP")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "nothing has ended in the last hour" in done.stderr
    assert shop.asked("stats", "SHOP") == []


@pytest.mark.parametrize(
    ("counts", "width", "drawn"),
    [
        ([0, 0, 0, 0], 4, "    "),
        ([0, 1, 4, 8], 4, " ▁▄█"),
        ([1, 0, 1000, 999], 4, "▁ ██"),
        ([1, 1, 0, 4], 2, "▄█"),
    ],
)
def test_the_highest_bar_is_full_and_only_nothing_is_empty(counts: list[int], width: int, drawn: str) -> None:
    assert sparkline(counts, width) == drawn


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (0.0001234, "0.123 ms"),
        (0.0123, "12.3 ms"),
        (0.9999, "1000 ms"),
        (1.5, "1.5 s"),
        (75.0, "1 min 15 s"),
    ],
)
def test_times_are_told_to_three_digits_and_never_as_powers(seconds: float | None, told: str) -> None:
    assert lasting(seconds) == told
