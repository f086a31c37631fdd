"""The collector and the checks know nothing of networks, files or clients."""

from __future__ import annotations

import subprocess
import sys

_PROBE = """
import sys
sys.modules["openai"] = None
before = set(sys.modules)
import migrate_cli.replay.collector, migrate_cli.replay.recorded_outputs, migrate_cli.replay.compare
print(*sorted(set(sys.modules) - before))
"""


def test_collecting_imports_nothing_that_could_do_io_or_cost_time() -> None:
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    loaded = set(probe.stdout.split())
    assert loaded & {"asyncio", "socket", "sqlite3", "pydantic", "httpx2", "aiohttp", "tempfile", "subprocess"} == set()
    others = {name for name in loaded if name.startswith("migrate_cli.") and ".replay" not in name}
    assert others == {f"migrate_cli.{name}" for name in ("bounds", "http", "http.error_bodies", "model", "version")}
