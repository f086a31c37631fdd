"""What of a source was not read, as the reports of several commands show it. It must not say what to do about it."""

from __future__ import annotations

from migrate_cli.model import JsonObject
from migrate_cli.report.document import Column, Table, objects, text
from migrate_cli.report.escape import plural

SHOWN = 20
"""Rows of the lists in reports that people read on a screen; JSON has them all."""


def not_read_line(data: JsonObject) -> str:
    """That files are of no format that is known: nothing of them is in any count. Empty where there are none."""
    found = data.get("not_read")
    if not isinstance(found, dict):
        return ""
    return f"Not recognised, and not read: {plural(found.get('files', 0), 'file')}, such as {found.get('example')}"


def places(data: JsonObject) -> list[JsonObject]:
    """The places that could not be read, as far as the result lists them."""
    return objects(data, "unreadable") or objects(data, "unreadable_list")


def unreadable_table(data: JsonObject, cut: int) -> Table | None:
    """These places with why, and how many more there are; None where there are none."""
    entries = places(data)
    if not entries:
        return None
    rows = tuple((text(e.get("origin")), text(e.get("code")), text(e.get("detail"))) for e in entries)
    columns = (Column("where"), Column("code"), Column("why"))
    return Table("Could not be read", columns, rows, most=SHOWN, unlisted=cut, what="place")
