"""The parts of a plan's document that `apply` has not: what loading would take, and what is new since another plan."""

from __future__ import annotations

from migrate_cli.model import JsonObject
from migrate_cli.report.document import Column, Table, counts, text
from migrate_cli.report.escape import duration, number, percent, plural

SHOWN = 20
"""Thread ids of each kind; JSON has more of them."""


def estimate(data: JsonObject) -> Table | None:
    """Time, tokens and the model's window, where the plan has them."""
    found = data.get("estimate")
    if not isinstance(found, dict):
        return None
    rows: list[tuple[str, str]] = []
    if isinstance(found.get("seconds"), int):
        rate = plural(found.get("requests_per_minute") or 0, "request")
        rows.append(("time", f"{duration(found['seconds'])} at {rate} a minute"))
    tokens = counts(found, "tokens")
    if tokens:
        rows += [
            ("tokens in all", number(tokens.get("total"))),
            (
                "tokens of a conversation",
                ", ".join(f"{name} {number(tokens.get(name))}" for name in ("median", "p90", "max")),
            ),
            ("tokens by", text(found.get("tokens_by"))),
        ]
    window = found.get("window")
    if isinstance(window, dict):
        over, share = window.get("threads_over", 0), percent(window.get("threads_over", 0), found.get("threads", 0))
        what = f"{number(over)} ({share}), longer than the {number(window.get('tokens'))} tokens of "
        rows.append(("too long for the model", what + text(window.get("model"))))
    return Table("Estimate", (Column(""), Column("")), tuple(rows)) if rows else None


def against(data: JsonObject) -> Table | None:
    """What differs from the plan of `--against`."""
    found = data.get("against")
    if not isinstance(found, dict):
        return None
    rows = [("setting", str(sentence)) for sentence in found.get("settings", ())]
    ids, codes = found.get("thread_ids") or {}, found.get("codes") or {}
    for kind, count in counts(found, "threads").items():
        rows.append((f"threads {kind}", _list(count, ids.get(kind) or ())))
    for kind, names in codes.items():
        rows.append((f"findings {kind}", _list(len(names), names)))
    return Table(f"Since the plan {text(found.get('file'))}", (Column(""), Column("")), tuple(rows))


def _list(count: int, names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(text(name) for name in names[:SHOWN])
    more = " …" if count > SHOWN else ""
    return f"{number(count)}: {shown}{more}" if shown else number(count)
