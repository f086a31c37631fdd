"""Opens a path as a source; the shapes are told by content, never by file name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from migrate_cli.errors import SourceError, closest
from migrate_cli.sources.app_formats import APPS, NO_APP
from migrate_cli.sources.columns import FIELDS, with_columns
from migrate_cli.sources.export.folder import NO_FILE
from migrate_cli.sources.export.input_files import STDIN
from migrate_cli.sources.export.inputs import walk
from migrate_cli.sources.export.source import ExportSource
from migrate_cli.sources.interface import Source
from migrate_cli.sources.shapes import SHAPES, ShapeTable
from migrate_cli.sources.shapes.snapshot import Snapshot
from migrate_cli.sources.snapshot.layout import MANIFEST, PROGRESS, is_snapshot
from migrate_cli.sources.snapshot.source import SnapshotSource

__all__ = ["SHAPES", "open_source"]


def open_source(
    path: str,
    *,
    format: str = "auto",
    columns: Mapping[str, str] | None = None,
    roles: Mapping[str, str] | None = None,
    order: str = "auto",
    join: bool = False,
    paths: Mapping[str, str] | None = None,
    time_format: str | None = None,
) -> Source:
    """Return the export at a path, or on standard input for `-`. Raises SourceError for what cannot be read at all.

    `format` is `auto`, the name of a shape in `SHAPES`, or that of an app in `APPS`; `columns` names the columns of
    flat rows, field → column, and `roles` says what their roles mean, the row's role → the role to write. `order` says
    which way round lists of messages stand, where their times do not: `oldest-first` or `newest-first`. With
    `join`, several records of one thread are one thread. `paths` says where the fields lie in records of a kind that no
    format knows, field → path (`source.map`). `time_format` is what `strptime` reads times by, before other forms are
    tried.
    """
    if format != "auto" and format not in SHAPES and format not in APPS:
        close = _closest(format, {**SHAPES, **APPS})
        raise SourceError(f"There is no format {format}{close}. {_KNOWN}", code="unknown-format")
    for field in columns or {}:
        if field not in FIELDS:
            known = ", ".join(FIELDS)
            detail = f"source.columns names no field {field}{_closest(field, FIELDS)}. Fields are {known}."
            raise SourceError(detail, code="unknown-column")
    if paths:
        if format != "auto":
            detail = f"source.map says how files are read, but so does the format {format}; remove one of them."
            raise SourceError(detail, code="map-and-format")
        paths = with_columns(paths, columns or {})
    if path != STDIN:
        _check(path)
        if not paths and format in ("auto", Snapshot.name) and is_snapshot(Path(path).expanduser()):
            return SnapshotSource(path)
    app = format if format in APPS else NO_APP if columns or paths else None
    only = format if format in SHAPES else None
    table = ShapeTable(only, columns, roles, order=order, app=app, paths=paths, time_format=time_format)
    return ExportSource(path, table, join=join)


_KNOWN = f"Known are auto, {', '.join((*SHAPES, *APPS))}."


def _check(path: str) -> None:
    root = Path(path).expanduser()
    if not root.exists():
        if root.is_symlink():
            detail = f"{path} is a link to nothing, or in a circle; name the export itself as SOURCE."
            raise SourceError(detail, code="no-such-path")
        raise SourceError(f"no such file or folder: {path}", code="no-such-path")
    if not root.is_dir():
        if not root.is_file():
            detail = f"{path} is {NO_FILE}; name a file or folder as SOURCE, or - for standard input."
            raise SourceError(detail, code="no-plain-file")
        return
    if (root / PROGRESS).exists() and not (root / MANIFEST).exists():
        detail = (
            f"{path} is a snapshot that ended before anything was saved; run `migrate-cli snapshot` again with "
            f"--out {path}, to resume where it stopped."
        )
        raise SourceError(detail, code="snapshot-unfinished")
    refused: list[str] = []
    if next(walk(root, lambda _origin, _code, detail: refused.append(detail)), None) is None:
        if refused:
            raise SourceError(f"The folder {path} holds no file that can be read: {refused[0]}", code="empty-folder")
        raise SourceError(f"The folder {path} is empty; name the folder that holds the export.", code="empty-folder")


def _closest(word: str, known: Mapping[str, object]) -> str:
    close = closest(word, known)
    return f"; did you mean {close}?" if close else ""
