"""The tables: one row a task, from its enqueue to the end of its retention; and the steps from layout to layout."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ebbtide.errors import StorageError

DELAYED, READY, RUNNING, DONE, DEAD = range(5)
"""A row's states, in the order it may pass through them."""

APPLICATION = 0x65626264
"""'ebbd', SQLite's application_id of our files."""

_TASKS = f"""
create table tasks (
    seq integer primary key autoincrement,  -- order of arrival; never used twice, so a stale receipt fits no other row
    id text not null unique,
    task text not null,
    queue text not null,
    lane integer not null,
    state integer not null,
    rank integer not null,                  -- minus the priority
    due real,                               -- wall clock, while delayed
    attempt integer not null default 0,
    claim integer not null default 0,       -- counts receipts; unlike attempt it never goes back
    holder text,
    lease real,                             -- monotonic clock of this boot, while running
    suspect integer not null default 0,     -- its last holder died while running it
    tenant text,                            -- the message's group
    body blob not null,                     -- the envelope; empty once done, or if it is outside
    outside integer not null default 0,     -- the envelope is in a file, see payloads.py
    enqueued_at real not null,
    started_at real,
    finished_at real,
    value text,
    errors text,                            -- JSON list of [exception class, message, traceback, attempt]
    purge_at real
);
create index delayed on tasks (due) where state = {DELAYED};
create index ready on tasks (queue, lane, rank, seq) where state = {READY};
create index running on tasks (queue, lane) where state = {RUNNING};
create index done on tasks (purge_at) where state = {DONE};
create index dead on tasks (id) where state = {DEAD};
create index outsiders on tasks (id) where outside;
create index tenants on tasks (queue, tenant, seq) where tenant is not null and state < {DONE};
create table keys (
    task text not null,
    key text not null,
    id text not null,
    call text not null,                     -- digest of the arguments
    until real not null,                    -- wall clock; past it, the key is held only while its task is pending
    primary key (task, key)
) without rowid;
create index stale on keys (until);
"""

_CLOCK_AND_FIGURES = """
create table schedules (
    name text primary key,
    anchor real not null,                   -- when it was first seen: rates count from here
    fired real                              -- the last tick that was fired or passed over
) without rowid;
create table minutes (                      -- what ended in each minute, for the figures of the last hour
    minute integer not null,                -- since 1970
    queue text not null,
    task text not null,
    succeeded integer not null,             -- attempts, as the next two
    retried integer not null,
    failed integer not null,
    ran real not null,                      -- seconds, summed
    longest real not null,                  -- seconds
    first integer not null,                 -- how many were a message's first attempt
    waited real not null,                   -- seconds, summed, from due to started; of first attempts alone
    primary key (minute, queue, task)
) without rowid;
create index owners on keys (id);
"""

_STEPS = (_TASKS, _CLOCK_AND_FIGURES)
"""What each version of the layout adds to the one before."""

VERSION = len(_STEPS)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the connection up, and the tables if the file is new. Raises StorageError for a file that is not ours."""
    if sqlite3.sqlite_version_info < (3, 38):
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old: 3.38 is needed, as any Python 3.11 brings")
    version, application = _pragma(connection, "user_version"), _pragma(connection, "application_id")
    tables = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    if application != APPLICATION and (application or version or tables):
        raise StorageError(f"{path}: an SQLite database of something else; name another file")
    if version > VERSION:
        raise StorageError(
            f"{path}: written by a newer Ebbtide (layout {version}, this one knows {VERSION}); upgrade this one. "
            f"Nothing was changed"
        )
    connection.execute("pragma journal_mode = wal")
    connection.execute("select 1 from sqlite_master").fetchone()  # makes the log, which a restored backup lacks
    connection.execute("pragma synchronous = normal")  # database.py flushes the log itself
    connection.execute("pragma temp_store = memory")
    if version < VERSION:
        steps = "".join(_STEPS[version:])
        connection.executescript(
            f"begin immediate; {steps}pragma application_id = {APPLICATION}; pragma user_version = {VERSION}; commit;"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"pragma {name}").fetchone()[0])
