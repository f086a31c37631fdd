"""Put a finished report where it belongs: on stdout, or into a file. The only place that writes reports."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from migrate_cli.errors import UsageError
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
_FOR_FILES = frozenset({OutputFormat.MARKDOWN, OutputFormat.JUNIT, OutputFormat.HTML})
"""Forms that nobody wants on a terminal too, once they stand in a file."""


def form_of(path: Path, default: OutputFormat) -> OutputFormat:
    """The form of a report file, by its ending; a name without one takes the default.

    Raises UsageError for an ending that names no form.
    """
    ending = path.suffix.lower()
    if not ending:
        return default
    form = ENDINGS.get(ending) or _ALSO.get(ending)
    if form is None:
        raise UsageError(f"there is no report of the form {path.suffix}; end {path.name} in {', '.join(ENDINGS)}")
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
    return is_terminal and settings.get("TERM") != "dumb"


def write_out(text: str, stream: TextIO | None = None) -> None:
    """Write the report to stdout. What its encoding lacks becomes `?`; a reader that went away is no error."""
    out = stream or sys.stdout
    encoding = out.encoding or "utf-8"
    try:
        out.write(text.encode(encoding, "replace").decode(encoding))
        out.flush()
    except BrokenPipeError:
        # Python flushes stdout again when it ends and would complain then.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def write_report(path: Path, text: str) -> None:
    """Write the report to a file, whole or not at all, readable by its owner only.

    Raises UsageError when the path cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"The report {path} cannot be written ({reason}): name another path with --report.") from error


def check_report_path(path: Path) -> None:
    """Raise UsageError before any work when `write_report` would fail for a reason that can be seen now."""
    form_of(path, OutputFormat.TEXT)
    parent = path.parent
    if path.is_dir():
        raise UsageError(f"The report {path} is a folder: name a file with --report.")
    if not parent.is_dir():
        raise UsageError(
            f"The report {path} cannot be written: there is no folder {parent}. Make it, or change --report."
        )
    if not os.access(parent, os.W_OK):
        raise UsageError(f"The report {path} cannot be written: the folder {parent} refuses it. Change --report.")
