"""`migrate-cli snapshot`: saves a live source to disk; running it again resumes, or adds what is new."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from migrate_cli.commands.api_source import open_api
from migrate_cli.commands.context import check_list
from migrate_cli.errors import ExitCode, MigrateError, UsageError
from migrate_cli.model import JsonObject, Problem, Result, Thread, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.sources.api.source import ApiSource
from migrate_cli.sources.api.thread_record import ThreadRecord
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.snapshot.check import verify_snapshot
from migrate_cli.sources.snapshot.layout import FILES, ID_LIST, Manifest
from migrate_cli.sources.snapshot.writer import SnapshotWriter
from migrate_cli.sources.spool import SpooledList
from migrate_cli.wire_objects import message_objects, run_object, step_object, thread_object

LISTED = 1000
"""Longest list of problems in a result; the snapshot has them all."""


def snapshot(settings: Settings, selection: Selection, out: Path, *, view: ProgressView) -> Result:
    """Read all wanted threads, the assistants and the files that threads name. Raises MigrateError before any work."""
    source = _live_source(settings, out)
    source.tell, source.reading = view.note, view.read
    check_list(source)
    whole = selection == Selection()
    with SnapshotWriter(out, source.identity, whole_source=whole) as archive:
        return _SnapshotRun(source, archive, out, view).take(selection)


def verify(out: Path) -> Result:
    """Compare a snapshot with its manifest; exit 4 where it differs."""
    began = time.monotonic()
    verified = verify_snapshot(out)
    data: JsonObject = {
        "snapshot": str(out),
        "source": verified.manifest.source,
        "complete": verified.manifest.complete,
        "parts": verified.parts,
        "threads": {"total": verified.threads},
        "messages": {"read": verified.messages},
        "files": verified.files,
        "differences": len(verified.problems),
        "seconds": round(time.monotonic() - began, 3),
    }
    code = ExitCode.CHECK_FAILED if verified.problems else ExitCode.OK
    return Result("snapshot", data, code, errors=verified.problems[:LISTED])


def _live_source(settings: Settings, out: Path) -> Source:
    source = settings.source
    if source.kind == "api" or (source.path is None and source.base_url is not None):
        return open_api(settings, id_list=out / ID_LIST)
    named = f"{source.path} lies on disk already" if source.path is not None else "no host is named"
    raise UsageError(
        f"{named}; a snapshot is taken of a host that still answers: migrate-cli snapshot https://HOST/v1 --out DIR",
        code="not-live",
    )


class _SnapshotRun:
    """One run, from the first thread to the result."""

    def __init__(self, source: Source, archive: SnapshotWriter, out: Path, view: ProgressView) -> None:
        self._source = source
        self._archive = archive
        self._out = out
        self._view = view
        self._problems: list[Problem] = []
        self._read = 0
        self._unreadable = 0

    def take(self, selection: Selection) -> Result:
        began = time.monotonic()
        code, complete = ExitCode.OK, False
        self._view.start(self._source.expected(), "Saving")
        try:
            with _interruptible():
                self._threads(selection)
                self._archive.add_assistants(self._source.assistants())
                self._files()
            complete = True
        except MigrateError as error:
            code = error.exit_code
            self._problems.insert(0, Problem(error.code, str(error)))
        except OSError as error:
            raise UsageError(
                f"the snapshot {self._out} cannot be written: {error.strerror or error}; make room, then run it again",
                code="snapshot",
            ) from error
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            self._view.note("Stopping: what has been read is being made safe.")
        finally:
            self._view.close()
        manifest = self._archive.save(complete=complete)
        if code is ExitCode.OK and self._unreadable:
            code = ExitCode.PARTIAL
        return Result("snapshot", self._data(manifest, time.monotonic() - began), code, errors=self._problems)

    def _threads(self, selection: Selection) -> None:
        for entry in self._records(selection):
            if isinstance(entry, Unreadable):
                self._unreadable += 1
                self._archive.add_unreadable(entry)
                if len(self._problems) < LISTED:
                    self._problems.append(Problem(entry.code, entry.sentence, entry.thread_id))
                self._view.thread_done("failed", 0)
            else:
                self._read += 1
                self._archive.add(entry)
                self._view.thread_done("loaded", len(entry.messages))
        self._archive.close_part()

    def _records(self, selection: Selection) -> Iterator[ThreadRecord | Unreadable]:
        known = self._archive.ledger.has_thread
        if isinstance(self._source, ApiSource):
            return self._source.records(selection, skip=known)
        return (
            entry if isinstance(entry, Unreadable) else _record(entry)
            for entry in self._source.threads(selection)
            if isinstance(entry, Unreadable) or not known(entry.id)
        )

    def _files(self) -> None:
        if not isinstance(self._source, ApiSource):
            return
        folder = self._out / FILES / ".partial"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        wanted = self._archive.ledger.wanted_files()
        for file_id, facts, reason in self._source.downloads(iter(wanted), folder):
            downloaded = folder / file_id
            self._archive.place_file(file_id, facts, downloaded if downloaded.is_file() else None, reason)
            downloaded.unlink(missing_ok=True)
        shutil.rmtree(folder)

    def _data(self, manifest: Manifest, seconds: float) -> JsonObject:
        counts = manifest.counts
        return {
            "snapshot": str(self._out),
            "source": manifest.source,
            "complete": manifest.complete,
            "threads": {"total": counts["threads"], "read": self._read, "failed": self._unreadable},
            "messages": {"read": counts["messages"]},
            "assistants": counts["assistants"],
            "files": {"saved": counts["files_saved"], "not_saved": counts["files_not_saved"]},
            "seconds": round(seconds, 3),
        }


def _record(thread: Thread) -> ThreadRecord:
    """A thread of a source that keeps no wire objects, as one that does would have given it."""
    messages = SpooledList()
    messages.extend(message_objects(thread))
    return ThreadRecord(
        thread.id,
        thread_object(thread),
        thread.origin,
        messages,
        [run_object(run, thread.id) for run in thread.runs],
        [step_object(step, thread.id) for step in thread.run_steps],
        list(thread.findings),
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does; signals can be had in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
