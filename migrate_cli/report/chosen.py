"""What reports say about a run with a selection of threads, or with a time limit that ended it."""

from __future__ import annotations

import shlex

from migrate_cli.model import JsonObject
from migrate_cli.report.document import counts
from migrate_cli.report.escape import duration, enumerated, number


def options(data: JsonObject) -> str:
    """The choice as the next command must name it, with a blank before it; empty if nothing was selected."""
    chosen = _chosen(data)
    words = [f"--{name} {shlex.quote(str(chosen[name]))}" for name in ("since", "until") if name in chosen]
    words += [f"--assistant {shlex.quote(str(one))}" for one in chosen.get("assistants", ())]
    pairs = (f"{name}={value}" for name, value in chosen.get("metadata", {}).items())
    words += [f"--metadata {shlex.quote(pair)}" for pair in pairs]
    return "".join(f" {word}" for word in words)


def not_selected(data: JsonObject) -> str:
    """The sentence of a headline on threads that were left out; empty if nothing was selected."""
    none, count = none_selected(data), counts(data, "threads").get("not_selected")
    if none is not None:
        return f" {none}"
    if count is None or not _chosen(data):
        return ""
    if not count:
        return f" No thread of the source was left out: all are {told(data)}."
    return f" {number(count)} more {'was' if count == 1 else 'were'} not selected: only those {told(data)}."


def none_selected(data: JsonObject) -> str | None:
    """The headline of a run over threads of which none was wanted; None where that is not so."""
    threads = counts(data, "threads")
    count = threads.get("not_selected")
    if threads.get("total") or not count or not _chosen(data):
        return None
    return f"No thread was selected: none of {number(count)} is one {told(data)}."


def told(data: JsonObject) -> str:
    """The choice in words, such as `last active since 2026-01-01T00:00:00Z`."""
    chosen = _chosen(data)
    words = [f"since {chosen['since']}"] if "since" in chosen else []
    words += [f"before {chosen['until']}"] if "until" in chosen else []
    said = [f"last active {' and '.join(words)}"] if words else []
    if assistants := chosen.get("assistants"):
        said.append(f"with {' or '.join(map(str, assistants))}")
    if pairs := chosen.get("metadata"):
        said.append(f"whose metadata has {enumerated([f'{name}={value}' for name, value in pairs.items()])}")
    return ", ".join(said)


def time_over(data: JsonObject) -> str:
    """The sentence of a headline on a run that ended because its time was over; empty for any other."""
    limit = data.get("time_limit")
    if not isinstance(limit, int | float):
        return ""
    left = counts(data, "reached").get("of")
    met = counts(data, "threads").get("total", 0)
    rest = (
        f"; {number(left - met)} {'is' if left - met == 1 else 'are'} left" if left is not None and left > met else ""
    )
    return f" It ended after {duration(limit)} (--max-duration){rest}; run the same command again to resume."


def _chosen(data: JsonObject) -> JsonObject:
    found = data.get("selection")
    return found if isinstance(found, dict) else {}
