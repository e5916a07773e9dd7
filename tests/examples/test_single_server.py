"""The unit, the container and the backup of examples/single-server, as far as they can be judged without a server.

What they ask of `ebbtide` is parsed by the command line itself; the page shows the very files; systemd judges its unit
where it is installed.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships none, and comes with schemathesis
from tests.fakes import message

from ebbtide.app import App
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.cli.worker import command
from ebbtide.connect.brokers import VARIABLE, connect
from ebbtide.queue import Queue
from ebbtide.runners.supervisor import AFTER_GRACE

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "examples" / "single-server"
PAGE = (ROOT / "docs" / "how-to" / "run-on-a-server.md").read_text()


def unit() -> configparser.ConfigParser:
    made = configparser.ConfigParser(interpolation=None, strict=True)
    made.read_string((SERVER / "shop-worker.service").read_text())
    return made


def asked(words: list[str]) -> dict[str, Any]:
    """What `ebbtide worker` understands of these words. Raises UsageError for what it does not."""
    assert words[0] == "worker"
    return command.make_context("worker", words[1:]).params


def container() -> dict[str, list[str]]:
    """The instructions of the Dockerfile, each with what follows it."""
    text = (SERVER / "Dockerfile").read_text().replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(" ".join(rest.split()))
    return found


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SERVER / "compose.yaml").read_text())
    return found


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


@pytest.mark.parametrize("name", ["shop-worker.service", "Dockerfile", "compose.yaml", "backup.sh"])
def test_the_page_shows_the_file_as_it_is(name: str) -> None:
    assert f"```text\n{(SERVER / name).read_text()}```" in PAGE


def test_the_unit_starts_a_worker_with_options_that_there_are() -> None:
    program, *words = shlex.split(unit()["Service"]["ExecStart"])
    assert program.endswith("/bin/ebbtide")
    options = asked(words)
    assert (options["target"], options["log_format"]) == ("shop:app", "json")


def test_the_unit_waits_for_longer_than_the_grace_and_lets_the_supervisor_stop_its_own() -> None:
    service = unit()["Service"]
    grace = asked(shlex.split(service["ExecStart"])[1:])["grace"]
    assert seconds(service["TimeoutStopSec"]) > grace + AFTER_GRACE
    assert (service["KillMode"], service["OOMPolicy"], service["Restart"]) == ("mixed", "continue", "always")
    assert service["RestartPreventExitStatus"] == "2"


def test_the_units_queue_is_in_the_folder_systemd_makes_for_it() -> None:
    service = unit()["Service"]
    name, _, url = service["Environment"].partition("=")
    assert name == VARIABLE
    broker, _ = connect(url, App())
    assert isinstance(broker, SqliteBroker)
    assert broker.path.parent == Path("/var/lib") / service["StateDirectory"]


def verified(unit: Path) -> str:
    """What systemd has to say against a unit."""
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd's own tools")
def test_systemd_finds_nothing_wrong_with_the_unit_and_would_find_a_mistake(tmp_path: Path) -> None:
    text = (SERVER / "shop-worker.service").read_text()
    text = text.replace("/srv/shop/.venv/bin/ebbtide", sys.executable)  # it must be there to be judged
    right, wrong = tmp_path / "right.service", tmp_path / "wrong.service"
    right.write_text(text)
    wrong.write_text(text.replace("KillMode=mixed", "KillMode=mixd"))
    if "mixd" not in verified(wrong):
        pytest.skip("systemd-analyze does not work here")
    assert "right.service" not in verified(right)


def test_the_container_starts_a_worker_with_options_that_there_are() -> None:
    made = container()
    assert json.loads(made["ENTRYPOINT"][0]) == ["ebbtide"]
    assert asked(json.loads(made["CMD"][0]))["target"] == "shop:app"


def test_the_container_has_what_it_copies_and_keeps_the_queue_on_a_volume_its_user_owns() -> None:
    made = container()
    for copied in made["COPY"]:
        assert (SERVER / copied.split()[0]).exists()
    folder = made["VOLUME"][0]
    user = made["USER"][0]
    assert re.search(rf"useradd .*\b{user}\b.* --owner={user} .*{folder}$", made["RUN"][0])
    name, _, url = made["ENV"][0].partition("=")
    broker, _ = connect(url, App())
    assert isinstance(broker, SqliteBroker)
    assert (name, str(broker.path.parent)) == (VARIABLE, folder)


def test_the_service_of_the_container_mounts_the_volume_and_waits_for_longer_than_the_grace() -> None:
    worker = compose()["services"]["worker"]
    volume, _, folder = worker["volumes"][0].partition(":")
    assert folder == container()["VOLUME"][0]
    assert volume in compose()["volumes"]
    grace = asked(json.loads(container()["CMD"][0]))["grace"]
    assert seconds(worker["stop_grace_period"]) > grace + AFTER_GRACE


def test_the_app_of_the_example_works(tmp_path: Path) -> None:
    shutil.copy(SERVER / "shop.py", tmp_path)

    def run(*words: str) -> str:
        argv = [sys.executable, "-m", "ebbtide.cli", *words]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout

    id = run("enqueue", "shop:app", "receipt", "42").strip()
    run("worker", "shop:app", "-p", "1", "--drain")
    assert "receipt for order 42" in run("result", "shop:app", id)


RESTORED = """
import sys
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.queue import Queue
broker = SqliteBroker(sys.argv[1])
while found := broker.receive([Queue()], 10):
    for delivery in found:
        print(delivery.message.id, len(delivery.body), delivery.attempt)
"""


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs the sqlite3 command")
def test_a_backup_of_a_queue_in_use_is_restored_with_its_large_payloads_and_what_ran(tmp_path: Path) -> None:
    queue, copy = tmp_path / "queue.db", tmp_path / "copy"
    broker = SqliteBroker(queue)
    broker.send([message("running"), message("large", args=["x" * 1_000_000]), message("small")])
    assert len(broker.receive([Queue()], 1)) == 1
    subprocess.run(["sh", SERVER / "backup.sh", queue, copy], check=True, timeout=60)
    argv = [sys.executable, "-c", RESTORED, str(copy / "queue.db")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    found = {id: (int(size), attempt) for id, size, attempt in map(str.split, done.stdout.splitlines())}
    assert sorted(found) == ["large", "running", "small"]
    assert found["large"][0] > 1_000_000
    assert found["running"][1] == "1"  # what was not known to have started has spent no attempt
    broker.close()
