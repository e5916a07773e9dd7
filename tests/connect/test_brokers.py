"""From a URL to a broker: each known form, and an error that helps for every other."""

import subprocess
import sys
from pathlib import Path

import pytest

from ebbtide.app import App
from ebbtide.brokers.memory import MemoryBroker
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.connect.brokers import connect
from ebbtide.errors import TargetError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EBBTIDE_BROKER", raising=False)
    return tmp_path


def sqlite(url: str | None) -> SqliteBroker:
    broker, records = connect(url, App())
    assert isinstance(broker, SqliteBroker)
    assert records is broker
    return broker


def test_memory_is_a_broker_of_its_own_each_time() -> None:
    one, records = connect("memory://", App())
    two, _ = connect("memory://", App())
    assert isinstance(one, MemoryBroker)
    assert records is one
    assert one is not two


def test_three_slashes_are_relative_to_the_working_directory() -> None:
    assert sqlite("sqlite:///queue.db").path == Path("queue.db")


def test_four_slashes_are_absolute() -> None:
    assert sqlite("sqlite:////var/lib/queue.db").path == Path("/var/lib/queue.db")


def test_a_path_is_taken_as_it_stands() -> None:
    assert sqlite("sqlite:///a%20b c.db").path == Path("a%20b c.db")


def test_the_environment_names_the_broker_where_the_app_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_BROKER", "sqlite:///other.db")
    assert sqlite(None).path == Path("other.db")
    assert sqlite("sqlite:///mine.db").path == Path("mine.db")


@pytest.mark.parametrize("unset", [None, ""])
def test_where_nobody_names_one_it_is_a_file_in_the_working_directory(unset: str | None) -> None:
    assert sqlite(unset).path == Path("ebbtide.db")


def test_connecting_opens_nothing(elsewhere: Path) -> None:
    sqlite("sqlite:///queue.db")
    sqlite("sqlite:///no/such/folder/queue.db")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("durability", ["full", "fast"])
def test_the_durability_can_be_said(durability: str) -> None:
    assert sqlite(f"sqlite:///queue.db?durability={durability}").path == Path("queue.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqllite:///a.db", "Did you mean 'sqlite'"),
        ("redis://localhost", "Known: memory, sqlite"),
        ("queue.db", "is no broker we know"),
        ("sqlite", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite://queue.db", "three slashes and a path"),
        ("sqlite:///a.db?durabilty=fast", "unknown option 'durabilty'. Did you mean 'durability'"),
        ("sqlite:///a.db?durability=none", "durability is 'full' or 'fast', not 'none'"),
        ("sqlite:///a.db?durability", "durability is 'full' or 'fast', not ''"),
        ("memory://here", "nothing goes after"),
    ],
)
def test_every_other_url_is_refused_with_a_hint(url: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        connect(url, App())


def test_an_app_on_one_broker_loads_no_other() -> None:
    script = "import sys; from ebbtide import App; App(broker='memory://').broker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = done.stdout.split()
    assert "ebbtide.brokers.memory" in loaded
    assert "ebbtide.brokers.sqlite" not in loaded
    assert "sqlite3" not in loaded
