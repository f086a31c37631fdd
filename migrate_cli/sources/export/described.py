"""Tells how a file is read that the setting `source.map` describes: as lines, as a document, or as a stream of entries.

A file that the paths do not fit is refused with the closest paths that exist. Loaded only where there is a map.
"""

from __future__ import annotations

from typing import Any

from migrate_cli.secrets import scrub
from migrate_cli.sources.export import json_text
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_stream import StreamedAt
from migrate_cli.sources.export.looked_at import Beginning, Recognised, held
from migrate_cli.sources.export.refusal import unfit_map
from migrate_cli.sources.mapping import RecordMap
from migrate_cli.sources.shapes import ShapeTable
from migrate_cli.sources.shapes.base import Form
from migrate_cli.sources.shapes.mapped import Mapped, MappedLines


def recognise_described(table: ShapeTable, input_: Input, beginning: Beginning, large: int) -> Recognised:
    """Return the shape and how to read it: of `large` bytes, as a stream where that can be.

    Raises NotOursError and BadJsonError.
    """
    record_map = table.by_map
    if record_map is None:
        raise ValueError("there is no map")
    _, second = beginning.two_lines(large)
    records = beginning.records() if second else []
    if len(records) > 1:
        misfits = record_map.misfits(records, rows=True)
        if not misfits:
            return Recognised(table.by_name[MappedLines.name], input_)
        raise unfit_map(input_, misfits, records, rows=True)
    return _document(table, record_map, input_, beginning, large)


def _document(table: ShapeTable, record_map: RecordMap, input_: Input, beginning: Beginning, large: int) -> Recognised:
    shape = table.by_name[Mapped.name]
    data = beginning.read(large)
    if len(data) >= large and record_map.entries_at is not None:
        streamed = StreamedAt(input_, record_map.entries_at)
        sketch = streamed.sketch() if streamed.streamable else None
        if sketch is not None:
            if misfits := record_map.misfits(sketch):
                raise unfit_map(input_, misfits, sketch)
            return Recognised(shape, input_, large=streamed)
    value: Any = json_text.parse(data if len(data) < large else held(input_))
    misfits = record_map.misfits(value)
    if not misfits and value not in ([], {}):
        return Recognised(shape, input_, value, frame=tuple(map(scrub, shape.frame(value))))
    other = table.find(Form.DOCUMENT, value)
    if other is None:
        raise unfit_map(input_, misfits, value)
    return Recognised(other, input_, value)
