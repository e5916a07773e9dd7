"""X13: whatever a task, a queue or an app is called, it is refused by one rule, or changes nothing but its own name.

A thousand names, among them what templates, shells, SQL and paths take for something else. Each is given to an app, a
queue and a task: where that is refused, it is refused as a DeclarationError that shows the name; where it is not, the
template has the very shape of that of a plain name. Each goes into the command line, and into messages of the SQLite
broker past every rule, as a stranger would write them. A Dockerfile of ours holds no name of the user's.
"""

from __future__ import annotations

import json
import re
import sqlite3
import string
import sys
from collections.abc import Iterator
from contextlib import chdir, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner
from tests.bar.queuefile import call
from tests.bar.row import Draw, Figure, Miss, Row
from tests.deploy.template import rich

from ebbtide.app import App
from ebbtide.brokers.sqlite import SqliteBroker
from ebbtide.cli.main import main
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.template import template
from ebbtide.deploy.template.logical import logical
from ebbtide.errors import DeclarationError
from ebbtide.queue import Queue
from ebbtide.triggers.schedule import Schedule

NASTY = [
    *(
        "",
        " ",
        ".",
        "..",
        "../../etc/passwd",
        "/",
        "\\",
        "a/b",
        "C:\\x",
        "~",
        "-",
        "--help",
        "-rf",
        "--broker=x",
        "@file",
    ),
    *(
        "'; drop table tasks; --",
        '"; drop table tasks; --',
        "a' or '1'='1",
        "a;b",
        "%s",
        "{}",
        "{0}",
        "${AWS::AccountId}",
    ),
    *(
        "${StageTable}",
        "$(id)",
        "`id`",
        "a\nRUN id",
        "a\r\nb",
        "a\0b",
        "\x1b[31m",
        "a\tb",
        "a b",
        "*",
        "?",
        "[a]",
        "a*",
        "#",
    ),
    *(
        '{"Ref": "StageTable"}',
        '","x":"',
        "]]>",
        "<script>",
        "&lt;",
        "{{resolve:ssm:x}}",
        "!Sub x",
        "&a",
        "*a",
        "on",
        "null",
    ),
    *(
        "Ref",
        "Fn::GetAtt",
        "AWS::NoValue",
        "StageTable",
        "StageTable2",
        "DefaultQueue",
        "default",
        "Default",
        "queue",
        "lane1",
    ),
    *(
        "é",
        "ñ",
        "\uff21",
        "\u0430",
        "\u0131",
        "\u017f",
        "K",
        "\u202e",
        "\u2028",
        "\ufeff",
        "\ud800",
        "名",
        "😀",
        "a" * 41,
        "a" * 129,
        "a" * 5000,
    ),
    *(
        "__class__",
        "__init__",
        "os.system",
        "a.b",
        "a..b",
        ".a",
        "a.",
        "_a",
        "1a",
        "a-",
        "a_",
        "a--b",
        "xn--a",
        "CON",
        "nul",
    ),
]
RULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
APPS = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)


def names(draw: Draw) -> list[str]:
    """So many different ones."""
    found = dict.fromkeys(NASTY)
    alphabet = string.ascii_letters + string.digits + "_-." + string.punctuation + " \n\t\0\x7fé名\u2028"
    while len(found) < draw.sizes["names"]:
        length = draw.random.choice([1, 2, 5, 12, 40, 41, 128, 129])
        letters = alphabet[: 65 if draw.random.random() < 0.5 else None]
        found["".join(draw.random.choices(letters, k=length))] = None
    return list(found)


def made(app: str, queue: str, task: str) -> dict[str, Any]:
    """The template of an app with these names. Raises DeclarationError."""
    declared = App(app, queues=[Queue(queue, lanes=2), Queue("mail")])

    def work() -> None: ...

    declared.task(Schedule("rate(1 hour)"), name=task, queue=queue)(work)
    declared.task(name="other", queue="mail")(work)
    return template(declared, "shop:app", "prod", Settings(), rich.ZIPPED)


def shape(value: Any, queue: str, task: str) -> Any:
    """A template without its names: what is left is its structure."""
    if isinstance(value, dict):
        keys = {key: re.sub(f"^({logical(queue)}|{logical(task)})(?=[A-Z])", "", key) for key in value}
        return sorted((keys[key], json.dumps(shape(inner, queue, task))) for key, inner in value.items())
    if isinstance(value, list):
        return [shape(inner, queue, task) for inner in value]
    return type(value).__name__


PLACES = (
    ("app", lambda name: (name, "work", "job")),
    ("queue", lambda name: ("shop", name, "job")),
    ("task", lambda name: ("shop", "work", name)),
)


def in_templates(names: list[str], broken: bool) -> Iterator[Figure | Miss]:
    plain = shape(made("shop", "work", "job"), "work", "job")
    refused = accepted = 0
    for name in names:
        for place, put in PLACES:
            try:
                one = made(*put(name))
            except DeclarationError as error:
                refused += 1
                if repr(name)[:20] not in str(error) and "twice" not in str(error) and "two tasks" not in str(error):
                    yield Miss(f"{place} {name!r:.60} is refused without being shown: {str(error)[:100]}")
                continue
            accepted += 1
            text = json.dumps(one, allow_nan=False)
            if broken:
                text = text.replace('"StageTable"', f'"{name}"', 1)
            allowed = APPS if place == "app" else RULE
            if not allowed.fullmatch(name) and not (place == "task" and not name):  # which is then its function's
                yield Miss(f"{place} {name!r:.60} was let through")
            try:
                different = shape(json.loads(text), *put(name)[1:]) != plain
            except ValueError:
                different = True
            if different and name not in ("mail", "default", "other"):
                yield Miss(f"{place} {name!r:.60} changes the structure of the template")
    yield Figure("refused", refused)
    yield Figure("in templates, quoted", accepted)


def in_sql(names: list[str]) -> Iterator[Figure | Miss]:
    with TemporaryDirectory(prefix="bar-") as folder:
        path = Path(folder, "queue.db")
        broker = SqliteBroker(path)
        broker.send([call("first")])
        before = _schema(path)
        sendable = [name for name in names if "\ud800" not in name]
        messages = [call(f"id-{number}", args=[number]) for number, _ in enumerate(sendable)]
        for message, name in zip(messages, sendable, strict=True):
            vars(message).update(task=name, queue=name, group=name, key=name, headers={name: name})
        broker.send(messages)
        for name in sendable:
            broker.depth(name)
        broker.close()
        with closing(sqlite3.connect(path)) as connection:
            stored = set(connection.execute("select task, queue from tasks where id <> 'first'"))
        yield Figure("in SQL, as values", len(stored))
        if _schema(path) != before:
            yield Miss("the schema of the queue's file has changed")
        if stored != {(name, name) for name in sendable}:
            yield Miss(f"{len(sendable)} names were sent, and {len(stored)} stand in the file as they were")


def _schema(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute("select type, name, tbl_name, sql from sqlite_master order by name"))


APP = """
from ebbtide import App
app = App("shop", broker="memory://")

@app.task
def job() -> None: ...
"""


def in_the_command_line(names: list[str]) -> Iterator[Figure | Miss]:
    runner = CliRunner()
    with TemporaryDirectory(prefix="bar-") as folder, chdir(folder):
        Path("x13app.py").write_text(APP)
        for name in names:
            given = ["enqueue", "x13app:app", "--", name]
            answer = runner.invoke(main, given)
            told = answer.output
            if answer.exit_code not in (2,) or "Traceback" in told:
                yield Miss(f"enqueue {name!r:.60} ends with {answer.exit_code}: {told[-200:]!r}")
            if any(letter in told for letter in "\x1b\0\u202e\u2028"):
                yield Miss(f"enqueue {name!r:.60} writes it to the terminal as it is")
        sys.path.remove(folder)
    yield Figure("in the command line, refused", len(names))


def run(draw: Draw) -> Iterator[Figure | Miss]:
    given = names(draw)
    yield Figure("names", len(given))
    yield from in_templates(given, draw.fault == "unquoted")
    yield from in_sql(given)
    yield from in_the_command_line(given[: draw.sizes["commands"]])


ROW = Row(
    "X13",
    "a name is refused by one rule, or changes nothing but itself",
    run,
    quick={"names": 150, "commands": 40},
    full={"names": 1000, "commands": 1000},
    faults=("unquoted",),
)

if __name__ == "__main__":
    ROW.main()
