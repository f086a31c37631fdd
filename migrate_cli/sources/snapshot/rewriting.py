"""Reads finished parts of a snapshot again: to learn what they hold, or to write one again without some of its threads.

A part that was written again has another name, so that the old one stays as it is until nobody names it. It must not
know the ledger.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from migrate_cli.bounds import loads
from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.sources.export.stored_stores import stores_of
from migrate_cli.sources.interface import StoreInfo
from migrate_cli.sources.shapes.snapshot import THREAD
from migrate_cli.sources.snapshot.layout import STORES, SnapshotPart, settle, sha256_of
from migrate_cli.sources.snapshot.saved import SavedThread


def saved_in(folder: Path, name: str) -> dict[str, SavedThread]:
    """Return what the threads of a part are known by. Raises UsageError where it cannot be read."""
    found: dict[str, SavedThread] = {}
    long: dict[str, list[JsonObject]] = {"thread": [], "thread.message": [], "thread.run": [], "thread.run.step": []}
    with _readable(folder, name):
        for _, value in _lines(folder / name):
            if value.get("object") == THREAD:
                thread = value["thread"]
                found[thread["id"]] = SavedThread.of(thread, value["messages"], value["runs"], value["run_steps"])
            elif value.get("object") in long:
                long[value["object"]].append(value)
        for thread in long["thread"]:
            lists = (long[kind] for kind in ("thread.message", "thread.run", "thread.run.step"))
            found[thread["id"]] = SavedThread.of(thread, *lists)
    return found


def saved_stores(folder: Path) -> list[StoreInfo]:
    """Return the vector stores that are saved, with what is in each. Raises UsageError where they cannot be read."""
    found: list[list[JsonObject]] = []
    for name in (f"{STORES}.jsonl.gz", f"{STORES}-files.jsonl.gz"):
        with _readable(folder, name):
            path = folder / name
            found.append([value for _, value in _lines(path)] if path.exists() else [])
    return list(stores_of(*found))


def without_threads(folder: Path, name: str, instead: str, threads: set[str]) -> SnapshotPart | None:
    """Write a part again, as `instead`, without some of its threads; None where no other is in it.

    A long thread has a part of its own, of which nothing is left. Raises UsageError where the part cannot be read,
    OSError where the new one cannot be written.
    """
    kept = messages = 0
    temporary = (folder / instead).with_name(f".{Path(instead).name}.tmp")
    temporary.touch(mode=0o600)
    with temporary.open("wb") as raw:
        with _readable(folder, name), gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            for line, value in _lines(folder / name):
                if value.get("object") == THREAD:
                    if value["thread"]["id"] in threads:
                        continue
                    kept += 1
                    messages += len(value["messages"])
                packed.write(line)
        raw.flush()
        os.fsync(raw.fileno())
    if not kept:
        temporary.unlink()
        return None
    digest, size = sha256_of(temporary), temporary.stat().st_size
    settle(temporary, folder / instead)
    return SnapshotPart(instead, "threads", kept, messages, size, digest)


def _lines(path: Path) -> Iterator[tuple[bytes, Any]]:
    with gzip.open(path) as lines:
        for line in lines:
            yield line, loads(line)


@contextmanager
def _readable(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder / name} cannot be read ({type(error).__name__}); restore it from a copy (`migrate-cli snapshot "
            f"--verify --out {folder}` shows what else is wrong), or take a new snapshot into another folder",
            code="snapshot-damaged",
        ) from error
