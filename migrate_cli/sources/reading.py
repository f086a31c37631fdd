"""Sums up how a source was read: for each shape the fields, and what ids, order and completeness are known by. Pure.

It counts certificates of threads on their way; it must not hold a thread, and not change one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from migrate_cli.model import JsonObject, Thread, Unreadable
from migrate_cli.sources import wire_fields
from migrate_cli.sources.interface import ShapeTaken

MOST_NAMES = 200
"""Fields of one shape that are counted by name; a source may have any number of them."""
OTHERS = "other fields"


@dataclass(slots=True)
class _ShapeReading:
    """What was read of one shape."""

    threads: int = 0
    messages: int = 0
    identity: Counter[str] = field(default_factory=Counter)
    order: Counter[str] = field(default_factory=Counter)
    completeness: Counter[str] = field(default_factory=Counter)
    carried: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)

    def add(self, thread: Thread) -> None:
        self.threads += 1
        known = thread.certificate
        if known is None:
            return
        self.identity[known.identity] += 1
        self.order[known.order] += 1
        self.completeness[known.completeness] += 1
        for names, count in known.fields.items():
            self.messages += count
            for name in names:
                if name in wire_fields.MESSAGE:
                    self.carried[f"messages[].{name}"] += count
        _count(self.set_aside, known.set_aside)
        for records in ((thread,), thread.runs, thread.run_steps):
            _count(self.set_aside, Counter(one.path for record in records for one in record.unknown))

    def data(self) -> JsonObject:
        """The counts as JSON, the most frequent first."""
        fields = {"carried": _sorted(self.carried), "set_aside": _sorted(self.set_aside)}
        known = {name: _sorted(getattr(self, name)) for name in ("identity", "order", "completeness")}
        return {"threads": self.threads, "messages": self.messages, "fields": fields, **known}


def _count(into: Counter[str], met: Mapping[str, int]) -> None:
    for name, count in met.items():
        into[name if name in into or len(into) < MOST_NAMES else OTHERS] += count


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def not_read(taken: Iterable[ShapeTaken]) -> JsonObject:
    """`{"not_read": {files, example}}` where files of a source are of no format that is known; else nothing."""
    ignored = next((one for one in taken if one.shape == "ignored" and one.files), None)
    return {} if ignored is None else {"not_read": {"files": ignored.files, "example": str(ignored.example)}}


class ReadingTally:
    """The sum over all threads that pass."""

    def __init__(self) -> None:
        self._shapes: dict[str, _ShapeReading] = {}

    def watch(self, entries: Iterable[Thread | Unreadable]) -> Iterator[Thread | Unreadable]:
        """Pass the entries of a source on, and count them."""
        for entry in entries:
            if isinstance(entry, Thread):
                self._shapes.setdefault(entry.shape, _ShapeReading()).add(entry)
            yield entry

    def data(self, taken: Iterable[ShapeTaken]) -> list[JsonObject]:
        """Return `data["reading"]`: an entry for each shape of which a thread was read."""
        files = {one.shape: one for one in taken}
        found = []
        for shape, reading in sorted(self._shapes.items()):
            known = files.get(shape)
            entry: JsonObject = {"shape": shape} | ({} if known is None else {"files": known.files})
            entry |= reading.data()
            if known is not None:
                entry["frame"] = dict(known.frame)
                entry["spelling"] = list(known.spelling)
            found.append(entry)
        return found
