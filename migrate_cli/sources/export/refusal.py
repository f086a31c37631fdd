"""Why a file is not part of an export, in one sentence, and how to continue: its outline, and a map to start from.

Loaded only where a file is refused, which most runs never do.
Names of fields are shown, and never what they hold.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from migrate_cli.secrets import scrub
from migrate_cli.sources.columns import FIELDS, NEEDED
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.looked_at import NotOursError
from migrate_cli.sources.foreign import foreign_json, foreign_table
from migrate_cli.sources.guess import guess
from migrate_cli.sources.outline import closest_path, node_of, outline

if TYPE_CHECKING:
    from migrate_cli.sources.mapping import Misfit

FORMATS = "docs/reference/tables.md"
OWN = "docs/own-format.md"
_ROWS = 50


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


def unknown_table(input_: Input, header: list[str], missing: Iterable[str], head: str, delimiter: str) -> NotOursError:
    """Refuse a table whose columns do not tell what they are; one that tells nothing at all is ignored in a folder."""
    told = foreign_table(header)
    if told is not None:
        return NotOursError("foreign-format", f"{input_.origin} {told}", 1)
    missing = list(missing)
    shown = ", ".join(name[:40] for name in header[:12])
    detail = (
        f"{input_.origin}: the columns {shown} do not show {' and '.join(missing)}; map them with source.columns, "
        f"as field: column, for the fields {', '.join(FIELDS)}; or describe them with source.map ({OWN})."
    )
    rows = [dict(zip(header, cells, strict=False)) for cells in _rows(head, delimiter)][:_ROWS]
    guessed = guess(rows, rows=True)
    shown_map = [] if guessed is None else _map_lines(guessed)
    refused = NotOursError("csv-header", detail, 1, shown=shown_map, kind="table")
    if len(missing) >= len(NEEDED):
        refused.code = None
    return refused


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


def _rows(head: str, delimiter: str) -> list[list[str]]:
    """Return the whole rows below the header of a table's beginning."""
    try:
        found = list(csv.reader(io.StringIO(head.rpartition("\n")[0]), delimiter=delimiter))
    except csv.Error:
        return []
    return [cells for cells in found[1:] if cells]


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(" ".join(scrub(str(key)).split())[:40] for key in islice(value, 6))
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(value, list):
        return f"an array of {len(value)} entries" if value else "an empty array"
    return f"a single {type(value).__name__}"
