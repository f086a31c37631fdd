"""The copies of the state file, which could not be recreated otherwise: an append-only list of ids, and a backup.

Lines are appended to the list before the commit, and both are flushed before anything relies on them: a surplus line
is reconciled at the next start, while a missing one would leave a conversation that only one file knows. A copy is
only ever replaced atomically, by one that knows at least as much.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.errors import StateDamaged
from migrate_cli.state import identity
from migrate_cli.state.lines import IdLine, Line, ListHead, decode, encode
from migrate_cli.state.opening import backup_path, map_path, private_file

_TAIL = 1 << 16
"""Bytes at the end of the list that are searched first for the last complete line."""


@dataclass(frozen=True, slots=True)
class ListSummary:
    """What the head and the end of a list of ids say."""

    state: str | None
    """The id of the state; None in lists of older versions."""
    line: int
    """The number of its last complete line."""
    size: int


def look_at_list(path: Path) -> ListSummary | None:
    """Summarise the list at this path; None if it is missing or empty."""
    try:
        with path.open("rb") as file:
            first, size = decode(file.readline()), os.fstat(file.fileno()).st_size
            if not size:
                return None
            head = first[0] if first is not None and isinstance(first[0], ListHead) else None
            if head is None:
                return ListSummary(None, 0, size)
            span = _TAIL
            while True:
                file.seek(max(0, size - span))
                numbers = [found[1] or 0 for raw in file.read().split(b"\n") if (found := decode(raw)) is not None]
                if numbers or span >= size:
                    return ListSummary(head.state, max(numbers, default=head.line), size)
                span *= 16
    except OSError:
        return None


class StateCopies:
    """`<state file>.map.jsonl` and `<state file>.bak`, both readable by the owner only."""

    def __init__(self, state_file: Path) -> None:
        self._state_file = state_file
        self._path = map_path(state_file)
        self.listed = look_at_list(self._path)
        """The list as it was when it was opened."""
        fresh = not self._path.exists()
        self._fd = private_file(self._path, os.O_RDWR | os.O_APPEND)
        if fresh:
            _flush_folder(self._path)
        self.size = self._end_with_newline()
        """The size of the list in bytes. The state file records it, so that a restored backup knows what it lacks."""
        self._flusher = ThreadPoolExecutor(1, "state-list")
        self.line = self.listed.line if self.listed else 0
        """The number of the last line."""

    def append(self, lines: Sequence[Line]) -> Callable[[], object]:
        """Append the lines; call the result to wait until they are durable. Both may raise OSError.

        The flush runs concurrently with the commit, which needs a flush of its own, so it adds little time.
        """
        if not lines:
            return lambda: None
        self._append(self._numbered(lines))
        self.line += len(lines)
        return self._flusher.submit(os.fsync, self._fd).result

    def rescue(self, lines: Sequence[Line]) -> dict[str, str]:
        """Write the lines durably to the list alone; return those that failed, as conversation id by thread id."""
        try:
            # The newline terminates what a failed append may have left incomplete.
            self._append(b"\n" + self._numbered(lines))
            os.fsync(self._fd)
        except OSError:
            return {line.thread_id: line.conversation_id for line in lines if isinstance(line, IdLine)}
        self.line += len(lines)
        return {}

    def lines_after(self, number: int, offset: int) -> Iterator[tuple[Line, int | None]]:
        """Yield the lines after a number, each with its own number; in older lists without numbers, after an offset.

        The lines are expected at `offset`; otherwise the whole list is read. Lines that are not ours are skipped.
        Raises StateDamaged if numbered lines are missing.
        """
        numbered = self.listed is not None and self.listed.state is not None
        begin = offset if not numbered or self._ends_with(number, offset) else 0
        highest = number
        with self._path.open("rb") as file:
            file.seek(begin)
            for raw in file:
                found = decode(raw)
                if found is None:
                    continue
                line, n = found
                if isinstance(line, ListHead):
                    highest = max(highest, line.line)
                elif n is None:
                    if not numbered:
                        yield line, None
                elif n > number:
                    if n > highest + 1:
                        raise _cut(self._path, n - highest - 1)
                    highest = max(highest, n)
                    yield line, n

    def rewrite(self, state: str, number: int, lines: Iterable[Line]) -> None:
        """Rewrite a lost or truncated list from what the state file knows."""
        fresh = self._path.with_name(self._path.name + ".new")
        os.close(self._fd)
        self._fd, self.size, self.line = private_file(fresh, os.O_WRONLY | os.O_TRUNC), 0, number
        self._append(ListHead(state, number).encode())
        for line in lines:
            self._append(encode(line, number))
        os.fsync(self._fd)
        os.close(self._fd)
        fresh.replace(self._path)
        _flush_folder(self._path)
        self._fd = private_file(self._path, os.O_RDWR | os.O_APPEND)
        self.listed = ListSummary(state, number, self.size)

    def leave_backup_behind(self, session: identity.StateIdentity) -> None:
        """Mark the backup as outdated from now on. Raises sqlite3.Error."""
        identity.leave_behind(backup_path(self._state_file), session)

    def backup(self, conn: sqlite3.Connection, *, beyond: str = "") -> None:
        """Copy the database as it is now, then replace the old backup with the copy, atomically.

        `beyond` is the session that continues after this backup, if any.
        """
        os.fsync(self._fd)
        final = backup_path(self._state_file)
        fresh = final.with_name(final.name + ".new")
        fd = private_file(fresh, os.O_RDWR | os.O_TRUNC)
        with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as copy:
            conn.backup(copy)
            identity.make_backup(copy, beyond)
        os.fsync(fd)
        os.close(fd)
        fresh.replace(final)
        _flush_folder(final)

    def close(self) -> None:
        """Flush and close the list."""
        self._flusher.shutdown()
        with contextlib.suppress(OSError):
            os.fsync(self._fd)
        os.close(self._fd)

    def _numbered(self, lines: Sequence[Line]) -> bytes:
        return b"".join(encode(line, number) for number, line in enumerate(lines, self.line + 1))

    def _append(self, data: bytes) -> None:
        while data:
            written = os.write(self._fd, data)
            self.size += written
            data = data[written:]

    def _ends_with(self, number: int, offset: int) -> bool:
        """Whether the line before the offset has this number."""
        if not 0 < offset <= self.size:
            return False
        begin = max(0, offset - _TAIL)
        text = self._read(begin, offset - begin)
        found = decode(text[:-1].rsplit(b"\n", 1)[-1]) if text.endswith(b"\n") else None
        return found is not None and found[1] == number

    def _end_with_newline(self) -> int:
        """End a line that a crash truncated, so that it does not merge with the next one."""
        size = os.fstat(self._fd).st_size
        if size and self._read(size - 1, 1) != b"\n":
            size += os.write(self._fd, b"\n")
        return size

    def _read(self, offset: int, count: int) -> bytes:
        os.lseek(self._fd, offset, os.SEEK_SET)
        return os.read(self._fd, count)


def _cut(path: Path, count: int) -> StateDamaged:
    return StateDamaged(
        f"The list of ids {path} lacks {count:,} of its lines, so it does not prove what was migrated; put an "
        "undamaged copy of it, or of the state file, in its place and run again."
    )


def _flush_folder(path: Path) -> None:
    """Flush the directory entry of a file, if the system supports it."""
    if os.name != "posix":
        return
    fd = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
