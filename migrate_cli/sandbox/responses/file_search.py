"""The files that the model can search and read: uploads to this sandbox, and data URLs."""

from __future__ import annotations

import base64
import binascii
import re
from itertools import islice

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.file_store import FileStore, StoredFile
from migrate_cli.sandbox.responses.hosted_tools import SearchHit

READ = 64 * 1024
"""Bytes of a file that are looked into."""
EXCERPT = 300
"""Characters that are quoted."""
SEARCHED = 200
"""Files that a search looks into, the newest first."""


class UploadedFiles:
    """A `Shelf` over the store."""

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def search(self, query: str, limit: int) -> list[SearchHit]:
        """Passages of uploaded files that hold a word of the query, those with the most words first."""
        words = {word for word in re.findall(r"\w+", query.casefold()) if len(word) > 2}
        files, _ = self._files.page(purpose=None, after=None, limit=SEARCHED, descending=True)
        found = []
        for file in files:
            text = self._text(file)
            score = sum(word in text.casefold() for word in words)
            if score:
                found.append((score, SearchHit(file.id, file.filename, _around(text, words))))
        found.sort(key=lambda each: -each[0])
        return [hit for _, hit in found[:limit]]

    def excerpt(self, part: JsonObject) -> str | None:
        """The beginning of a file's text, where the part names an uploaded file or brings its data."""
        if part.get("file_data"):
            return _shown(_decoded(str(part["file_data"])))[:EXCERPT] or None
        file = self._files.get(str(part.get("file_id")))
        return None if file is None else self._text(file)[:EXCERPT] or None

    def _text(self, file: StoredFile) -> str:
        return _shown(b"".join(islice(self._files.content(file.number), 1))[:READ])


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
