"""Streams that outlive their readers: what is written to a closed pipe or a full disk is dropped, and never raises.

A run of hours must not end, or exit with another code, because `2>&1 | head` has read enough or a disk is full.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from migrate_cli.disk.plain import ERRORS


class _Lasting(io.FileIO):
    """A file descriptor that turns into the null device when it takes nothing more."""

    def __init__(self, descriptor: int, *, closefd: bool, ended: Callable[[OSError], None] = lambda _: None) -> None:
        super().__init__(descriptor, "w", closefd=closefd)
        self._ended = ended

    def write(self, data: Any) -> int:
        """Write; after a failure, pretend to, as everything that follows will."""
        try:
            return super().write(data)
        except OSError as error:
            drop_buffered(self)
            self._ended(error)
            return memoryview(data).nbytes


_STANDARD = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_RDWR, "w"))
"""The standard streams, how the null device is opened in the place of each, and the mode of its stream. What is written
to a stdout that is not there fails, since it is what the command was called for; to such a stderr, it is dropped."""


def open_closed_streams() -> None:
    """Put the null device where a standard stream is closed.

    Python has no stream there, and the next file that is opened, such as the state file, would take its number: what
    this process or a handler then writes to stderr would go into that file.
    """
    for number, (name, flags, mode) in enumerate(_STANDARD):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)
            if opened == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115 - for as long as the process lives


def drop_buffered(stream: TextIO | io.FileIO) -> None:
    """Let what a stream could not write go nowhere: Python flushes it again when it ends, and would complain then."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def outlast_reader() -> None:
    """Let stderr of this process be one that never fails. A stderr without a file descriptor stays as it is."""
    before = sys.stderr
    try:
        raw = _Lasting(before.fileno(), closefd=False)
    except (AttributeError, OSError, ValueError):  # none at all, or one of a test's
        return
    before.flush()
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), encoding=before.encoding, errors=ERRORS, line_buffering=True)


def lasting_stream(descriptor: int, ended: Callable[[OSError], None]) -> TextIO:
    """Return a stream of text that never fails, a line at a time; `ended` is told once why nothing more goes there."""
    raw = io.BufferedWriter(_Lasting(descriptor, closefd=True, ended=ended))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True)
