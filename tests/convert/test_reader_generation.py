"""Whoever changes what a source becomes raises `READER`, or loaded threads are said to have changed in the source."""

from __future__ import annotations

import json
from pathlib import Path

from migrate_cli.convert.canonical import ALGORITHM, read_alike
from migrate_cli.convert.options import ConvertOptions
from migrate_cli.convert.thread import convert_thread
from migrate_cli.model import READER, Thread
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection

GOLDEN = Path(__file__).parent / "golden" / "reader.json"
FIXTURES = Path(__file__).parents[2] / "fixtures"


def drafts() -> dict[str, str]:
    """The hash of every thread of the bundled exports, as it would be loaded."""
    source = open_source(str(FIXTURES))
    threads = [entry for entry in source.threads(Selection()) if isinstance(entry, Thread)]
    return {one.id: convert_thread(one, ConvertOptions(), {}).digest for one in threads}


def test_the_bundled_exports_are_read_as_this_generation_reads_them() -> None:
    known = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {"reader": READER, "drafts": drafts()} == known, (
        "Threads read differently than before. If that is wanted, raise READER in convert/canonical.py by one, and "
        "write the new values into golden/reader.json. (Only where the fixtures themselves changed, READER stays.)"
    )


def test_a_hash_is_compared_only_with_those_of_the_same_generation_and_algorithm() -> None:
    assert read_alike(f"{ALGORITHM}:00", READER)
    assert not read_alike(f"{ALGORITHM}:00", READER - 1)
    assert not read_alike(f"{ALGORITHM}:00", None)
    assert not read_alike("sha256:00", READER)
    assert not read_alike("", READER)
