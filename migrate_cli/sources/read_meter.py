"""How much of the files of a source has been read: by the places of the streams that are open, and by files done.

It is asked for at every thread, and so looks at one stream only. It must not read anything, nor know what files mean.
"""

from __future__ import annotations

import io
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

TELL_AFTER = 1.0
"""Seconds of looking through a source after which the user is told of it."""
TELL_EVERY = 0.25
"""Seconds between two words about it."""

Told = Callable[[int, float | None], None]
"""Takes how many threads have been read, and which share of the source held them."""


class ReadMeter:
    """Weighs files by their bytes on disk. `sizes` are those of all files that are to be read."""

    def __init__(self, tell: Callable[[], Told]) -> None:
        self._tell = tell
        self.total = 0
        self.threads = 0
        """Threads that were read so far."""
        self._done = 0
        self._weight = 0
        # Whoever reads the stream closes it, or drops it: it must not live on for being looked at.
        self._stream: weakref.ref[io.BufferedReader] | None = None
        self._size = 0
        """The bytes of the file that is open."""
        self._entries: tuple[int, int] | None = None
        self._began = self._last = time.monotonic()

    def begin(self, total: int) -> None:
        """A pass over all files begins."""
        self.total, self.threads, self._done = total, 0, 0
        self._began = time.monotonic()
        self._leave()

    def file(self, weight: int) -> None:
        """The next file begins; the one before has been read."""
        self._done += self._weight
        self._leave()
        self._weight = weight

    def end(self) -> None:
        """All files have been read."""
        self._leave()
        self._done = self.total

    def open(self, path: Path) -> IO[bytes]:
        """Open a file for reading. The one that was opened last tells how far the current file has been read."""
        self._entries = None
        stream: io.BufferedReader = io.BufferedReader(_Watched(path, self._looked))
        self._stream = weakref.ref(stream)
        self._size = os.fstat(stream.fileno()).st_size
        return stream

    def entry(self, number: int, of: int) -> None:
        """Of a file that was read as a whole, this entry is taken now (from 1)."""
        self._entries = number, of

    def thread(self) -> None:
        """One more thread was read."""
        self.threads += 1
        self._tell()(self.threads, self.share())

    def share(self) -> float | None:
        """Return how much of all has been read, from 0 to 1; None where nothing is known of the whole."""
        if not self.total:
            return None
        return min(1.0, (self._done + self._weight * self._within()) / self.total)

    def _within(self) -> float:
        """The share of the current file."""
        if self._entries is not None:
            return self._entries[0] / max(1, self._entries[1])
        stream = None if self._stream is None else self._stream()
        if stream is None or stream.closed:
            return 0.0
        return min(1.0, stream.tell() / self._size) if self._size else 1.0

    def _looked(self) -> None:
        """A piece was read. While no thread comes, the source is being looked through, which may take long."""
        now = time.monotonic()
        if self.threads or now - self._began < TELL_AFTER or now - self._last < TELL_EVERY:
            return
        self._last = now
        self._tell()(0, self.share())

    def _leave(self) -> None:
        self._weight, self._stream, self._entries = 0, None, None


class _Watched(io.FileIO):
    """A file that tells of every piece that is read."""

    def __init__(self, path: Path, looked: Callable[[], None]) -> None:
        super().__init__(path)
        self._looked = looked

    def readinto(self, buffer: Any) -> int:  # the base class says Any too
        """Read a piece."""
        self._looked()
        return super().readinto(buffer) or 0
