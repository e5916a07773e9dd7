"""The demo: real photographs through the app beside this file, with two worker processes, of which one is killed.

    python examples/photos/demo.py [--out FOLDER]

It starts a small shop (a web service that fails at first), enqueues everything, starts `ebbtide worker`, kills a
process while it works, and stops the worker when the report is there. Then `count.py` counts what is in the folder:
exit code 1 if a task is lost or two counts disagree.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ebbtide import App, Depth
from ebbtide.connect.target import load

HERE = Path(__file__).resolve().parent
EBBTIDE = [sys.executable, "-m", "ebbtide.cli"]

PATIENCE = 50.0
"""Seconds after which the demo stops waiting and counts what there is."""

MOST_KILLS = 5
"""A process may end its task in the instant it is killed; then another is killed."""


@dataclass
class Facts:
    """What the run has to tell the count; kept in the folder as `demo.json`."""

    photos: list[str]
    bad: list[str]
    texts: list[str]
    ids: dict[str, list[str]] = field(default_factory=dict)
    killed: list[int] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def save(self, out: Path) -> None:
        """Write them into the folder."""
        (out / "demo.json").write_text(json.dumps(asdict(self), indent=2))


def main() -> int:
    """Run, show the dead letters, count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE / "out", help="a folder; one of an earlier run is emptied")
    out: Path = parser.parse_args().out.resolve()
    os.environ["PHOTOS_OUT"] = str(out)
    os.chdir(HERE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    start_empty(out)
    with View(Console(highlight=False, markup=False, soft_wrap=True)) as view:
        run(out, view)
    print("\n$ ebbtide dlq list app:app", flush=True)
    subprocess.run([*EBBTIDE, "dlq", "list", "app:app"], check=True)
    print("\n$ python examples/photos/count.py", flush=True)
    return subprocess.run([sys.executable, "count.py", str(out)]).returncode


def start_empty(out: Path) -> None:
    """Make the folder, or empty that of an earlier run; never anybody else's."""
    if out.exists() and any(out.iterdir()):
        if not (out / "demo.json").exists():
            sys.exit(f"{out} is not empty, and not from this demo; name another with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def run(out: Path, view: "View") -> None:
    """Enqueue everything, work it off with a worker of which one process is killed, and note what was done."""
    began = time.monotonic()
    app = load("app:app")
    facts = Facts([str(p) for p in photographs()], [str(p) for p in bad_files(out)], [str(p) for p in texts()])
    facts.save(out)
    try:
        with shop(facts) as address:
            enqueue(app, facts, address)
            view.say(f"enqueued {', '.join(f'{len(ids)} {task}' for task, ids in facts.ids.items())}")
            with worker(view) as process:
                watch(app, facts, out, view, lambda: process.poll() is None and time.monotonic() < began + PATIENCE)
    finally:
        app.close()
        facts.seconds = time.monotonic() - began
        facts.save(out)


def photographs() -> list[Path]:
    """The photographs in scikit-image's wheel that Pillow can read; scikit-image itself is not imported."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        sys.exit("this demo needs the photographs in scikit-image: make setup")
    return [path for path in sorted(Path(found.origin).with_name("data").iterdir()) if _is_picture(path)]


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.load()
    except OSError:
        return False
    return True


def bad_files(out: Path) -> list[Path]:
    """Two files that look like photographs: one torn in the middle, one no picture at all."""
    torn, letter = out / "torn.jpg", out / "letter.jpg"
    whole = next(path for path in photographs() if path.suffix == ".jpg").read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    letter.write_text("Dear photographer,\n")
    return [torn, letter]


def texts() -> list[Path]:
    """The licences and descriptions of all packages installed here."""
    files = (Path(str(file.locate())) for package in importlib.metadata.distributions() for file in package.files or ())
    return sorted({file for file in files if re.match("METADATA|.*licen[cs]e", file.name, re.I) and file.is_file()})


@contextmanager
def shop(facts: Facts) -> Iterator[str]:
    """A web service that knows the price of a print, takes its time, and is out of order twice for one photograph."""
    trouble = Path(facts.photos[0]).name
    answers = Counter[str]()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            photo = unquote(self.path.rpartition("/")[2])
            time.sleep(0.1)
            status = 503 if photo == trouble and answers["503"] < 2 else 200
            answers[str(status)] += 1
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"{len(photo)}.90".encode() if status == 200 else b"")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tasks do."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        facts.answers = dict(answers)


def enqueue(app: App, facts: Facts, address: str) -> None:
    """Everything at once; `ingest` enqueues the thumbnails by itself."""
    calls: dict[str, list[tuple[Any, ...]]] = {
        "ingest": [(Path(photo),) for photo in facts.photos + facts.bad],
        "price": [(Path(photo).name, address) for photo in facts.photos],
        "count_words": [(Path(text),) for text in facts.texts],
    }
    for task, many in calls.items():
        facts.ids[task] = [result.id for result in app.tasks[task].enqueue_many(many)]
    facts.ids["report"] = [app.tasks["report"].enqueue(*facts.ids.values()).id]


@contextmanager
def worker(view: "View") -> Iterator[subprocess.Popen[str]]:
    """`ebbtide worker` with two processes, its log passed on line by line; stopped at the end, whatever happened."""
    argv = [*EBBTIDE, "worker", "app:app", "--processes", "2", "--grace", "5"]
    view.say(f"$ ebbtide {' '.join(argv[3:])}")
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr
    reader = Thread(target=view.follow, args=(process.stderr,))
    reader.start()
    try:
        yield process
    finally:
        process.terminate()
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        reader.join()
        view.say(f"stopped the worker with SIGTERM: exit code {code}")


def watch(app: App, facts: Facts, out: Path, view: "View", patient: Callable[[], bool]) -> None:
    """Show how it goes until the report is there, and kill a process half-way."""
    page = app.result(facts.ids["report"][0])
    seen: set[str] = set()
    while not page.refresh().is_finished:
        if not patient():
            return view.say("gave up: the report is not there", "bold red")
        journal = Journal(out)
        depths = {name: app.broker.depth(name) for name in app.queues}
        view.show(journal, [depth for lanes in depths.values() for depth in lanes])
        made = sum(line["task"] == "thumbnail" for line in journal.done)
        half_way = made and made >= sum(depth.pending for depth in depths["images"])
        if half_way and not journal.cut_off_in(facts.killed) and len(facts.killed) < MOST_KILLS:
            long = [line for line in journal.open if line["task"] == "thumbnail" and line["run"] in seen]
            if victims := [line for line in long if line["pid"] not in facts.killed]:
                kill(victims[0], facts, view)
        seen = {line["run"] for line in journal.open}
        time.sleep(0.02)


def kill(victim: dict[str, Any], facts: Facts, view: "View") -> None:
    """End the process of this run without a warning, and wait until it is gone."""
    pid: int = victim["pid"]
    os.kill(pid, signal.SIGKILL)
    facts.killed.append(pid)
    view.say(f"kill -9 {pid}: the process that is busy with {victim['task']} {victim['about']}", "bold red")
    with suppress(ProcessLookupError):
        for _ in range(200):
            os.kill(pid, 0)
            time.sleep(0.01)


class Journal:
    """What the tasks have noted so far: a line for each start, and one for each end."""

    def __init__(self, out: Path) -> None:
        file = out / "journal.jsonl"
        whole = file.read_text().rpartition("\n")[0] if file.exists() else ""  # not a line that is just being written
        lines = [json.loads(line) for line in whole.splitlines()]
        self.done = [line for line in lines if line["what"] == "end"]
        ended = {line["run"] for line in lines if line["what"] != "start"}
        self.open = [line for line in lines if line["what"] == "start" and line["run"] not in ended]

    def cut_off_in(self, killed: list[int]) -> bool:
        """Whether a task was running in one of these processes when it ended."""
        return any(line["pid"] in killed for line in self.open)


class View:
    """What can be seen: a bar on a terminal, a line now and then elsewhere, and events as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._next = 0.0
        columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._bar = self._progress.add_task("", total=None)

    def __enter__(self) -> "View":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def say(self, text: str, style: str = "bold") -> None:
        """An event."""
        self._console.print(f"{time.monotonic() - self._began:5.1f} s  {text}", style=style)

    def follow(self, log: Iterable[str]) -> None:
        """Pass on the worker's log; that the report waits is told once."""
        told = False
        for line in log:
            waits = "Retry: waiting for" in line
            if not (waits and told):
                self.say(f"worker | {line.rstrip()}", "yellow")
            told = told or waits

    def show(self, journal: Journal, depths: Sequence[Depth]) -> None:
        """How it stands."""
        done = len({line["id"] for line in journal.done})
        ready, delayed, running, dead = (sum(int(depth[state] or 0) for depth in depths) for state in range(4))
        text = f"{ready} ready, {delayed} delayed, {running} running, {done} done, {dead} dead"
        self._progress.update(
            self._bar, description=text, completed=done + dead, total=ready + delayed + running + done + dead
        )
        if not self._console.is_terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + 1.0
            self.say(text, "")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
