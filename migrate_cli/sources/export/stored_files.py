"""What an export knows of files: `file` objects, and the bytes that lie in folders called `files`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from migrate_cli.model import JsonObject
from migrate_cli.sources.interface import FileInfo
from migrate_cli.sources.normalise import clean_id

_FILE_ID = re.compile(r"(?:file|assistant)-[A-Za-z0-9]+")


def files_of(objects: Iterable[JsonObject], stored: Iterable[tuple[tuple[str, ...], Path]]) -> dict[str, FileInfo]:
    """Return everything known of files by id: what the objects tell, and the bytes.

    `stored` gives each file's path below its `files/` folder, in parts, and where it is: `ID`, `ID.ext`,
    `ID-name.ext` or `ID/name.ext`.
    """
    found = {info.file_id: info for info in map(file_info, objects) if info.file_id}
    for parts, path in stored:
        file_id, filename = _named(parts)
        known = found.get(file_id, FileInfo(file_id))
        found[file_id] = replace(known, path=path, bytes=path.stat().st_size, filename=known.filename or filename)
    return found


def file_info(raw: JsonObject) -> FileInfo:
    """Return what a file object tells."""
    size, name, purpose = raw.get("bytes"), raw.get("filename"), raw.get("purpose")
    return FileInfo(
        file_id=clean_id(raw.get("id")) or "",
        filename=name if isinstance(name, str) else None,
        bytes=size if isinstance(size, int) else None,
        purpose=purpose if isinstance(purpose, str) else None,
        raw=raw,
    )


def _named(parts: tuple[str, ...]) -> tuple[str, str | None]:
    """Return the file id and, where the path holds one, the file's own name."""
    match = _FILE_ID.match(parts[0])
    file_id = match.group() if match else parts[0].split(".")[0]
    if len(parts) > 1:
        return file_id, parts[-1]
    rest = parts[0][len(file_id) :]
    if rest.startswith(("-", "_")) and rest.lstrip("-_"):
        return file_id, rest.lstrip("-_")
    return file_id, parts[0] if rest else None
