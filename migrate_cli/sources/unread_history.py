"""Tells of a file that no format reads whether a part of the history may be in it: by ids, speakers, columns. Pure.

What may be history is an error, and counted; everything else of another kind is only named. It must not read files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from migrate_cli.sources.app_formats import app_of_row
from migrate_cli.sources.columns import Columns
from migrate_cli.sources.guess import speaks
from migrate_cli.sources.record_tables import holds_records

_ID = re.compile(rb"(?:thread|msg)_(?=[a-z-]*[A-Z0-9])[A-Za-z0-9-]{16,}")
"""An id of the API among other bytes, such as those of a database; what is shorter may be the name of anything."""
_CELL = re.compile(r"(?:thread|msg)_(?=[a-z-]*[A-Z0-9])[A-Za-z0-9-]+")
_FIELD = re.compile(rb"(?:thread|message)_?id\b", re.IGNORECASE)
_CHAT = re.compile(r"conversation|message|thread|dialog|transcript|(?<![a-z])chat", re.IGNORECASE)
_SPEAKER = re.compile(
    rb"^[\W\d_TZ]{0,40}(?:role\W{1,4})?(?:user|assistant|human|ai|bot|agent|customer)\W{0,3}?(?::|$)",
    re.IGNORECASE | re.MULTILINE,
)
"""The beginning of a line of a transcript (`[10:03] User: …`), or of YAML (`role: user`)."""


def in_table(rows: Sequence[Mapping[str, str]], name: str) -> bool:
    """Whether a table may hold messages; `name` is its file's."""
    cells = (cell for row in rows for cell in row.values())
    return names_ids(cells) or _CHAT.search(PurePath(name).stem) is not None or speaks(rows)


def names_ids(cells: Iterable[str]) -> bool:
    """Whether some cell is the id of a thread or a message, or holds one."""
    return any(_CELL.fullmatch(cell.strip()) or in_bytes(cell.encode("utf-8", "replace")) for cell in cells)


def in_bytes(data: bytes) -> bool:
    """Whether ids of threads or messages stand anywhere in the bytes."""
    return _ID.search(data) is not None


def in_columns(data: bytes) -> bool:
    """Whether the bytes of a file of columns hold such ids, or the name of a column of them: values may be packed."""
    return in_bytes(data) or _FIELD.search(data) is not None


def may_hold_messages(columns: list[str]) -> bool:
    """Whether a table with these columns would be read: as messages a row, as records, or as an app's own."""
    app = app_of_row(dict.fromkeys(columns))
    return app is not None or Columns().fit(columns) or holds_records(columns)


def in_text(data: bytes) -> bool:
    """Whether a text is a transcript with ids. One that only mentions an id, such as a README, is none."""
    return in_bytes(data) and len(_SPEAKER.findall(data)) > 1
