"""The file: one SQLite database in WAL mode, written by many processes, each committed write safe on disk.

Three decisions make it fast and fair; docs/decisions/0003 and 0009 have the figures.
- A commit does not wait for the disk inside SQLite (synchronous=NORMAL). Who needs its write safe then flushes the
  write-ahead log itself, after letting the lock go: no writer waits for another's disk, and one flush serves all that
  committed before it, in this process and in others. That is the durability of synchronous=FULL with group commit.
  Whom it concerns is told before the flush: a message may begin to run while its sender still waits for the disk.
- Writers queue at a file lock (`gate`), where the kernel wakes the next at once; SQLite's own busy handler would sleep
  and starve some of them for seconds.
- One connection for each process, shared by its threads under a lock.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

from ebbtide.brokers.sqlite.bell import Bells
from ebbtide.brokers.sqlite.files import sync_folder
from ebbtide.brokers.sqlite.in_use import InUse
from ebbtide.brokers.sqlite.mounts import refuse_network
from ebbtide.brokers.sqlite.schema import prepare
from ebbtide.errors import StorageError, StorageFull, StorageLost

Connect = Callable[..., sqlite3.Connection]

BUSY_TIMEOUT = 30.0
"""Seconds to wait for someone who writes to the file without us, such as the sqlite3 shell."""

_READ_ONLY = "the file or its folder is read-only; a queue must be written to"
_FULL = "the disk is full; nothing was stored. Make room and repeat the call"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_CURES = {**dict.fromkeys(_NO_ROOM, _FULL), errno.EROFS: _READ_ONLY}

_forsaken: list[object] = []
"""Connections that must not be closed: of a parent that forked within a transaction, for they would be closed to it,
too; and of files that are the queue's no more."""


class Database:
    """One queue file, opened on first use and again after a fork.

    path: the file; a folder `<path>-run` beside it holds the gate and the holders. durable: flush acknowledged writes
    to disk. connect, to_disk: how to open a connection and to flush a descriptor, for tests.
    """

    def __init__(
        self,
        path: Path,
        *,
        durable: bool = True,
        connect: Connect = sqlite3.connect,
        to_disk: Callable[[int], object] | None = None,
    ) -> None:
        self.path = path
        self.folder = path.with_name(path.name + "-run")
        self._durable = durable
        self._connect = connect
        self._to_disk = to_disk
        self._failed = ""
        self._in_use = InUse()
        self._start_anew()
        _databases.add(self)

    def _start_anew(self) -> None:
        self.process = os.getpid()
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._gate = self._log = -1
        self._nested = 0  # the thread whose transaction is open
        self._flush_wanted = False
        self._rings: Counter[str] = Counter()
        self._afterwards: list[Callable[[], None]] = []
        self._committed = self._flushed = 0
        self.bells = Bells(self.folder)

    def close(self) -> None:
        """Close the connection and the files; using it again opens them anew."""
        self.flush()
        with self._flushing, self._lock:
            self._disconnect()
            self.bells.close()

    def _disconnect(self) -> None:
        if self._connection is not None:
            if not self._failed:
                self._connection.close()
            os.close(self._gate)
            os.close(self._log)
        self._connection = None
        self._gate = self._log = -1

    def before_fork(self) -> None:
        """Close the connection, for SQLite's locks do not survive a fork: a child believes it holds its parent's, so
        that the parent, closing later, would take itself for the last one and delete the log the child writes to."""
        self._flushing.acquire()
        self._lock.acquire()
        if not self._nested:
            self._disconnect()

    def after_fork(self) -> None:
        """In the parent: go on."""
        self._lock.release()
        self._flushing.release()

    def in_child(self) -> None:
        """In the child: start as a process of its own."""
        if self._connection is not None:  # forked from within a transaction
            _forsaken.append(self._connection)
            os.close(self._gate)  # left open here, it would stay shut should the parent die in its transaction
            os.close(self._log)
        self.bells.let_go()
        self._start_anew()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that change nothing."""
        with self._lock, self.explained():
            yield self._open()

    @contextmanager
    def writing(self, *, safe: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection within a write transaction, committed at the end, rolled back by an exception.

        Nested in another on the same thread it becomes part of it. safe: on disk when the outermost one returns; else
        by the next flush, whoever wants it.
        """
        with self._lock, self.explained():
            connection = self._open()
            self._flush_wanted |= safe
            if self._nested:
                yield connection
                return
            fcntl.flock(self._gate, fcntl.LOCK_EX)
            try:
                self._nested = threading.get_ident()
                with self._transaction(connection):
                    yield connection
                self._committed += 1
                rings, afterwards = self._rings, self._afterwards
            finally:
                self._nested = 0
                self._rings, self._afterwards = Counter(), []
                wanted, self._flush_wanted = self._flush_wanted, False
                fcntl.flock(self._gate, fcntl.LOCK_UN)
            mine = self._committed
        with self.explained():
            for queue, times in rings.items():
                self.bells.ring(queue, times)
            if wanted and self._durable:
                self._flush(mine)
            for deed in afterwards:
                deed()

    @property
    def nested(self) -> bool:
        """Whether this thread is within a write transaction."""
        return self._nested == threading.get_ident()

    def ring(self, queue: str, times: int = 1) -> None:
        """Wake sleepers for this queue once the transaction this is called in can be seen by them."""
        self._rings[queue] += times

    def afterwards(self, deed: Callable[[], None]) -> None:
        """Do this once the transaction this is called in has been committed, and is safe if it is to be; not at all if
        it is rolled back."""
        self._afterwards.append(deed)

    def flush(self, *, others: bool = False) -> None:
        """Have on disk whatever this process has committed, which is quick if it is; or whatever anybody has."""
        if self._durable and (others or self._flushed < self._committed):
            with self.explained():
                self._flush(self._flushed + 1 if others else self._committed)

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        connection.execute("begin immediate")
        try:
            yield
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _flush(self, mine: int) -> None:
        """Have commit number `mine` on disk: by an own flush, or by one that began after it."""
        with self._flushing:
            if self._flushed < mine:
                upto = self._committed
                if self._log < 0:  # closed by a fork meanwhile
                    with self._lock:
                        self._open()
                self._have_on_disk()
                self._flushed = upto

    def _have_on_disk(self) -> None:
        """Flush the log. When that fails once, the kernel forgets what it could not write, and a second flush would
        succeed without it: after that nothing is known to be safe, and this process may not say so of anything."""
        self._trusted()
        try:
            (self._to_disk or _to_disk)(self._log)
        except OSError as error:
            self._failed = f"{self.path}: it could not be flushed to disk ({error.strerror}); "
            _forsaken.append(self._connection)  # closing it in good order would write to the file
            self._trusted()

    def _trusted(self) -> None:
        if self._failed:
            raise StorageLost(f"{self._failed}nothing more is written by this process. Check the disk and restart it")

    def prepared(self) -> Path:
        """The folder beside the file, which is there once the file has been opened."""
        with self.reading():
            return self.folder

    def _open(self) -> sqlite3.Connection:
        self._trusted()
        if self._connection is not None and not self._nested and (gone := self._in_use.gone()):
            self._let_go(self._connection)
            raise StorageLost(f"{gone}: it was removed or replaced while it was in use; restart what still uses it")
        if self._connection is None:
            self._connection = self._opened()
            self._in_use = InUse(self.path, Path(f"{self.path}-wal"), self.folder / "gate")
        return self._connection

    def _let_go(self, connection: sqlite3.Connection) -> None:
        """Leave files alone that are the queue's no more. Closing the connection could delete a log that is there now,
        for SQLite does that by name."""
        with suppress(sqlite3.Error):  # if only the log was removed, what it holds can be saved
            connection.execute("pragma wal_checkpoint")
        _forsaken.append(connection)
        os.close(self._gate)
        os.close(self._log)
        self.bells.let_go()
        self._connection, self._gate, self._log = None, -1, -1

    def _opened(self) -> sqlite3.Connection:
        if not self.path.parent.is_dir():
            raise StorageError(f"{self.path}: there is no folder {self.path.parent}; create it or correct the path")
        refuse_network(self.path.parent)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        gate = os.open(self.folder / "gate", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(gate, fcntl.LOCK_EX)  # opening may set the file up, which one process does and others wait for
        try:
            self.bells.open()
            connection = self._connect(
                self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            try:
                prepare(connection, self.path)
                sync_folder(self.path.parent)
                self._log = os.open(f"{self.path}-wal", os.O_RDONLY)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            os.close(gate)
            raise
        fcntl.flock(gate, fcntl.LOCK_UN)
        self._gate = gate
        return connection

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Errors of SQLite and of the file system as StorageError, with the file's name and a cure."""
        try:
            yield
        except sqlite3.Error as error:
            raise explain(self.path, error) from error
        except PermissionError as error:
            raise StorageError(f"{error.filename or self.path}: no permission; the queue's user must own it") from error
        except OSError as error:
            kind = StorageFull if error.errno in _NO_ROOM else StorageError
            hint = _CURES.get(error.errno or 0, error.strerror)
            raise kind(f"{error.filename or self.path}: {hint}") from error


def _before_fork() -> None:
    _forking.extend(_databases)
    for database in _forking:
        database.before_fork()


def _after_fork() -> None:
    while _forking:
        _forking.pop().after_fork()


def _in_child() -> None:
    while _forking:
        _forking.pop().in_child()


_databases: WeakSet[Database] = WeakSet()
_forking: list[Database] = []
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def explain(path: Path, error: sqlite3.Error) -> StorageError:
    """SQLite's error in our words."""
    code = getattr(error, "sqlite_errorname", "")
    if code in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"):
        return StorageFull(f"{path}: {_FULL}")
    cure = {
        "SQLITE_READONLY": _READ_ONLY,
        "SQLITE_CANTOPEN": "it cannot be opened; is its folder there and writable?",
        "SQLITE_NOTADB": "it is no SQLite database; name another file",
        "SQLITE_CORRUPT": "it is damaged; run `sqlite3 FILE .recover`, or restore it from a backup",
        "SQLITE_IOERR": f"the disk could not read or write it ({error}); see the kernel's log",
        "SQLITE_BUSY": f"another program kept it locked for {BUSY_TIMEOUT:.0f} s",
    }
    hint = next((text for name, text in cure.items() if code.startswith(name)), str(error))
    return StorageError(f"{path}: {hint}")


def _to_disk(file: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync leaves data in the drive's cache
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(file)
