"""Writes output to a path that the user named: completely or not at all to a plain file, straight through elsewhere.

The only place that decides how a named path is written. A pipe, a device or a descriptor (`/dev/stdout`, `>(command)`)
is written to as it is, a link is followed, and what is there keeps its owner and its mode. It must not know what it
writes, and raises OSError alone; the sentence is the caller's.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PIPE_PATIENCE = 10.0
"""Seconds for which a named pipe may be without anybody at its other end."""
_PAUSE = 0.02
_IN_PLACE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV, errno.ENAMETOOLONG})
"""Why a file cannot be replaced although it may be written: a folder that is closed to us, a mounted file."""
_MOST_LINKS = 40


def write(path: Path, data: str | bytes) -> None:
    """Put the data where the path leads. A new file is readable by its owner only. Raises OSError.

    A reader that went away is no error, as on stdout.
    """
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    if is_plain(path):
        _replace(Path(os.path.realpath(path)), content)
        return
    descriptor = open_for_writing(path)
    try:
        _write_all(descriptor, content)
    except BrokenPipeError:
        pass
    finally:
        os.close(descriptor)


def open_for_writing(path: Path, flags: int = os.O_TRUNC, *, mode: int = 0o600) -> int:
    """Open what is written bit by bit and return its descriptor. A new file gets the mode. Raises OSError."""
    number = descriptor_of(path)
    if number is not None:
        _flush(number)
        return os.dup(number)
    kind = _kind(path)
    why = _refusal(kind)
    if why is not None:
        raise OSError(errno.EINVAL, why, str(path))
    if kind is not None and stat.S_ISFIFO(kind):
        return _open_pipe(path)
    if kind is not None and stat.S_ISCHR(kind):
        return os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags, mode)


def obstacle(path: Path) -> str | None:
    """Return why writing there would fail, as far as can be seen before any work, as a clause; or None."""
    number = descriptor_of(path)
    try:
        if number is not None:
            os.fstat(number)
            return None
        kind = _kind(path)
    except OSError as error:
        return error.strerror or str(error)
    why = _refusal(kind)
    if why is not None:
        return why
    place = Path(os.path.realpath(path)) if kind is None or stat.S_ISREG(kind) else path
    if kind is not None:
        return None if os.access(place, os.W_OK) else "it is not writable"
    if not place.parent.is_dir():
        return f"there is no folder {place.parent}"
    return None if os.access(place.parent, os.W_OK) else f"the folder {place.parent} refuses it"


def is_plain(path: Path) -> bool:
    """Whether a path leads to a plain file, or to nothing yet."""
    if descriptor_of(path) is not None:
        return False
    kind = _kind(path)
    return kind is None or stat.S_ISREG(kind)


def descriptor_of(path: Path) -> int | None:
    """Return the descriptor of this process that a path such as `/dev/stdout` or `/dev/fd/63` stands for."""
    named = re.compile(rf"(?:/dev/fd|/proc/{os.getpid()}/fd)/(\d+)")
    for _ in range(_MOST_LINKS):
        if found := named.fullmatch(os.path.join(os.path.realpath(path.parent), path.name)):  # noqa: PTH118 - a text
            return int(found[1])
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


def _kind(path: Path) -> int | None:
    """The mode of what a path leads to, links followed; None where nothing is there."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _refusal(kind: int | None) -> str | None:
    """Why something is never written to, as a clause."""
    if kind is None:
        return None
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISSOCK, "socket"), (stat.S_ISBLK, "disk"))
    return next((f"it is a {name}, not a file" for test, name in kinds if test(kind)), None)


def _replace(place: Path, content: bytes) -> None:
    """Write a plain file whole or not at all; where it may not be replaced, in place."""
    try:
        was = place.stat()
    except FileNotFoundError:
        was = None
    name = None
    try:
        if was is not None and was.st_nlink > 1:
            raise OSError(errno.EXDEV, "its other names would stay as they were")
        handle, name = tempfile.mkstemp(prefix=".migrate-cli-", dir=place.parent)
        try:
            if was is not None:
                _belong(handle, was)
            _write_all(handle, content)
        finally:
            os.close(handle)
        Path(name).replace(place)
    except BaseException as error:
        if name is not None:
            with suppress(OSError):
                Path(name).unlink(missing_ok=True)
        if was is None or not isinstance(error, OSError) or error.errno not in _IN_PLACE:
            raise
        _overwrite(place, content)


def _belong(handle: int, was: os.stat_result) -> None:
    """Give a new file the owner and the mode of the one whose place it takes. Raises OSError where that is refused."""
    fresh = os.fstat(handle)
    if (fresh.st_uid, fresh.st_gid) != (was.st_uid, was.st_gid):
        os.fchown(handle, was.st_uid, was.st_gid)
    os.fchmod(handle, stat.S_IMODE(was.st_mode))


def _overwrite(place: Path, content: bytes) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_TRUNC)
    try:
        _write_all(handle, content)
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _open_pipe(path: Path) -> int:
    """Open a named pipe for writing once somebody reads it. Raises OSError where nobody comes."""
    until = time.monotonic() + PIPE_PATIENCE
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() >= until:
                raise OSError(errno.ENXIO, "no process reads this pipe", str(path)) from None
            time.sleep(_PAUSE)
        else:
            os.set_blocking(handle, True)
            return handle


def _flush(number: int) -> None:
    """What was printed before comes before."""
    for stream, own in ((sys.stdout, 1), (sys.stderr, 2)):
        if own == number and stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
