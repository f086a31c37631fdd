"""Checks of the source: whether it opens, its format, its size. It must read a sample only, never all of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from itertools import islice

from migrate_cli.convert.text import counted
from migrate_cli.doctor.check import Check, failed, ok, warning
from migrate_cli.errors import MigrateError
from migrate_cli.model import Thread
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source

LOOKED_AT = 20
"""Threads to sample from an export; `plan` reads them all."""
LOOKED_AT_LIVE = 3
"""Threads to sample from a host, where each one costs requests."""
HABITS = frozenset(
    {"host-api-version", "host-milliseconds", "host-hides-more", "host-refuses-cursors", "host-refuses-include"}
)
"""Findings about the host itself, not about one thread. Long lists are needed to see some of them."""


def check_source(settings: Settings, open_source: Callable[[Settings], Source]) -> Check:
    """Open the configured source and read its first threads."""
    if settings.source.kind == "export" and settings.source.path is None:
        return warning(
            "source",
            "no source is named",
            "Set source.path in migration.yaml, or name it: migrate-cli doctor ./export",
        )
    try:
        source = open_source(settings)
        return _look(source, str(settings.source.path) if source.kind == "export" else source.identity)
    except MigrateError as error:
        if settings.source.kind == "export":
            return failed("source", error, "Correct the path or the format; see the options: migrate-cli plan --help")
        return failed("source", error, "Correct the section `source` of the settings, or the key that it names.")


def _look(source: Source, name: str) -> Check:
    limit = LOOKED_AT_LIVE if source.live else LOOKED_AT
    entries = list(islice(source.threads(Selection(limit=limit)), 5 * limit))
    threads = [entry for entry in entries if isinstance(entry, Thread)]
    unread = len(entries) - len(threads)
    shapes = sorted({taken.shape for taken in source.shapes()} - {"ignored", "unreadable"})
    expected = source.expected()
    count = counted(expected, "thread") if expected is not None else f"{counted(len(threads), 'thread')} or more"
    found = f"{name} opens: {count}" + (f", as {', '.join(shapes)}" if shapes else "")
    habits = sorted({note.code for thread in threads for note in thread.findings if note.code in HABITS})
    if habits:
        found += f" (the host: {', '.join(habits)})"
    messages = sum(1 for thread in threads for _ in thread.messages)
    hold = "one holds" if len(threads) == 1 else f"{len(threads)} hold"
    detail = f"{found}; the first {hold} {counted(messages, 'message')}"
    if unread:
        return warning(
            "source",
            f"{detail}, {unread} {'entry' if unread == 1 else 'entries'} could not be read",
            f"See which and why: migrate-cli plan {shlex.quote(name)}",
        )
    if not messages:
        return warning("source", f"{detail}: nothing to migrate", "Name the folder that holds the messages.")
    return ok("source", detail)
