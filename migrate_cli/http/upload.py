"""A request body that is sent in pieces, so that it is known how much of it has left this machine, and how fast.

It must not know what is sent, nor decide how long it may take. Imported only where something is sent:
aiohttp comes with the official client and is slow to import.
"""

from __future__ import annotations

import array
import asyncio
import sys

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter

PIECE = 65_536
"""Bytes that are handed over at a time."""

TOLD = sys.platform in ("linux", "darwin")
"""Whether the system tells how much of what it took over is still to be acknowledged."""

_SO_NWRITE = 0x1024
"""Darwin's name for it, which Python does not know."""


class Upload(payload.Payload):
    """One body. Its progress can be asked for at any time."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._size = len(content)
        self._written = 0
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._over: float | None = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return it as text."""
        return str(self._value, encoding, errors)

    def __deepcopy__(self, memo: object) -> bytes:
        """Return the bytes: recorders of HTTP copy each request, and a body on its way belongs to one event loop."""
        return bytes(self._value)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send it."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Send it, or so much of it."""
        whole = memoryview(self._value)[:content_length]
        self._transport = writer.transport
        self._began = self._loop.time()
        for start in range(0, len(whole), PIECE):
            piece = whole[start : start + PIECE]
            await writer.write(piece)
            self._written += len(piece)

    def gone(self) -> int:
        """How many bytes have certainly left this machine."""
        waiting = 0 if self._transport is None or self._over is not None else _waiting(self._transport)
        gone = max(0, self._written - waiting)
        if self._over is None and gone >= (self._size or 0):
            self._over = self._loop.time()
        return gone

    def arrived(self) -> None:
        """Take note that it was answered as carried out: then all of it has left, and nobody need be asked."""
        if self._over is None and self._written == self._size:
            self._over = self._loop.time()

    def seconds(self) -> float:
        """For how long it has been on its way, or was until all of it had left."""
        return (self._loop.time() if self._over is None else self._over) - self._began


def _waiting(transport: asyncio.WriteTransport) -> int:
    """Bytes that were written to a connection and that the other side has not acknowledged."""
    if transport.is_closing():
        return 0
    return transport.get_write_buffer_size() + _queued(transport)


def _queued(transport: asyncio.WriteTransport) -> int:
    """Those of them that the system has taken over; 0 where it does not tell."""
    socket = transport.get_extra_info("socket")
    try:
        if sys.platform == "linux":
            import fcntl  # noqa: PLC0415 - there is none on Windows
            import termios  # noqa: PLC0415 - there is none on Windows

            told = array.array("i", [0])
            fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, told)
            return told[0]
        if sys.platform == "darwin":
            return int(socket.getsockopt(1, _SO_NWRITE))
    except (OSError, AttributeError):
        return 0
    return 0
