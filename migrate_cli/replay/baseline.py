"""`--last-turn`: the last question of each thread becomes a case, and the old answer is what the new one should match.

Question and old answer are read from the source. The question that is sent, and the items before it, are taken from the
conversation when the case runs, so that the new setup sees exactly what was migrated.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.configuration import HostKind
from migrate_cli.model import JsonObject, Message, Thread, Unreadable
from migrate_cli.replay.expectations import Expect, ExpectedSimilarity
from migrate_cli.replay.suite import InputPart, SuiteCase
from migrate_cli.replay.toolspec import Tool

_SETUP = ("model", "instructions", "reasoning", "text", "temperature", "top_p")


@dataclass(frozen=True, slots=True)
class LastTurn:
    """One thread's last question that was answered."""

    thread_id: str
    message_id: str
    answer: str
    assistant_id: str | None


def last_turns(threads: Iterable[Thread | Unreadable], sample: int | None) -> list[LastTurn]:
    """Return the last turns of all threads that have one, or of a sample of them that is the same each time."""
    found = (turn for thread in threads if isinstance(thread, Thread) and (turn := last_turn(thread)) is not None)
    if sample is None:
        return list(found)
    ranked = heapq.nsmallest(sample, ((_rank(turn.thread_id), turn.thread_id, turn) for turn in found))
    return [turn for _, _, turn in sorted(ranked, key=lambda entry: entry[1])]


def last_turn(thread: Thread) -> LastTurn | None:
    """Return the last user message with text that an assistant answered, and all that was answered to it."""
    asked: Message | None = None
    answers: list[str] = []
    best: LastTurn | None = None
    for message in thread.messages:
        text = text_of(message)
        if message.role == "user":
            asked, answers = (message, []) if text else (None, [])
        elif message.role == "assistant" and text and asked is not None:
            answers.append(text)
            best = LastTurn(thread.id, asked.id, "\n".join(answers), message.assistant_id)
    return best


def text_of(message: Message) -> str:
    """The text of a message of a thread."""
    return "\n".join(_texts(message.content)).strip()


def case_of(turn: LastTurn, threshold: float, configuration: JsonObject | None) -> SuiteCase:
    """Return the case; `configuration` is the old assistant's, or None where the suite says what to try."""
    setup: dict[str, Any] = {}
    if configuration is not None:
        setup = {name: configuration[name] for name in _SETUP if configuration.get(name) is not None}
        setup["tools"] = tuple(Tool.model_validate(tool) for tool in configuration.get("tools") or ())
    # The words that are sent come from the conversation; the text only keeps the case complete.
    return SuiteCase(
        id=turn.thread_id,
        conversation=turn.thread_id,
        input=(InputPart(text="(the last question of the thread)"),),
        expect=Expect(similar_to=ExpectedSimilarity(text=turn.answer, threshold=threshold)),
        **setup,
    )


def configurations(assistants: Iterable[JsonObject], *, source: str, target: str) -> dict[str, JsonObject]:
    """Return the response configuration of each assistant, by its id; `source` and `target` are presets of hosts."""
    own = partial(convert_assistant, source=HostKind(source), target=HostKind(target))
    return {found.assistant_id: found.config for found in map(own, assistants)}


def questions_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the item ids of each message, by its id, from rows as `MapQueries.of` gives them."""
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.get("found") == "message" and row.get("item_id"):
            found[row["message_id"]] = (*found.get(row["message_id"], ()), row["item_id"])
    return found


def _texts(content: Iterable[Any]) -> Iterator[str]:
    for part in content:
        inner = part.get("text") if isinstance(part, dict) else part
        value = inner.get("value") if isinstance(inner, dict) else inner
        if isinstance(value, str) and value:
            yield value


def _rank(thread_id: str) -> bytes:
    return hashlib.blake2b(thread_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
