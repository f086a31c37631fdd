"""`migrate-cli status`: how far the migration is, read from the state file without its lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from migrate_cli.model import Result
from migrate_cli.settings.model import Settings
from migrate_cli.state.reader import StateReader

WATCH_EVERY = 2.0
"""Seconds between two looks."""


def status(settings: Settings) -> Result:
    """Summarise the state file. Raises UsageError when there is none."""
    with StateReader(settings.state) as reader:
        return Result("status", reader.summary())


def watch(settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Result]:
    """Yield a summary every two seconds while a process holds the state file, and a last one when it is done."""
    while True:
        result = status(settings)
        yield result
        if result.data.get("running") is None:
            return
        sleep(WATCH_EVERY)
