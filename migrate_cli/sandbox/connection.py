"""The transport under a request: one system call per response, and a way to reset the connection without one.

It works with both of uvicorn's HTTP parsers; the faster one is used if it is installed. It must not decide anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_STATE_KEY = "sandbox_wire"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ResettableTransport(asyncio.Transport):
    """A transport that sends everything written in one iteration of the event loop with one system call."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Buffer the bytes until the next iteration of the loop."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Keep the bytes until the loop's next turn."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Flush, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once and discard the buffer."""
        self._waiting.clear()
        self._transport.abort()

    def reset(self) -> None:
        """Close so that the peer sees a reset, not an end of stream: a linger time of 0 makes the kernel send RST."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the other side may be gone already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.abort()

    def abort_after_sending(self) -> None:
        """Send what the kernel takes at once, then close in the middle of the response."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closed or being closed."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport knows of itself."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no more from the other side for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the other side again."""
        self._transport.resume_reading()

    def _flush(self) -> None:
        if self._waiting and not self._transport.is_closing():
            self._transport.write(b"".join(self._waiting))
        self._waiting.clear()


class _ResettableProtocol:
    """Puts a Wire between uvicorn's protocol and its transport, and into the scope of every request."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.Transport) -> None:
        resettable = ResettableTransport(transport)
        self.app_state = {**self.app_state, _STATE_KEY: resettable}
        super().connection_made(resettable)  # type: ignore[misc]  # the protocol that this class is mixed into


def protocol_class() -> type[asyncio.Protocol]:
    """The HTTP protocol to serve with."""
    return type("WiredProtocol", (_ResettableProtocol, AutoHTTPProtocol), {})


def transport_of(scope: Scope) -> ResettableTransport | None:
    """The transport of a request; None if `protocol_class` did not serve it."""
    resettable = scope.get("state", {}).get(_STATE_KEY)
    return resettable if isinstance(resettable, ResettableTransport) else None
