"""A temporary index of wire objects that are spread over files: which thread has which, and where its bytes lie.

Nothing but positions and small facts is kept, in a private SQLite file; the objects stay where they are, or go to one
spool file of lines. It must not order or interpret what it keeps. Everything is deleted with the source.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.model import JsonObject, Origin, Unreadable
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.ordering import begins_exchange, time_of
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Remark

BLOCK_ENTRIES = 500
"""Most entries that one block holds, so that a block always fits in memory."""
BLOCK_BYTES = 4 << 20
_OPEN_FILES = 16
_ENCODE = json.JSONEncoder().encode

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE stretch (
  id INTEGER PRIMARY KEY, shape TEXT, api_page INTEGER, has_more INTEGER, wire INTEGER,
  local TEXT, path TEXT, member TEXT);
CREATE TABLE block (
  id INTEGER PRIMARY KEY, kind TEXT, thread TEXT, stretch INTEGER, piece INTEGER, start INTEGER, length INTEGER,
  entries INTEGER, first REAL, last REAL, opens INTEGER, closes INTEGER);
CREATE TABLE object (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE rival (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id, body)) WITHOUT ROWID;
CREATE TABLE remark (thread TEXT, code TEXT, detail TEXT);
CREATE INDEX remark_thread ON remark (thread);
CREATE TABLE problem (path TEXT, member TEXT, line INTEGER, code TEXT, detail TEXT, thread TEXT, shown TEXT);
"""


@dataclass(frozen=True, slots=True)
class StretchRow:
    """Entries listed in one go: the shape they were read as, and the file they came from."""

    id: int
    shape: str
    api_page: bool
    has_more: bool | None
    wire: bool
    """Whether the entries were written to the spool as wire objects, so that the shape has no say any more."""
    input: Input


@dataclass(slots=True)
class Block:
    """Consecutive entries of one thread and kind: lines at a place of a file, or a piece of a document."""

    kind: RecordKind
    thread: str
    stretch: int
    piece: int = -1
    """Which piece of the document; -1 for lines."""
    start: int = 0
    length: int = 0
    """Bytes."""
    entries: int = 0
    first: float | None = None
    last: float | None = None
    opens: bool = False
    closes: bool = False

    def measure(self, first: Any, last: Any) -> None:
        """Note what ordering needs of the first and the last entry."""
        self.first, self.opens = time_of(first), begins_exchange(first)
        self.last, self.closes = time_of(last), begins_exchange(last)


@dataclass(slots=True)
class IndexedBlock:
    """A block, and the stretch that it is a part of."""

    block: Block
    row: StretchRow


class ThreadIndex:
    """The index and its spool, in a temporary folder of mode 0700 that is deleted with the index."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="migrate-cli-"))
        self._db = connect_shared(self.folder / "index")
        self._db.executescript(_TABLES)
        self._db.execute("BEGIN")
        self._blocks: list[tuple[Any, ...]] = []
        self._spool = self._spool_path.open("ab")
        self._indexed = False
        self._handles: OrderedDict[str, IO[bytes]] = OrderedDict()
        self._reading = threading.Lock()
        self.held: set[str] = set()
        """The threads in the middle of which a file breaks off: at most one for each file."""
        self.bare = True
        """True while nothing is known of any thread."""
        self._discard = weakref.finalize(self, _discard, self._db, self._spool, self._handles, self.folder)

    def close(self) -> None:
        """Delete everything."""
        self._discard()

    # Filling

    def stretch(
        self, shape: str, input_: Input, *, api_page: bool = False, has_more: bool | None = None, spooled: bool = False
    ) -> int:
        """Open a stretch and return its id; `spooled` when its entries will be written to the spool."""
        local = str(self._spool_path if spooled else input_.local)
        names = map(_stored, (local, input_.origin.path, input_.origin.member))
        row = (shape, api_page, has_more, spooled, *names)
        cursor = self._db.execute(
            "INSERT INTO stretch (shape, api_page, has_more, wire, local, path, member) VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        return int(cursor.lastrowid or 0)

    def add(self, block: Block) -> None:
        """Index one block."""
        self._indexed = self.bare = False
        self._blocks.append(
            (
                block.kind.value, block.thread, block.stretch, block.piece, block.start, block.length,
                block.entries, block.first, block.last, block.opens, block.closes,
            )
        )  # fmt: skip
        if len(self._blocks) >= 2000:
            self._flush()

    def spool(self, kind: RecordKind, thread: str, stretch: int, raws: Sequence[Any]) -> None:
        """Write entries to the spool, as lines, and index them."""
        for at in range(0, len(raws), BLOCK_ENTRIES):
            batch = raws[at : at + BLOCK_ENTRIES]
            block = Block(kind, thread, stretch, start=self._spool.tell(), entries=len(batch))
            block.length = self._spool.write("\n".join([*map(_ENCODE, batch), ""]).encode())
            block.measure(batch[0], batch[-1])
            self.add(block)

    def keep(self, kind: RecordKind, object_id: str, raw: JsonObject) -> None:
        """Keep an assistant or a file object; the first of an id stays, and others that differ are noted.

        An object of the host outweighs a description of the same agent (whose model is an object) that was met before.
        """
        key, body = (kind.value, object_id), json.dumps(raw, default=str)
        if self._db.execute("INSERT OR IGNORE INTO object VALUES (?, ?, ?)", (*key, body)).rowcount:
            return
        ((first,),) = self._db.execute("SELECT body FROM object WHERE kind = ? AND id = ?", key)
        held = json.loads(first)
        if first == body or held == json.loads(body):
            return
        if isinstance(held.get("model"), dict) and not isinstance(raw.get("model"), dict):
            self._db.execute("UPDATE object SET body = ? WHERE kind = ? AND id = ?", (body, *key))
            body = first
        self._db.execute("INSERT OR IGNORE INTO rival VALUES (?, ?, ?)", (*key, body))

    def problem(
        self, origin: Origin, code: str, detail: str, thread: str | None = None, shown: Sequence[str] = ()
    ) -> None:
        """Remember something that could not be read."""
        row = (_stored(origin.path), _stored(origin.member), origin.line, code, _stored(detail), thread)
        self._db.execute("INSERT INTO problem VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, json.dumps(list(shown))))

    def hold_back(self, thread: str) -> None:
        """Note that a thread is not whole, so that it must not be read."""
        self.held.add(thread)

    def remark(self, thread: str, *remarks: Remark) -> None:
        """Remember findings about a thread."""
        for remark in remarks:
            self.bare = False
            row = (thread, remark.code, _stored(remark.detail))
            self._db.execute("INSERT INTO remark VALUES (?, ?, ?)", row)

    def _flush(self) -> None:
        self._db.executemany(
            "INSERT INTO block (kind, thread, stretch, piece, start, length, entries, first, last, opens, closes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._blocks,
        )
        self._blocks.clear()

    def seal(self) -> None:
        """Make everything that was added readable; called again after more was added."""
        if not self._indexed:
            self._flush()
            self._db.execute("CREATE INDEX IF NOT EXISTS block_thread ON block (thread)")
            self._spool.flush()
            self._indexed = True

    @property
    def _spool_path(self) -> Path:
        return self.folder / "spool"

    # Reading

    def threads(self) -> Iterator[str]:
        """Yield the ids of all threads that anything was indexed for, in order of first appearance."""
        self.seal()
        found = "SELECT thread FROM block WHERE kind != 'deleted' GROUP BY thread ORDER BY MIN(id)"
        yield from (row[0] for row in self._db.execute(found))

    def count(self) -> int:
        """Return how many threads anything was indexed for."""
        self.seal()
        return int(self._db.execute("SELECT COUNT(DISTINCT thread) FROM block WHERE kind != 'deleted'").fetchone()[0])

    def blocks(self, thread: str) -> dict[RecordKind, list[IndexedBlock]]:
        """Return a thread's blocks by kind, in the order in which they were met."""
        if self.bare:
            return {}
        self.seal()
        found: dict[RecordKind, list[IndexedBlock]] = {}
        rows: dict[int, StretchRow] = {}
        for row in self._db.execute(_BLOCKS_OF_THREAD, (thread,)):
            block = Block(RecordKind(row[0]), *row[1:11])
            stretch = rows.get(block.stretch)
            if stretch is None:
                stretch = rows[block.stretch] = _stretch_row(block.stretch, *row[11:15], *map(_given, row[15:]))
            found.setdefault(block.kind, []).append(IndexedBlock(block, stretch))
        return found

    def read(self, local: Path, start: int, length: int) -> bytes:
        """Return bytes of a file; a few files stay open between calls. Long threads may be read by several threads."""
        name = str(local)
        with self._reading:
            stream = self._handles.get(name)
            if stream is None:
                if len(self._handles) >= _OPEN_FILES:
                    self._handles.popitem(last=False)[1].close()
                stream = self._handles[name] = local.open("rb")
            self._handles.move_to_end(name)
            stream.seek(start)
            return stream.read(length)

    def remarks(self, thread: str) -> list[Remark]:
        """Return the findings about a thread, each once."""
        if self.bare:
            return []
        rows = self._db.execute("SELECT DISTINCT code, detail FROM remark WHERE thread = ?", (thread,))
        return [Remark(code, _given(detail)) for code, detail in rows]

    def objects(self, kind: RecordKind) -> Iterator[JsonObject]:
        """Yield the kept objects of a kind, by id."""
        for (body,) in self._db.execute("SELECT body FROM object WHERE kind = ? ORDER BY id", (kind.value,)):
            yield json.loads(body)

    def repeated(self, kind: RecordKind) -> dict[str, int]:
        """Return how many kept objects of a kind there are that differ, by id, where there are several."""
        rows = self._db.execute("SELECT id, COUNT(*) + 1 FROM rival WHERE kind = ? GROUP BY id", (kind.value,))
        return dict(rows.fetchall())

    def problems(self) -> Iterator[Unreadable]:
        """Yield what could not be read."""
        for path, member, line, code, detail, thread, shown in self._db.execute(
            "SELECT * FROM problem GROUP BY path, member, line, code, detail ORDER BY MIN(rowid)"
        ):
            origin = Origin(_given(path), _given(member), line)
            yield Unreadable(origin, code, _given(detail), thread, tuple(json.loads(shown)))


def _stored(text: str | None) -> str | bytes | None:
    """Return what SQLite can take: a name that is not text, as file systems have them, becomes bytes."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _given(value: Any) -> Any:
    """Return what was stored as it was."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


_BLOCKS_OF_THREAD = """
SELECT kind, thread, stretch, piece, start, length, entries, first, last, opens, closes,
       shape, api_page, has_more, wire, local, path, member
FROM block JOIN stretch ON stretch.id = block.stretch WHERE thread = ? ORDER BY block.id
"""


def _stretch_row(
    number: int, shape: str, api_page: int, has_more: int | None, wire: int, local: str, path: str, member: str | None
) -> StretchRow:
    more = None if has_more is None else bool(has_more)
    return StretchRow(number, shape, bool(api_page), more, bool(wire), Input(Path(local), Origin(path, member)))


def _discard(db: sqlite3.Connection, spool: IO[bytes], handles: OrderedDict[str, IO[bytes]], folder: Path) -> None:
    for stream in (spool, *handles.values()):
        stream.close()
    db.close()
    shutil.rmtree(folder, ignore_errors=True)
