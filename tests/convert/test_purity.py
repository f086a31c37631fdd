from __future__ import annotations

import subprocess
import sys

_PROBE = """
import importlib, pkgutil, sys
sys.modules["openai"] = None
before = set(sys.modules)
import migrate_cli.convert
for found in pkgutil.iter_modules(migrate_cli.convert.__path__):
    importlib.import_module(f"migrate_cli.convert.{found.name}")
print(*sorted(set(sys.modules) - before))
"""


def test_conversion_imports_nothing_that_could_do_io_or_cost_time() -> None:
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    loaded = set(probe.stdout.split())
    assert loaded & {"asyncio", "socket", "sqlite3", "pydantic", "httpx", "aiohttp", "tempfile", "subprocess"} == set()
    others = {name.split(".")[1] for name in loaded if name.startswith("migrate_cli.")}
    assert others == {"convert", "model", "findings", "version"}
