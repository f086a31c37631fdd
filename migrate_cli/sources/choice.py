"""Which threads a person wants by what they hold: their last activity, their assistants, their metadata. Pure.

A thread of which it cannot be told is kept, and says so: nobody may lose one to a time that was never written down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from typing import Any

from migrate_cli.findings import finding
from migrate_cli.model import Finding, Message, Run, Thread

ACTIVITY_UNKNOWN = "activity-unknown"


class Judgement(StrEnum):
    """Whether a thread is wanted."""

    WANTED = "wanted"
    LEFT_OUT = "left-out"
    UNKNOWN = "unknown"
    """It does not say when it was last active. Such a thread is wanted."""


@dataclass(frozen=True, slots=True)
class Activity:
    """When a thread was last active, as far as it says."""

    last: float | None = None
    """The newest time of its messages and runs, in Unix seconds; None where none has one."""
    whole: bool = True
    """Whether each of them has a time, so that none can be newer than `last`."""

    @classmethod
    def of(cls, times: Iterable[float | None]) -> Activity:
        """Return what these times tell."""
        last, whole = None, True
        for time in times:
            if time is None:
                whole = False
            elif last is None or time > last:
                last = time
        return cls(last, whole)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a thread must hold to be wanted; all of it. An empty choice is false, and wants every thread."""

    since: float | None = None
    """Last active at this moment or later, in Unix seconds."""
    until: float | None = None
    """Last active before this moment, so that two runs that share a moment take each thread once."""
    assistants: frozenset[str] = frozenset()
    """One of these wrote a message of it, or ran on it."""
    metadata: tuple[tuple[str, str], ...] = ()
    """Pairs of the thread's own metadata, all of them."""

    def __bool__(self) -> bool:
        return self.timed or bool(self.assistants or self.metadata)

    @property
    def timed(self) -> bool:
        """Whether the last activity matters."""
        return self.since is not None or self.until is not None

    def judge(self, thread: Thread) -> Judgement:
        """Return whether a thread is wanted. Its messages are read once, and only where they matter."""
        if not self.wants_metadata(thread.metadata):
            return Judgement.LEFT_OUT
        if not (self.timed or self.assistants):
            return Judgement.WANTED
        named: set[str | None] = set()

        def times() -> Iterator[float | None]:
            for entry in chain[Message | Run](thread.messages, thread.runs):
                named.add(entry.assistant_id)
                yield entry.created_at

        activity = Activity.of(times())
        if self.assistants and not self.assistants & named:
            return Judgement.LEFT_OUT
        if activity == Activity():
            # Nothing was ever said in it: then it was last active when it was made.
            activity = Activity.of([thread.created_at])
        return self.judge_activity(activity)

    def judge_activity(self, activity: Activity) -> Judgement:
        """Return whether a thread is wanted that was last active then."""
        last = activity.last
        if not self.timed:
            return Judgement.WANTED
        if last is not None and self.until is not None and last >= self.until:
            return Judgement.LEFT_OUT
        late_enough = self.since is None or (last is not None and last >= self.since)
        if activity.whole and last is not None:
            return Judgement.WANTED if late_enough else Judgement.LEFT_OUT
        return Judgement.WANTED if late_enough and self.until is None else Judgement.UNKNOWN

    def wants_metadata(self, metadata: Mapping[str, Any]) -> bool:
        """Return whether the metadata of a thread holds every pair that was asked for."""
        return all(name in metadata and _as_text(metadata[name]) == value for name, value in self.metadata)


def with_judgement(thread: Thread, judgement: Judgement) -> Thread:
    """Return the thread, with the finding that it belongs to where its activity is not known."""
    if judgement is not Judgement.UNKNOWN:
        return thread
    return replace(thread, findings=(*thread.findings, unknown_activity(thread.id)))


def unknown_activity(thread_id: str) -> Finding:
    """Return the finding of a thread that was kept because it is not known when it was last active."""
    detail = "Not all of its messages and runs have times, so it was included regardless of --since and --until."
    return finding(ACTIVITY_UNKNOWN, detail, thread_id)


def _as_text(value: Any) -> str:
    """A value of metadata as a person writes it; the API has texts only, exports have numbers too."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
