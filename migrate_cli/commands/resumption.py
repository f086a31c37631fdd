"""Goes on where an earlier `apply` over a live source ended early, so that its threads are not read again.

It must not load anything, and is imported for live sources alone: their readers are no small import.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from migrate_cli.commands.run_totals import RunTotals
from migrate_cli.findings import finding
from migrate_cli.model import Finding, Thread, Unreadable
from migrate_cli.sources.api.source import ApiSource
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.runs import RecordedRuns


class Resumption:
    """What an earlier run over a live source has done, so that it is not read again. Made before the new run starts.

    Reading a host costs requests, an export only a moment: so this is for hosts, and only after a run that ended early.
    The run after one that came to its end reads everything, and so finds what the source has changed since.
    """

    def __init__(self, runs: RecordedRuns, source: Source, selection: Selection, tally: RunTotals) -> None:
        # With a limit, the source would give as many threads more.
        begun = runs.broken_off() if isinstance(source, ApiSource) and selection.limit is None else None
        self._first = begun[0] if begun else None
        self.run_id = begun[1] if begun else None
        """The first of the runs that ended early; None where there is nothing to go on with."""
        self._runs, self._source, self._selection, self._tally = runs, source, selection, tally

    def arriving(self) -> AsyncGenerator[Thread | Unreadable] | None:
        """Read what the selection wants, on the event loop; what was done is counted instead.

        None where the source cannot be read in this way; then there is nothing to go on with either.
        """
        if self._first is None or not isinstance(self._source, ApiSource):
            return self._source.arriving(self._selection)
        return self._source.arriving(self._selection, skip=self._counted(self._first))

    def findings(self) -> list[Finding]:
        """Return what is to be said once for the whole run."""
        count = self._tally.threads["resumed"]
        if not count:
            return []
        return [finding("source-not-reread", f"{count:,} threads that earlier runs had done were not read again.")]

    def _counted(self, first: int) -> Callable[[str], bool]:
        def done(thread_id: str) -> bool:
            row = self._runs.done_since(thread_id, first)
            if row is not None:
                self._tally.resumed(row)
            return row is not None

        return done
