"""The lock that keeps two processes from writing one state file; it ends with its process and never expires.

It is an operating-system lock on `<state file>.lock`, not on the database, so that readers can work in the meantime. A
lease that expires would be wrong: a process that resumes after its lease has expired would still send requests. The
content of the file only says who holds the lock; only the system knows whether it is held.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.errors import StateError, StateLocked
from migrate_cli.state.opening import followed, private_file

_TRIES = 5
_PAUSE = 0.02
"""Seconds between attempts: `holder` takes the lock briefly to test it, which must not make a writer fail."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that holds a state file."""

    pid: int
    host: str
    command: str
    since: str
    """ISO 8601, UTC."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command}, since {self.since})"


class StateLock:
    """Holds `<state file>.lock` from construction to `release`. Raises StateLocked if another process holds it."""

    def __init__(self, state_file: Path, command: str) -> None:
        self.path = lock_path(state_file)
        try:
            self._fd = private_file(self.path, os.O_RDWR)
        except OSError as error:
            raise StateError(
                f"Cannot create the lock file {self.path}: {error.strerror}; "
                "make the folder writable, or move the state file, with the files next to it, and name it with --state."
            ) from error
        if not _take_patiently(self._fd):
            os.close(self._fd)
            who = _read(self.path)
            raise StateLocked(
                f"The state file {state_file} is in use by {who or 'another process'}; "
                "wait for it to end, or stop it: both runs can be resumed."
            )
        self._write(LockHolder(os.getpid(), socket.gethostname(), command, _now()))

    def _write(self, holder: LockHolder) -> None:
        text = json.dumps({"pid": holder.pid, "host": holder.host, "command": holder.command, "since": holder.since})
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, text.encode())

    @property
    def released(self) -> bool:
        """Whether the lock was released."""
        return self._fd < 0

    def release(self) -> None:
        """Release the lock. The file stays: if it were deleted, two processes could lock two files of one name."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def lock_path(state_file: Path) -> Path:
    """The file that is locked on behalf of a state file."""
    file = followed(state_file)
    return file.with_name(file.name + ".lock")


def holder(state_file: Path) -> LockHolder | None:
    """Return the process that currently holds the state file, or None."""
    path = lock_path(state_file)
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or _take(fd):
            return None
        return _read(path) or LockHolder(0, "unknown host", "unknown command", "unknown time")
    finally:
        os.close(fd)


def _take_patiently(fd: int) -> bool:
    for attempt in range(_TRIES):
        if _take(fd):
            return True
        if attempt + 1 < _TRIES:
            time.sleep(_PAUSE)
    return False


def _take(fd: int) -> bool:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        os.lseek(fd, 1 << 30, os.SEEK_SET)  # far beyond the content, which must stay readable for others
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl  # noqa: PLC0415 - exists on POSIX only

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(path: Path) -> LockHolder | None:
    try:
        data: Any = loads(path.read_text("utf-8"))
        return LockHolder(int(data["pid"]), str(data["host"]), str(data["command"]), str(data["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
