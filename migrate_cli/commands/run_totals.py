"""Counts what happens to each thread of a plan or a run, into the `data` of a result. It must not decide anything."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from migrate_cli.commands.choosing import NotSelected
from migrate_cli.commands.timeline import Throughput
from migrate_cli.findings import CATALOGUE, finding, holes_in
from migrate_cli.load.decide import SET_ASIDE, Action
from migrate_cli.load.run import OTHER_VERSION, READ_DIFFERENTLY
from migrate_cli.model import (
    CONVERSATION_GONE,
    CONVERSATION_UNREADABLE,
    UNKNOWN_THREAD,
    Draft,
    Finding,
    JsonObject,
    Ledger,
    Problem,
    Progress,
    ThreadState,
    Unreadable,
)
from migrate_cli.report.progress import ProgressView
from migrate_cli.report.side_by_side import ContentRecorder
from migrate_cli.secrets import scrub
from migrate_cli.sources.interface import Selection

BY_VERIFY = frozenset({"differs", "gone", "unread"})
"""What a loaded thread counts as where the last `verify` found something."""
NAMED = 5
"""Threads that a result names for each finding code."""
OUTLINES = 3
"""Files of unknown formats whose outline a result carries."""
LISTED = 1000
"""Longest list of findings, threads or unreadable entries that a result carries; the state file has them all."""
WHOLE = sys.maxsize
"""The same where all were asked for: about half a kilobyte of memory an entry."""

_ALREADY = {
    Action.DONE: "unchanged",
    Action.LEARN: "unchanged",
    Action.CHANGED: "changed",
    Action.GROWN: "grown",
    Action.REREAD: "read_differently",
}
_SINCE = {
    Action.CHANGED: ("source-changed", "the source has changed since this thread was loaded"),
    Action.GROWN: ("source-grown", "this thread has new messages at its end; load them with --append"),
}


def all_skipped(threads: Mapping[str, int]) -> bool:
    """Whether there were threads, and none that holds anything to load."""
    total, skipped = threads.get("total", 0), threads.get("skipped", 0)
    return 0 < total == skipped + threads.get("unreadable", 0) and skipped > 0


class RunTotals:
    """The running totals of one plan or one run."""

    def __init__(
        self,
        view: ProgressView,
        content: ContentRecorder | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        not_selected: NotSelected | None = None,
        listed: int | None = None,
    ) -> None:
        self._view, self._content, self._clock = view, content, clock
        self._not_selected = not_selected
        self._most = LISTED if listed is None else listed
        self._began, self._timeline = clock(), Throughput()
        self._wanted: set[str] = set()
        self._selection = Selection()
        self.threads: Counter[str] = Counter()
        self._set_aside = False
        """Whether a person left a thread out: then nothing is what was wanted of it."""
        self.read = 0
        self.items = 0
        self.parts = Ledger()
        self.codes: Counter[str] = Counter()
        self.severities: Counter[str] = Counter()
        self.finding_list: list[JsonObject] = []
        self.finding_threads: dict[str, dict[str, None]] = {}
        """The first threads of each code, in their order."""
        self.thread_list: list[JsonObject] = []
        self.skipped: list[JsonObject] = []
        self.unreadables: list[JsonObject] = []
        self.problems: list[Problem] = []
        self.batches = 0

    # ---- what a run tells (load.interface.LoadObserver)

    def thread(
        self, draft: Draft, action: Action, progress: Progress | None, code: str | None, detail: str | None
    ) -> None:
        """Count one thread of a run by how it ended."""
        state = _state_of(action, progress)
        self._set_aside |= code == SET_ASIDE
        self.draft(draft, state, conversation_id=progress.conversation_id if progress else None)
        if state == "loaded" and action not in _ALREADY:
            self._timeline.note(self._seconds(), draft.messages)
        if action in _ALREADY:
            self.threads[_ALREADY[action]] += 1
        if state in BY_VERIFY and progress is not None:
            self._found_by_verify(draft.thread_id, progress.code, progress.detail)
        if action is Action.REREAD:
            self.add_findings([finding(READ_DIFFERENTLY, f"{OTHER_VERSION}.", draft.thread_id)])
        elif action in _SINCE:
            known_code, known_detail = _SINCE[action]
            code, detail = code or known_code, detail or known_detail
            if code in CATALOGUE:
                self.add_findings([finding(code, detail, draft.thread_id)])
            self.problem(code, detail, draft.thread_id)
        elif state in ("failed", "in_doubt"):
            self.problem(code or state, detail or "unchanged since an earlier run", draft.thread_id)

    def unreadable(self, entry: Unreadable) -> None:
        """Count something that could not be read."""
        self._wanted.discard(self._selection.meant_by(entry) or "")
        self.threads["unreadable"] += 1
        self.threads["failed"] += 1
        self.threads["total"] += 1
        row: JsonObject = {"origin": str(entry.origin), "code": entry.code, "detail": entry.detail}
        if entry.shown and sum("outline" in other for other in self.unreadables) < OUTLINES:
            row["outline"] = [scrub(line) for line in entry.shown]
        _append(self._most, self.unreadables, row)
        self.problem(entry.code, entry.sentence, entry.thread_id)
        self._view.thread_done("failed", 0)

    def resumed(self, row: JsonObject) -> None:
        """Count a thread that the runs which this one continues with have done, from its `RecordedRuns.done_since`."""
        state = "skipped" if row["state"] == ThreadState.SKIPPED else _of_loaded(row["state"], row["code"])
        self._wanted.discard(row["thread_id"])
        for name in ("total", state, "resumed"):
            self.threads[name] += 1
        self.read += row["messages"]
        self.items += row["items"]
        known = [one for one in row["findings"] if one[1] in CATALOGUE]
        found = [finding(code, detail, row["thread_id"], message) for message, code, detail in known]
        self.add_findings(found)
        kept = {name: row[name] for name in ("thread_id", "conversation_id", "messages", "items", "reason")}
        _append(self._most, self.thread_list, {**kept, "state": state, "findings": len(found)})
        if state == "skipped":
            _append(self._most, self.skipped, {"thread_id": row["thread_id"], "reason": row["reason"]})
        if state in BY_VERIFY:
            self._found_by_verify(row["thread_id"], row["code"], row["detail"])
        self._view.thread_done(state, row["messages"])

    def _found_by_verify(self, thread_id: str, code: str | None, detail: str | None) -> None:
        """Report what the last `verify` found; it is valid until a clean one."""
        self.problem(code or "differs", f"verify found: {detail or 'the conversation differs'}", thread_id)

    def pilot_stopped(self, thread_id: str) -> None:
        """Report, before everything else, that the run ended in its pilot."""
        told = (
            f"the pilot stopped the run: {thread_id} does not read back as sent, and nothing more was loaded; settle "
            "it, then run the same command again: it begins with a pilot"
        )
        self.problems.insert(0, Problem("pilot-stopped", told))

    def missing(self, thread_id: str) -> None:
        """Count a thread that was loaded once and that the source no longer has."""
        self.threads["missing"] += 1
        self.add_findings(
            [finding("source-thread-missing", "it was loaded before and is not in the source", thread_id)]
        )

    def say(self, text: str) -> None:
        """Pass a sentence on to the user."""
        self._view.note(text)

    # ---- what both tell

    def want(self, selection: Selection) -> None:
        """Remember threads that were asked for by id; with a limit, not all of them are looked for."""
        self._selection = selection
        if selection.thread_ids is not None and selection.limit is None:
            self._wanted = {one for one in selection.thread_ids if selection.wants(one)}

    def count_missing(self) -> None:
        """Count threads that were asked for by id and that the source does not have, once all of it was read."""
        left_out = self._not_selected.ids if self._not_selected else set()
        for thread_id in sorted(self._wanted - left_out):
            self.threads["unknown"] += 1
            self.problem(UNKNOWN_THREAD, f"the source has no thread {thread_id}; check the id", thread_id)
        self._wanted.clear()

    def draft(self, draft: Draft, state: str, *, conversation_id: str | None = None) -> None:
        """Count one thread: its counts, parts and findings."""
        self._wanted.discard(draft.thread_id)
        self.threads["total"] += 1
        self.threads[state] += 1
        self.read += draft.messages
        self.items += len(draft.items)
        self.parts.add(draft.ledger)
        self.add_findings(draft.findings)
        if state == "skipped":
            _append(self._most, self.skipped, {"thread_id": draft.thread_id, "reason": draft.skip_reason})
        _append(
            self._most,
            self.thread_list,
            {
                "thread_id": draft.thread_id,
                "conversation_id": conversation_id,
                "state": state,
                "messages": draft.messages,
                "items": len(draft.items),
                "findings": len(draft.findings),
                "reason": draft.skip_reason,
            },
        )
        if self._content is not None:
            self._content.draft(draft, conversation_id)
        self._view.thread_done(state, draft.messages)

    def add_findings(self, findings: Iterable[Finding]) -> None:
        """Count findings: of one thread, or of the run as a whole."""
        findings = tuple(findings)
        holes = holes_in(findings)
        self.threads["incomplete"] += bool(holes)
        for hole in holes:
            self.problem(hole.code, hole.detail, hole.thread_id)
        for found in findings:
            self.codes[found.code] += 1
            self.severities[found.severity.value] += 1
            named = self.finding_threads.setdefault(found.code, {})
            if found.thread_id is not None and len(named) < NAMED:
                named[found.thread_id] = None
            if len(self.finding_list) < self._most:
                self.finding_list.append(finding_row(found))

    def problem(self, code: str, message: str, thread_id: str | None) -> None:
        """Count one entry of `errors`."""
        if len(self.problems) < self._most:
            self.problems.append(Problem(code, message, thread_id))

    @property
    def nothing(self) -> str | None:
        """Why a run over the source came to nothing: it is `empty`, or all is `unreadable` or `skipped`; else None.

        Of one shard, only the second tells anything.
        """
        total, unread = self.threads["total"], self.threads["unreadable"]
        if self.threads["unknown"] or self.threads["missing"]:
            return None
        if total and unread == total:
            return "unreadable"
        if self._selection.shard is not None:
            return None
        if total == 0:
            return "empty" if self._selection == Selection() else None
        return "skipped" if all_skipped(self.threads) and not self._set_aside else None

    # ---- the result

    def data(self) -> JsonObject:
        """The part of `data` that `plan` and `apply` share."""
        cut = {
            "finding_list_cut": sum(self.codes.values()) - len(self.finding_list),
            "thread_list_cut": self.threads["total"] - self.threads["unreadable"] - len(self.thread_list),
        }
        return (
            {
                "threads": {key: self.threads[key] for key in ("total", "loaded", "skipped", "failed", "in_doubt")}
                | {key: count for key, count in sorted(self.threads.items()) if key not in _FIXED and count}
                | self._left_out(),
                "messages": {"read": self.read, "items": self.items},
                "parts": self.parts.as_dict(),
                "findings": dict(sorted(self.codes.items())),
                "severities": dict(sorted(self.severities.items())),
                "finding_threads": {code: list(named) for code, named in sorted(self.finding_threads.items())},
                "finding_list": self.finding_list,
                "thread_list": self.thread_list,
                "skipped": self.skipped,
                "unreadable": self.unreadables,
            }
            | {key: count for key, count in cut.items() if count}
            | (self._content.data() if self._content else {})
        )

    def _left_out(self) -> dict[str, int]:
        """How many threads a choice left out; they are none of `total`."""
        return {"not_selected": self._not_selected.count} if self._not_selected and self._selection.choice else {}

    def timeline(self) -> list[JsonObject]:
        """Messages a second over the time since the start, counted when their thread is loaded whole."""
        return self._timeline.rows(self._seconds())

    def _seconds(self) -> float:
        return self._clock() - self._began


_FIXED = frozenset({"total", "loaded", "skipped", "failed", "in_doubt"})


def finding_row(found: Finding) -> JsonObject:
    """Return a finding as reports show it."""
    return {
        "code": found.code,
        "severity": found.severity.value,
        "thread_id": found.thread_id,
        "message_id": found.message_id,
        "detail": found.detail,
    }


def _state_of(action: Action, progress: Progress | None) -> str:
    if action in _ALREADY:
        return _of_loaded(progress.state, progress.code) if progress is not None else "loaded"
    if action is Action.SKIP:
        return "skipped"
    state = progress.state if progress is not None else ThreadState.PENDING.value
    return "deferred" if state in (ThreadState.LOADING, ThreadState.CREATING, ThreadState.PENDING) else state


def _of_loaded(state: str, code: str | None) -> str:
    """What a thread that was loaded counts as, by what `verify` has found since."""
    if code == CONVERSATION_UNREADABLE:
        return "unread"
    if state != ThreadState.DIFFERS:
        return "loaded"
    return "gone" if code == CONVERSATION_GONE else "differs"


def _append(most: int, rows: list[Any], row: Any) -> None:
    if len(rows) < most:
        rows.append(row)
