"""`ebbtide result`."""

import pytest
from tests.cli.conftest import Shop


def enqueued(shop: Shop, *words: str) -> str:
    return shop.call("enqueue", "SHOP", *words).stdout.strip()


def test_a_success_is_exit_code_0_and_shows_value_and_times(shop: Shop) -> None:
    id = enqueued(shop, "receipt", "5")
    shop.work()
    done = shop.run("result", "SHOP", id)
    assert done.returncode == 0
    fields = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert (fields["task"], fields["id"], fields["status"]) == ("receipt", id, "SUCCESSFUL")
    assert fields["value"] == '"5 None 1.50"'
    assert fields["attempts"] == "1"
    assert fields["finished"].endswith("Z")


def test_json_gives_the_value_itself(shop: Shop) -> None:
    id = enqueued(shop, "pack", '{"name": "pen", "count": 3}')
    shop.work()
    record = shop.asked("result", "SHOP", id)
    assert record["return_value"] == {"name": "pen", "count": 3}
    assert (record["status"], record["errors"]) == ("SUCCESSFUL", [])
    assert record["finished_at"].endswith("+00:00")


def test_a_failure_is_exit_code_1_and_shows_each_attempt_with_its_traceback(shop: Shop) -> None:
    id = enqueued(shop, "explode", "way")
    shop.work()
    done = shop.run("result", "SHOP", id)
    assert done.returncode == 1
    assert "attempt 1: ValueError: no way" in done.stdout
    assert "attempt 2: ValueError: no way" in done.stdout
    assert done.stdout.count("in explode\n    raise ValueError") == 2
    assert len(shop.asked("result", "SHOP", id)["errors"]) == 2


@pytest.mark.parametrize("wait", [(), ("--wait", "0.01")])
def test_what_has_not_finished_is_exit_code_3(shop: Shop, wait: tuple[str, ...]) -> None:
    id = enqueued(shop, "add", "1")
    done = shop.call("result", "SHOP", id, *wait)
    assert done.exit_code == 3
    assert "READY" in done.stdout
    assert shop.asked("result", "SHOP", id, *wait)["return_value"] is None


def test_an_id_nobody_knows_is_exit_code_1_with_the_reasons_it_may_have(shop: Shop) -> None:
    done = shop.call("result", "SHOP", "nope", "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "nope" in done.stderr
    assert "the broker is another one" in done.stderr


def test_an_id_of_bytes_that_are_no_text_is_known_to_nobody(shop: Shop) -> None:
    done = shop.run("result", "SHOP", "\udced\udca0\udc80")
    assert done.returncode == 1
    assert "no result of task" in done.stderr


def test_the_result_of_a_task_that_is_no_longer_declared_is_shown_all_the_same(shop: Shop) -> None:
    id = enqueued(shop, "receipt", "5")
    shop.work()
    (shop.folder / "later.py").write_text("from ebbtide import App\napp = App(broker='sqlite:///shop.db')\n")
    done = shop.run("result", "later", id)
    assert (done.returncode, '"5 None 1.50"' in done.stdout) == (0, True)
