"""Puts a finished report where it belongs: on stdout, or where `--report` says. Nothing else may write reports."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from migrate_cli.disk import output
from migrate_cli.disk.plain import made_plain
from migrate_cli.disk.stderr import drop_buffered
from migrate_cli.errors import StdoutUnwritable, UsageError
from migrate_cli.report.interface import OutputFormat

ENDINGS = {
    ".txt": OutputFormat.TEXT,
    ".json": OutputFormat.JSON,
    ".md": OutputFormat.MARKDOWN,
    ".xml": OutputFormat.JUNIT,
    ".html": OutputFormat.HTML,
}
"""The form that a report file takes from its name."""
_ALSO = {".htm": OutputFormat.HTML, **{f".{form}": form for form in OutputFormat}}
_DUMB = ("dumb", "unknown")
_FOR_FILES = frozenset({OutputFormat.MARKDOWN, OutputFormat.JUNIT, OutputFormat.HTML})
"""Forms that nobody wants on a terminal too, once they are in a file."""


def form_of(path: Path, default: OutputFormat) -> OutputFormat:
    """The form of a report file, by its ending; a name without one takes the default.

    Raises UsageError for an ending that names no form.
    """
    ending = path.suffix.lower()
    if not ending:
        return default
    form = ENDINGS.get(ending) or _ALSO.get(ending)
    if form is None:
        raise UsageError(f"there is no report format {path.suffix}; end {path.name} in {', '.join(ENDINGS)}")
    return form


def beside_file(wanted: OutputFormat, written: OutputFormat) -> OutputFormat:
    """The form for stdout when a file has the report in the form `written`: what is for files is not printed too."""
    return OutputFormat.TEXT if wanted is written and wanted in _FOR_FILES else wanted


def wants_colour(is_terminal: bool, environ: Mapping[str, str] | None = None) -> bool:
    """Whether to colour: on a terminal, unless `NO_COLOR` is set or the terminal is dumb; `FORCE_COLOR` asks for it."""
    settings = os.environ if environ is None else environ
    if settings.get("NO_COLOR"):
        return False
    if settings.get("FORCE_COLOR"):
        return True
    return is_terminal and settings.get("TERM") not in _DUMB


def moves(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a stream is a terminal on which lines can be drawn again; a dumb one gets lines, as files do."""
    settings = os.environ if environ is None else environ
    return stream.isatty() and settings.get("TERM") not in _DUMB


def write_out(text: str, stream: TextIO | None = None) -> None:
    """Write the report to stdout. What its encoding lacks is replaced; a reader that went away is no error.

    Raises StdoutUnwritable where stdout takes nothing: it is closed, or its disk is full.
    """
    out = stream or sys.stdout
    encoding = out.encoding or "utf-8"
    try:
        out.write(made_plain(text, encoding))
        out.flush()
    except OSError as error:
        drop_buffered(out)
        if not isinstance(error, BrokenPipeError):
            why = error.strerror or error
            raise StdoutUnwritable(
                f"The report cannot be written to stdout ({why}): write it to a file with --report."
            ) from error


def write_report(path: Path, text: str) -> None:
    """Write the report where a path leads. Raises UsageError when it cannot be written."""
    try:
        output.write(path, text)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def check_report_path(path: Path) -> None:
    """Raise UsageError before any work when `write_report` would fail for a reason that can be seen now."""
    form_of(path, OutputFormat.TEXT)
    why = output.obstacle(path)
    if why is not None:
        raise _unwritable(path, why)


def _unwritable(path: Path, why: str) -> UsageError:
    return UsageError(f"The report {path} cannot be written ({why}): name another path with --report.")
