"""`ebbtide dlq …`: the dead letters of an app: what they are, why they died, and where they go next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import click

from ebbtide import strictjson
from ebbtide.app import App
from ebbtide.broker import DeadLetter, Delivery
from ebbtide.cli.consent import agree
from ebbtide.cli.letters import PAGE, Choice, takes_filters
from ebbtide.cli.options import letters_of, takes_app
from ebbtide.cli.output import answer, answer_fields, answer_json, answer_table, note
from ebbtide.cli.progress import counting
from ebbtide.cli.result import show_errors
from ebbtide.cli.words import counted, iso, listed, moment, one_line
from ebbtide.errors import EbbtideError, EnvelopeError
from ebbtide.events import deliveries
from ebbtide.message import Message
from ebbtide.names import nearest

COLUMNS = ("id", "task", "queue", "lane#", "attempts#", "died", "error")


@click.group(name="dlq", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show, redrive and drop dead letters.

    A dead letter is a message at the end of its line: its attempts are used up, its error may not be retried, or it
    names no task. It stays until it is sent back to its queue or dropped.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("list", epilog="\b\nExample:  ebbtide dlq list shop:app --error ValueError")
@takes_app
@takes_filters
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The oldest so many.")
def list_letters(app: App, as_json: bool, choice: Choice, limit: int) -> None:
    """List dead letters, oldest first."""
    _remark(app, choice)
    found = list(islice(choice.letters(letters_of(app)), limit + 1))
    if as_json:
        answer_json([_described(letter) for letter in found[:limit]])
    elif found:
        answer_table(COLUMNS, [_row(letter) for letter in found[:limit]])
    else:
        note("no dead letters" + (" like that" if choice.filtered else ""))
    if len(found) > limit:
        note(f"there are more than {limit}; --limit shows more, --queue, --task and --error choose")


@command.command("show", epilog="\b\nExample:  ebbtide dlq show shop:app 0190163d-8694-739b-aea5-966c26f8ad91")
@takes_app
@click.argument("id")
def show_letter(app: App, as_json: bool, id: str) -> int:
    """Show one dead letter with arguments and tracebacks."""
    letter = next(Choice((id,)).letters(letters_of(app)), None)
    if letter is None:
        raise click.ClickException(f"no dead letter {id!r}; 'ebbtide dlq list' shows those there are")
    record = app.results.load([id]).get(id)
    errors = record.errors if record and record.errors else (letter.error,)
    if as_json:
        answer_json({**_described(letter), "message": _wire(letter), "errors": [error._asdict() for error in errors]})
    else:
        answer_fields(_fields(app, letter))
        show_errors(errors)
    return 0


@command.command("redrive", epilog="\b\nExample:  ebbtide dlq redrive shop:app --task receipt --error ConnectionError")
@takes_app
@click.argument("ids", nargs=-1)
@takes_filters
@click.option("--all", "every", is_flag=True, help="All dead letters there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def redrive(app: App, as_json: bool, ids: tuple[str, ...], choice: Choice, every: bool, yes: bool) -> int:
    """Send dead letters back to their queues, with all their attempts."""
    _remark(app, choice)
    letters = letters_of(app)
    chosen, missing = choice.of(ids, every).chosen(letters)
    if every:
        agree(f"Redrive {counted(len(chosen), 'dead letter')}?", yes or not chosen)
    return _carry_out("redriven", letters.redrive, chosen, missing, every, as_json)


@command.command("drop", epilog="\b\nExample:  ebbtide dlq drop shop:app --queue mail --yes")
@takes_app
@click.argument("ids", nargs=-1)
@takes_filters
@click.option("--all", "every", is_flag=True, help="All dead letters there are.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(app: App, as_json: bool, ids: tuple[str, ...], choice: Choice, every: bool, yes: bool) -> int:
    """Forget dead letters for good, with their results."""
    _remark(app, choice)
    letters = letters_of(app)
    chosen, missing = choice.of(ids, every).chosen(letters)
    agree(f"Drop {counted(len(chosen), 'dead letter')} for good?", yes or not chosen)
    return _carry_out("dropped", letters.drop, chosen, missing, every, as_json)


def _remark(app: App, choice: Choice) -> None:
    """Say so where a filter names nothing of the app: letters of what it has no more are there, and so are typos."""
    for kind, name, known in (("queue", choice.queue, app.queues), ("task", choice.task, app.tasks)):
        if name is not None and name not in known:
            note(f"app {app.name!r} has no {kind} {name!r}.{nearest(name, known)}")


def _carry_out(
    done: str, act: Callable[[Sequence[str]], int], chosen: list[str], missing: list[str], every: bool, machine: bool
) -> int:
    count = 0
    with counting(done, len(chosen)) as advance:
        for start in range(0, len(chosen), PAGE):
            page = chosen[start : start + PAGE]
            count += act(page)
            advance(len(page))
    if machine:
        answer_json({done: count, "missing": missing})
    else:
        answer(f"{counted(count, 'dead letter')} {done}")
    if missing:
        note(f"no dead letter {listed(missing)}")
    return 1 if missing or not (chosen or every) else 0


def _row(letter: DeadLetter) -> list[Any]:
    died, error = moment(letter.buried_at), one_line(str(letter.error))
    return [letter.id, letter.task, letter.queue, letter.lane, letter.attempts, died, error]


def _described(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "task": letter.task,
        "queue": letter.queue,
        "lane": letter.lane,
        "attempts": letter.attempts,
        "buried_at": iso(letter.buried_at),
        "error": letter.error._asdict(),
    }


def _message(letter: DeadLetter) -> Message | None:
    try:
        return Message.decode(letter.body)
    except EnvelopeError:
        return None


def _read(app: App, letter: DeadLetter) -> Message | None:
    """Its message, or what a trigger of its queue makes of it: another framework's envelope, an event."""
    if letter.queue not in app.queues:
        return _message(letter)
    delivery = Delivery(letter.body, letter.queue, letter.lane, "shown", letter.attempts)
    try:
        calls = deliveries(app, delivery)
        return calls[0].message if len(calls) == 1 else None
    except EbbtideError:  # nobody reads it, or a part of it is where only functions look
        return _message(letter)


def _wire(letter: DeadLetter) -> Any:
    """The message as JSON, or its bytes as text where they are no message."""
    return strictjson.loads(letter.body.decode()) if _message(letter) else _text(letter)


def _text(letter: DeadLetter) -> str:
    return letter.body.decode("utf-8", "backslashreplace")


def _fields(app: App, letter: DeadLetter) -> list[tuple[str, Any]]:
    message = _read(app, letter)
    return [
        ("task", letter.task),
        ("id", letter.id),
        ("queue", f"{letter.queue}, lane {letter.lane}"),
        ("attempts", letter.attempts),
        ("died", moment(letter.buried_at)),
        ("reason", str(letter.error)),
        *(_about(message) if message else [("bytes", _text(letter))]),
    ]


def _about(message: Message) -> list[tuple[str, Any]]:
    return [
        ("enqueued", moment(message.enqueued_at)),
        ("enqueued by", " > ".join(message.lineage.path)),
        ("key", message.key),
        ("group", message.group),
        ("arguments", strictjson.dumps(message.args) if message.args else None),
        *((f"  {name}", strictjson.dumps(value)) for name, value in message.kwargs.items()),
    ]
