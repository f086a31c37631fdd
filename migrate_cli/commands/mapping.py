"""`migrate-cli map`: old id to new id, both ways; `map export`: the whole mapping as CSV, JSON, JSON Lines or SQL."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from migrate_cli.commands.option_types import MapFormat, MapLevel
from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.report.escape import cell
from migrate_cli.settings.model import Settings
from migrate_cli.state.queries import Level
from migrate_cli.state.reader import StateReader

_COLUMNS: dict[MapLevel, tuple[str, ...]] = {
    MapLevel.THREADS: (
        "thread_id", "conversation_id", "state", "messages", "items", "findings", "run_id", "updated_at",
        "last_response_id",
    ),
    MapLevel.MESSAGES: (
        "thread_id", "message_id", "position", "conversation_id", "item_id", "kind", "source_created_at",
    ),
    MapLevel.FILES: ("source_file_id", "target_file_id", "kind", "bytes", "sha256", "status"),
    MapLevel.AGENTS: ("assistant_id", "agent", "name", "version", "status", "run_id", "updated_at"),
    MapLevel.STORES: ("source_store_id", "target_store_id", "name", "status", "files", "completed", "failed"),
}  # fmt: skip
_VIEWS: dict[MapLevel, str] = {
    MapLevel.THREADS: "thread_map",
    MapLevel.MESSAGES: "message_map",
    MapLevel.FILES: "file_map",
    MapLevel.AGENTS: "agent_map",
    MapLevel.STORES: "vector_store_map",
}


def look_up(settings: Settings, ids: list[str]) -> Result:
    """Find ids, old or new; exit 4 when one is unknown."""
    with StateReader(settings.state) as reader:
        rows = reader.maps.of(ids)
    unknown = [str(row["id"]) for row in rows if row.get("found") is None]
    problems = [Problem("unknown-id", f"{one} is in no mapping of {settings.state}") for one in unknown]
    return Result("map", {"rows": rows}, ExitCode.CHECK_FAILED if unknown else ExitCode.OK, errors=problems)


def export(settings: Settings, level: MapLevel, fmt: MapFormat, *, raw: bool = False) -> Iterator[str]:
    """Yield the mapping as text, row by row, so that a million rows need no memory.

    CSV is opened in spreadsheets, which obey ids that look like formulas, so its cells are made harmless unless `raw`.
    """
    with StateReader(settings.state) as reader:
        literal: Level = level.value
        rows: Iterable[JsonObject] = reader.maps.export(literal)
        if fmt is MapFormat.CSV and not raw:
            rows = ({name: cell(value) for name, value in row.items()} for row in rows)
        yield from _FORMATS[fmt](rows, level)


def _csv(rows: Iterable[JsonObject], level: MapLevel) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS[level], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _jsonl(rows: Iterable[JsonObject], _level: MapLevel) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _json(rows: Iterable[JsonObject], _level: MapLevel) -> Iterator[str]:
    opening = "[\n"
    for row in rows:
        yield opening + json.dumps(row, ensure_ascii=False)
        opening = ",\n"
    yield "[]\n" if opening == "[\n" else "\n]\n"


def _sql(rows: Iterable[JsonObject], level: MapLevel) -> Iterator[str]:
    columns, table = _COLUMNS[level], _VIEWS[level]
    yield f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(f'{column} {_type(column)}' for column in columns)});\n"
    for row in rows:
        values = ", ".join(_literal(row.get(column)) for column in columns)
        yield f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values});\n"  # noqa: S608 - every value is quoted


_NUMBERS = frozenset({"messages", "items", "findings", "position", "bytes", "files", "completed", "failed"})


def _type(column: str) -> str:
    return (
        "INTEGER"
        if column in ("messages", "items", "findings", "position", "bytes", "files", "completed", "failed")
        else "TEXT"
    )


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


_FORMATS = {MapFormat.CSV: _csv, MapFormat.JSON: _json, MapFormat.JSONL: _jsonl, MapFormat.SQL: _sql}
