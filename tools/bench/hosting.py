"""The bench's server as a process of its own, and the few questions that are asked of it between measurements."""

from __future__ import annotations

import compileall
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

TOOLS = Path(__file__).parents[1]
PROGRAM = TOOLS.parent / "migrate_cli"
_STARTS_WITHIN = 20.0


class Mark(NamedTuple):
    """A moment of a run. Seconds."""

    at: float
    """Of the server's clock."""
    yardstick: float
    """What a fixed piece of work took: more where the machine is slower."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where the server listens."""

    port: int

    @property
    def url(self) -> str:
        """The base URL of both APIs."""
        return f"http://127.0.0.1:{self.port}/v1"

    def reset(self, *, latency: float = 0.0, ids: Path | None = None) -> None:
        """Forget everything, answer after `latency` seconds from now on, and list the threads in the file."""
        listed = f"&ids={ids}" if ids is not None else ""
        self._ask(f"/bench/reset?latency={latency}{listed}")

    def slow_down(self, latency: float) -> None:
        """Answer after so many seconds from now on, and forget nothing."""
        self._ask(f"/bench/latency?seconds={latency}")

    def counts(self) -> dict[str, int]:
        """How often each path was asked since."""
        counted: dict[str, int] = self._ask("/bench/counts")
        return counted

    def marks(self) -> list[Mark]:
        """The moment of every hundredth conversation since, and what the yardstick took then."""
        return [Mark(*one) for one in self._ask("/bench/marks")]

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def hosted(folder: Path) -> Iterator[Host]:
    """Run the server for as long as the block lasts. The program is compiled before, as what pip installs is."""
    for folder_of_code in (PROGRAM, TOOLS):
        compileall.compile_dir(folder_of_code, quiet=2)
    port_file = folder / "port"
    environment = {**os.environ, "PYTHONPATH": str(TOOLS)}
    child = subprocess.Popen([sys.executable, "-m", "bench.server", str(port_file)], env=environment)
    try:
        began = time.monotonic()
        while not port_file.exists():
            if child.poll() is not None or time.monotonic() - began > _STARTS_WITHIN:
                raise RuntimeError("the bench's server did not start")
            time.sleep(0.02)
        yield Host(int(port_file.read_text()))
    finally:
        child.terminate()
        child.wait()
