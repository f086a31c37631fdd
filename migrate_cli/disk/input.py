"""Reads a small file that the user names: settings, a suite, a plan, a list of ids. Never hangs.

A pipe such as `<(command)` is read to its end, once somebody writes into it; devices and sockets are refused. It must
not know what the bytes mean, and raises OSError alone; the sentence is the caller's.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from pathlib import Path

PIPE_PATIENCE = 10.0
"""Seconds for which a pipe may be without anybody who writes."""
_PAUSE = 0.02
_PIECE = 1 << 16


def read_named(path: Path) -> bytes:
    """Return all bytes. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if stat.S_ISREG(found.st_mode):
            return b"".join(iter(lambda: os.read(handle, _PIECE), b""))
        if stat.S_ISFIFO(found.st_mode):
            return _from_pipe(handle, path)
        if os.path.samestat(found, os.stat(os.devnull)):  # noqa: PTH116 - a device
            return b""
        raise OSError(errno.EINVAL, "it is a device or a socket, not a file", str(path))
    finally:
        os.close(handle)


def text_of(path: Path, encoding: str = "utf-8-sig") -> str:
    """Return the text. Raises OSError and UnicodeDecodeError."""
    return read_named(path).decode(encoding).replace("\r\n", "\n")


def _from_pipe(handle: int, path: Path) -> bytes:
    came: list[bytes] = []
    until = time.monotonic() + PIPE_PATIENCE
    while True:
        try:
            data = os.read(handle, _PIECE)
        except BlockingIOError:  # somebody writes, but not yet
            select.select([handle], [], [])
            continue
        if data:
            came.append(data)
        elif came or _was_left(handle):
            return b"".join(came)
        elif time.monotonic() >= until:
            raise OSError(errno.EPIPE, "no process writes to this pipe", str(path))
        else:
            time.sleep(_PAUSE)


def _was_left(handle: int) -> bool:
    """Whether somebody had opened the pipe for writing and has closed it."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return any(event & select.POLLHUP for _, event in poll.poll(0))
