"""The files that the model can search and read: uploads to this sandbox, and data URLs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import PurePath

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.file_store import FileStore, StoredFile
from migrate_cli.sandbox.responses.hosted_tools import SearchHit
from migrate_cli.sandbox.vector_store_table import VectorStoreTable

READ = 64 * 1024
"""Bytes of a file that are looked into."""
EXCERPT = 300
"""Characters that are quoted."""
SEARCHED = 200
"""Files that a search looks into where no store of this sandbox is named, the newest first."""
_PACKED = frozenset({".pdf", ".doc", ".docx", ".pptx"})
"""Endings of files that hold texts, although their bytes are none."""


class UploadedFiles:
    """A `FileSearch` over the store."""

    def __init__(self, files: FileStore, stores: VectorStoreTable) -> None:
        self._files, self._stores = files, stores

    def search(self, query: str, limit: int, stores: Sequence[str]) -> list[SearchHit]:
        """Passages that hold a word of the query: of files in these stores, or of all where none of them is here."""
        known = [found for one in stores if (found := self._stores.get(one)) is not None]
        if known:
            ready = dict.fromkeys(file.id for store in known for file in self._stores.ready(store.number))
            return self.search_in(query, ready, limit)
        files, _ = self._files.page(purpose=None, after=None, limit=SEARCHED, descending=True)
        return self._hits(query, files, limit)

    def has_store(self, identifier: str) -> bool:
        """Whether a vector store was made in this sandbox."""
        return self._stores.get(identifier) is not None

    def search_in(self, query: str, file_ids: Iterable[str], limit: int) -> list[SearchHit]:
        """Passages of these files that hold a word of the query, those with the most words first."""
        return self._hits(query, (found for one in file_ids if (found := self._files.get(one)) is not None), limit)

    def excerpt(self, part: JsonObject) -> str | None:
        """The beginning of a file's text, where the part names an uploaded file or brings its data."""
        if part.get("file_data"):
            return _shown(_decoded(str(part["file_data"])))[:EXCERPT] or None
        return self.text_of(str(part.get("file_id")))[:EXCERPT] or None

    def text_of(self, file_id: str) -> str:
        """The beginning of a file's text; empty where there is none."""
        file = self._files.get(file_id)
        return "" if file is None else self._text(file)

    def is_text(self, file: StoredFile) -> bool:
        """Whether a file can be indexed: it holds text, as far as its bytes are here to tell."""
        if PurePath(file.filename).suffix.lower() in _PACKED or not self._files.has_content(file.number):
            return True
        return b"\0" not in self._head(file)

    def _hits(self, query: str, files: Iterable[StoredFile], limit: int) -> list[SearchHit]:
        words = {word for word in re.findall(r"\w+", query.casefold()) if len(word) > 2}
        found = []
        for file in files:
            text = self._text(file)
            score = sum(word in text.casefold() for word in words)
            if score:
                found.append((score, SearchHit(file.id, file.filename, _around(text, words))))
        found.sort(key=lambda each: -each[0])
        return [hit for _, hit in found[:limit]]

    def _text(self, file: StoredFile) -> str:
        return _shown(self._head(file))

    def _head(self, file: StoredFile) -> bytes:
        return b"".join(islice(self._files.content(file.number), 1))[:READ]


def _shown(data: bytes) -> str:
    """Bytes as text; nothing where they are none."""
    return "" if b"\0" in data else data.decode("utf-8", "ignore").strip()


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data.partition(",")[2] or data)[:READ]
    except (binascii.Error, ValueError):
        return b""


def _around(text: str, words: set[str]) -> str:
    folded = text.casefold()
    first = min((place for word in words if (place := folded.find(word)) >= 0), default=0)
    start = max(0, first - EXCERPT // 3)
    return " ".join(text[start : start + EXCERPT].split())
