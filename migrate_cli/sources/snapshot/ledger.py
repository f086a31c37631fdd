"""What of a snapshot is safely on disk: parts, threads, files. It makes a snapshot resumable at every moment.

A part counts once it is here; a file without its row is written again. The ledger belongs to one process at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from pathlib import Path

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import UsageError
from migrate_cli.model import Unreadable
from migrate_cli.sources.snapshot.known_again import KNOWN_AGAIN, KnownAgain, at_once
from migrate_cli.sources.snapshot.layout import PROGRESS, SnapshotPart
from migrate_cli.sources.snapshot.saved import SavedThread

_APPLICATION = 0x6D63736E
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part (
  name TEXT PRIMARY KEY, holds TEXT, entries INTEGER, messages INTEGER, bytes INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS thread (id TEXT PRIMARY KEY) WITHOUT ROWID;
{KNOWN_AGAIN}
CREATE TABLE IF NOT EXISTS file (id TEXT PRIMARY KEY, path TEXT, bytes INTEGER, sha256 TEXT, reason TEXT, raw TEXT);
CREATE TABLE IF NOT EXISTS unreadable (origin TEXT, thread TEXT, code TEXT, detail TEXT);
"""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file that threads name: where its bytes are, or why they are not."""

    id: str
    path: str | None = None
    """Below the snapshot."""
    bytes: int | None = None
    sha256: str | None = None
    reason: str | None = None
    raw: str | None = None
    """The host's facts, as JSON."""


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part that was just finished, and what comes with it."""

    part: SnapshotPart
    threads: Mapping[str, SavedThread] = field(default_factory=dict)
    file_ids: Iterable[str] = ()
    """The files that it names."""
    replaces: Mapping[str, SnapshotPart | None] = field(default_factory=dict)
    """Parts from which threads were taken that this one holds again, each with the part that is in its place now."""


class SnapshotProgress:
    """The ledger of one snapshot, locked for as long as it is open. Raises UsageError where it is not available."""

    def __init__(self, folder: Path, identity: str) -> None:
        path = folder / PROGRESS
        try:
            path.touch(mode=0o600)
            # A live source asks in its own thread what is known.
            self._db = connect_shared(path, timeout=1)
            try:
                self._lock(identity)
            except BaseException:
                self.close()
                raise
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise UsageError(
                    f"another process is writing the snapshot {folder}; wait for it, or name another folder with --out",
                    code="snapshot-locked",
                ) from error
            raise UsageError(f"the snapshot {folder} cannot be written: {error}", code="snapshot") from error
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"the snapshot {folder} cannot be written: {error}", code="snapshot") from error
        self.known_again = KnownAgain(self._db)
        known = self._fact("identity")
        if known != identity:
            self.close()
            raise UsageError(
                f"{folder} is a snapshot of {known}, not of {identity}; name another folder with --out", code="snapshot"
            )
        self._db.execute("DELETE FROM unreadable")

    def _lock(self, identity: str) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO fact VALUES ('identity', ?)", (identity,))

    def close(self) -> None:
        """Let go of the lock."""
        self._db.close()

    def has_thread(self, thread_id: str) -> bool:
        """Whether a thread is in a finished part."""
        return self._db.execute("SELECT 1 FROM thread WHERE id = ?", (thread_id,)).fetchone() is not None

    def add_part(self, new: NewPart) -> None:
        """Note a finished part, the threads in it and the files that they name, and what it replaces, in one step."""
        with at_once(self._db):
            self._put_part(new.part)
            self._db.executemany("INSERT OR IGNORE INTO thread VALUES (?)", ((each,) for each in new.threads))
            self.known_again.put(new.part.name, new.threads)
            self._db.executemany("INSERT OR IGNORE INTO file (id) VALUES (?)", ((each,) for each in new.file_ids))
            for name, instead in new.replaces.items():
                self._db.execute("DELETE FROM part WHERE name = ?", (name,))
                if instead is not None:
                    self._put_part(instead)
                    self.known_again.move(name, instead.name)

    def _put_part(self, part: SnapshotPart) -> None:
        self._db.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)", astuple(part))

    def parts(self) -> list[SnapshotPart]:
        """Return all finished parts, by name."""
        rows = self._db.execute("SELECT name, holds, entries, messages, bytes, sha256 FROM part ORDER BY holds, name")
        return [SnapshotPart(*row) for row in rows]

    def add_unreadable(self, entry: Unreadable) -> None:
        """Note what could not be read."""
        row = (str(entry.origin), entry.thread_id, entry.code, entry.detail)
        self._db.execute("INSERT INTO unreadable VALUES (?, ?, ?, ?)", row)

    def unreadable(self) -> list[tuple[str, str | None, str, str]]:
        """Return what could not be read: origin, thread, code, sentence."""
        return self._db.execute("SELECT origin, thread, code, detail FROM unreadable").fetchall()

    def put_file(self, row: FileRow) -> None:
        """Note what became of one file."""
        self._db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", astuple(row))

    def wanted_files(self) -> list[str]:
        """Return the ids of files of which nothing is known yet."""
        rows = self._db.execute("SELECT id FROM file WHERE path IS NULL AND reason IS NULL ORDER BY id")
        return [each for (each,) in rows]

    def files(self) -> Iterator[FileRow]:
        """Yield what became of each file."""
        for row in self._db.execute("SELECT id, path, bytes, sha256, reason, raw FROM file ORDER BY id"):
            yield FileRow(*row)

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])
