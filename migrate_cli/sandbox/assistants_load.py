"""Loads an export into a sandbox's data file, so that the sandbox can stand in for the host that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.model import Run, RunStep, Thread, Unreadable
from migrate_cli.sandbox.assistants_store import AssistantsStore, SourceKind
from migrate_cli.sandbox.file_store import CHUNK, FileStore
from migrate_cli.sandbox.store import Store
from migrate_cli.sandbox.vector_store_rules import AUTO, CheckedStore, CheckedStoreFile
from migrate_cli.sandbox.vector_store_table import Indexing, VectorStoreTable
from migrate_cli.sources.interface import FileInfo, Selection, Source, StoreInfo
from migrate_cli.wire_objects import message_objects, run_object, step_object, thread_object


@dataclass(slots=True)
class Loaded:
    """What the source side holds after loading."""

    threads: int = 0
    messages: int = 0
    runs: int = 0
    steps: int = 0
    assistants: int = 0
    files: int = 0
    stores: int = 0
    unreadable: int = 0
    """Threads and files of the export that could not be read."""
    left_out: int = 0
    """Steps that name no run: a host lists steps by run, so it could not show them."""


def load_source(data: Path, source: Source) -> Loaded:
    """Replace the source side of the data file with what the source holds.

    Raises UsageError when the data file cannot be used, SourceError when the source cannot be read.
    """
    store = Store(data)
    try:
        db = store.connection
        return _Loading(FileStore(db), AssistantsStore(db), VectorStoreTable(db)).load(source)
    finally:
        store.close()


class _Loading:
    def __init__(self, files: FileStore, assistants: AssistantsStore, stores: VectorStoreTable) -> None:
        self._files, self._stores = files, stores
        self._store = assistants
        self._loaded = Loaded()

    def load(self, source: Source) -> Loaded:
        loaded = self._loaded
        with self._store.replacing():
            for entry in source.threads(Selection()):
                if isinstance(entry, Unreadable):
                    loaded.unreadable += 1
                else:
                    self._thread(entry)
            assistants = (raw for raw in source.assistants() if raw.get("id"))
            loaded.assistants = self._store.put(SourceKind.ASSISTANT, "", assistants)
        for info in source.files().values():
            self._file(info)
        for store in source.vector_stores():
            self._store_of_vectors(store)
        return loaded

    def _thread(self, thread: Thread) -> None:
        loaded, store = self._loaded, self._store
        store.put(SourceKind.THREAD, "", [thread_object(thread)], start=loaded.threads)
        loaded.threads += 1
        loaded.messages += store.put(SourceKind.MESSAGE, thread.id, message_objects(thread))
        runs = _with_runs_of_steps(thread)
        loaded.runs += store.put(SourceKind.RUN, thread.id, [run_object(run, thread.id) for run in runs])
        for run in runs:
            steps = [step_object(step, thread.id) for step in thread.run_steps if step.run_id == run.id]
            loaded.steps += store.put(SourceKind.STEP, f"{thread.id}/{run.id}", steps)
        loaded.left_out += sum(step.run_id is None for step in thread.run_steps)

    def _store_of_vectors(self, info: StoreInfo) -> None:
        """Put a vector store where those of the target side are: hosts and targets have the same endpoints."""
        if self._stores.get(info.store_id) is not None:
            return
        self._loaded.stores += 1
        expiry, created, metadata = (info.raw.get(name) for name in ("expires_after", "created_at", "metadata"))
        days = expiry.get("days") if isinstance(expiry, dict) else None
        checked = CheckedStore(
            info.name,
            None,
            {str(key): str(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {},
            days if isinstance(days, int) else None,
            (),
        )
        store = self._stores.add(
            checked,
            identifier=info.store_id,
            created_at=created if isinstance(created, int) else None,
            expired=info.expired,
        )
        held = [
            (CheckedStoreFile(file.file_id, file.chunking or AUTO, file.attributes), 0, Indexing(0, file.status))
            for file in info.files
            if file.status != "in_progress"
        ]
        self._stores.attach(store.number, held)

    def _file(self, info: FileInfo) -> None:
        if self._files.get(info.file_id) is not None:
            return
        self._loaded.files += 1
        created = info.raw.get("created_at")
        self._files.add(
            info.purpose or "assistants",
            info.filename or info.file_id,
            None,
            _chunks(info.path) if info.path is not None else iter(()),
            identifier=info.file_id,
            created_at=created if isinstance(created, int) else None,
            size=info.bytes,
        )


def _with_runs_of_steps(thread: Thread) -> list[Run]:
    """The runs, and those that only steps tell of: a host has no step without its run."""
    runs = {run.id: run for run in thread.runs if run.id}
    for step in thread.run_steps:
        if step.run_id is not None and step.run_id not in runs:
            runs[step.run_id] = _run_of(step, step.run_id)
    return list(runs.values())


def _run_of(step: RunStep, run_id: str) -> Run:
    return Run(run_id, created_at=step.created_at)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
