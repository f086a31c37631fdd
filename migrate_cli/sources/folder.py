"""The entries of one folder in a stable order, `page-2` before `page-10`, however many there are.

A folder may hold a file for each of a million threads, so that more than a few names are sorted on disk. It must not
look into files.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from migrate_cli.errors import SourceError
from migrate_cli.sources.names import temporary_folder

HELD = 2_000
"""Entries of one folder that are sorted in memory."""


class Entry(NamedTuple):
    """A file or a folder that is not hidden."""

    key: bytes
    name: bytes
    """As the file system has it."""
    is_folder: bool


def entries(folder: Path) -> Iterator[Entry]:
    """Yield what a folder holds, hidden entries and links to folders left out. Raises SourceError."""
    found = _found(folder)
    first = list(islice(found, HELD))
    if len(first) < HELD:
        yield from sorted(first)
    else:
        yield from _sorted_on_disk(chain(first, found))


def _found(folder: Path) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as scanned:
            for entry in scanned:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield Entry(order(entry.name), os.fsencode(entry.name), True)
                elif entry.is_file():
                    yield Entry(order(entry.name), os.fsencode(entry.name), False)
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be read: {error.strerror}. Check its permissions.") from error


def _sorted_on_disk(found: Iterable[Entry]) -> Iterator[Entry]:
    """Sort in a private file without a name, which goes when the last entry was taken."""
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as database:
        try:
            for statement in _SETUP:
                database.execute(statement)
            database.executemany("INSERT INTO entry VALUES (?, ?, ?)", found)
            for key, name, is_folder in database.execute("SELECT * FROM entry ORDER BY key, name"):
                yield Entry(key, name, bool(is_folder))
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
    "CREATE TABLE entry (key BLOB, name BLOB, is_folder INTEGER, PRIMARY KEY (key, name)) WITHOUT ROWID",
    "BEGIN",
)
