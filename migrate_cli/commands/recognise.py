"""Decides whether an export is the one that a state file was written from: by its threads, never by its path.

The first thread that both have and that converts as it did then settles it, so that the right export is not read twice.
It must run before anything is written, and write nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from migrate_cli.commands.context import begun
from migrate_cli.commands.files import as_recorded
from migrate_cli.convert.canonical import read_alike
from migrate_cli.errors import SetupMismatch
from migrate_cli.load.decide import is_prefix
from migrate_cli.load.refusal import with_notes
from migrate_cli.model import Draft
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.setup import LOADS_ALL, SEEN
from migrate_cli.state.store import StateStore
from migrate_cli.state.threads import RecordedThreads

LOOKED_AT = 20
"""Threads that both have and that are compared at most."""
MANY = 3
"""If so many all read otherwise, and the export lies elsewhere than before, it is another one."""


def recognised(settings: Settings, source: Source, store: StateStore) -> Callable[[Mapping[str, str]], None]:
    """Return what `RecordedRuns.check_setup` asks: it raises SetupMismatch for an export that the state is not of."""

    def check(recorded: Mapping[str, str]) -> None:
        if source.known_by_content and store.threads.a_thread() is not None:
            _check(settings, source, store, recorded.get(SEEN))

    return check


def _check(settings: Settings, source: Source, store: StateStore, seen: str | None) -> None:
    resolver = as_recorded(settings, source, store.files)
    known = _KnownThreads(store.threads)
    other: list[str] = []
    met = False
    for thread in source.some(known.holds):
        met = True
        draft = resolver.at_once(thread)
        if not isinstance(draft, Draft) or known.agrees(draft):
            return
        other.append(thread.id)
        if len(other) == LOOKED_AT:
            break
    if not met:
        begun(source, Selection())  # an export that cannot be read is told as that
        raise SetupMismatch(
            f"{source.identity} is not the export that {settings.state} was written from"
            f"{_last(seen, source)}: it has none of the threads that the state file holds, such as "
            f"{store.threads.a_thread()}. Name the right export, or the state file that belongs to this one; "
            f"{LOADS_ALL}."
        )
    if len(other) >= MANY and source.identity != seen:
        raise SetupMismatch(
            f"{source.identity} is not the export that {settings.state} was written from"
            f"{_last(seen, source)}: {len(other)} threads that both have were compared, and every one of them differs "
            f"from what was loaded, such as {other[0]}. Name the right export, or the state file that belongs "
            f"to this one; {LOADS_ALL}."
        )


def _last(seen: str | None, source: Source) -> str:
    return f" (last seen at {seen})" if seen is not None and seen != source.identity else ""


class _KnownThreads:
    """What the state file holds of threads."""

    def __init__(self, threads: RecordedThreads) -> None:
        self._threads = threads
        self._refused = threads.refused_items()

    def holds(self, thread_id: str) -> bool:
        """Whether anything is known of the thread."""
        return self._threads.thread_row(thread_id) is not None

    def agrees(self, draft: Draft) -> bool:
        """Whether the draft is what was loaded, or begins with it; true where there is nothing to compare it with."""
        row = self._threads.thread_row(draft.thread_id) or {}
        digest = row.get("digest") or ""
        if digest == draft.digest or not read_alike(digest, self._threads.reader_of(row.get("run"))):
            return True
        recorded = self._threads.recorded_digests(draft.thread_id)
        noted = with_notes(draft, self._refused.get(draft.thread_id, {}))
        return bool(recorded) and is_prefix(recorded, noted)
