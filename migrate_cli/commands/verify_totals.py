"""Counts what a verification finds, into the `data` of its result. It must not decide anything."""

from __future__ import annotations

from collections import Counter

from migrate_cli.commands.run_totals import LISTED, WHOLE
from migrate_cli.findings import holes_in
from migrate_cli.model import Draft, JsonObject, Problem, ThreadState, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.verify.comparisons import Earlier, Entry, NotLoaded
from migrate_cli.verify.conversation import ComparisonTask
from migrate_cli.verify.outcome import Outcome, Verdict
from migrate_cli.verify.run import HIDDEN, NOT_COMPARED

LISTED_ASIDE = 10_000
"""Threads that differ are listed further than those that do not: they are what a reader looks for."""


class VerifyTotals:
    """The running totals of one verification."""

    def __init__(self, view: ProgressView, *, with_source: bool = False, whole: bool = False) -> None:
        self._view = view
        self._most, self._most_aside = (WHOLE, WHOLE) if whole else (LISTED, LISTED_ASIDE)
        self._with_source = with_source
        self.threads: Counter[str] = Counter()
        self.outcomes: Counter[Outcome] = Counter()
        self.metadata: Counter[Outcome] = Counter()
        self.files: Counter[Outcome] = Counter()
        self.stores: Counter[Outcome] = Counter()
        self.messages = 0
        self.continued = 0
        self.repeated = 0
        self.images_by_presence = self.not_compared = 0
        self.told = 0
        self.differences: list[JsonObject] = []
        self.thread_list: list[JsonObject] = []
        self.not_loaded: list[JsonObject] = []
        self.unreadables: list[JsonObject] = []
        self.problems: list[Problem] = []
        self.failed = 0
        self._listed = 0

    # ---- what a run tells (verify.run.Observer)

    def compared(self, task: ComparisonTask, verdict: Verdict, *, failed: bool) -> None:
        """Count one conversation."""
        state = (ThreadState.DIFFERS if failed else ThreadState.VERIFIED).value
        for total, counted in (
            (self.outcomes, verdict.outcomes),
            (self.metadata, verdict.metadata),
            (self.files, verdict.files),
        ):
            for sign, count in counted.items():
                total[sign] += count
        self.continued += bool(verdict.continued)
        self.repeated += bool(verdict.repeated)
        self.images_by_presence += verdict.images_by_presence
        self.not_compared += verdict.not_compared
        if verdict.not_compared and not failed:
            self.threads["not_compared"] += 1
            told = f"{verdict.not_compared:,} items could not be compared: {HIDDEN}; verify with the source"
            self._problem(NOT_COMPARED, told, task.thread_id)
        self.failed += failed
        self.threads["source_changed"] += failed and task.changed
        self.threads["read_differently"] += task.reread
        self.threads["from_state"] += self._with_source and task.metadata is None and not task.reread
        self._list_differences(task, verdict)
        if failed:
            self._explain(task, verdict)
        self._thread(task.thread_id, task.conversation_id, state, task.messages, len(task.items), differing=failed)

    def aside(self, entry: Entry) -> None:
        """Count what was not compared."""
        if isinstance(entry, Unreadable):
            self._unreadable(entry)
        elif isinstance(entry, Earlier):
            self.outcomes[Outcome.SAME] += entry.items
            self.continued += entry.code == "continued"
            self.threads["earlier"] += 1
            self._thread(entry.thread_id, entry.conversation_id, "verified", entry.messages, entry.items)
        elif isinstance(entry, NotLoaded):
            self._not_loaded(entry)

    def store(self, store_id: str, target_id: str, outcome: Outcome, code: str, detail: str) -> None:
        """Count one vector store; what somebody has added to it is no fault."""
        self.stores[outcome] += 1
        if outcome not in (Outcome.SAME, Outcome.EXTRA):
            self.failed += 1
            self._problem(code, f"the vector store {target_id}, created from {store_id}: {detail}", None)

    def unknown(self, thread_id: str) -> None:
        """Count an id that was asked for but is unknown."""
        self._not_loaded(NotLoaded(thread_id, "unknown", "neither the source nor the state file has this thread"))

    def read(self, draft: Draft) -> None:
        """Count what is known to be missing of a thread of the source: nothing can be compared with it."""
        holes = holes_in(draft.findings)
        self.threads["incomplete"] += bool(holes)
        for hole in holes:
            self._problem(hole.code, hole.detail, draft.thread_id)

    # ---- the result

    @property
    def wanting(self) -> int:
        """Threads that should be in the target and are not there whole, and entries that could not be read."""
        return sum(self.threads[name] for name in ("not_loaded", "unreadable", "incomplete", "not_compared"))

    @property
    def nothing(self) -> str | None:
        """Why there was nothing to compare: the source is `empty`, or all is `unreadable` or `skipped`; else None."""
        total, unread, skipped = (self.threads[name] for name in ("total", "unreadable", "skipped"))
        if not self._with_source or self.threads["not_loaded"]:
            return None
        if total == 0:
            return "empty"
        if unread == total:
            return "unreadable"
        return "skipped" if skipped + unread == total else None

    def data(self) -> JsonObject:
        """What the run found."""
        names = ("total", "verified", "differs", "not_loaded")
        cut = {
            "differences_cut": self.told - len(self.differences),
            "thread_list_cut": self.threads["total"] - self.threads["unreadable"] - len(self.thread_list),
            "not_loaded_cut": self.threads["not_loaded"] - len(self.not_loaded),
        }
        return {
            "threads": {name: self.threads[name] for name in names}
            | {name: count for name, count in sorted(self.threads.items()) if name not in names and count},
            "outcomes": {sign.value: self.outcomes[sign] for sign in Outcome},
            "metadata": {sign.value: self.metadata[sign] for sign in Outcome},
            **({"files": {sign.value: self.files[sign] for sign in Outcome}} if self.files else {}),
            **({"vector_stores": {sign.value: self.stores[sign] for sign in Outcome}} if self.stores else {}),
            "continued": self.continued,
            **({"repeated": self.repeated} if self.repeated else {}),
            **({"images_by_presence": self.images_by_presence} if self.images_by_presence else {}),
            **({"items_not_compared": self.not_compared} if self.not_compared else {}),
            "differences": self.differences,
            "not_loaded": self.not_loaded,
            "thread_list": self.thread_list,
            "unreadable": self.unreadables,
        } | {name: count for name, count in cut.items() if count > 0}

    # ---- inside

    def _thread(
        self, thread_id: str, conversation_id: str | None, state: str, messages: int, items: int, *,
        differing: bool = False,
    ) -> None:  # fmt: skip
        self.threads["total"] += 1
        self.threads[state] += 1
        self.messages += messages
        if len(self.thread_list) < self._most_aside and (differing or self._listed < self._most):
            self._listed += not differing
            self.thread_list.append(
                {
                    "thread_id": thread_id,
                    "conversation_id": conversation_id,
                    "state": state,
                    "messages": messages,
                    "items": items,
                }
            )
        self._view.thread_done(state, messages)

    def _not_loaded(self, entry: NotLoaded) -> None:
        self.threads["total"] += 1
        skipped = entry.state == ThreadState.SKIPPED
        self.threads["skipped" if skipped else "not_loaded"] += 1
        row = {"thread_id": entry.thread_id, "state": entry.state, "detail": entry.detail}
        if len(self.thread_list) < self._most_aside:
            self.thread_list.append(row | {"conversation_id": None, "messages": entry.messages, "items": 0})
        if not skipped and len(self.not_loaded) < self._most:
            self.not_loaded.append(row)
            why = f": {entry.detail}" if entry.detail else ""
            state = entry.state.replace("_", " ")
            self._problem(
                "not-loaded", f"this thread is {state} and has no complete conversation{why}", entry.thread_id
            )
        self._view.thread_done(entry.state, 0)

    def _unreadable(self, entry: Unreadable) -> None:
        self.threads["total"] += 1
        self.threads["unreadable"] += 1
        if len(self.unreadables) < self._most:
            row = {"origin": str(entry.origin), "code": entry.code, "detail": entry.detail}
            self.unreadables.append(row)
        self._problem(entry.code, entry.sentence, entry.thread_id)
        self._view.thread_done("failed", 0)

    def _list_differences(self, task: ComparisonTask, verdict: Verdict) -> None:
        self.told += len(verdict.differences) + verdict.differences_cut
        room = self._most - len(self.differences)
        self.differences += [
            {"thread_id": task.thread_id, "conversation_id": task.conversation_id, **one.as_dict()}
            for one in verdict.differences[:room]
        ]

    def _explain(self, task: ComparisonTask, verdict: Verdict) -> None:
        first = next((one for one in verdict.differences if one.outcome is not Outcome.EXTRA), None)
        first = first or next(iter(verdict.differences), None)
        if first is None:
            return
        where = "" if first.position is None else f"item {first.position}: "
        field = f"{first.field} " if first.field else ""
        more = len(verdict.differences) + verdict.differences_cut - 1
        rest = f" (and {more:,} more)" if more else ""
        since = "; the source has changed since it was loaded" if task.changed else ""
        self._problem(first.code, f"{where}{field}{first.detail}{rest}{since}", task.thread_id)

    def _problem(self, code: str, message: str, thread_id: str | None) -> None:
        if len(self.problems) < self._most_aside:
            self.problems.append(Problem(code, message, thread_id))
