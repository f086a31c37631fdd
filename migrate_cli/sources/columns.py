"""The fields of a flat message, and the names of columns that mean each. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from migrate_cli.errors import SourceError

FIELDS: dict[str, tuple[str, ...]] = {
    "thread_id": ("threadid", "thread", "conversationid", "conversation", "chatid", "sessionid"),
    "message_id": ("messageid", "msgid", "id"),
    "role": ("role", "sender", "author", "from", "speaker"),
    "text": ("text", "content", "message", "body", "value", "messagetext"),
    "created_at": ("createdat", "created", "timestamp", "date", "time", "datetime", "sentat"),
    "assistant_id": ("assistantid", "assistant"),
    "run_id": ("runid", "run"),
    "file_ids": ("fileids", "files"),
    "metadata": ("metadata", "meta"),
}
"""The fields of a flat message, and the column names (letters and digits only, lower case) that mean each."""

_MOST_HEADERS = 1_000
"""Sets of columns that are remembered; a source mostly has one."""
NEEDED = ("thread_id", "role", "text")


def with_columns(paths: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of `source.map` with those of named columns. Raises SourceError for a field named in both."""
    twice = sorted(paths.keys() & columns.keys())
    if twice:
        detail = f"source.map and source.columns both name {' and '.join(twice)}; keep it in one of them."
        raise SourceError(detail, code="map-and-columns")
    return {**{field: f'"{column}"' for field, column in columns.items()}, **paths}


class Columns:
    """Finds the fields of a flat message among columns.

    `named` (field → column) wins over what is recognised, in tables that have any of the named columns.
    """

    def __init__(self, named: Mapping[str, str] | None = None) -> None:
        self._named = dict(named or {})
        self._met: dict[tuple[str, ...], dict[str, str]] = {}

    def found(self, columns: Iterable[str]) -> dict[str, str]:
        """Return the column of each field that is there."""
        there = tuple(columns)
        found = self._met.get(there)
        if found is None:
            if len(self._met) >= _MOST_HEADERS:
                self._met.clear()
            found = self._met[there] = self._find(there)
        return found

    def met(self) -> list[dict[str, str]]:
        """Return what `found` has found in rows so far: the column of each field, once for each set of columns."""
        return [found for found in self._met.values() if all(field in found for field in NEEDED)]

    def named_in(self, columns: Iterable[str]) -> bool:
        """Whether any of these columns was named; where none was, the names were given for another table."""
        return not set(self._named.values()).isdisjoint(columns)

    def _find(self, there: tuple[str, ...]) -> dict[str, str]:
        plain = {re.sub(r"[^a-z0-9]", "", str(column).lower()): column for column in reversed(there)}
        found = {field: column for field, column in self._named.items() if column in there}
        named = self._named if found else {}
        for field, names in FIELDS.items():
            taken = set(found.values())
            known = [plain[name] for name in names if name in plain and plain[name] not in taken]
            if known and field not in named:
                found[field] = known[0]
        return found

    def missing(self, columns: Iterable[str]) -> list[str]:
        """Return the needed fields that no column holds."""
        found = self.found(columns)
        return [field for field in NEEDED if field not in found]

    def fit(self, columns: Iterable[str]) -> bool:
        """Whether rows with these columns can be read."""
        return not self.missing(columns)
