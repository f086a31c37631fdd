"""What commands find before they are measured: an export, a host that holds it, and a migration that went well.

Made once and copied for each measurement. It must not measure anything.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from migrate_cli.sandbox.assistants_load import load_source
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.snapshot.layout import PROGRESS

from stalls.hosts import sandbox

THREADS = 6
MESSAGES = 24
ASSISTANTS = 3
STORES = 3
FILES = 4
"""In each vector store."""
KEY = "sk-stalls-0123456789"
_SUITE = """\
model: gpt-5.4-mini
cases:
{cases}"""
_CASE = "  - {{id: case-{number}, conversation: {thread}, input: 'Where is parcel {number}?'}}\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """The folder of one measurement."""

    folder: Path
    url: str = ""
    """Where the host listens that stalls."""
    well: str = ""
    """Where one listens that does not."""

    @property
    def export(self) -> Path:
        """The export."""
        return self.folder / "export"

    @property
    def data(self) -> Path:
        """What the host holds."""
        return self.folder / "host.db"

    @property
    def state(self) -> Path:
        """The state file of a migration of all of it."""
        return self.folder / "migration.db"

    @property
    def rebuilt(self) -> Path:
        """The state file of the same migration, after it has rebuilt the vector stores that were there by then."""
        return self.folder / "rebuilt.db"

    @property
    def snapshot(self) -> Path:
        """A snapshot of all that the host holds."""
        return self.folder / "kept"

    def rebuilding(self) -> str:
        """The run that rebuilt them, and did nothing else."""
        with closing(sqlite3.connect(self.rebuilt)) as state:
            found: str = state.execute("SELECT id FROM run ORDER BY key DESC LIMIT 1").fetchone()[0]
        return found

    def environment(
        self,
        timeout: float,
        *,
        source: str | None = None,
        target: str | None = None,
        project: bool = False,
        stores: bool = False,
    ) -> dict[str, str]:
        """The settings of a command, as variables; the target's API, or the project that it is in."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "MIGRATE_"))}
        address = target or self.url
        if project:
            clean["MIGRATE_TARGET__PRESET"] = "foundry"
            address = f"{address.removesuffix('/v1')}/api/projects/demo"
        if stores:
            clean["MIGRATE_CONVERT__VECTOR_STORES"] = "rebuild"
        return clean | {
            "OPENAI_BASE_URL": address,
            "OPENAI_API_KEY": KEY,
            "SOURCE_BASE_URL": source or self.url,
            "SOURCE_API_KEY": KEY,
            "MIGRATE_LOAD__TIMEOUT": f"{timeout:g}",
            "MIGRATE_LOAD__SETTLE": f"{timeout / 4:g}",
            "MIGRATE_REPLAY__IDLE_TIMEOUT": f"{timeout:g}",
        }


def thread_id(number: int) -> str:
    """The id of one thread."""
    return f"thread_{number:024d}"


def prepare(folder: Path) -> Scene:
    """Make the scene that all others are copies of."""
    scene = Scene(folder)
    scene.export.mkdir(parents=True)
    for number in range(1, THREADS + 1):
        held = _thread(thread_id(number), MESSAGES)
        (scene.export / f"{thread_id(number)}.json").write_text(json.dumps(held), encoding="utf-8")
    for number in range(1, ASSISTANTS + 1):
        (scene.export / f"asst_{number}.json").write_text(json.dumps(_assistant(number)), encoding="utf-8")
    names = "".join(f"{thread_id(number)}\n" for number in range(1, THREADS + 1))
    (folder / "ids.txt").write_text(names, encoding="utf-8")
    cases = "".join(_CASE.format(number=number, thread=thread_id(number)) for number in range(1, THREADS + 1))
    (folder / "replay.yaml").write_text(_SUITE.format(cases=cases), encoding="utf-8")
    with closing(sqlite3.connect(folder / "app.db")) as database:
        database.execute("CREATE TABLE chats (thread_id TEXT PRIMARY KEY, conversation_id TEXT)")
        database.executemany("INSERT INTO chats VALUES (?, NULL)", [(line,) for line in names.split()])
        database.commit()
    with sandbox(scene.data, None) as url:
        served = Scene(folder, url)
        _apply(served, scene.state, stores=False)
        with closing(sqlite3.connect(scene.state)) as state, closing(sqlite3.connect(scene.rebuilt)) as rebuilt:
            state.backup(rebuilt)
        _write_stores(scene.export, *range(1, STORES))
        _apply(served, scene.rebuilt, stores=True)
        _write_stores(scene.export, STORES)
        _leave_orphan(url, thread_id(1))
    load_source(scene.data, open_source(str(scene.export)))
    with sandbox(scene.data, None) as url:
        served = Scene(folder, url)
        _run(served, "snapshot", url, "--threads-from", "ids.txt", "--out", str(scene.snapshot))
    return scene


@contextmanager
def copied(prepared: Scene, folder: Path, stall: str | None) -> Iterator[Scene]:
    """Yield a copy of a scene whose host stalls, and whose migration was made to that host."""
    shutil.copytree(prepared.folder, folder, ignore=shutil.ignore_patterns("*.lock"))
    scene = Scene(folder)
    shutil.copy(scene.data, folder / "well.db")
    with sandbox(scene.data, stall) as url, sandbox(folder / "well.db", None) as well:
        for path in (scene.state, scene.rebuilt):
            with closing(sqlite3.connect(path)) as state:
                state.execute("UPDATE setup SET value = ? WHERE key = 'target.base_url'", (url,))
                state.commit()
        with closing(sqlite3.connect(scene.snapshot / PROGRESS)) as ledger:
            # It was taken from the same host on another port.
            ledger.execute("UPDATE fact SET value = ? WHERE name = 'identity'", (f"api:{url}",))
            ledger.commit()
        yield Scene(folder, url, well)


def _apply(served: Scene, state: Path, *, stores: bool) -> None:
    _run(served, "apply", str(served.export), "--state", str(state), stores=stores)


def _run(served: Scene, *arguments: str, stores: bool = False) -> None:
    command = [sys.executable, "-m", "migrate_cli", *arguments]
    environment = served.environment(20, stores=stores)
    subprocess.run(command, env=environment, cwd=served.folder, check=True, capture_output=True)


def _write_stores(export: Path, *numbers: int) -> None:
    """Write vector stores with what is in them into the export."""
    for number in numbers:
        counts = {"in_progress": 0, "completed": FILES, "failed": 0, "cancelled": 0, "total": FILES}
        own: dict[str, Any] = {"id": f"vs_{number}", "object": "vector_store", "created_at": 1_700_000_000}
        own |= {"name": f"Shelf {number}", "status": "completed", "file_counts": counts, "metadata": {}}
        (export / f"vs_{number}.json").write_text(json.dumps(own), encoding="utf-8")
        files = [
            {
                "id": f"file-{number}{place:023d}",
                "object": "vector_store.file",
                "vector_store_id": own["id"],
                "status": "completed",
            }
            for place in range(FILES)
        ]
        saved = {"object": "list", "data": files, "has_more": False}
        (export / f"vs_{number}_files.json").write_text(json.dumps(saved), encoding="utf-8")


def _leave_orphan(url: str, own_id: str) -> None:
    """Make a conversation that names a thread which has another one, and that holds its first message."""
    part = {"type": "input_text", "text": f"{own_id} 0"}
    items = [{"type": "message", "role": "user", "content": [part]}]
    metadata = {"source_thread_id": own_id, "source_created_at": "2023-11-14T22:13:20Z"}
    body = {"metadata": metadata, "items": items}
    headers = {"Authorization": f"Bearer {KEY}"}
    httpx2.post(f"{url}/conversations", json=body, headers=headers).raise_for_status()


def _assistant(number: int) -> dict[str, Any]:
    return {
        "id": f"asst_{number}",
        "object": "assistant",
        "created_at": 1_700_000_000,
        "name": f"Helper {number}",
        "model": "gpt-5.4-mini",
        "instructions": "Answer briefly.",
        "tools": [],
        "metadata": {},
    }


def _thread(own_id: str, messages: int) -> dict[str, Any]:
    return {
        "thread": {"id": own_id, "object": "thread", "created_at": 1_700_000_000, "metadata": {}},
        "messages": [_message(own_id, number) for number in range(messages)],
        "runs": [],
        "run_steps": [],
    }


def _message(thread: str, number: int) -> dict[str, Any]:
    return {
        "id": f"msg_{thread[-6:]}{number:018d}",
        "object": "thread.message",
        "created_at": 1_700_000_000 + number,
        "thread_id": thread,
        "role": "user" if number % 2 == 0 else "assistant",
        "content": [{"type": "text", "text": {"value": f"{thread} {number}", "annotations": []}}],
        "attachments": [],
        "metadata": {},
    }
