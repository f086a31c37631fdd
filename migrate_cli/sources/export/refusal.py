"""Why a file is not part of an export, in one sentence, and how to continue: its outline, and a map to start from.

Loaded only where a file is refused, which most runs never do.
Names of fields are shown, and never what they hold.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from migrate_cli.bounds import bounds
from migrate_cli.secrets import scrub
from migrate_cli.sources.columns import FIELDS, NEEDED, Columns
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.looked_at import NotOursError
from migrate_cli.sources.foreign import foreign_json, foreign_table
from migrate_cli.sources.guess import guess, guess_columns
from migrate_cli.sources.outline import closest_path, node_of, outline
from migrate_cli.sources.unread_history import in_bytes, in_table, names_ids

if TYPE_CHECKING:
    from migrate_cli.sources.mapping import Misfit

FORMATS = "docs/reference/tables.md"
OWN = "docs/own-format.md"
_ROWS = 50
_LOOKED_AT = 1 << 20
"""Bytes of a table in which its first rows are looked for."""


def unknown_format(input_: Input, value: Any, *, only: str | None, rows: bool = False) -> NotOursError:
    """Refuse a file of JSON. `value` is the document or its sketch, or (`rows`) the values of its first lines."""
    first = value[0] if rows and isinstance(value, list) and value else value
    told = foreign_json(first)
    if told is not None:
        return NotOursError("foreign-format", f"{input_.origin} {told}")
    what = f"lines, the first with {_brief(first)}" if rows else _brief(first)
    if only is not None:
        return NotOursError(
            "unknown-shape", f"{input_.origin} ({what}) is not of the format {only}; try --format auto."
        )
    detail = (
        f"{input_.origin}: the JSON ({what}) is not in a format that migrate-cli reads. {FORMATS} lists them; "
        f"source.map describes a format of your own ({OWN})."
    )
    return NotOursError("unknown-shape", detail, shown=shown_of(value, rows=rows))


def unfit_map(input_: Input, misfits: Sequence[Misfit], value: Any, *, rows: bool = False) -> NotOursError:
    """Refuse a file that the paths of `source.map` do not fit."""
    told = "; ".join(_misfit(misfit) for misfit in misfits)
    shown = ["Its outline:", *_indented(outline(node_of(value if rows else [value])))]
    return NotOursError("map-fits-nothing", f"{input_.origin}: {told}.", shown=shown)


def _misfit(misfit: Misfit) -> str:
    close = closest_path(misfit.path, node_of(misfit.tried_on))
    there = f"the closest path that exists is {close}" if close else "nothing like it is there"
    return f"source.map.{misfit.name} ({misfit.path}) fits nothing; {there}"


def unknown_table(input_: Input, header: list[str], columns: Columns, delimiter: str) -> NotOursError:
    """Refuse a table whose columns do not tell what they are.

    One that has nothing of a chat has no code: it is only to be ignored in a folder.
    """
    told = foreign_table(header)
    if told is not None:
        return NotOursError("foreign-format", f"{input_.origin} {told}", 1)
    if in_bytes(delimiter.join(header).encode("utf-8", "replace")):
        detail = (
            f"{input_.origin}: the first row holds an id, so it seems to be a message and not the names of columns; "
            "put a row with names above it, such as thread_id, role and text."
        )
        return NotOursError("csv-header", detail, 1, kind="table")
    if not "".join(header).strip() or header[0].startswith("sep="):
        detail = f"{input_.origin}: the first line names no columns; remove what stands above the line that does."
        numbered = [{str(place): cell for place, cell in enumerate(cells)} for cells in _rows(input_, delimiter)]
        return NotOursError("csv-header" if in_table(numbered, input_.name) else None, detail, 1, kind="table")
    missing = columns.missing(header)
    shown = ", ".join(name[:40] for name in header[:12])
    detail = (
        f"{input_.origin}: the columns {shown} do not show {_listed(missing)}; map them with source.columns, "
        f"as field: column, for the fields {', '.join(FIELDS)}; or describe them with source.map ({OWN})."
    )
    if missing == ["thread_id"]:
        detail += " If the whole file is one thread, add a column with its id."
    rows = [dict(zip(header, cells, strict=False)) for cells in _rows(input_, delimiter)]
    refused = NotOursError("csv-header", detail, 1, shown=_columns_shown(rows, header, columns), kind="table")
    if len(missing) >= len(NEEDED) and not in_table(rows, input_.name):
        refused.code = None
    return refused


def is_table_of_ids(input_: Input, columns: int | None, delimiter: str) -> bool:
    """Whether a file is a table, whatever its name, in which ids of threads or messages stand.

    All its first rows have so many cells (None: any number), and there is a row at least below the header.
    """
    rows = _rows(input_, delimiter)
    if not rows or (columns is not None and any(len(cells) != columns for cells in rows)):
        return False
    return names_ids(cell for cells in rows for cell in cells)


def _columns_shown(rows: list[dict[str, str]], header: list[str], columns: Columns) -> list[str]:
    """Return the columns to name, which other files of a folder do not mind; nothing where too little was guessed."""
    found, plain = columns.found(header), Columns().found(header)
    guessed = guess_columns(rows, found, [field for field, column in found.items() if plain.get(field) == column])
    return [] if guessed is None else ["Columns to start from, guessed, for migration.yaml:", *_indented(guessed)]


def shown_of(value: Any, *, rows: bool = False) -> list[str]:
    """Return the outline of a value, and the map to start from."""
    lines = outline(node_of(value if rows else [value]))
    return ["Its outline:", *_indented(lines), *_map_lines(guess(value, rows=rows))]


def _map_lines(guessed: list[str] | None) -> list[str]:
    if guessed is None:
        return ["Nothing in it looks like messages with a role and a text, so there is no map to start from."]
    return ["A map to start from, guessed, for migration.yaml:", *_indented(guessed)]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _rows(input_: Input, delimiter: str) -> list[list[str]]:
    """Return the first rows below the header of a table, as far as they can be told apart; no empty ones."""
    csv.field_size_limit(bounds().string_bytes)
    with input_.open() as stream:
        data = stream.read(_LOOKED_AT)
    text = data.decode("utf-8-sig", "replace")
    if len(data) == _LOOKED_AT:
        text = text.rpartition("\n")[0]
    found: list[list[str]] = []
    with suppress(csv.Error):
        for cells in islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1, _ROWS + 1):
            found.append(cells)
    return [cells for cells in found if cells]


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(" ".join(scrub(str(key)).split())[:40] for key in islice(value, 6))
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)} entries" if value else "an empty array"
    return f"a single {type(value).__name__}"
