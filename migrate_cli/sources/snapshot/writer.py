"""Writes a snapshot: threads into parts, files beside them, and a manifest that is true at every moment.

A part becomes visible when it is whole and synced, and counts when the ledger says so. It must not read from a host.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from migrate_cli.errors import SourceError, UsageError
from migrate_cli.model import JsonObject, Unreadable
from migrate_cli.sources.api.thread_record import ThreadRecord
from migrate_cli.sources.interface import StoreInfo
from migrate_cli.sources.shapes.snapshot import HEADER, THREAD
from migrate_cli.sources.snapshot.layout import (
    FILES,
    MANIFEST,
    STORES,
    THREADS,
    VERSION,
    Manifest,
    SnapshotPart,
    encoded,
    read_manifest,
    settle,
    sha256_of,
    write_lines,
    write_manifest,
)
from migrate_cli.sources.snapshot.ledger import FileRow, NewPart, SnapshotProgress
from migrate_cli.sources.snapshot.rewriting import saved_in, saved_stores, without_threads
from migrate_cli.sources.snapshot.saved import SavedThread

PART_THREADS = 1_000
PART_BYTES = 16 << 20
PART_SECONDS = 10.0
"""When a part is closed, whatever comes first; what is not in a closed part is read again after a kill."""
LONG = 2_000
"""Threads with more messages than this get a file of their own, which can be read a line at a time."""
_FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SnapshotWriter:
    """One snapshot, open for writing. Use as a context manager; leaving it closes the open part."""

    def __init__(
        self, folder: Path, identity: str, *, whole_source: bool, now: Callable[[], float] = time.monotonic
    ) -> None:
        _prepare(folder)
        self._folder = folder
        self._identity = identity
        self._whole_source = whole_source
        self._now = now
        self.ledger = SnapshotProgress(folder, identity)
        parts = self.ledger.parts()
        self.was_complete = self._follow_ledger(parts)
        _sweep(folder, {part.name for part in parts})
        self._number = max((_number_of(part.name) for part in parts if part.holds == "threads"), default=0)
        self._open: _OpenPart | None = None

    def __enter__(self) -> SnapshotWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            # What was read is made safe, unless the disk is what failed.
            if kind is None or not issubclass(kind, UsageError | OSError):
                self.close_part()
        finally:
            self.ledger.close()

    def add(self, record: ThreadRecord) -> None:
        """Write one thread. It is safe once the part is closed."""
        if len(record.messages) > LONG:
            self.close_part()
            part = self._begin("long")
            part.write_long(record)
            self._finish(part)
            return
        if self._open is None:
            self._open = self._begin("part")
            self._open.write_header()
        self._open.write_thread(record)
        if self._open.full(self._now()):
            self.close_part()

    def close_part(self) -> None:
        """Make what has been written so far safe."""
        part, self._open = self._open, None
        if part is not None:
            self._finish(part)

    def add_unreadable(self, entry: Unreadable) -> None:
        """Note what could not be read."""
        self.ledger.add_unreadable(entry)

    def add_assistants(self, assistants: Iterable[JsonObject]) -> None:
        """Write the assistants, in place of those that an earlier run wrote."""
        named: set[str] = set()

        def watched() -> Iterator[JsonObject]:
            for assistant in assistants:
                named.update(file_ids_in(assistant))
                yield assistant

        self._add_lines("assistants", watched(), named)

    def add_stores(self, stores: Iterable[StoreInfo]) -> None:
        """Write the vector stores and what is in each; what an earlier run wrote stays where there is nothing newer.

        Raises UsageError where that cannot be read.
        """
        earlier = {store.store_id: store for store in saved_stores(self._folder)}
        held: list[JsonObject] = []
        named: set[str] = set()

        def objects() -> Iterator[JsonObject]:
            for store in chain(_newer(stores, earlier), earlier.values()):
                of = {"object": "vector_store.file", "vector_store_id": store.store_id}
                held.extend({**file.raw, **of} for file in store.files)
                named.update(file.file_id for file in store.files if _FILE_ID.fullmatch(file.file_id))
                if store.raw:
                    yield {**store.raw, "object": "vector_store", "id": store.store_id}

        self._add_lines(STORES, objects())
        self._add_lines(f"{STORES}-files", held, named)

    def place_file(self, file_id: str, facts: JsonObject | None, downloaded: Path | None, reason: str | None) -> None:
        """Move a downloaded file to its place, or note why there is none."""
        raw = None if facts is None else json.dumps(facts)
        if downloaded is None or reason is not None:
            self.ledger.put_file(FileRow(file_id, reason=reason or "nothing came", raw=raw))
            return
        path = self._folder / FILES / file_id / _plain_name(facts)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        settle(downloaded, path)
        size, digest = path.stat().st_size, sha256_of(path)
        name = path.relative_to(self._folder).as_posix()
        self.ledger.put_file(FileRow(file_id, name, size, digest, raw=raw))

    def save(self, *, complete: bool) -> Manifest:
        """Write the lists and the manifest, which then is true for what is there."""
        self.close_part()
        rows = list(self.ledger.files())
        self._add_lines("files", (json.loads(row.raw) for row in rows if row.raw is not None))
        self._add_lines("file-report", [_header("file-report"), *map(_reported, rows)])
        told = [_unreadable(*row) for row in self.ledger.unreadable()]
        self._add_lines("unreadable", [_header("unreadable"), *told])
        manifest = self._manifest(complete=complete)
        write_manifest(self._folder, manifest)
        return manifest

    def learn(self) -> None:
        """Learn what to know the threads by that an earlier version saved. Raises UsageError for a damaged part."""
        for name in self.ledger.known_again.unknown_parts():
            self.ledger.known_again.learn(name, saved_in(self._folder, name))

    def _follow_ledger(self, parts: list[SnapshotPart]) -> bool:
        """Let the manifest say what the ledger does, where a kill came between them; return whether it is complete."""
        if not (self._folder / MANIFEST).exists():
            return False
        try:
            manifest = read_manifest(self._folder)
        except SourceError as error:
            if error.code == "snapshot-newer":
                self.ledger.close()
                raise
            manifest = None
        if manifest is not None and set(manifest.parts) == set(parts):
            return manifest.complete
        write_manifest(self._folder, self._manifest(complete=False))
        return False

    def _begin(self, kind: str) -> _OpenPart:
        self._number += 1
        return _OpenPart(self._folder, f"{THREADS}/{kind}-{self._number:05}.jsonl.gz", self._now())

    def _finish(self, part: _OpenPart) -> None:
        new = part.close()
        replaces: dict[str, SnapshotPart | None] = {}
        for name, held_anew in self.ledger.known_again.parts_of(part.threads).items():
            self._number += 1
            instead = f"{THREADS}/part-{self._number:05}.jsonl.gz"
            replaces[name] = without_threads(self._folder, name, instead, held_anew)
        self.ledger.add_part(NewPart(new, part.threads, part.file_ids, replaces))
        write_manifest(self._folder, self._manifest(complete=False))
        # Only now does nothing name them any more.
        for name in replaces:
            (self._folder / name).unlink(missing_ok=True)

    def _add_lines(self, holds: str, values: Iterable[JsonObject], file_ids: Iterable[str] = ()) -> None:
        """Write a list; `file_ids`, the files that it names, is looked at once all values are written."""
        path = self._folder / f"{holds}.jsonl.gz"
        count = write_lines(path, values)
        if not count:
            path.unlink()
            return
        part = SnapshotPart(path.name, holds, count, 0, path.stat().st_size, sha256_of(path))
        self.ledger.add_part(NewPart(part, file_ids=file_ids))

    def _manifest(self, *, complete: bool) -> Manifest:
        parts = self.ledger.parts()
        threads = [part for part in parts if part.holds == "threads"]
        counts = {
            "threads": sum(part.entries for part in threads),
            "messages": sum(part.messages for part in threads),
            "assistants": sum(part.entries for part in parts if part.holds == "assistants"),
            "vector_stores": sum(part.entries for part in parts if part.holds == STORES),
            "files_saved": 0,
            "files_not_saved": 0,
            "unreadable": len(self.ledger.unreadable()),
        }
        for row in self.ledger.files():
            counts["files_saved" if row.path is not None else "files_not_saved"] += 1
        return Manifest(self._identity, complete, self._whole_source, round(time.time(), 3), counts, tuple(parts))


def _newer(stores: Iterable[StoreInfo], earlier: dict[str, StoreInfo]) -> Iterator[StoreInfo]:
    """Yield the stores that are told in full, or were never saved, and take them out of what an earlier run saved."""
    for store in stores:
        if store.store_id not in earlier or (store.raw and store.lack is None):
            earlier.pop(store.store_id, None)
            yield store


class _OpenPart:
    """A part that is being written, under a name that no reader looks at."""

    def __init__(self, folder: Path, name: str, began: float) -> None:
        self.threads: dict[str, SavedThread] = {}
        self.file_ids: set[str] = set()
        self._folder = folder
        self._name = name
        self._began = began
        self._messages = 0
        self._size = 0
        self._temporary = folder / THREADS / f".{Path(name).name}.tmp"
        self._temporary.touch(mode=0o600)
        self._raw: IO[bytes] = self._temporary.open("wb")
        self._packed = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0)

    def full(self, now: float) -> bool:
        return len(self.threads) >= PART_THREADS or self._size >= PART_BYTES or now - self._began >= PART_SECONDS

    def write_header(self) -> None:
        self._line(_header("threads"))

    def write_thread(self, record: ThreadRecord) -> None:
        messages = list(record.messages)
        self._line(
            {
                "object": THREAD,
                "thread": _named(record),
                "messages": messages,
                "runs": record.runs,
                "run_steps": record.steps,
                "findings": [{"code": found.code, "detail": found.detail} for found in record.findings],
            }
        )
        self._note(record, messages)

    def write_long(self, record: ThreadRecord) -> None:
        self._line({**_named(record), "object": "thread"})
        for kind, entries in (
            ("thread.message", record.messages),
            ("thread.run", record.runs),
            ("thread.run.step", record.steps),
        ):
            for entry in entries:
                self._line({**entry, "object": kind, "thread_id": record.id})
        self._note(record, record.messages)

    def _note(self, record: ThreadRecord, messages: Iterable[JsonObject]) -> None:
        self.threads[record.id] = SavedThread.of(_named(record), messages, record.runs, record.steps)
        self._messages += len(record.messages)
        for entry in chain(messages, record.steps, [record.thread]):
            self.file_ids.update(file_ids_in(entry))

    def _line(self, value: JsonObject) -> None:
        data = encoded(value)
        self._size += len(data)
        self._packed.write(data)

    def close(self) -> SnapshotPart:
        """Make the part visible and durable."""
        self._packed.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        path = self._folder / self._name
        digest, size = sha256_of(self._temporary), self._temporary.stat().st_size
        settle(self._temporary, path)
        return SnapshotPart(self._name, "threads", len(self.threads), self._messages, size, digest)


def saved_of(record: ThreadRecord) -> SavedThread:
    """Return by what a thread will be known again once it is written."""
    return SavedThread.of(_named(record), record.messages, record.runs, record.steps)


def file_ids_in(value: Any) -> Iterator[str]:
    """Yield the ids of files that a wire object names, at any depth."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "file_id" and isinstance(entry, str):
                if _FILE_ID.fullmatch(entry):
                    yield entry
            elif key == "file_ids" and isinstance(entry, list):
                yield from (each for each in entry if isinstance(each, str) and _FILE_ID.fullmatch(each))
            else:
                yield from file_ids_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from file_ids_in(entry)


def _named(record: ThreadRecord) -> JsonObject:
    return {**record.thread, "id": record.id}


def _number_of(name: str) -> int:
    found = re.search(r"-(\d+)\.", name)
    return int(found[1]) if found else 0


def _prepare(folder: Path) -> None:
    """Make the folder for nobody but its owner, or see that it is a snapshot's."""
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / ".progress.db").exists():
            what = "is a snapshot that cannot be resumed: its .progress.db" if (folder / MANIFEST).exists() else ""
            why = f"{what} is missing" if what else "is a folder with other things in it"
            raise UsageError(f"{folder} {why}; name another folder with --out", code="snapshot-folder")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (THREADS, FILES):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be created: {error}; name another with --out") from error


def _sweep(folder: Path, known: set[str]) -> None:
    """Remove parts that a kill left behind: they are not in the ledger, so their threads are read again."""
    for path in (folder / THREADS).iterdir():
        if path.relative_to(folder).as_posix() not in known:
            path.unlink()


def _plain_name(facts: JsonObject | None) -> str:
    """A file's own name, as one harmless part of a path."""
    name = facts.get("filename") if facts else None
    plain = re.sub(r"[^\w.() +-]", "_", name if isinstance(name, str) else "").strip()[-100:]
    return plain if plain.strip("._ ") and not plain.startswith(".") else f"content{plain if plain[1:] else ''}"


def _header(holds: str) -> JsonObject:
    return {"object": HEADER, "version": VERSION, "holds": holds}


def _reported(row: FileRow) -> JsonObject:
    facts = {"file_id": row.id, "path": row.path, "bytes": row.bytes, "sha256": row.sha256, "reason": row.reason}
    return {"object": f"{HEADER}.file", **facts}


def _unreadable(origin: str, thread_id: str | None, code: str, detail: str) -> JsonObject:
    facts = {"origin": origin, "thread_id": thread_id, "code": code, "detail": detail}
    return {"object": f"{HEADER}.unreadable", **facts}
