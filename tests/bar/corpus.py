"""Bytes to throw at a decoder: good envelopes, their mutations, and things that were never one."""

from __future__ import annotations

import json
import pickle
from random import Random
from typing import Any

from ebbtide.message import Lineage, Message

PLAIN_LIMIT = 4 * 1024
LARGE_LIMIT = 300 * 1024
LARGE_SHARE = 0.005
"""Of all mutations, how many may grow to the large limit; the others keep to the plain one."""

HOSTILE_NAMES = (
    *("os.system", "builtins.eval", "builtins.exec", "subprocess.Popen", "socket.socket", "pickle.loads"),
    *("__import__('os').system('true')", "__class__.__mro__", "__reduce__", "__init__.__globals__", "__builtins__"),
    *("work.__call__", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "%s%n", "{0.__class__}", "${jndi:x}"),
    *("$(true)", "`true`", "'; drop table tasks; --", "\x00", "\u202e", "\ud800", "a\nb", "", "x" * 300, "NaN"),
    *("tests.bar.corpus", "lib2to3.fixer_base", "antigravity", "this", "tzdata.zoneinfo", "Europe/Berlin", "os/system"),
)
_TEXTS = (
    *("null", "true", "NaN", "-Infinity", "1e999", "-0.0", "0", "-1", "2", "9" * 400, "9" * 5000, "1.0", "1e5"),
    *('[]{}",:\\\ufeff\0', "\\u0000", "\\ud800", "\\udfff", "\\x", "//", "/**/"),
    *('"v":1', '"v":2', '"v":1,"v":1', '"args":[]', '"lineage":{}', '"__class__":1', '"depth":-1', '"$type":1'),
    *("[" * 500, '{"a":' * 500, '[{"a":' * 1000, '"' * 9, "\u00e9", "\ud800", "\U0001f4a5"),
)
_BROKEN_UTF8 = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x80")
TOKENS = (
    *(text.encode("utf-8", "surrogatepass") for text in _TEXTS),
    *(bytes([byte]) for byte in b'[]{}",:\\\0'),
    *_BROKEN_UTF8,
)
_ROOMY = tuple(
    token * (20_000 // len(token)) for token in (b"[", b'{"a":', b'"",', b'"a":1,', b"9", b"\\u0000", b"\xff")
)


def envelopes(random: Random) -> list[bytes]:
    """Good envelopes of many shapes."""
    bare = Message("m1", "work", "default", Lineage("m1"), 1_800_000_000.0)
    full = Message(
        id="m2",
        task="shop.pay",
        queue="money",
        lineage=Lineage("m0", "m1", 3, ("a", "b", "c")),
        enqueued_at=1_800_000_000.5,
        lane=2,
        args=[1, -2.5, "\u00e9\ud800", None, True, [[]], {"a": {"b": [0]}}],
        kwargs={"when": "2026-03-29T12:00:00+02:00[Europe/Berlin]", "price": "1.50"},
        run_after=1.8e9,
        expires_at=1.9e9,
        key="k",
        key_window=60.0,
        group="g",
        priority=5,
        headers={"traceparent": "00-1-2-3"},
    )
    wide = Message("m3", "work", "default", Lineage("m3"), 0.0, kwargs={f"k{n}": n for n in range(100)})
    long = Message("m4", "work", "default", Lineage("m4"), 0.0, args=["x" * 2000, list(range(200))])
    return [message.encode() for message in (bare, full, wide, long, *(named(random) for _ in range(4)))]


def named(random: Random) -> Message:
    """A message with a hostile name in every place that takes one. It may be no envelope at all."""
    names = random.choices(HOSTILE_NAMES, k=8)
    lineage = Lineage(names[3], names[4], 1, (names[5],))
    more: dict[str, Any] = {"args": names, "kwargs": {names[6]: names[7]}, "key": names[0], "group": names[1]}
    return Message(names[0], names[1], names[2], lineage, 0.0, headers={names[6]: names[7]}, **more)


def mutation(random: Random, seeds: list[bytes]) -> bytes:
    """One seed, changed in one to six ways."""
    limit = LARGE_LIMIT if random.random() < LARGE_SHARE else PLAIN_LIMIT
    body = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 6)):
        _change(random, body, seeds, limit)
    return bytes(body[:limit])


def _change(random: Random, body: bytearray, seeds: list[bytes], limit: int) -> None:
    at = random.randint(0, len(body))
    end = min(len(body), at + random.choice((1, 1, 2, 8, 64)))
    match random.randrange(8):
        case 0 if at < len(body):
            body[at] ^= 1 << random.randrange(8)
        case 1:
            del body[at:end]
        case 2:
            body[at:at] = random.choice(TOKENS)
        case 3:
            body[at:end] = random.choice(TOKENS)
        case 4:
            body[at:at] = body[at:end] * random.choice((1, 2, 50))
        case 5:
            other = random.choice(seeds)
            body[at:] = other[random.randint(0, len(other)) :]
        case 6 if limit == LARGE_LIMIT:
            body[at:at] = random.choice(_ROOMY) * random.randint(1, 12)
        case 7:
            _change_a_member(random, body)


def _change_a_member(random: Random, body: bytearray) -> None:
    """Change a value and keep the JSON well-formed, so that it gets past the parser."""
    try:
        wire = json.loads(body)
        name = random.choice(list(wire))
    except (ValueError, RecursionError, TypeError, IndexError):
        return
    wire[random.choice((name, name, "args", "extra"))] = odd_value(random)
    body[:] = json.dumps(wire).encode()


def odd_value(random: Random) -> Any:
    """Some JSON value that hardly any member takes."""
    values: tuple[Any, ...] = (
        None,
        True,
        0,
        -1,
        1,
        2,
        10**15,
        -(10**15),
        1.5,
        1e308,
        "",
        [],
        {},
        [[]],
        {"": None},
        [1] * 200,
    )
    return random.choice((*values, random.choice(HOSTILE_NAMES), {random.choice(HOSTILE_NAMES): 1}))


def foreign(random: Random) -> bytes:
    """Bytes that never were an envelope: pickles, other formats, noise."""
    pickled = (pickle.dumps(eval, 0), pickle.dumps({"v": 1}), b"cos\nsystem\n(S'true'\ntR.", b"\x80\x04\x95\x00")
    others = (
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"!!python/object/apply:os.system ['true']",
    )
    return random.choice((*pickled, *others, b"", b"{}", b"[]", b"null", random.randbytes(random.randrange(64))))
