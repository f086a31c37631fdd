"""The document of `plan --explain`: each record's fields, their forms, and what becomes of them."""

from __future__ import annotations

from migrate_cli.model import JsonObject, Result
from migrate_cli.report.document import Column, ReportDocument, SentenceList, Table, Tone, objects, text

_COLUMNS = (Column("field"), Column("form"), Column("as"), Column("becomes"))


def build(result: Result) -> ReportDocument:
    """Return the document: a table for each record."""
    shown = result.data.get("explained")
    shown = shown if isinstance(shown, dict) else {}
    records = objects(shown, "records")
    frame = tuple(str(name) for name in shown.get("frame") or ())
    beside = (SentenceList("Beside the records, and left out", frame),) if frame else ()
    place, shape = text(shown.get("place")), text(shown.get("shape"))
    headline = f"{place} is read as {shape}."
    if not records:
        headline += " No record of a message, a thread, a run or a step was found at its beginning."
    return ReportDocument(
        title="migrate-cli plan --explain",
        headline=headline,
        tone=Tone.GOOD if records else Tone.MIXED,
        sections=(*(_table(number, record) for number, record in enumerate(records, 1)), *beside),
    )


def _table(number: int, record: JsonObject) -> Table:
    rows = tuple(
        tuple(text(field.get(name)) for name in ("field", "form", "wire", "became"))
        for field in objects(record, "fields")
    )
    note = "Values are shown by their form: 0 is a digit, a is a letter." if number == 1 else None
    return Table(f"Record {number}: {text(record.get('kind'))}", _COLUMNS, rows, note)
