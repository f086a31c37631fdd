"""Serves the sandbox on loopback: in a thread of this process, or as a command of its own. It must not print."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import uvicorn

from migrate_cli.errors import UsageError
from migrate_cli.sandbox.app import Sandbox
from migrate_cli.sandbox.auth import CONTROL_PREFIX
from migrate_cli.sandbox.connection import ResettableTransport, protocol_class
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.project import BASE
from migrate_cli.sandbox.store import Store

HOST = "127.0.0.1"

_KEEP_ALIVE = 120
"""Seconds; longer than clients keep idle connections, so that none is closed under a request by accident."""
_GRACE = 5
"""Seconds that requests get to end when the server stops."""


def run_server(
    port: int,
    data: Path,
    options: SandboxOptions | None = None,
    *,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then stop cleanly and return; port 0 takes a free one.

    `on_ready` is called once with the base URL when requests are taken. Raises UsageError when the port is in use or
    the data file cannot be used.
    """
    listener = _listen(port)
    with listener:
        store = Store(data)
        try:
            server = _Server(store, options or SandboxOptions(), lambda: on_ready and on_ready(_base_url(listener)))
            asyncio.run(server.serve(sockets=[listener]))
        finally:
            store.close()


class EmbeddedSandbox:
    """A sandbox in a background thread, as a context manager; its data outlives it where `data` names a file.

    Raises UsageError when the port is in use or the data file cannot be used.
    """

    def __init__(self, data: Path | None = None, options: SandboxOptions | None = None, *, port: int = 0) -> None:
        self._data = data
        self._options = options or SandboxOptions()
        self._port = port
        self._running: _Running | None = None

    @property
    def base_url(self) -> str:
        """Where clients find it, with `/v1`, while it runs."""
        if self._running is None:
            raise RuntimeError("the sandbox is not running")
        return self._running.base_url

    def project_url(self, project: str = "demo") -> str:
        """Where clients find a Foundry project, while it runs: its agents, and the API behind `/openai/v1`."""
        return self.base_url.removesuffix("/v1") + BASE.format(project=project)

    @property
    def control_url(self) -> str:
        """Where its own endpoints are (`/faults`, `/stats`, `/land`), while it runs; see `control.py`."""
        return self.base_url.removesuffix("/v1") + CONTROL_PREFIX.rstrip("/")

    @property
    def data(self) -> Path:
        """The data file, while it runs (see `audit.py`)."""
        if self._running is None:
            raise RuntimeError("the sandbox is not running")
        return self._running.data

    def start(self) -> EmbeddedSandbox:
        """Start serving; returns when requests are taken."""
        if self._running is None:
            self._running = _Running(self._data, self._options, self._port)
        return self

    def stop(self) -> None:
        """Stop cleanly: no new requests, open ones end, the data file is closed. Stopping twice does nothing."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    def __enter__(self) -> EmbeddedSandbox:
        """Start serving."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


class _Running:
    """A running embedded sandbox: socket, store and thread, from start to stop."""

    def __init__(self, data: Path | None, options: SandboxOptions, port: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-") if data is None else None
        self.data = Path(self._folder.name, "sandbox.db") if self._folder else data or Path()
        self._listener = _listen(port)
        self.base_url = _base_url(self._listener)
        try:
            self._store = Store(self.data)
        except BaseException:
            self._listener.close()
            raise
        ready = threading.Event()
        self._server = _Server(self._store, options, ready.set)
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._thread.start()
        while not ready.wait(0.1):
            if not self._thread.is_alive():
                raise RuntimeError("the sandbox's thread ended before it served")

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._store.close()
        if self._folder is not None:
            self._folder.cleanup()


class _Server(uvicorn.Server):
    """uvicorn, silenced, and returning on a signal instead of raising it again."""

    def __init__(self, store: Store, options: SandboxOptions, on_ready: Callable[[], object]) -> None:
        self._sandbox = Sandbox(store, options)
        self._sandbox.faults.on_down = self._go_down
        self._coming_back: asyncio.Task[None] | None = None
        super().__init__(
            uvicorn.Config(
                self._sandbox,
                http=protocol_class(),
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, then say so."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, without waiting for requests that a fault is holding."""
        await self._sandbox.faults.close()
        if self._coming_back is not None:
            self._coming_back.cancel()
        await super().shutdown(sockets)

    async def _go_down(self, seconds: float) -> None:
        """Reset all connections and refuse new ones for a while."""
        if self._coming_back is not None and not self._coming_back.done():
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(transport := connection.transport, ResettableTransport):
                transport.reset()
        self._coming_back = asyncio.create_task(self._come_back(port, seconds))

    async def _come_back(self, port: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        loop = asyncio.get_running_loop()
        while True:
            try:
                listener = _listen(port)
                break
            except UsageError:
                # The kernel may have lent the free port to a client's outgoing connection in the meantime.
                await asyncio.sleep(0.05)
        self.servers = [await loop.create_server(self._protocol, sock=listener, backlog=self.config.backlog)]

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]  # uvicorn's protocols share this signature
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take the signals as usual, but do not raise them again after a clean stop."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _listen(port: int) -> socket.socket:
    # asyncio disables Nagle's algorithm only if the protocol is given explicitly; otherwise every response costs 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(
            f"the sandbox cannot listen on port {port} ({getattr(error, 'strerror', None) or error}); "
            "name another port, or 0 for a free one"
        ) from error
    return listener


def _base_url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}/v1"
