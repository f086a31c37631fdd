"""Hosts that stall: the sandbox with a fault, an address that takes no connection, and a port that says nothing.

It must not know which command asks.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from migrate_cli.sandbox.assistants_quirks import SourcePreset, quirks_of
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions, TargetPreset
from migrate_cli.sandbox.server import EmbeddedSandbox

CONNECT = "connect"
STALLS = {
    CONNECT: "",
    "no answer": "*:hang",
    "headers only": "*:headers-only",
    "1 byte/s": "*:trickle:1",
    "writes unanswered": "*:post-unanswered",
}
"""Every kind, with the fault of the sandbox that makes it."""

_FILLED = 8
"""Connections that fill the queue of a listener that takes none; the system keeps one or two more than it was told."""


@contextmanager
def sandbox(data: Path, stall: str | None) -> Iterator[str]:
    """Serve what lies in `data`, as source and target, with a stall if one is named; yield the base URL."""
    if stall == CONNECT:
        with full_queue() as port:
            yield f"http://127.0.0.1:{port}/v1"
        return
    faults = plan_from_specs([STALLS[stall]] if stall else [])
    options = SandboxOptions(faults=faults, source=quirks_of(SourcePreset.OPENAI), preset=TargetPreset.FOUNDRY)
    with EmbeddedSandbox(data, options) as server:
        yield server.base_url


@contextmanager
def full_queue() -> Iterator[int]:
    """Yield a port that neither takes nor refuses a connection: its queue is full, and nobody empties it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(_FILLED):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextmanager
def mute() -> Iterator[int]:
    """Yield a port that takes every connection and never says a word."""
    taken: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)

        def take() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in taken:
                each.close()
