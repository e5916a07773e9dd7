"""A5: a request that is sent twice under one Idempotency-Key is one task, and both get the same answer.

Each POST is sent twice, by eight threads that take from one list, so that both copies are on their way at once. One
half goes to a route that answers 202, the other to one that answers with the value.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bar.queuefile import folder, rows
from tests.bar.row import Draw, Figure, Miss, Row
from tests.web.served import Reply, Served, bar, until

THREADS = 8


def run(draw: Draw) -> Iterator[Figure | Miss]:
    posts = [(number, "/sums" if number % 2 else "/jobs") for number in range(draw.sizes["posts"])]
    run_of = f"{draw.seed:x}"
    with folder() as place, bar(place, draw.fault) as site:
        twice = [post for post in posts for _ in range(2)]
        with ThreadPoolExecutor(THREADS) as threads:
            replies = list(threads.map(lambda post: _post(site, run_of, *post), twice))
        answers: dict[int, list[Any]] = defaultdict(list)
        for (number, _), reply in zip(twice, replies, strict=True):
            answers[number].append(_told(reply))
        until(lambda: all(row.state == "done" for row in rows(place / "queue.db").values()))
        ran = Counter((place / "runs").read_text().split())
        yield Figure("double POSTs", len(posts))
        yield Figure("tasks stored", len(rows(place / "queue.db")))
        yield Figure("tasks run", sum(ran.values()))
        yield Figure("answers by status", dict(Counter(reply.status for reply in replies)))
        for number, path in posts:
            if ran[str(number)] != 1:
                yield Miss(f"{path} {number} ran {ran[str(number)]} times")
            if answers[number][0] != answers[number][1]:
                yield Miss(f"{path} {number} was answered in two ways: {answers[number]}")
            if answers[number][0][0] not in ((200,) if path == "/sums" else (202,)):
                yield Miss(f"{path} {number} was answered with {answers[number][0]}")
        other = site.send_json("POST", "/jobs", {"number": -1}, Idempotency_Key=f"{run_of}-0")
        if other.status != 422:
            yield Miss(f"another request under a key in use was answered with {other.status}")


def _post(site: Served, run_of: str, number: int, path: str) -> Reply:
    return site.send_json("POST", path, {"number": number}, Idempotency_Key=f"{run_of}-{number}")


def _told(reply: Reply) -> tuple[int, str | None, bytes]:
    return reply.status, reply.headers.get("location"), reply.body


ROW = Row(
    "A5",
    "two requests under one Idempotency-Key are one task and get one answer",
    run,
    quick={"posts": 100},
    full={"posts": 1000},
    faults=("keyless",),
)
if __name__ == "__main__":
    ROW.main()
