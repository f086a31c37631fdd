"""The log: a file that only its owner can read, and lines on stderr when asked for. No key may ever reach it.

Redaction is done by the formatter, the last step before writing, so that it also covers tracebacks, chained exceptions
and whatever a library logs. This program must not log message text; libraries that would are silenced.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from migrate_cli.disk.output import open_for_writing
from migrate_cli.disk.stderr import lasting_stream
from migrate_cli.errors import UsageError
from migrate_cli.report.escape import visible, visible_block
from migrate_cli.secrets import scrub

LOGGER = "migrate_cli"
"""The root of this program's loggers; modules use `logging.getLogger(__name__)`."""

LOUD_LIBRARIES = ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "asyncio", "urllib3")
"""At DEBUG these log headers and bodies of requests, which hold message text."""

SHOWN = "shown"
"""The extra of a line that the user sees on stderr in other words anyway: it is for the file only."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", SHOWN}


class PlainFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z WARNING migrate_cli.load  sentence`, with secrets masked."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s  %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format everything, then mask it and escape control characters, tracebacks included."""
        return visible_block(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Keep a message on its line: a name with a line end in it must not look like one of our lines."""
        record.message = visible(record.message)
        return super().formatMessage(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        """UTC with milliseconds; overrides the standard library's name and parameters."""
        return _moment(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the record's extras, and `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """Scrub each text before it is encoded, so that escapes cannot hide a secret."""
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD:
                line[name] = value if value is None or isinstance(value, bool | int | float) else scrub(str(value))
        if record.exc_info:
            line["traceback"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line)


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(record.msecs):03d}Z"


def set_up_logging(
    log_file: Path | None = None,
    *,
    verbosity: int = 0,
    json_lines: bool = False,
    stream: TextIO | None = None,
    to_stderr: bool = True,
) -> Callable[[], None]:
    """Begin to log; returns the function that ends it and closes the file. May be called again after that.

    The file gets everything from INFO up (DEBUG from `verbosity` 2), appended; a new one has the mode 0600. stderr
    gets warnings at `verbosity` 0, INFO at 1, DEBUG at 2; nothing without `to_stderr`. Raises UsageError when the
    file cannot be opened.
    """
    logger = logging.getLogger(LOGGER)
    handlers: list[logging.Handler] = []
    if to_stderr:
        handlers.append(logging.StreamHandler(stream or sys.stderr))
        handlers[0].setFormatter(PlainFormatter())
        handlers[0].addFilter(lambda record: not getattr(record, SHOWN, False))
        handlers[0].setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG))
    if log_file is not None:
        handlers.append(_file_handler(log_file, json_lines=json_lines, verbosity=verbosity))
    logger.setLevel(min((handler.level for handler in handlers), default=logging.WARNING))
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    for name in LOUD_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)

    def close() -> None:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate = True

    return close


class _FileHandler(logging.StreamHandler[TextIO]):
    """Writes into the log's file, and closes it. A log that takes no more is said once and fails nothing."""

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(lasting_stream(descriptor, self._ended))
        self._path = path

    def _ended(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        sys.stderr.write(
            f"The log file {visible(self._path)} cannot be written any more ({reason}); the command continues "
            "without it.\n"
        )

    def close(self) -> None:
        """Close the file too."""
        self.stream.close()
        super().close()


def _file_handler(path: Path, *, json_lines: bool, verbosity: int) -> logging.Handler:
    try:
        descriptor = open_for_writing(path, os.O_APPEND)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"The log file {path} cannot be written ({reason}): name another with --log-file.") from error
    handler = _FileHandler(path, descriptor)
    handler.setFormatter(JsonFormatter() if json_lines else PlainFormatter())
    handler.setLevel(logging.DEBUG if verbosity >= 2 else logging.INFO)
    return handler
