"""Looks once more into a file that is no part of an export: one that may hold threads or messages is told as an error.

Loaded only where a file is ignored. It must not read such a file whole, and not try to make threads of it.
"""

from __future__ import annotations

import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from migrate_cli.sources.export.inputs import SQLITE_MAGIC, Input
from migrate_cli.sources.export.looked_at import NotOursError
from migrate_cli.sources.foreign import DATABASE, INSTEAD
from migrate_cli.sources.unread_history import in_bytes, in_columns, in_text, may_hold_messages

CODE = "ids-not-read"
_MOST = 8 << 20
"""Bytes that are looked at from the beginning of a file or of a member."""
_END = 1 << 20
"""Bytes that are looked at from its end, where files of columns describe themselves."""
_MEMBERS = 200
_OWN_PAGE = b"migrate-cli"
_OWN_DATABASES = (b"migr", b"mcsb")
"""What SQLite's header says of a state file, and of the data of a sandbox."""
_LETTERS = ("word/", "ppt/")
"""Folders in documents that people write, which may mention an id."""


def with_history_told(input_: Input, fault: NotOursError) -> NotOursError:
    """Return the fault of a file that is ignored; with a code if a part of the history may be in it."""
    try:
        held = _holds_history(input_, fault.kind)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, sqlite3.Error):
        return fault
    if not held:
        return fault
    kind = f" ({fault.kind})" if fault.kind else ""
    detail = (
        f"{input_.origin}{kind} is in no format that is read, and by ids or columns it seems to hold threads or "
        f"messages, so part of the history may be there. {INSTEAD.get(fault.kind, _TEXT)} Or move it out of the export."
    )
    return NotOursError(CODE, detail, kind=fault.kind)


_TEXT = "Write its messages as JSON Lines or CSV."


def _holds_history(input_: Input, kind: str) -> bool:
    look = _LOOKS.get(kind)
    return look is not None and look(input_)


def _ends(input_: Input) -> bytes:
    """Return the beginning of a file and its end; what lies between them in a large one is left out."""
    with input_.open() as stream:
        data = stream.read(_MOST)
    size = input_.size()
    if len(data) < _MOST or input_.compressed() or size <= _MOST:
        return data
    with input_.local.open("rb") as stream:
        stream.seek(max(_MOST, size - _END))
        return data + stream.read()


def _in_members(input_: Input) -> bool:
    """Whether a spreadsheet, or another archive of a name that no archive has, holds ids."""
    with zipfile.ZipFile(input_.local) as archive:
        names = archive.namelist()[:_MEMBERS]
        if any(name.startswith(_LETTERS) for name in names):
            return False
        for name in names:
            if PurePosixPath(name).suffix in (".png", ".jpg", ".jpeg", ".gif"):
                continue
            with archive.open(name) as member:
                if in_bytes(member.read(_MOST)):
                    return True
    return False


def _in_database(input_: Input) -> bool:
    """Whether a database of somebody else holds ids, be it in the log beside it, or a table of messages."""
    if _is_own(input_):
        return False
    log = input_.local.with_name(f"{input_.local.name}-wal")
    logged = log.is_file() and in_bytes(_ends(replace(input_, local=log)))
    return logged or in_bytes(_ends(input_)) or any(map(may_hold_messages, _tables(input_.local)))


def _tables(path: Path) -> Iterator[list[str]]:
    """Yield the columns of the tables of an SQLite file, which is only read."""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT ?", (_MEMBERS,)).fetchall()
        for (name,) in names:
            yield [row[0] for row in database.execute("SELECT name FROM pragma_table_info(?)", (name,))]


def _is_own(input_: Input) -> bool:
    """Whether a database is one that migrate-cli itself keeps: no history is in it that is not elsewhere."""
    with input_.open() as stream:
        head = stream.read(72)
    return head.startswith(SQLITE_MAGIC) and head[68:72] in _OWN_DATABASES


def _in_page(input_: Input) -> bool:
    """Whether a web page holds ids that is none of this program's own reports."""
    data = _ends(input_)
    return _OWN_PAGE not in data[:4096] and in_bytes(data)


def _in_old_book(input_: Input) -> bool:
    """Whether a workbook of the old kind does, whose texts have one byte or two for each letter."""
    return input_.suffix == ".xls" and in_bytes(_ends(input_).replace(b"\0", b""))


_LOOKS: dict[str, Callable[[Input], bool]] = {
    "": lambda input_: in_text(_ends(input_)),
    "office document or archive": _in_members,
    "old office document": _in_old_book,
    "web page": _in_page,
    DATABASE: _in_database,
    "Parquet, ORC, Avro or Arrow": lambda input_: in_columns(_ends(input_)),
    "SQL dump": lambda input_: in_bytes(_ends(input_)),
    "XML": lambda input_: in_bytes(_ends(input_)),
}
"""How files of each kind are looked into; those of other kinds are documents, images and sound."""
