"""The documents of `recover` and of orphans: which conversations belong to threads, and which are orphaned."""

from __future__ import annotations

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import (
    Column,
    ReportDocument,
    Section,
    Table,
    counts,
    objects,
    problems,
    steps,
    text,
    tone_of,
)
from migrate_cli.report.escape import duration, number

SHOWN = 20
"""Conversations that a terminal and Markdown list; the other formats have up to a thousand."""
STATES = {
    "loaded": "all of it is in its conversation",
    "loading": "its conversation holds the beginning, and `apply` continues from there",
    "skipped": "it holds nothing to send",
    "in_doubt": "its conversation is not certain; nothing is sent until a person has decided",
    "not_found": "the target lists no conversation for it; `apply` loads it",
    "unreadable": "it could not be read from the source",
}
"""What became of threads, in the words of `recover`."""
FATES = {
    "removable": "empty, or the beginning of a thread that is loaded into another conversation",
    "with_force": "the same, but the thread is not loaded here: only with --force",
    "written_into": "somebody has written into it, or changed its metadata: it is never deleted",
    "not_comparable": "it holds items, and it is not known whether they are the thread's: it is left",
    "not_there": "listed by the target, but missing or another thread's",
}
"""What orphans are."""


def build(result: Result) -> ReportDocument:
    """Return the document."""
    data = result.data
    orphans = "orphan_list" in data
    advice = ("Delete them: run the same command without --dry-run",) if data.get("would_delete") else ()
    return ReportDocument(
        title=f"migrate-cli {result.command}",
        headline=text(data.get("message")),
        tone=tone_of(result),
        sections=(*(_of_orphans(data) if orphans else _of_threads(data)), *problems(result), *_facts(data)),
        next_steps=(*advice, *steps(result)),
    )


def _of_threads(data: JsonObject) -> list[Section]:
    return [*_counted("Threads", data, "threads", STATES), *_listed("Orphans", data, "orphans", ())]


def _of_orphans(data: JsonObject) -> list[Section]:
    # After an `undo`, what was deleted is a number.
    deleted = counts(data, "conversations").get("deleted")
    left = [entry for entry in objects(data, "orphan_list") if not (deleted and entry.get("fate") == "removable")]
    return [
        *_counted("Orphans", data, "orphans", FATES),
        *_listed("Conversations", {**data, "orphan_list": left}, "orphan_list", ("items", "fate")),
    ]


def _counted(title: str, data: JsonObject, key: str, meanings: dict[str, str]) -> list[Section]:
    found = counts(data, key)
    rows = tuple(
        (name.replace("_", " "), number(found[name]), said) for name, said in meanings.items() if found.get(name)
    )
    columns = (Column(""), Column("count", numeric=True), Column("what it means"))
    return [Table(title, columns, rows, prose=True)] if rows else []


def _listed(title: str, data: JsonObject, key: str, more: tuple[str, ...]) -> list[Section]:
    found = objects(data, key)
    names = ("thread_id", *more, "conversation_id")
    rows = tuple(tuple(_cell(entry.get(name)) for name in names) for entry in found)
    columns = tuple(Column(name.removesuffix("_id"), numeric=name == "items") for name in names)
    total = sum(counts(data, "orphans").get(name, 0) for name in FATES if name != "not_there")
    return [Table(title, columns, rows, most=SHOWN, unlisted=max(0, total - len(rows)), what="conversation")] * bool(
        rows
    )


def _cell(value: object) -> str:
    return number(value) if isinstance(value, int) else text(value)


def _facts(data: JsonObject) -> list[Section]:
    listing = data.get("conversations") if "orphan_list" not in data else data.get("listing")
    target = data.get("target")
    base_url = target.get("base_url") if isinstance(target, dict) else target
    facts = [("target", text(base_url))]
    if isinstance(listing, dict):
        facts.append(("conversations listed", number(listing.get("listed"))))
        facts.append(("of them without a thread", number(listing.get("others"))))
    files = counts(data, "files")
    facts += [("files", ", ".join(f"{number(count)} {name}" for name, count in files.items()))] if files else []
    facts += [("state file", text(data["state"]))] if data.get("state") else []
    facts += [("time", duration(data["seconds"]))] if isinstance(data.get("seconds"), float) else []
    return [Table("Run", (Column(""), Column("")), tuple(facts))]
