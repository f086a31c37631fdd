"""`migrate-cli snapshot`: saves a live source to disk; running it again resumes, adds what is new, or refreshes."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from migrate_cli.commands.api_source import open_api
from migrate_cli.commands.choosing import NotSelected, moment_told, selected
from migrate_cli.commands.context import check_list
from migrate_cli.commands.signals import TIME_IS_OVER
from migrate_cli.convert.file_references import vector_stores
from migrate_cli.errors import ExitCode, MigrateError, SourceError, UsageError
from migrate_cli.model import JsonObject, Problem, Result, Thread, Unreadable
from migrate_cli.report.escape import duration, enumerated, number, plural
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings.model import Settings
from migrate_cli.sources.api.source import ApiSource
from migrate_cli.sources.api.thread_record import ThreadRecord, Unchanged
from migrate_cli.sources.choice import ACTIVITY_UNKNOWN
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.snapshot.check import verify_snapshot
from migrate_cli.sources.snapshot.layout import FILES, ID_LIST, PROGRESS, Manifest
from migrate_cli.sources.snapshot.refresh import GONE, Refresh
from migrate_cli.sources.snapshot.writer import SnapshotWriter
from migrate_cli.sources.spool import SpooledList
from migrate_cli.wire_objects import message_objects, run_object, step_object, thread_object
from migrate_cli.work.time_limit import TimeLimit

LISTED = 1000
"""Longest list of problems in a result; the snapshot has them all."""


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """What a person asked for beside the selection."""

    refresh: bool = False
    """Look whether threads that are saved have grown, and save those again."""
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    """After this, the run ends in good order."""


def snapshot(
    settings: Settings, selection: Selection, out: Path, options: SnapshotOptions | None = None, *, view: ProgressView
) -> Result:
    """Read all wanted threads, the assistants, the vector stores and the files that these name.

    Raises MigrateError before any work.
    """
    options = options or SnapshotOptions()
    if options.refresh and not (out / PROGRESS).exists():
        raise UsageError(f"{out} holds no snapshot to refresh; omit --refresh to take one", code="no-snapshot")
    source = _live_source(settings, out)
    source.tell, source.reading = view.note, view.read
    not_selected = NotSelected(source, selection)
    check_list(source)
    whole = selection == Selection()
    with SnapshotWriter(out, source.identity, whole_source=whole) as archive:
        refresh = Refresh(archive, whole=whole) if options.refresh else None
        run = _SnapshotRun(source, archive, out, view, refresh)
        result = run.take(selection, options.time_limit)
    result.data |= selected(selection.choice)
    if selection.choice:
        result.data["threads"]["not_selected"] = not_selected.count
    if options.time_limit.reached:
        result.data["time_limit"] = options.time_limit.seconds
    if (message := _message(result, refresh)) is not None:
        result.data["message"] = message
    return result


def _message(result: Result, refresh: Refresh | None) -> str | None:
    """The headline, where there is more to say than that it is done."""
    said = []
    if refresh is not None:
        words = {"grown": "grown", "changed": "changed", "new": "new", "gone": "gone from the host and kept"}
        told = [f"{number(refresh.counts[name])} {word}" for name, word in words.items() if refresh.counts[name]]
        same = f"{number(refresh.counts['unchanged'])} as before"
        said.append(f"Of the threads, {enumerated([*told, same])}.")
        if refresh.goes_on:
            passed = plural(refresh.passed, "thread")
            said.append(f"This resumed the refresh of {moment_told(int(refresh.since))}, which had looked at {passed}.")
    if limit := result.data.get("time_limit"):
        said.append(f"It ended after {duration(limit)} (--max-duration); run the same command again to resume.")
    elif said and result.exit_code == ExitCode.INTERRUPTED:
        said.append("The run was interrupted; run the same command again to resume.")
    return " ".join(said) or None


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
    named = f"{source.path} is already on disk" if source.path is not None else "no host is named"
    raise UsageError(
        f"{named}; a snapshot is taken of a live host; name its URL",
        code="not-live",
    )


class _SnapshotRun:
    """One run, from the first thread to the result."""

    def __init__(
        self, source: Source, archive: SnapshotWriter, out: Path, view: ProgressView, refresh: Refresh | None
    ) -> None:
        self._refresh = refresh
        self._source = source
        self._archive = archive
        self._out = out
        self._view = view
        self._problems: list[Problem] = []
        self._read = 0
        self._unreadable = 0
        self._unknown = 0
        """Threads that were taken because it is not known when they were last active."""
        self._named: set[str] = set()
        """Vector stores that threads and assistants name."""

    def take(self, selection: Selection, time_limit: TimeLimit) -> Result:
        """Save what the selection wants, until the time is over."""
        began = time.monotonic()
        code, complete = ExitCode.OK, False
        self._view.start(self._source.expected(), "Saving")
        try:
            with _interruptible(), time_limit.in_main_thread():
                self._threads(selection)
                self._archive.add_assistants(self._assistants())
                self._stores(whole=selection == Selection())
                self._files()
            complete = True
        except MigrateError as error:
            code = error.exit_code
            self._problems.insert(0, Problem(error.code, str(error)))
        except OSError as error:
            raise UsageError(
                f"the snapshot {self._out} cannot be written: {error.strerror or error}; free some space, then "
                "run it again",
                code="snapshot",
            ) from error
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            why = TIME_IS_OVER if time_limit.reached else "Stopping."
            self._view.note(f"{why} What has been read is being saved.")
        finally:
            self._view.close()
        manifest = self._archive.save(complete=self._ended(complete=complete))
        if code is ExitCode.OK and self._unreadable:
            code = ExitCode.PARTIAL
        return Result("snapshot", self._data(manifest, time.monotonic() - began), code, errors=self._problems)

    def _ended(self, *, complete: bool) -> bool:
        """Note how far a refresh has come; return whether the snapshot is complete now."""
        if self._refresh is None:
            return complete
        if complete:
            self._refresh.end()
        else:
            self._refresh.save()
        # One that ends early leaves every thread whole, and none older than it was.
        return complete or self._archive.was_complete

    def _threads(self, selection: Selection) -> None:
        for entry in self._records(selection):
            if isinstance(entry, Unreadable):
                self._aside(entry)
            elif isinstance(entry, Unchanged):
                self._same(entry.id)
            elif self._refresh is None or self._refresh.differs(entry):
                self._save(entry)
            else:
                self._view.thread_done("unchanged", 0)
        self._archive.close_part()

    def _save(self, record: ThreadRecord) -> None:
        # That is no fact about the thread, but about what was asked for.
        kept = [found for found in record.findings if found.code != ACTIVITY_UNKNOWN]
        self._unknown += len(kept) < len(record.findings)
        record.findings = kept
        self._read += 1
        self._named.update(vector_stores(record.thread.get("tool_resources")))
        self._archive.add(record)
        self._view.thread_done("loaded", len(record.messages))

    def _same(self, thread_id: str) -> None:
        if self._refresh is not None:
            self._refresh.unchanged(thread_id)
        self._view.thread_done("unchanged", 0)

    def _aside(self, entry: Unreadable) -> None:
        """Count what could not be read; a thread that the snapshot has from before stays in it."""
        saved = self._refresh is not None and self._refresh.has(entry)
        if self._refresh is not None and saved and entry.code == GONE:
            self._refresh.gone(entry.thread_id or "")
            self._view.thread_done("unchanged", 0)
            return
        self._unreadable += 1
        if not saved:
            self._archive.add_unreadable(entry)
        if len(self._problems) < LISTED:
            self._problems.append(Problem(entry.code, entry.sentence, entry.thread_id))
        self._view.thread_done("failed", 0)

    def _records(self, selection: Selection) -> Iterator[ThreadRecord | Unreadable | Unchanged]:
        known = self._archive.ledger.has_thread
        if self._refresh is not None and isinstance(self._source, ApiSource):
            return self._source.records(selection, skip=self._refresh.passes, known=self._refresh.of)
        if isinstance(self._source, ApiSource):
            return self._source.records(selection, skip=known)
        return (
            entry if isinstance(entry, Unreadable) else _record(entry)
            for entry in self._source.threads(selection)
            if isinstance(entry, Unreadable) or not known(entry.id)
        )

    def _assistants(self) -> Iterator[JsonObject]:
        for assistant in self._source.assistants():
            self._named.update(vector_stores(assistant.get("tool_resources")))
            yield assistant

    def _stores(self, *, whole: bool) -> None:
        """Save the vector stores: all that the host lists, or those that the chosen threads and the assistants name."""
        found = self._source.vector_stores(self._named)
        try:
            self._archive.add_stores(one for one in found if whole or one.store_id in self._named)
        except SourceError as error:
            self._unreadable += 1
            self._problems.append(Problem(error.code, str(error)))

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
            "threads": {"total": counts["threads"], "read": self._read, "failed": self._unreadable} | self._more(),
            "messages": {"read": counts["messages"]},
            "assistants": counts["assistants"],
            **({"vector_stores": counts["vector_stores"]} if counts["vector_stores"] else {}),
            "files": {"saved": counts["files_saved"], "not_saved": counts["files_not_saved"]},
            "seconds": round(seconds, 3),
        } | ({} if self._refresh is None else self._refreshed(self._refresh))

    def _more(self) -> JsonObject:
        return {"activity_unknown": self._unknown} if self._unknown else {}

    def _refreshed(self, refresh: Refresh) -> JsonObject:
        names = ("unchanged", "grown", "changed", "new", "gone")
        found: JsonObject = {"since": moment_told(int(refresh.since))} | {name: refresh.counts[name] for name in names}
        return {"refresh": found | {"passed": refresh.passed}, "changes": refresh.changes}


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
    """Let SIGTERM do what Ctrl-C does; signals are available in the main thread only."""
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
