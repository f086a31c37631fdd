"""Adds the results of shards up into one of the same shape. Pure.

What every shard reports because it belongs to the source as a whole is counted once: unreadable entries that belong to
no thread, and findings without a thread.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from migrate_cli.commands.run_totals import LISTED, NAMED
from migrate_cli.commands.timeline import Throughput
from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Problem
from migrate_cli.shards.task import ShardEnd

_OWN = frozenset({"shard", "state", "target", "seconds", "reached", "timeline", "source_argument", "format_argument"})
"""What the parent says itself."""
_CUT = {"finding_list": "finding_list_cut", "thread_list": "thread_list_cut"}


def add_up(ends: Sequence[ShardEnd]) -> JsonObject:
    """Return the `data` of all shards together; of those that told nothing, nothing."""
    data: JsonObject = {}
    for each in _data(ends):
        for key, value in each.items():
            if key not in _OWN:
                data[key] = _sum(data[key], value) if key in data else _copy(value)
    _once(data)
    if "reading" in data:
        data["reading"] = _reading(data["reading"])
    _cut(data)
    if pilots := [each["pilot"] for each in _data(ends) if "pilot" in each]:
        data["pilot"]["passed"] = all(pilot["passed"] for pilot in pilots)
    return data


def problems_of(ends: Sequence[ShardEnd], *, stopped: bool = False) -> list[Problem]:
    """Return the errors of all shards, each once, those that stopped a shard first.

    Where whoever started the shards `stopped` them, that one was told so is no error of its own: it says so in this way
    only if it was told before its work began.
    """
    found: dict[tuple[str, str, str | None], Problem] = {}
    for end in ends:
        if end.problem is not None:
            found[end.problem, "", None] = Problem("shard-killed", end.problem)
        for error in (end.envelope or {}).get("errors", ()):
            key = (error["code"], error["message"], error.get("thread_id"))
            if stopped and key[0] == "interrupted" and key[2] is None:
                continue
            found.setdefault(key, Problem(*key))
    return sorted(found.values(), key=lambda one: one.thread_id is not None)[:LISTED]


def pilot_stopped(end: ShardEnd) -> bool:
    """Whether a thread of a shard's pilot did not read back as it was sent."""
    return bool((end.envelope or {}).get("data", {}).get("pilot", {}).get("stopped_by"))


def codes_of(ends: Sequence[ShardEnd], *, interrupted: bool) -> list[ExitCode]:
    """Return the exit codes of all shards; those that were stopped because of a pilot were interrupted by nobody."""
    codes = [end.exit_code for end in ends]
    if interrupted:
        return [*codes, ExitCode.INTERRUPTED]
    return [code for code in codes if code != ExitCode.INTERRUPTED] if any(map(pilot_stopped, ends)) else codes


def timeline_of(ends: Sequence[ShardEnd], seconds: float) -> list[JsonObject]:
    """Return the messages a second of all shards together, as `Throughput.rows` gives them."""
    whole = Throughput()
    for end in ends:
        before = 0.0
        for row in (end.envelope or {}).get("data", {}).get("timeline", ()):
            count = round(row["messages_per_second"] * (row["seconds"] - before))
            whole.note(end.began + before, count)
            before = row["seconds"]
    return whole.rows(seconds)


def rows_of(ends: Sequence[ShardEnd], total: int) -> list[JsonObject]:
    """Return a line for each shard: how it ended, its threads, how often its process was started."""
    return [
        {
            "shard": f"{end.index}/{total}",
            "exit_code": int(end.exit_code),
            "threads": (end.envelope or {}).get("data", {}).get("threads", {}).get("total", 0),
            "attempts": end.attempts,
        }
        for end in sorted(ends, key=lambda end: end.index)
    ]


def _data(ends: Iterable[ShardEnd]) -> Iterable[JsonObject]:
    for end in sorted(ends, key=lambda end: end.index):
        yield (end.envelope or {}).get("data", {})


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            key: _sum(one[key], other[key]) if key in one and key in other else one.get(key, other.get(key))
            for key in (*one, *(key for key in other if key not in one))
        }
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    if isinstance(one, int | float) and isinstance(other, int | float) and not isinstance(one, bool):
        return one + other
    return one


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value


def _once(data: JsonObject) -> None:
    """Take back what several shards have met of the same thing."""
    data["unreadable"], again = _distinct(data.get("unreadable", ()), lambda _: True)
    for name in ("total", "failed", "unreadable"):
        if len(again) and name in data.get("threads", {}):
            data["threads"][name] -= len(again)
    data["finding_list"], again = _distinct(data.get("finding_list", ()), lambda row: row.get("thread_id") is None)
    if "finding_threads" in data:
        named = data["finding_threads"].items()
        data["finding_threads"] = {code: list(dict.fromkeys(ids))[:NAMED] for code, ids in named}
    for key, field in (("findings", "code"), ("severities", "severity")):
        if key in data:
            data[key] = dict(sorted((Counter(data[key]) - Counter(row[field] for row in again)).items()))


def _reading(entries: Iterable[JsonObject]) -> list[JsonObject]:
    """Return one entry for each format; each shard has met all of the files, and its own threads."""
    found: dict[str, JsonObject] = {}
    for entry in entries:
        known = found.get(entry["shape"])
        of_files = {name: entry[name] for name in _OF_FILES if name in entry}
        found[entry["shape"]] = entry if known is None else {**_sum(known, entry), **of_files}
    return [found[shape] for shape in sorted(found)]


_OF_FILES = ("files", "frame", "spelling")


def _distinct(rows: Iterable[JsonObject], some: Any) -> tuple[list[JsonObject], list[JsonObject]]:
    seen: set[str] = set()
    kept: list[JsonObject] = []
    again: list[JsonObject] = []
    for row in rows:
        name = json.dumps(row, sort_keys=True, default=str)
        (again if some(row) and name in seen else kept).append(row)
        seen.add(name)
    return kept, again


def _cut(data: JsonObject) -> None:
    """Keep lists as long as those of one process, and say by how much they are cut."""
    for name, value in list(data.items()):
        if isinstance(value, list) and len(value) > LISTED:
            over = len(value) - LISTED
            data[name] = value[:LISTED]
            if name in _CUT:
                data[_CUT[name]] = data.get(_CUT[name], 0) + over
