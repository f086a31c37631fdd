"""Adds up the progress of many shards and shows it as that of one process."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict

from migrate_cli.model import JsonObject
from migrate_cli.report.escape import visible
from migrate_cli.report.progress import ProgressView


class ShardProgress:
    """Takes the progress lines of all shards. Belongs to one thread."""

    def __init__(self, view: ProgressView) -> None:
        self._view = view
        self._states: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._messages: Counter[int] = Counter()
        self._rates: dict[int, float] = {}
        self._read: dict[int, tuple[int, float]] = {}
        """By shard: how many of its threads were read, and the share of the source that held them."""
        self.quiet = False
        """Whether notes are left out, because every shard says the same now."""

    @property
    def failed(self) -> int:
        """Threads that failed so far."""
        return sum(states["failed"] for states in self._states.values())

    def told(self, index: int, line: JsonObject) -> None:
        """Take one line of a shard; what it counts again after a restart is not counted again here."""
        kind = line.get("type")
        if kind == "progress":
            self._progress(index, line)
        elif kind == "note" and not self.quiet:
            self._view.note(f"shard {index}: {line.get('text')}")
        elif kind == "stderr":
            # Such as ids that no disk remembers: never left out.
            sys.stderr.write(f"shard {index}: {visible(line.get('text'))}\n")

    def _progress(self, index: int, line: JsonObject) -> None:
        known = self._states[index]
        messages = max(int(line.get("messages") or 0) - self._messages[index], 0)
        self._messages[index] += messages
        for state, count in (line.get("states") or {}).items():
            for _ in range(count - known[state]):
                self._view.thread_done(state, messages)
                messages = 0
            known[state] = max(known[state], count)
        self._reading(index, line)
        rate = line.get("requests_per_minute")
        if rate is not None:
            self._rates[index] = rate
            self._view.rates(sum(self._rates.values()))

    def _reading(self, index: int, line: JsonObject) -> None:
        """Each shard reads the whole source, so each tells how many threads it has in all."""
        read = line.get("read") or {}
        if not (read.get("threads") and read.get("share")):
            return
        self._read[index] = int(read["threads"]), float(read["share"])
        threads = sum(count for count, _ in self._read.values())
        in_all = sum(count / share for count, share in self._read.values())
        self._view.read(threads, threads / in_all)

    def ended(self, index: int) -> None:
        """Forget the pace of a shard that sends nothing more."""
        self._rates.pop(index, None)
