"""The files of one corpus on disk: the export that the program reads, the ids that the other ways read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from bench.corpora import ITEMS, Corpus, write_export, write_ids

PAGE = 100


@dataclass(frozen=True, slots=True)
class Prepared:
    """A corpus that is ready to be moved."""

    corpus: Corpus
    export: Path
    ids: Path


class Shelf:
    """Writes each corpus once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[tuple[int, int | None], Prepared] = {}

    def prepared(self, corpus: Corpus) -> Prepared:
        """Return the files of a corpus, which are written when it is first asked for."""
        key = (corpus.threads, corpus.size)
        if key not in self._written:
            stem = f"{corpus.threads}x{corpus.size or 'mixed'}"
            export = write_export(corpus, self._folder / f"{stem}.jsonl")
            self._written[key] = Prepared(corpus, export, write_ids(corpus, self._folder / f"{stem}.ids"))
        return self._written[key]


def least_requests(corpus: Corpus) -> dict[str, int]:
    """The fewest requests that can move a corpus: a conversation each, and its items in batches of 20."""
    return {
        "POST conversations": corpus.threads,
        "POST conversations/items": sum(math.ceil(size / ITEMS) for size in corpus.sizes()),
    }


def least_pages(corpus: Corpus) -> dict[str, int]:
    """The fewest requests that can read a corpus from a host that lists its threads: pages of 100."""
    return {
        "GET threads": math.ceil(corpus.threads / PAGE),
        "GET threads/messages": sum(math.ceil(size / PAGE) for size in corpus.sizes()),
    }
