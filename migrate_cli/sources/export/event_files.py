"""Tells whether a file may hold the events of runs, without reading it whole. It must not read the events."""

from __future__ import annotations

import re

from migrate_cli.sources.export.inputs import Input
from migrate_cli.sources.shapes.event_streams import is_event_stream

_SUFFIXES = frozenset({"", ".sse", ".txt", ".log", ".out", ".stream", ".json", ".jsonl", ".ndjson"})
"""Of files that programs write as they run; documents about the API hold examples of its events too."""
_SPEAKS_OF_THREADS = re.compile(rb"""\bthread\.(?:message|run|created)\b|["']object\\*["']\s*:\s*\\*["']thread\b""")
_CHUNK = 1 << 20
_LONGEST = 200


def may_hold_events(input_: Input, head: bytes) -> bool:
    """Whether a file may be an event stream, or a log with events or objects of threads among its lines."""
    logged = input_.suffix in _SUFFIXES or input_.suffix[1:].isdecimal()
    if b"\0" in head or not (logged or is_event_stream(head.decode("latin-1"))):
        return False
    before = b""
    with input_.open() as stream:
        while chunk := stream.read(_CHUNK):
            if _SPEAKS_OF_THREADS.search(before + chunk):
                return True
            before = chunk[-_LONGEST:]
    return False
