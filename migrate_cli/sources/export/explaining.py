"""Finds one file of an export by its name, and shows how its first records are read.

It looks at the beginning of the file only; it must not build threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import PurePath
from typing import Any

from migrate_cli.bounds import TooDeepError
from migrate_cli.errors import UsageError, closest
from migrate_cli.sources.explain import RECORDS, Explanation, RecordShown, explained, named_shown, record_shown
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_lines import records
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.export.looked_at import NotOursError, Recognised
from migrate_cli.sources.export.recognise import Recogniser
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Form, Loose, Whole
from migrate_cli.sources.shapes.flat import FlatRow
from migrate_cli.sources.table import csv_rows

Wire = Callable[[Any], Any]


def explain_file(files: Iterable[Input], recogniser: Recogniser, name: str | None) -> Explanation:
    """Return how a file is read; `name` is its path, or that of a member of an archive.

    None is the first that holds messages, threads, runs or steps, as far as its beginning tells, or else the first that
    is read. Raises UsageError where there is no such file, or where it cannot be read.
    """
    names: dict[str, str] = {}
    faults: list[str] = []
    first: Explanation | None = None
    for input_ in files:
        if name is not None and not _is_named(input_, name):
            names[PurePath(input_.name).name] = str(input_.origin)
            continue
        try:
            found = recogniser.look(input_)
            shown = Explanation(str(input_.origin), found.shape.name, _records(found, recogniser.wire), found.frame)
            if name is not None or shown.records:
                return shown
            first = first or shown
        except (NotOursError, BadJsonError, TooDeepError) as error:
            faults.append(str(error) or type(error).__name__)
    if first is not None:
        return first
    if faults:
        raise UsageError(f"{name or 'the source'} cannot be explained: {faults[0]}")
    close = closest(name or "", names)
    hint = f"; did you mean {names[close]}?" if close else ""
    raise UsageError(f"the source has no file {name}{hint}")


def _is_named(input_: Input, name: str) -> bool:
    shown = str(input_.origin)
    return name in (shown, input_.origin.member) or shown.endswith((f"/{name}", f"!{name}"))


def _records(found: Recognised, wire: Wire) -> tuple[RecordShown, ...]:
    if isinstance(found.shape, FlatRow):
        return tuple(_row(found.shape, raw, wire) for raw in islice(_rows(found), RECORDS))
    values = list(islice(_values(found), RECORDS))
    shown = explained(values, wire)
    if shown:
        return shown
    # Records that are in texts, such as the bodies of a recording, are only found by the shape.
    pieces = found.shape.pieces(wire(values[0])) if values else iter(())
    raws: list[Any] = []
    for piece in islice(pieces, RECORDS):
        if isinstance(piece, Whole):
            raws += piece.messages[:RECORDS]
        elif isinstance(piece, Loose) and piece.kind is not RecordKind.OTHER:
            raws += piece.raws[:RECORDS]
    return explained(raws, lambda raw: raw)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _row(shape: FlatRow, raw: Any, wire: Wire) -> RecordShown:
    """Show a row by its columns, unless it is of a dialect, which the translation shows."""
    translated = [one for one in _listed(wire(raw)) if isinstance(one, dict)]
    row = translated[0] if len(translated) == 1 else {}
    if "object" in row or not row:
        return record_shown(raw, translated, RecordKind.MESSAGE)
    names = {column: _WIRE.get(field, field) for field, column in shape.columns.found(row).items()}
    return named_shown("row", {column: names.get(column, "") for column in raw}, raw)


_WIRE = {"message_id": "id", "text": "content"}


def _rows(found: Recognised) -> Iterator[Any]:
    if found.shape.form is Form.CSV:
        return (row.cells for row in csv_rows(found) if not row.too_long)
    return (row for value in _values(found) for row in _listed(value) if isinstance(row, dict))


def _values(found: Recognised) -> Iterator[Any]:
    """Yield what was parsed, before any translation: lines, or a document or its first fragment."""
    if found.shape.form is Form.LINES:
        return (value for _, _, _, value in records(found.input, _ignore))
    if found.large is not None:
        return islice(found.large.fragments(found.shape.growth, found.shape.batch, _ignore), 1)
    return iter([found.value] if found.shape.form is Form.YAML else [json_text.parse(found.input.read())])


def _ignore(*_: Any) -> None:
    """What is wrong with an entry, a plan tells."""
