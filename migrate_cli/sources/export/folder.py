"""The entries of one folder in a stable order, `page-2` before `page-10`, however many there are.

A folder may hold a file for each of a million threads, so that more than a few names are sorted on disk. A link counts
as the file that it leads to only where that lies in the export, or anything that the user can read could be sent away.
It must not look into files.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import SourceError
from migrate_cli.sources.disk_set import temporary_folder

HELD = 2_000
"""Entries of one folder that are sorted in memory."""


class FolderEntry(NamedTuple):
    """A file or a folder that is not hidden."""

    key: bytes
    name: bytes
    """As the file system has it."""
    is_folder: bool
    fault: str | None = None
    """Why it is not read, as a clause; None for what is."""


def entries(folder: Path, top: str | None = None) -> Iterator[FolderEntry]:
    """Yield what a folder holds, without hidden entries and links to folders that are read in their own place.

    `top` is the export's own folder, without links in it, which no link may leave. Raises SourceError.
    """
    found = _found(folder, os.path.realpath(folder) if top is None else top)
    first = list(islice(found, HELD))
    if len(first) < HELD:
        yield from sorted(first)
    else:
        yield from _sorted_on_disk(chain(first, found))


def _found(folder: Path, top: str) -> Iterator[FolderEntry]:
    try:
        with os.scandir(folder) as scanned:
            for entry in scanned:
                if entry.name.startswith("."):
                    continue
                key, name = order(entry.name), os.fsencode(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    yield FolderEntry(key, name, True)
                elif entry.is_file(follow_symlinks=False):
                    yield FolderEntry(key, name, False)
                else:
                    yield from _doubtful(key, name, entry.path, top)
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be read: {error.strerror}. Check its permissions.") from error


def _doubtful(key: bytes, name: bytes, path: str, top: str) -> Iterator[FolderEntry]:
    """Yield a link, a pipe, a device or a socket: as a file, or with what speaks against it."""
    fault = fault_of_link(path, top) if os.path.islink(path) else None  # noqa: PTH114 - a Path for each costs more
    if fault is None:
        mode = os.stat(path).st_mode  # noqa: PTH116 - as above
        if stat.S_ISDIR(mode):
            return  # it is read in its own place
        fault = None if stat.S_ISREG(mode) else NO_FILE
    yield FolderEntry(key, name, False, fault)


NO_FILE = "a pipe, a device or a socket, not a file"


def fault_of_link(path: str, top: str) -> str | None:
    """Return why a link is not followed, as a clause; None for one to something visible in the export itself."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(top):
        return "a link that leads outside the export"
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a Path for each costs more
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return f"a link that cannot be followed ({error.strerror})"
    if stat.S_ISDIR(mode) and any(part.startswith(".") for part in target.relative_to(top).parts):
        return "a link to a hidden folder"
    return None


def _sorted_on_disk(found: Iterable[FolderEntry]) -> Iterator[FolderEntry]:
    """Sort in a private file without a name, which goes when the last entry was taken."""
    with closing(connect_shared("")) as database:
        try:
            for statement in _SETUP:
                database.execute(statement)
            database.executemany("INSERT INTO entry VALUES (?, ?, ?, ?)", found)
            for key, name, is_folder, fault in database.execute("SELECT * FROM entry ORDER BY key, name"):
                yield FolderEntry(key, name, bool(is_folder), fault)
        except sqlite3.Error as error:
            raise temporary_folder(error) from error


def order(name: str) -> bytes:
    """Return bytes that sort as a person would: numbers by their value and before letters."""
    return b"".join(_number(part) if part.isdecimal() else _text(part) for part in re.split(r"(\d+)", name) if part)


def _number(digits: str) -> bytes:
    value = str(int(digits)).encode()
    return b"\x01" + len(value).to_bytes(2, "big") + value


def _text(part: str) -> bytes:
    return b"\x02" + part.encode("utf-8", "surrogatepass") + b"\x00"


_SETUP = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE entry (key BLOB, name BLOB, is_folder INTEGER, fault TEXT, PRIMARY KEY (key, name)) WITHOUT ROWID",
    "BEGIN",
)
