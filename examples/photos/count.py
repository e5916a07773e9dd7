"""Count what a run of the demo left in its folder, and whether the counts agree.

    python examples/photos/count.py [FOLDER]

Nothing is taken on trust: tasks are counted from their records, the dead letters and the journal of starts and ends,
thumbnails by opening the files, words by counting them again here. Exit code 1 if a task is lost or two counts
disagree. The figures are written to `summary.json`, too.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from ebbtide import App, Message, Status
from ebbtide.broker import DeadLetter, DeadLetters
from ebbtide.connect.target import load

HERE = Path(__file__).resolve().parent


class Found:
    """What is in the folder: what the demo says it did, the records, the dead letters, the journal, the files."""

    def __init__(self, out: Path, app: App) -> None:
        self.demo: dict[str, Any] = json.loads((out / "demo.json").read_text())
        self.files = sorted((out / "thumbnails").glob("*"))
        journal = out / "journal.jsonl"
        self.journal = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
        assert isinstance(app.broker, DeadLetters)
        self.letters: list[DeadLetter] = app.broker.dead()
        ids: dict[str, list[str]] = self.demo["ids"]
        self.values = {task: values(app, ids[task]) for task in ids}
        thumbnails = [id for photo in self.values["ingest"] for id in photo.thumbnails]
        self.values["thumbnail"] = values(app, thumbnails)
        self.ids = {line["id"] for line in self.journal}.union(thumbnails, *ids.values())
        self.succeeded = succeeded(app, self.ids)
        self.lost = self.ids - self.succeeded - {letter.id for letter in self.letters}
        self.words = sum(sum(text.values()) for text in self.values["count_words"])

    def noted(self, what: str) -> list[dict[str, Any]]:
        """Lines of the journal: "start", "end" or "fail"."""
        return [line for line in self.journal if line["what"] == what]

    @property
    def cut_off(self) -> list[dict[str, Any]]:
        """Starts after which nothing more was heard."""
        ended = {line["run"] for line in self.journal if line["what"] != "start"}
        return [line for line in self.noted("start") if line["run"] not in ended]


def succeeded(app: App, ids: Iterable[str]) -> set[str]:
    """Those of these tasks whose record says so; a record that is gone says nothing."""
    records = app.results.load(list(ids))
    return {id for id, record in records.items() if record.status is Status.SUCCESSFUL}


def values(app: App, ids: list[str]) -> list[Any]:
    """What those of these tasks returned that succeeded."""
    good = succeeded(app, ids)
    return [app.result(id).return_value for id in ids if id in good]


def figures(found: Found) -> dict[str, Any]:
    """What there is to say, by name."""
    demo = found.demo
    ended = Counter(line["id"] for line in found.noted("end"))
    errors = Counter(line["error"] for line in found.noted("fail"))
    waits = errors.pop("Retry", 0)
    return {
        "photographs found": len(demo["photos"]),
        "thumbnails on disk": len(found.files),
        "texts": len(demo["texts"]),
        "words counted": found.words,
        "prices": len(found.values["price"]),
        "shop out of order": demo["answers"].get("503", 0),
        "tasks enqueued": len(found.ids),
        "succeeded": len(found.succeeded),
        "dead letters": len(found.letters),
        "lost": len(found.lost),
        "starts": len(found.noted("start")),
        "ended well": ended.total(),
        "raised an error": errors.total(),
        "asked to wait": waits,
        "cut off": len(found.cut_off),
        "processes killed": len(demo["killed"]),
        "run again after the kill": sum(ended[line["id"]] > 0 for line in found.cut_off),
        "ended twice": sum(count > 1 for count in ended.values()),
        "seconds": round(demo["seconds"], 1),
        "killed while running": [f"{line['task']} {line['about']}, process {line['pid']}" for line in found.cut_off],
        "errors": [f"{count} x {error}" for error, count in errors.items()],
        "dead": [f"{_about(letter)}, attempt {letter.attempts}: {letter.error}" for letter in found.letters],
    }


def _about(letter: DeadLetter) -> str:
    return f"{letter.task} {Path(Message.decode(letter.body).args[0]).name}"


def disagreements(found: Found, app: App) -> Iterator[str]:
    """Everything that is not as it must be."""
    demo = found.demo
    yield from (f"lost: {id}" for id in sorted(found.lost))
    if len(found.values["ingest"]) != len(demo["photos"]):
        yield f"{len(found.values['ingest'])} photographs taken in"
    if sorted(value.file for value in found.values["thumbnail"]) != found.files:
        yield f"{len(found.values['thumbnail'])} thumbnails reported, {len(found.files)} files"
    yield from (f"{value.file.name} is not as reported" for value in found.values["thumbnail"] if not _stands(value))
    again = sum(sum(app.tasks["count_words"](Path(text)).values()) for text in demo["texts"])
    if again != found.words:
        yield f"{found.words} words counted by the tasks, {again} here"
    if len(found.values["price"]) != len(demo["photos"]) or demo["answers"].get("200", 0) < len(demo["photos"]):
        yield f"{len(found.values['price'])} prices; the shop told {demo['answers'].get('200')}"
    if {Message.decode(letter.body).args[0] for letter in found.letters} != set(demo["bad"]):
        yield "the dead letters are not the bad files"
    yield from _wrong_in_report(found)
    yield from _wrong_in_journal(found)


def _stands(value: Any) -> bool:
    """Whether the file of a thumbnail is what its task says."""
    if not value.file.exists():
        return False
    with Image.open(value.file) as picture:
        picture.load()
        return (value.width, value.height, value.bytes) == (*picture.size, value.file.stat().st_size)


def _wrong_in_report(found: Found) -> Iterator[str]:
    pages = found.values["report"]
    expected = (len(found.demo["photos"]), len(found.files), found.words, sum(found.values["price"]))
    for page in pages:
        if (page.photos, page.thumbnails, page.words, page.price) != expected:
            yield f"the report says {page}, counted here {expected}"
    if not [page for page in pages if page.file.exists()]:
        yield "there is no report"


def _wrong_in_journal(found: Found) -> Iterator[str]:
    ended = {line["id"] for line in found.noted("end")}
    if ended != found.succeeded:
        yield f"{len(ended)} tasks ended well in the journal, {len(found.succeeded)} in the records"
    if not found.demo["killed"] or not found.cut_off:
        yield "no task was cut off by a killed process: nothing was shown"
    for line in found.cut_off:
        if line["pid"] not in found.demo["killed"]:
            yield f"process {line['pid']} was not killed, but {line['task']} {line['about']} never ended there"


def main() -> int:
    """Count, print, and say by the exit code whether all is well."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "out").resolve()
    if not (out / "demo.json").exists():
        sys.exit(f"{out}: the demo did not run there")
    os.environ["PHOTOS_OUT"] = str(out)
    os.chdir(HERE)
    app = load("app:app")
    try:
        found = Found(out, app)
        counted, wrong = figures(found), list(disagreements(found, app))
    finally:
        app.close()
    (out / "summary.json").write_text(json.dumps({**counted, "wrong": wrong}, indent=2) + "\n")
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for name, value in counted.items():
        for shown in value if isinstance(value, list) else [f"{value:,}"]:
            console.print(f"{name:26} {shown}")
    for reason in wrong:
        console.print(f"WRONG: {reason}", style="bold red")
    if not wrong:
        console.print("nothing lost, all counts agree", style="bold green")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
