"""`--last-turn`: the last question of each thread becomes a case, and the old answer is what the new one should match.

Question and old answer are read from the source. The question that is sent, and the items before it, are taken from the
conversation when the case runs, so that the new setup sees exactly what was migrated.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from migrate_cli.convert.assistant import convert_assistant
from migrate_cli.convert.configuration import HostKind
from migrate_cli.convert.progress_messages import is_progress
from migrate_cli.model import JsonObject, Message, Run, Thread, Unreadable
from migrate_cli.replay.expectations import Expect, ExpectedSimilarity, Method
from migrate_cli.replay.suite import InputPart, SuiteCase
from migrate_cli.replay.toolspec import Tool
from migrate_cli.sources.times import unix_seconds

Number = TypeVar("Number", int, float)
_SETUP = ("model", "instructions", "reasoning", "text", "temperature", "top_p")


@dataclass(frozen=True, slots=True)
class OldTurn:
    """What the old setup took to answer the same question; None where the source does not say."""

    total_ms: float | None = None
    """From the creation of its runs to their ends."""
    first_ms: float | None = None
    """From the creation of the first run to that of its first message: when the answer began, in whole seconds."""
    input_tokens: int | None = None
    output_tokens: int | None = None

    def as_dict(self) -> JsonObject:
        """What is known, as reports show it."""
        known = {name: getattr(self, name) for name in ("total_ms", "first_ms", "input_tokens", "output_tokens")}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LastTurn:
    """One thread's last question that was answered."""

    thread_id: str
    message_id: str
    question: str
    answer: str
    assistant_id: str | None
    old: OldTurn = OldTurn()


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
    answers: list[Message] = []
    best: tuple[Message, list[Message]] | None = None
    for message in thread.messages:
        text = text_of(message)
        if message.role == "user":
            asked, answers = (message, []) if text else (None, [])
        elif message.role == "assistant" and text and asked is not None and not is_progress(message):
            answers.append(message)
            best = asked, answers
    if best is None:
        return None
    question, said = best
    answer = "\n".join(text_of(message) for message in said)
    old = _old_turn(thread.runs, said)
    return LastTurn(thread.id, question.id, text_of(question), answer, said[-1].assistant_id, old)


def _old_turn(runs: Iterable[Run], answers: Sequence[Message]) -> OldTurn:
    """What the runs that made these messages took, as far as the source has them and their times."""
    wanted = {message.run_id for message in answers} - {None}
    made = [run for run in runs if run.id in wanted]
    if not made or len(made) != len(wanted):
        return OldTurn()
    began = [unix_seconds(run.created_at) for run in made]
    ended = [unix_seconds(run.raw.get("completed_at")) for run in made]
    first = unix_seconds(answers[0].created_at)
    usages = [run.raw["usage"] if isinstance(run.raw.get("usage"), dict) else {} for run in made]
    spans = {run.id: span for run, span in zip(made, zip(began, ended, strict=True), strict=True)}
    began_first, ended_first = spans.get(answers[0].run_id or "", (None, None))
    if first is not None and ended_first is not None and first > ended_first:
        # Written after its run had ended: a message that was saved late says nothing of when the answer began.
        first = None
    return OldTurn(
        _sum([_between(one, other) for one, other in zip(began, ended, strict=True)]),
        _between(began_first, first),
        _sum([_tokens(usage.get("prompt_tokens")) for usage in usages]),
        _sum([_tokens(usage.get("completion_tokens")) for usage in usages]),
    )


def _between(began: float | None, ended: float | None) -> float | None:
    """Milliseconds from one moment to a later one; None where one is not known, or clocks disagree."""
    return None if began is None or ended is None or ended < began else round((ended - began) * 1000, 1)


def _tokens(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _sum(values: Sequence[Number | None]) -> Number | None:
    """The sum, if all are known."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def text_of(message: Message) -> str:
    """The text of a message of a thread."""
    return "\n".join(_texts(message.content)).strip()


def case_of(
    turn: LastTurn, threshold: float, configuration: JsonObject | None, method: Method = Method.LETTERS
) -> SuiteCase:
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
        expect=Expect(similar_to=ExpectedSimilarity(text=turn.answer, threshold=threshold, method=method)),
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
