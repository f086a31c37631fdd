"""Indexes a table: its rows become wire messages in the spool, since a row is not a wire object to refer to.

What a row means, its shape knows (`shapes/flat.py`); how CSV is cut into rows, `sources/table.py` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from migrate_cli.bounds import too_long
from migrate_cli.model import JsonObject
from migrate_cli.sources.export.index import ThreadIndex
from migrate_cli.sources.export.looked_at import Recognised
from migrate_cli.sources.export.thread_names import ThreadNames
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Loose, Piece, Remark
from migrate_cli.sources.shapes.flat import FlatRow
from migrate_cli.sources.table import CsvRow, csv_rows, header_is_open

_BATCH = 500
"""Rows that are held until they are written, so that the rows of one thread form long blocks."""
MAY_BE_CUT = Remark(
    "file-may-be-cut", "The last row of the file has no line ending, so its last cell may be truncated; compare it."
)


def index_table(found: Recognised, index: ThreadIndex, names: ThreadNames, wire: Callable[[Any], Any]) -> bool:
    """Turn rows into wire messages in the spool, a batch at a time; rows before a fault are kept.

    Return whether there is any row below the header.
    """
    batch: list[Piece] = []
    held = False
    stretches: dict[tuple[RecordKind, str], int] = {}

    def spool() -> None:
        for key, raws in _by_thread(found, batch, names).items():
            if key not in stretches:
                stretches[key] = index.stretch(found.shape.name, found.input, spooled=True)
            index.spool(*key, stretches[key], raws)
        for piece in batch:
            if isinstance(piece, Loose) and piece.remarks and (thread := names.thread_of(found.input, piece)):
                index.remark(thread, *piece.remarks)
        batch.clear()

    try:
        for row in csv_rows(found):
            held = True
            if row.too_long:
                here = replace(found.input.origin, line=row.line)
                detail = f"{here}: The row that ends here has {too_long('a cell')}. The other rows are read."
                index.problem(here, "string-too-long", detail)
                continue
            cells = found.shape.from_cells(row.cells) if isinstance(found.shape, FlatRow) else row.cells
            pieces = list(found.shape.pieces(wire(_filled(cells))))
            if row.surplus and not row.cut:
                _ragged_row(found, row, pieces, index)
                continue
            if row.cut:
                _cut_row(found, row, pieces, index)
                break
            batch += pieces
            if row.open_end:
                for _, thread in _by_thread(found, pieces, names):
                    index.remark(thread, MAY_BE_CUT)
            if len(batch) >= _BATCH:
                spool()
    finally:
        # Even when the file breaks off: what came before is whole, and is read.
        spool()
    if not held and header_is_open(found):
        detail = f"{found.input.origin}: The file ends in its header, which may be truncated. Export it again."
        index.problem(found.input.origin, "file-cut-off", detail)
    return held


def _filled(cells: JsonObject) -> JsonObject:
    """Return the cells of a row; an empty one holds nothing, as null does in JSON."""
    return {column: None if cell == "" else cell for column, cell in cells.items()}


def _ragged_row(found: Recognised, row: CsvRow, pieces: list[Piece], index: ThreadIndex) -> None:
    """Report a row with more cells than columns: a text that was not quoted falls apart, and nobody knows where."""
    here = replace(found.input.origin, line=row.line)
    thread = next((piece.thread_id for piece in pieces if isinstance(piece, Loose)), None)
    lacking = ""
    if thread is not None:
        index.hold_back(thread)
        lacking = f" The thread {thread} is not read, because it would be incomplete."
    detail = (
        f"{here}: The row that ends here has more cells than there are columns, perhaps because of an unquoted "
        f"{found.delimiter!r} in "
        f"a text.{lacking} The other rows are read."
    )
    index.problem(here, "csv-broken", detail, thread)


def _cut_row(found: Recognised, row: CsvRow, pieces: list[Piece], index: ThreadIndex) -> None:
    """Tell that the file ends in the middle of a row; its thread is not whole, and waits for a whole file."""
    here = replace(found.input.origin, line=row.line)
    detail = f"{here}: The file ends in the middle of this row; it is truncated. Export it again."
    known = list(row.cells)[:-1]
    thread = next((piece.thread_id for piece in pieces if isinstance(piece, Loose)), None)
    column = found.shape.thread_column(row.cells) if isinstance(found.shape, FlatRow) else None
    if thread is not None and column in known:
        index.hold_back(thread)
        detail += f" The thread {thread} is not read, because more may be missing."
    else:
        thread = None
    index.problem(here, "file-cut-off", f"{detail} The other rows are read.", thread)


def _by_thread(found: Recognised, pieces: list[Piece], names: ThreadNames) -> dict[tuple[RecordKind, str], list[Any]]:
    """Return what rows hold, by kind and thread; rows that belong to none are left out, and told by `names`."""
    rows: dict[tuple[RecordKind, str], list[Any]] = {}
    for piece in pieces:
        if isinstance(piece, Loose) and (thread := names.thread_of(found.input, piece)):
            rows.setdefault((piece.kind, thread), []).extend(piece.raws)
    return rows
