"""A stderr that outlives whoever reads it: what is said into a closed pipe or a full disk is dropped, and never raises.

A run of hours must not end, nor exit with another code, because `2>&1 | head` has seen enough. The log keeps it all.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Lasting(io.FileIO):
    """A file descriptor that turns into the null device when it takes nothing more."""

    def write(self, data: Any) -> int:
        """Write; after a failure, pretend to, as everything that follows will."""
        try:
            return super().write(data)
        except OSError:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.fileno())
                os.close(nowhere)
            return memoryview(data).nbytes


def outlast_reader() -> None:
    """Let stderr of this process be one that never fails. A stderr without a file descriptor stays as it is."""
    before = sys.stderr
    try:
        raw = _Lasting(before.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):  # none at all, or one of a test's
        return
    before.flush()
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=before.encoding, errors="backslashreplace", line_buffering=True
    )
