"""What the model's hosted tools do: each returns the items that show the work, and a note for the answer. Pure.

Items are in their finished form, without ids; `events.py` streams them.
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
class Note:
    """A sentence for the answer; the annotations' indices count from its beginning."""

    text: str
    annotations: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """What one cue came to."""

    items: tuple[JsonObject, ...] = ()
    note: Note | None = None
    pending: bool = False
    """The client has to answer before the model goes on."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that a search found."""

    file_id: str
    filename: str
    text: str


class Shelf(Protocol):
    """The files that the model can look into."""

    def search(self, query: str, limit: int) -> list[Hit]:
        """Passages that hold a word of the query."""

    def begin(self, part: JsonObject) -> str | None:
        """The beginning of an `input_file` part's text."""


def function_call(name: str, arguments: str, call_id: str) -> Act:
    """Call one of the client's functions."""
    call = {
        "type": "function_call",
        "status": "completed",
        "arguments": arguments,
        "call_id": call_id,
        "name": name,
    }
    return Act((call,), pending=True)


def web_search(query: str) -> Act:
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
    note = Note(f"{text}.", tuple(annotations))
    return Act(({"type": "web_search_call", "status": "completed", "action": action},), note)


def file_search(query: str, tool: JsonObject, shelf: Shelf) -> Act:
    """Search uploaded files; where nothing fits, each vector store has one passage that is made up for the query."""
    hits = shelf.search(query, int(tool["max_num_results"])) or [_made_up(query, each) for each in _stores(tool)]
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
    text = f"The files say about {query}: {hits[0].text}"
    annotations = tuple(
        {"type": "file_citation", "file_id": hit.file_id, "filename": hit.filename, "index": len(text)} for hit in hits
    )
    return Act((item,), Note(text, annotations))


def _stores(tool: JsonObject) -> Sequence[str]:
    stores: list[str] = tool["vector_store_ids"]
    return stores


def _made_up(query: str, store: str) -> Hit:
    digest = hashlib.sha256(f"{store}/{query}".encode("utf-8", "replace")).hexdigest()
    return Hit(f"file-{digest[:22]}", f"{store}.txt", f"a passage of {store} on {query}.")


def run_code(code: str, tool: JsonObject, container_id: str) -> Act:
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
    return Act((item,), Note(f"The code printed: {logs.strip()}{beside}"))


def make_image(prompt: str, tool: JsonObject) -> Act:
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
    return Act((item,), Note(f"Here is the picture of {prompt}."))


def reason(text: str, *, encrypted: bool) -> Act:
    """Think; the summary is the text."""
    item: JsonObject = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text or "I think about what was asked."}],
    }
    if encrypted:
        item["encrypted_content"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return Act((item,))


def message(content: list[JsonObject], *, complete: bool = True) -> JsonObject:
    """An assistant message."""
    status = "completed" if complete else "incomplete"
    return {"type": "message", "status": status, "content": content, "role": "assistant"}


def text_part(text: str, annotations: Sequence[JsonObject] = ()) -> JsonObject:
    """A text part."""
    return {"type": "output_text", "annotations": list(annotations), "logprobs": [], "text": text}


def joined(notes: Sequence[Note]) -> Note:
    """Several notes as one text, the annotations moved along."""
    text, annotations = "", []
    for note in notes:
        text += " " if text else ""
        for each in note.annotations:
            moved: dict[str, Any] = {
                key: value + len(text) if key in ("start_index", "end_index", "index") else value
                for key, value in each.items()
            }
            annotations.append(moved)
        text += note.text
    return Note(text, tuple(annotations))
