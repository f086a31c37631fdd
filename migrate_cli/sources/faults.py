"""What can go wrong with one file, as a code and a sentence: the one table from exceptions to words."""

from __future__ import annotations

import gzip
import zlib

from migrate_cli.sources.export.archives import ArchiveError
from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.export.json_text import BadJsonError
from migrate_cli.sources.export.recognise import NotOursError

FAULTS = (NotOursError, BadJsonError, ArchiveError, OSError, EOFError, zlib.error)


def fault_of(input_: Input, error: Exception) -> NotOursError:
    """Return what went wrong with a file as a code and a sentence."""
    if isinstance(error, NotOursError):
        return error
    if isinstance(error, BadJsonError):
        return NotOursError(error.code, f"{input_.origin}: {error.detail}", error.line)
    if isinstance(error, ArchiveError):
        return NotOursError(error.code, f"{input_.origin}: {error}")
    if isinstance(error, EOFError):
        return NotOursError("file-cut-off", f"{input_.origin}: The compressed file is cut off; copy it again.")
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return NotOursError("file-damaged", f"{input_.origin}: The compressed file is damaged; copy it again.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return NotOursError("file-unreadable", f"{input_.origin} cannot be read: {reason}. Check it and its permissions.")
