"""Streams that outlive whoever reads them: what is said into a closed pipe or a full disk is dropped, and never raises.

A run of hours must not end, nor exit with another code, because `2>&1 | head` has seen enough or a disk is full.
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
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.fileno())
                os.close(nowhere)
            self._ended(error)
            return memoryview(data).nbytes


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
