"""The arguments that every way takes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Arguments:
    """Where, what, and how many at a time."""

    url: str
    ids: Path
    thread_ids: list[str]
    at_once: int
    metadata: bool


def parse(description: str | None) -> Arguments:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("url", help="the server, such as http://127.0.0.1:8000/v1")
    parser.add_argument("ids", type=Path, help="a file of thread ids, a line each")
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--metadata", action="store_true", help="read_back: ask for each conversation's metadata, too")
    asked = parser.parse_args()
    thread_ids = asked.ids.read_text(encoding="utf-8").split()
    return Arguments(asked.url, asked.ids, thread_ids, asked.at_once, asked.metadata)
