"""The threads of the bench: made from a number, so that server, export and every way see the same ones.

A thread's id says how many messages it has, so that nothing has to be remembered. It must not know how they are sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from migrate_cli.convert.canonical import encode

_WORDS = (
    "The quarterly report is ready and the figures for the northern region look better than we expected in spring. "
    "Please compare them with last year, and tell me which customers ordered less than before and what they said. "
    "Je vérifie les chiffres et je reviens vers vous demain matin avec un résumé précis et une proposition. "
)
ITEMS = 20
"""The most items that one request may bring."""
_BEGAN = 1_700_000_000
_P50, _P90, _P99 = 6.0, 40.0, 300.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """A number of threads and the law of their sizes."""

    name: str
    threads: int
    size: int | None
    """Messages in each; None for the long-tailed law."""

    def sizes(self) -> Iterator[int]:
        """How many messages each thread has."""
        return (self.size or long_tailed(number) for number in range(self.threads))

    def thread_ids(self) -> Iterator[str]:
        """The ids, which hold the sizes."""
        return (f"thread_{number:07d}x{size}" for number, size in enumerate(self.sizes()))

    @property
    def messages(self) -> int:
        """All messages together."""
        return sum(self.sizes())


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("short", 2_000, 12),
        Corpus("long", 200, 250),
        Corpus("one", 1, 20_000),
        Corpus("mixed", 1_500, None),
    )
}


def long_tailed(number: int) -> int:
    """The size of the n-th thread: median 6, nine in ten up to 40, 99 in 100 up to 300, none over 2,000.

    The quantiles are walked through by the golden ratio, so that any stretch of threads has the same mixture.
    """
    at = (number + 1) * 0.6180339887498949 % 1.0
    if at <= 0.5:
        size = 1 + at / 0.5 * (_P50 - 1)
    elif at <= 0.9:
        size = _between(at, 0.5, 0.9, _P50, _P90)
    elif at <= 0.99:
        size = _between(at, 0.9, 0.99, _P90, _P99)
    else:
        size = _between(at, 0.99, 1.0, _P99, 2000.0)
    return max(1, round(size))


def _between(at: float, low: float, high: float, small: float, large: float) -> float:
    return small * math.exp((at - low) / (high - low) * math.log(large / small))


def size_of(thread_id: str) -> int:
    """How many messages a thread has, by its id."""
    return int(thread_id.rpartition("x")[2])


def number_of(thread_id: str) -> int:
    """The thread's place in its corpus, by its id."""
    return int(thread_id[7:14])


def message_id(thread_id: str, place: int) -> str:
    """The id of a thread's n-th message, whose last twelve digits are n."""
    return f"msg_{number_of(thread_id):012d}{place:012d}"


def role_of(place: int) -> str:
    """Who wrote the n-th message."""
    return "assistant" if place % 2 else "user"


def text_of(thread_id: str, place: int) -> str:
    """The text of a thread's n-th message."""
    number = number_of(thread_id)
    start = (number * 31 + place * 17) % len(_WORDS)
    return f"{place}: {(_WORDS[start:] + _WORDS)[: 40 + (number * 7 + place * 53) % 300]}"


def message(thread_id: str, place: int) -> str:
    """One message as the wire has it, as JSON text; its length varies between 40 and 340 characters."""
    text = json.dumps(text_of(thread_id, place))
    return (
        f'{{"id":"{message_id(thread_id, place)}","object":"thread.message","created_at":{_BEGAN + place},'
        f'"thread_id":"{thread_id}","role":"{role_of(place)}","status":"completed","content":[{{"type":"text","text":'
        f'{{"value":{text},"annotations":[]}}}}],"attachments":[],"metadata":{{}},"assistant_id":null,'
        '"run_id":null}'
    )


def page(thread_id: str, first: int, last: int) -> str:
    """Messages from `first` to before `last`, as JSON texts with commas between."""
    return ",".join(message(thread_id, place) for place in range(first, last))


def write_ids(corpus: Corpus, path: Path) -> Path:
    """Write the ids, a line each, and beside them the bodies of all requests that carry the threads over."""
    with path.open("w", encoding="utf-8") as ids, path.with_suffix(".bodies").open("wb") as bodies:
        for thread_id in corpus.thread_ids():
            ids.write(f"{thread_id}\n")
            bodies.writelines(b"%s\t%s\n" % (thread_id.encode(), body) for body in _bodies(thread_id))
    return path


def _bodies(thread_id: str) -> Iterator[bytes]:
    yield encode({"metadata": {"source_thread_id": thread_id, "source_created_at": str(_BEGAN)}})
    size = size_of(thread_id)
    for first in range(0, size, ITEMS):
        items = [_item(thread_id, place) for place in range(first, min(first + ITEMS, size))]
        yield b'{"items":[' + b",".join(map(encode, items)) + b"]}"


def _item(thread_id: str, place: int) -> dict[str, object]:
    role = role_of(place)
    kind = "input_text" if role == "user" else "output_text"
    content = {"type": kind, "text": text_of(thread_id, place)}
    return {"type": "message", "role": role, "content": [content]}


def write_export(corpus: Corpus, path: Path) -> Path:
    """Write the corpus as JSON Lines, a thread a line; return the path."""
    with path.open("w", encoding="utf-8") as out:
        for thread_id in corpus.thread_ids():
            _write_thread(out, thread_id)
    return path


def _write_thread(out: IO[str], thread_id: str) -> None:
    thread = {"id": thread_id, "object": "thread", "created_at": _BEGAN, "metadata": {"user": thread_id[7:14]}}
    out.write(f'{{"thread":{json.dumps(thread)},"messages":[')
    size = size_of(thread_id)
    for first in range(0, size, 500):
        out.write(("," if first else "") + page(thread_id, first, min(first + 500, size)))
    out.write("]}\n")
