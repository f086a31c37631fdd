"""What an export knows of files: `file` objects, and the bytes that lie in folders called `files`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from migrate_cli.model import JsonObject
from migrate_cli.sources.inputs import file_folders
from migrate_cli.sources.interface import FileInfo
from migrate_cli.sources.normalise import clean_id

_FILE_ID = re.compile(r"(?:file|assistant)-[A-Za-z0-9]+")


def files_of(root: Path, objects: Iterable[JsonObject]) -> dict[str, FileInfo]:
    """Return everything known of files by id: from file objects first, then from bytes on disk."""
    found = {info.file_id: info for info in map(file_info, objects) if info.file_id}
    if root.is_dir():
        for folder in file_folders(root):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    _add_bytes(found, folder, path)
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


def _add_bytes(found: dict[str, FileInfo], folder: Path, path: Path) -> None:
    """Add the bytes of `files/ID`, `files/ID.ext`, `files/ID-name.ext` or `files/ID/name.ext`."""
    parts = path.relative_to(folder).parts
    file_id, filename = _named(parts)
    if file_id is None:
        return
    known = found.get(file_id)
    if known is None:
        known = FileInfo(file_id, filename)
    found[file_id] = replace(known, path=path, bytes=path.stat().st_size, filename=known.filename or filename)


def _named(parts: tuple[str, ...]) -> tuple[str | None, str | None]:
    match = _FILE_ID.match(parts[0])
    file_id = match.group() if match else parts[0].split(".")[0]
    if len(parts) > 1:
        return file_id, parts[-1]
    rest = parts[0][len(file_id) :].lstrip("-_")
    if not rest:
        return file_id, None
    return file_id, (None if rest.startswith(".") else rest)
