"""The copies beside the state file, which cannot be rebuilt: an append-only list of ids, and a backup.

The list gets its line before the commit: a line too many is taken up again at the next start, a line too few would be
a conversation that only one file knows. It is not flushed at each commit, the database is.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate_cli.state.opening import backup_path, map_path, private_file


@dataclass(frozen=True, slots=True)
class IdLine:
    """One line of the list: a conversation was made, or its thread reached a state."""

    thread_id: str
    conversation_id: str
    at: str
    """ISO 8601, UTC."""
    state: str | None = None
    """None when the conversation was just made; `loaded`, `undone` …"""
    items: int | None = None

    def encode(self) -> bytes:
        """The line as JSON, with its newline."""
        fields: dict[str, Any] = {"thread_id": self.thread_id, "conversation_id": self.conversation_id, "at": self.at}
        if self.state is not None:
            fields |= {"state": self.state, "items": self.items}
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


class SecondCopy:
    """`<state file>.map.jsonl` and `<state file>.bak`, both for the owner only."""

    def __init__(self, state_file: Path) -> None:
        self._state_file = state_file
        self._fd = private_file(map_path(state_file), os.O_RDWR | os.O_APPEND)
        self.size = self._end_with_newline()
        """Bytes in the list; the state file records it, so that a restored backup knows what it missed."""

    def append(self, lines: Sequence[IdLine]) -> int:
        """Append the lines and return the list's new size. Raises OSError."""
        if lines:
            self._append(b"".join(line.encode() for line in lines))
        return self.size

    def rescue(self, lines: Sequence[IdLine]) -> dict[str, str]:
        """Make the lines durable in the list alone; return those that could not be, as conversation by thread."""
        try:
            # The newline ends what an append that failed may have left half written.
            self._append(b"\n" + b"".join(line.encode() for line in lines))
            os.fsync(self._fd)
        except OSError:
            return {line.thread_id: line.conversation_id for line in lines}
        return {}

    def lines_from(self, offset: int) -> Iterator[IdLine]:
        """Yield the lines that begin at or after a byte offset; what is not a line of ours is passed over."""
        with map_path(self._state_file).open("rb") as file:
            file.seek(offset)
            for raw in file:
                line = _decode(raw)
                if line is not None:
                    yield line

    def rewrite(self, lines: Iterator[IdLine]) -> None:
        """Replace the list, for a file that was lost or cut: it then says again what the state file knows."""
        os.ftruncate(self._fd, 0)
        self.size = 0
        for line in lines:
            self._append(line.encode())
        os.fsync(self._fd)

    def backup(self, conn: sqlite3.Connection) -> None:
        """Copy the database as it is now, then put the copy in the place of the old backup in one step."""
        os.fsync(self._fd)
        final = backup_path(self._state_file)
        fresh = final.with_name(final.name + ".new")
        fd = private_file(fresh, os.O_RDWR | os.O_TRUNC)
        with contextlib.closing(sqlite3.connect(fresh)) as copy:
            conn.backup(copy)
        os.fsync(fd)
        os.close(fd)
        fresh.replace(final)

    def close(self) -> None:
        """Flush and close the list."""
        with contextlib.suppress(OSError):
            os.fsync(self._fd)
        os.close(self._fd)

    def _append(self, data: bytes) -> None:
        while data:
            written = os.write(self._fd, data)
            self.size += written
            data = data[written:]

    def _end_with_newline(self) -> int:
        """A line that a crash cut off must not swallow the next one."""
        size = os.fstat(self._fd).st_size
        if size:
            os.lseek(self._fd, -1, os.SEEK_END)
            if os.read(self._fd, 1) != b"\n":
                size += os.write(self._fd, b"\n")
        return size


def _decode(raw: bytes) -> IdLine | None:
    try:
        data = json.loads(raw)
        return IdLine(data["thread_id"], data["conversation_id"], data["at"], data.get("state"), data.get("items"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
