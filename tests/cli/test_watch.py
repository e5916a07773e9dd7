"""`ebbtide queues --watch`: lines for grep, and the table at a terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from tests.cli.conftest import Shop

from ebbtide.cli.watch import figure

PATIENCE = 60.0
LINE = re.compile(r"\S+Z (\w+) ready=(\d+) delayed=\d+ running=\d+ dead=\d+ oldest=\S+ in=(\S+) out=(\S+)")


def watching(
    shop: Shop, *words: str, stdout: int = subprocess.PIPE, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a background job; it would be inherited
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "ebbtide.cli", "queues", shop.module, *words]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    return subprocess.Popen(
        command, cwd=shop.folder, env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, text=True
    )


def test_away_from_a_terminal_each_queue_is_one_line_until_ctrl_c(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    with watching(shop, "--watch=0.1") as child:
        assert child.stdout
        lines = [child.stdout.readline() for _ in range(6)]
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE) == 0
    found = [LINE.fullmatch(line.strip()) for line in lines]
    assert [match[1] for match in found if match] == ["mail", "mute", "default"] * 2
    assert [match[2] for match in found if match] == ["0", "0", "1"] * 2
    assert [match[3] == "-" for match in found if match] == [True] * 3 + [False] * 3


def test_with_json_each_look_is_a_document_on_a_line(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    with watching(shop, "--json", "--watch", "0.1") as child:
        assert child.stdout
        first, second = (json.loads(child.stdout.readline()) for _ in range(2))
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE) == 0
    assert [queue["name"] for queue in first["queues"]] == ["mail", "mute", "default"]
    assert (first["queues"][2]["ready"], first["queues"][2]["in"], second["queues"][2]["in"]) == (1, None, 0.0)


def test_a_reader_that_goes_away_ends_it(shop: Shop) -> None:
    with watching(shop, "--watch=0.05") as child:
        assert child.stdout
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 1


@pytest.mark.parametrize("end", ["q", "ctrl-c"])
def test_at_a_terminal_it_is_a_table_that_q_or_ctrl_c_ends(shop: Shop, end: str) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    here, there = pty.openpty()
    with watching(shop, "--watch=0.1", stdout=there, stdin=there) as child:
        os.close(there)
        shown = read_until(here, "out/s", "default")
        if end == "q":
            os.write(here, b"xq")
        else:
            child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + PATIENCE
        while child.poll() is None:
            assert time.monotonic() < deadline
            drain(here)
        assert child.returncode == 0
    os.close(here)
    assert "oldest ready" in shown


def read_until(terminal: int, *words: str) -> str:
    shown, deadline = "", time.monotonic() + PATIENCE
    while not all(word in shown for word in words):
        assert time.monotonic() < deadline, shown
        shown += drain(terminal)
    return shown


def drain(terminal: int) -> str:
    if not select.select([terminal], [], [], 0.05)[0]:
        return ""
    try:
        return os.read(terminal, 65536).decode("utf-8", "replace")
    except OSError:  # the other end is closed
        return ""


@pytest.mark.parametrize(
    ("value", "told"), [(None, "-"), (0, "0"), (7, "7"), (0.12345, "0.123"), (99.9, "100"), (12_345.6, "12346")]
)
def test_figures_have_three_digits_and_never_powers(value: float | None, told: str) -> None:
    assert figure(value) == told
