"""`migrate-cli sandbox`: serves the embedded server until it is told to stop, and says how to point a client at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import run_server

_BANNER = """\
The sandbox serves the Conversations API at

  {url}

Its data is in {data}. Point the SDK at it:

  export OPENAI_BASE_URL={url}
  export OPENAI_API_KEY={key}

Ctrl-C stops it; the data stays.
"""


def serve(
    port: int, data: Path, *, latency_ms: float, api_key: str | None, say: Callable[[str], None], quiet: bool
) -> None:
    """Serve until SIGINT or SIGTERM. Raises UsageError when the port is in use or the data file cannot be used."""
    options = SandboxOptions(latency_ms=latency_ms, api_key=api_key)

    def ready(url: str) -> None:
        key = "the-key-you-chose" if api_key else "any-key"
        say(f"{url}\n" if quiet else _BANNER.format(url=url, data=data, key=key))

    run_server(port, data, options, on_ready=ready)
