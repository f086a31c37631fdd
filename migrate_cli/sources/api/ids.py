"""The ids of threads, from wherever a user has them: a list, standard input, a table's column, a state file.

Blank lines and what follows a `#` are left out; what can be no id is said with its place and does not stop the rest. It
must not ask the host.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from migrate_cli.disk.input import text_of
from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject

STDIN = "-"
COLUMN = "thread_id"
_COLUMNS = ("thread_id", "threadid", "thread", "id")
"""Names by which a table's column is known without being told, without case and separators."""
_SQLITE = b"SQLite format 3\x00"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_OTHERS = re.compile(r"(?:msg|run|step|asst|conv|resp|vs|call|org|proj|user)_|file-|(?:sk|sess)-", re.IGNORECASE)
_SECRETS = re.compile(r"(?:sk|sess|ek)-|eyJ", re.IGNORECASE)

Problem = tuple[str, str, str]
"""Place, code, sentence."""


@dataclass(frozen=True, slots=True)
class ThreadName:
    """One thread to read."""

    id: str
    listed: JsonObject | None = None
    """Its own object, where a list gave it just now."""
    remarks: tuple[tuple[str, str], ...] = ()
    """Findings about how it was named: code and sentence."""


def fault_of(text: str) -> str | None:
    """Return why a text can be no thread id, or None. It is repeated only where it cannot be a secret."""
    if _SECRETS.match(text):
        return "holds what looks like a key, not a thread id; remove it"
    if not _ID.fullmatch(text):
        return "holds no thread id; ids look like thread_abc123"
    if _OTHERS.match(text):
        return f"holds {text[:60]}, which is the id of something else, not of a thread"
    return None


def wrong_id(place: str, text: str) -> tuple[str, str] | None:
    """Return the code and the sentence for a text that can be no thread id, or None."""
    fault = fault_of(text)
    return None if fault is None else ("thread-id-wrong", f"{place} {fault}. The other threads are read.")


def no_ids(name: str) -> UsageError:
    """The error for a list without any id: whatever should have written it has failed."""
    shown = "standard input" if name == STDIN else name
    return UsageError(f"{shown} contains no thread id at all; check how the list was made", code="thread-ids")


def ids_in(name: str, columns: Mapping[str, str], problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """Yield the ids that a file names, each with its place; `-` is standard input. Raises UsageError.

    What is wrong with single entries is added to `problems`. A file without any entry is refused at its end.
    """
    empty = True
    for place, text in _texts(name, columns):
        empty = False
        wrong = wrong_id(place, text)
        if wrong is None:
            yield text, place
        else:
            problems.append((place, *wrong))
    if empty:
        raise no_ids(name)


def _texts(name: str, columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if name == STDIN:
        yield from _from_text(sys.stdin, "standard input", columns, table=bool(columns))
        return
    path = Path(name).expanduser()
    try:
        if not path.is_file():
            text = io.StringIO(text_of(path), newline="")
            yield from _from_text(text, name, columns, table=COLUMN in columns)
            return
        with path.open("rb") as stream:
            head = stream.read(len(_SQLITE))
        if head == _SQLITE:
            yield from _from_state(path)
            return
        table = path.suffix.lower() in (".csv", ".tsv") or COLUMN in columns
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from _from_text(lines, name, columns, table=table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"the thread ids in {name} cannot be read: {reason}", code="thread-ids") from error


def _from_text(text: TextIO, name: str, columns: Mapping[str, str], *, table: bool) -> Iterator[tuple[str, str]]:
    if table:
        yield from _from_table(text, name, columns.get(COLUMN))
        return
    for number, line in enumerate(text, 1):
        entry = line.split("#", 1)[0].strip().strip("\"',;").strip()
        if entry:
            yield f"line {number} of {name}", entry


def _from_table(text: TextIO, name: str, column: str | None) -> Iterator[tuple[str, str]]:
    first = text.readline()
    delimiter = max(",;\t|", key=first.count)
    reader = csv.DictReader(io.StringIO(first), delimiter=delimiter)
    header = list(reader.fieldnames or ())
    chosen = _column(header, column)
    if chosen is None:
        wanted = column or "thread_id"
        shown = ", ".join(str(each)[:40] for each in header[:12]) or "nothing"
        raise UsageError(
            f"{name} has no column {wanted}; its columns are {shown}. Name one with source.columns: "
            "{thread_id: COLUMN}",
            code="thread-ids",
        )
    rows = csv.reader(text, delimiter=delimiter)
    place = header.index(chosen)
    for row in rows:
        entry = row[place].strip() if len(row) > place else ""
        if entry:
            yield f"line {rows.line_num + 1} of {name}", entry


def _column(header: list[str], wanted: str | None) -> str | None:
    if wanted is not None:
        return wanted if wanted in header else None
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in reversed(header)}
    return next((plain[known.replace("_", "")] for known in _COLUMNS if known.replace("_", "") in plain), None)


def _from_state(path: Path) -> Iterator[tuple[str, str]]:
    """Read the public view of a state file, without a lock."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            for (thread_id,) in db.execute("SELECT thread_id FROM thread_map ORDER BY thread_id"):
                yield f"a row of {path}", str(thread_id)
    except sqlite3.Error as error:
        raise UsageError(
            f"{path} is a database, but not a state file of migrate-cli ({error}); name a state file, or save the "
            "ids as "
            "text",
            code="thread-ids",
        ) from error
