"""The model's hosted tools: each returns the output items that show its work, and a sentence for the answer. Pure.

Items are complete except for their ids; `events.py` streams them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote_plus

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.responses.code import run
from migrate_cli.sandbox.responses.png import picture


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A sentence for the answer; the annotations' indices count from its beginning."""

    text: str
    annotations: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class CueResult:
    """What one cue produced."""

    items: tuple[JsonObject, ...] = ()
    sentence: AnnotatedText | None = None
    pending: bool = False
    """True if the client has to answer before the model continues."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A passage that a search found."""

    file_id: str
    filename: str
    text: str


class FileSearch(Protocol):
    """The files that the model can search and read."""

    def search(self, query: str, limit: int, stores: Sequence[str]) -> list[SearchHit]:
        """Passages that hold a word of the query, in these vector stores."""

    def has_store(self, identifier: str) -> bool:
        """Whether a vector store was made here, so that what it holds is known."""

    def excerpt(self, part: JsonObject) -> str | None:
        """The beginning of an `input_file` part's text."""


def web_search(query: str) -> CueResult:
    """Find two pages, always the same for a query."""
    urls = [f"https://example.com/{place}?q={quote_plus(query)}" for place in ("news", "wiki")]
    action = {
        "type": "search",
        "query": query,
        "queries": [query],
        "sources": [{"type": "url", "url": url} for url in urls],
    }
    text, annotations = f"On the web I found two pages about {query}:", []
    for place, url in enumerate(urls, 1):
        mark = f"[page {place}]"
        annotations.append(
            {
                "type": "url_citation",
                "end_index": len(text) + 1 + len(mark),
                "start_index": len(text) + 1,
                "title": f"{query} (page {place})",
                "url": url,
            }
        )
        text += f" {mark}"
    sentence = AnnotatedText(f"{text}.", tuple(annotations))
    return CueResult(({"type": "web_search_call", "status": "completed", "action": action},), sentence)


def file_search(query: str, tool: JsonObject, files: FileSearch) -> CueResult:
    """Search the files; where nothing fits, each store that is not here has one passage, made up for the query."""
    stores = _stores(tool)
    hits = files.search(query, int(tool["max_num_results"]), stores)
    hits = hits or [_made_up(query, each) for each in stores if not files.has_store(each)]
    results = [
        {
            "attributes": {},
            "file_id": hit.file_id,
            "filename": hit.filename,
            "score": round(0.9 / place, 4),
            "text": hit.text,
        }
        for place, hit in enumerate(hits, 1)
    ]
    item = {"type": "file_search_call", "status": "completed", "queries": [query], "results": results}
    text = f"The files say about {query}: {hits[0].text}" if hits else f"The files say nothing about {query}."
    annotations = tuple(
        {"type": "file_citation", "file_id": hit.file_id, "filename": hit.filename, "index": len(text)} for hit in hits
    )
    return CueResult((item,), AnnotatedText(text, annotations))


def _stores(tool: JsonObject) -> Sequence[str]:
    stores: list[str] = tool["vector_store_ids"]
    return stores


def _made_up(query: str, store: str) -> SearchHit:
    digest = hashlib.sha256(f"{store}/{query}".encode("utf-8", "replace")).hexdigest()
    return SearchHit(f"file-{digest[:22]}", f"{store}.txt", f"a passage of {store} on {query}.")


def run_code(code: str, tool: JsonObject, container_id: str) -> CueResult:
    """Run code in the request's container, or in a new one."""
    container = tool["container"]
    logs = run(code)
    item = {
        "type": "code_interpreter_call",
        "status": "completed",
        "code": code,
        "container_id": container if isinstance(container, str) else container_id,
        "outputs": [{"type": "logs", "logs": logs}],
    }
    files = [] if isinstance(container, str) else container.get("file_ids") or []
    beside = f" with {', '.join(files)} beside it" if files else ""
    return CueResult((item,), AnnotatedText(f"The code printed: {logs.strip()}{beside}"))


def generate_image(prompt: str, tool: JsonObject) -> CueResult:
    """Paint a picture of 16 by 16 pixels, whatever size was asked for."""
    item: JsonObject = {
        "type": "image_generation_call",
        "status": "completed",
        "action": "generate",
        "background": tool.get("background") or "opaque",
        "output_format": "png",
        "quality": tool.get("quality") or "auto",
        "result": picture(prompt),
        "revised_prompt": prompt,
        "size": tool.get("size") or "1024x1024",
    }
    return CueResult((item,), AnnotatedText(f"Here is the picture of {prompt}."))


def reason(text: str, *, encrypted: bool) -> CueResult:
    """Think; the summary is the text."""
    item: JsonObject = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text or "I think about what was asked."}],
    }
    if encrypted:
        item["encrypted_content"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return CueResult((item,))


def message(content: list[JsonObject], *, complete: bool = True, phase: str | None = None) -> JsonObject:
    """An assistant message."""
    status = "completed" if complete else "incomplete"
    item: JsonObject = {"type": "message", "status": status, "content": content, "role": "assistant"}
    return item | ({"phase": phase} if phase else {})


def text_part(text: str, annotations: Sequence[JsonObject] = ()) -> JsonObject:
    """A text part."""
    return {"type": "output_text", "annotations": list(annotations), "logprobs": [], "text": text}


def joined(sentences: Sequence[AnnotatedText]) -> AnnotatedText:
    """Concatenate texts, and shift the annotations with them."""
    text, annotations = "", []
    for sentence in sentences:
        text += " " if text else ""
        for each in sentence.annotations:
            moved: dict[str, Any] = {
                key: value + len(text) if key in ("start_index", "end_index", "index") else value
                for key, value in each.items()
            }
            annotations.append(moved)
        text += sentence.text
    return AnnotatedText(text, tuple(annotations))
