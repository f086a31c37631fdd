"""A slow line: a TCP proxy that lets so many bytes a second through to a host, for all connections together.

What was written before a connection was closed still arrives, however long that takes, as on a real line.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

PIECE = 2_048


class _Line:
    """The line's one bottleneck, and how many bytes went through it."""

    def __init__(self, port: int, bytes_per_second: float) -> None:
        self._port, self._rate = port, bytes_per_second
        self._bottleneck = asyncio.Lock()
        self._open: set[asyncio.Task[None]] = set()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection."""
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def at_rest(self) -> None:
        """Wait until everything that was on its way has arrived."""
        while self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", self._port)
        answering = asyncio.ensure_future(_pass(back, writer))
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                async with self._bottleneck:
                    await asyncio.sleep(len(piece) / self._rate)
                there.write(piece)
                await there.drain()
            there.write_eof()
        await answering
        there.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@contextlib.contextmanager
def slow_line(base_url: str, bytes_per_second: float) -> Iterator[str]:
    """Yield the base URL under which the host is reached over the line; what is on its way at the end arrives."""
    parts = urlsplit(base_url)
    assert parts.port is not None
    host_port, ready, over = parts.port, threading.Event(), threading.Event()
    found: list[int] = []

    async def serve() -> None:
        line = _Line(host_port, bytes_per_second)
        listening = socket.create_server(("127.0.0.1", 0))
        # A window as small as that of a slow line, so that little is taken over before it is through.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * PIECE)
        server = await asyncio.start_server(line.take, sock=listening, limit=PIECE)
        found.append(listening.getsockname()[1])
        ready.set()
        await asyncio.to_thread(over.wait)
        server.close()
        await line.at_rest()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield base_url.replace(f":{host_port}", f":{found[0]}")
    finally:
        over.set()
        thread.join()
