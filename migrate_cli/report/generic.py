"""The document of a command that has no builder, laid out by the types in its data.

Numbers and texts become a table of facts, objects of numbers a table of counts, lists of objects a table with a column
for each key, lists of texts a list.
"""

from __future__ import annotations

from typing import Any

from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import Column, ReportDocument, Section, SentenceList, Table, problems, steps, tone_of
from migrate_cli.report.escape import NOTHING, number

RESERVED = frozenset({"message", "next", "verbatim", "content", "rehearsal"})
"""Keys that are not laid out: the headline, the next steps, text to print as it is, message texts, a notice."""


def build(result: Result) -> ReportDocument:
    """Return the document; `data["message"]` is the headline when it is there."""
    data = {key: value for key, value in result.data.items() if key not in RESERVED}
    facts = tuple((title(key), number(value)) for key, value in data.items() if _is_scalar(value))
    sections: list[Section] = [Table("", (Column(""), Column("")), facts)] if facts else []
    sections += [section for key, value in data.items() if (section := _section(key, value)) is not None]
    verbatim = result.data.get("verbatim")
    return ReportDocument(
        title=f"migrate-cli {result.command}",
        headline=_headline(result),
        tone=tone_of(result),
        sections=(*sections, *problems(result)),
        next_steps=steps(result),
        verbatim=verbatim if isinstance(verbatim, str) and result.exit_code == 0 else None,
    )


def title(key: str) -> str:
    """`in_doubt` as a person would write it."""
    return key.replace("_", " ")


def _headline(result: Result) -> str:
    message = result.data.get("message")
    if isinstance(message, str):
        return message
    if result.exit_code == ExitCode.INTERRUPTED:
        return "The run was interrupted; run the same command again to resume."
    if result.errors and not result.data:
        return f"{result.command} did not work."
    return {"ok": "Done.", "partial": "Done in part."}.get(result.status, "Not everything is right.")


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _section(key: str, value: Any) -> Section | None:
    if isinstance(value, dict) and value:
        rows = tuple((title(str(name)), _cell(child)) for name, child in value.items())
        numeric = all(isinstance(child, int | float) for child in value.values())
        return Table(title(key).capitalize(), (Column(""), Column("", numeric=numeric)), rows)
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return _records(key, value)
    if isinstance(value, list) and value:
        return SentenceList(title(key).capitalize(), tuple(_cell(entry) for entry in value))
    return None


def _records(key: str, entries: list[JsonObject]) -> Table | None:
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    if not names:
        return None
    columns = tuple(Column(title(name), numeric=_is_numeric(entries, name)) for name in names)
    rows = tuple(tuple(_cell(entry.get(name)) for name in names) for entry in entries)
    return Table(title(key).capitalize(), columns, rows)


def _is_numeric(entries: list[JsonObject], name: str) -> bool:
    values = [entry[name] for entry in entries if entry.get(name) is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _cell(value: Any) -> str:
    if _is_scalar(value):
        return number(value)
    if isinstance(value, dict):
        return ", ".join(f"{title(str(name))}: {_cell(child)}" for name, child in value.items()) or NOTHING
    return ", ".join(_cell(child) for child in value) if isinstance(value, list | tuple) else str(value)
