"""One megabyte kept next to the state file, to be given back when the disk is full: room for the last vital commit."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from migrate_cli.state.opening import followed, private_file

_BYTES = 1 << 20


class DiskReserve:
    """A file of random bytes (so that no file system compresses it away), there while the writer lives."""

    def __init__(self, state_file: Path) -> None:
        file = followed(state_file)
        self.path = file.with_name(file.name + ".ballast")

    def take(self) -> None:
        """Fill the file. Raises OSError when there is no room even now."""
        fd = private_file(self.path, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(fd, os.urandom(_BYTES))
            os.fsync(fd)
        finally:
            os.close(fd)

    def release(self) -> None:
        """Give the room back; may be repeated."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
