"""What a recording tells of one thread: its objects as they were answered last, their order, and what may be missing.

Pure. It must not know how exchanges are written down (`recording_formats.py`) or decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Loose, Piece, Remark
from migrate_cli.sources.shapes.event_deltas import add_delta, without_gaps
from migrate_cli.sources.shapes.recorded_calls import RecordedCalls
from migrate_cli.sources.shapes.recorded_lists import ListedPage, RecordedList
from migrate_cli.sources.shapes.recorded_requests import RequestedMessage, only_requested, put_in
from migrate_cli.sources.times import unix_seconds

_MOST_NAMED = 3
_INCOMPLETE = "thread-may-be-incomplete"
_FINISHED = frozenset({"completed", "incomplete"})
"""A message or a step in such a state gets no more deltas."""
_WITHOUT_MESSAGE = frozenset({"failed", "cancelled", "expired", "requires_action"})
"""A run in such a state need not have written a message."""


@dataclass(frozen=True, slots=True)
class Undecoded:
    """A body that cannot be decoded."""

    label: str
    """Which exchange's it is."""
    why: str
    """Half a sentence."""
    code: str = "answer-not-decoded"


@dataclass(slots=True)
class ThreadHistory:
    """One thread."""

    thread: JsonObject | None = None
    messages: dict[str, JsonObject] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    """The exchange that showed a message first."""
    posted: set[str] = field(default_factory=set)
    """Messages that were the answer to their own request."""
    listing: RecordedList = field(default_factory=RecordedList)
    """The list of messages."""
    others: dict[tuple[RecordKind, str], RecordedList] = field(default_factory=dict)
    """The lists of runs, and those of the steps of each run."""
    runs: dict[str, JsonObject] = field(default_factory=dict)
    steps: dict[str, JsonObject] = field(default_factory=dict)
    run_seen: dict[str, int] = field(default_factory=dict)
    """The exchange that showed a run last."""
    streamed: set[str] = field(default_factory=set)
    """Runs whose stream is there to its end."""
    calls: RecordedCalls = field(default_factory=RecordedCalls)
    wanted: list[RequestedMessage] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    created: bool = False
    """Whether the recording shows how the thread was made, so that nothing came before."""
    gone: bool = False
    """Whether the thread was deleted."""
    unanswered: dict[int, str] = field(default_factory=dict)
    """Exchanges that asked for its messages and have no answer that can be read."""
    without_steps: dict[str, str] = field(default_factory=dict)
    """Runs whose steps were asked for without an answer: by which exchange."""
    undecoded: list[Undecoded] = field(default_factory=list)
    unsure: bool = False
    """Whether nothing tells which way round a list of its messages stands."""
    cut: int | None = None
    """The last exchange whose stream breaks off."""

    # Taking

    def message(self, raw: JsonObject, number: int, *, twin: int = 0) -> str:
        """Take a message as it was answered, and return what it is called here; `twin` counts those of one id."""
        known = clean_id(raw.get("id"))
        name = f"#{len(self.messages)}" if known is None else f"{known}#{twin}" if twin else known
        self.messages[name] = raw
        self.seen.setdefault(name, number)
        return name

    def delta(self, known: str, raw: JsonObject, thread_id: str | None, number: int) -> None:
        """Add to a message of which only pieces have come."""
        message = self.messages.get(known)
        if message is not None and str(message.get("status")) in _FINISHED and message.get("content"):
            return
        if message is None:
            message = {
                "id": known,
                "object": "thread.message",
                "role": "assistant",
                "content": [],
                "metadata": {},
                "thread_id": thread_id,
            }
        elif message.get("content") == [] or "status" not in message:
            message = deepcopy(message)
        message.setdefault("status", "in_progress")
        if not isinstance(message.get("content"), list):
            message["content"] = []
        self.messages[known] = message
        self.seen.setdefault(known, number)
        change = raw.get("delta")
        if isinstance(change, dict):
            add_delta(message, change)

    def step_delta(self, known: str, raw: JsonObject) -> None:
        """Add to a step of which only pieces have come."""
        step = self.steps.get(known)
        if step is not None and str(step.get("status")) in _FINISHED:
            return
        step = {"id": known, "object": "thread.run.step", "status": "in_progress"} if step is None else deepcopy(step)
        self.steps[known] = step
        change = raw.get("delta")
        if isinstance(change, dict):
            add_delta(step, change)
        details = step.get("step_details")
        if isinstance(details, dict) and "type" in details:
            step.setdefault("type", details["type"])

    def page(self, kind: RecordKind, of: str, page: ListedPage) -> None:
        """Take a page of a list: of the messages, of the runs, or of the steps of one run."""
        if kind is RecordKind.MESSAGE:
            self.listing.take(page, lambda name: _time(self.messages.get(name, {})))
            return
        known = self.runs if kind is RecordKind.RUN else self.steps
        self.others.setdefault((kind, of), RecordedList()).take(page, lambda name: _time(known.get(name, {})))

    # Telling

    @property
    def empty(self) -> bool:
        """Whether nothing of the thread itself was read."""
        return self.thread is None and not (self.messages or self.runs or self.steps or self.wanted)

    def pieces(self, thread_id: str | None, *, also: tuple[Remark, ...] = ()) -> Iterator[Piece]:
        """Give the thread's objects, messages oldest first, and what there is to tell."""
        missing = only_requested(self._left_open(), self._answered())
        messages = put_in(self._in_order(), missing, self.seen)
        steps = self.calls.completed(self.steps.values())
        made = list(self.calls.steps(self.runs, steps))
        remarks = (*self._remarks(messages, missing), *_of_calls(made), *also)
        # Where nothing of it is weak, the messages are all there.
        more = None if any(remark.code == _INCOMPLETE for remark in remarks) else False
        for kind, raws in (
            (RecordKind.THREAD, [] if self.thread is None else [self.thread]),
            (RecordKind.MESSAGE, messages),
            (RecordKind.RUN, [*self.runs.values()]),
            (RecordKind.STEP, sorted([*steps, *made], key=_time)),
            (RecordKind.DELETED, [{"id": known} for known in sorted(self.deleted)]),
        ):
            if raws:
                yield Loose(kind, raws, thread_id, has_more=more, remarks=remarks)
                remarks = ()

    def _left_open(self) -> list[RequestedMessage]:
        """Return the messages of requests that no later list of all messages decides on."""
        listed = self.listing.complete_at
        return [one for one in self.wanted if listed is None or listed < one.number]

    def _answered(self) -> list[JsonObject]:
        """Return the messages that may be those of a request, oldest first."""
        placed = {id(raw): place for place, raw in enumerate(self._in_order())}
        own = [raw for name, raw in self.messages.items() if name not in self.posted]
        return sorted(own, key=lambda raw: placed[id(raw)])

    def _in_order(self) -> list[JsonObject]:
        """Return the messages: the listed ones as they were listed, others after the last that is not younger."""
        order = [self.messages[name] for name in self.listing.order if name in self.messages]
        listed = set(self.listing.order)
        for name, raw in self.messages.items():
            if str(raw.get("status")) not in _FINISHED and isinstance(raw.get("content"), list):
                raw["content"] = without_gaps(raw["content"])
            if name not in listed:
                place = len(order)
                while place and _time(order[place - 1]) > _time(raw):
                    place -= 1
                order.insert(place, raw)
        return order

    def _remarks(self, messages: list[JsonObject], missing: list[RequestedMessage]) -> Iterator[Remark]:
        reasons = [*self._missing_messages(messages), *self._missing_others()]
        if reasons:
            yield Remark(_INCOMPLETE, " ".join(reasons))
        if self.unsure:
            detail = "Neither a request nor the times show the order of the list of messages."
            yield Remark("order-unknown", detail)
        if self.undecoded:
            yield Remark("body-not-decoded", undecoded(self.undecoded))
        if missing:
            them = "message is" if len(missing) == 1 else "messages are"
            detail = f"{len(missing)} {them} known only from the requests, without an id of the API."
            yield Remark("message-from-request", detail)
        if self.gone:
            detail = "The recording shows that the thread was deleted; what was recorded before is read."
            yield Remark("thread-deleted", detail)
        unknown = len(self.deleted - self.messages.keys())
        if unknown and missing:
            detail = (
                f"{unknown} of the deleted messages never appeared in a response, so they may be among the "
                f"{len(missing)} that were read from requests."
            )
            yield Remark("message-from-request", detail)

    def _missing_messages(self, messages: list[JsonObject]) -> Iterator[str]:
        """Yield why messages may be missing, a sentence for each reason."""
        listed = self.listing.complete_at
        older, newer = self.listing.missing()
        if older or newer:
            which = "Older and newer" if older and newer else "Older" if older else "Newer"
            yield f"{which} messages may be missing: the recorded list continues after its recorded pages."
        elif listed is None and self.created:
            yield "Messages may be missing: the recording shows how some were created, but no list of all of them."
        elif listed is None:
            yield "Older messages may be missing: the recording shows no list of all messages."
        elif any(number > listed for number in self.seen.values()):
            yield "Newer messages may be missing: some came after the last recorded list of all messages."
        later = [label for number, label in self.unanswered.items() if listed is None or number > listed]
        if later:
            yield f"Messages may be missing: {_first_few(later)} asked for them, but the response is missing."
        if self.cut is not None and (listed is None or self.cut > listed):
            yield "Newer messages may be missing: a recorded stream ends early."
        elif waiting := sum(self._waits(known, listed, messages) for known in self.runs):
            runs = "a run is" if waiting == 1 else f"{waiting} runs are"
            yield (
                f"Newer messages may be missing: {runs} recorded without its messages."
                if waiting == 1
                else (f"Newer messages may be missing: {runs} recorded without their messages.")
            )
        unknown = sum(known not in self.messages and known not in self.deleted for known in self._named_by_steps())
        if unknown:
            yield f"Messages are missing: the run steps name {unknown} that no response contains."

    def _missing_others(self) -> Iterator[str]:
        lost = [label for run_id, label in self.without_steps.items() if (RecordKind.STEP, run_id) not in self.others]
        if lost:
            yield f"Run steps, with their tool calls, may be missing: {_first_few(lost)} has no readable response."
        for (kind, _), listed in self.others.items():
            if any(listed.missing()):
                what = "runs" if kind is RecordKind.RUN else "run steps, with their tool calls,"
                yield f"Some {what} may be missing: their recorded list continues after its recorded pages."
                return

    def _waits(self, known: str, listed: int | None, messages: list[JsonObject]) -> bool:
        """Whether what a run wrote may have come after all that the recording shows."""
        if known in self.streamed or (listed is not None and self.run_seen.get(known, 0) <= listed):
            return False
        if any(raw.get("run_id") == known for raw in messages):
            return False
        return str(self.runs[known].get("status")) not in _WITHOUT_MESSAGE

    def _named_by_steps(self) -> set[str]:
        named: set[str] = set()
        for step in self.steps.values():
            details = step.get("step_details")
            made = details.get("message_creation") if isinstance(details, dict) else None
            known = clean_id(made.get("message_id")) if isinstance(made, dict) else None
            if known is not None:
                named.add(known)
        return named


def _of_calls(made: list[JsonObject]) -> Iterator[Remark]:
    count = sum(len(step["step_details"]["tool_calls"]) for step in made)
    if count:
        them = "1 tool call is" if count == 1 else f"{count} tool calls are"
        detail = f"{them} known only from runs and requests, since no run step shows them."
        yield Remark("call-from-request", detail)


def undecoded(bodies: list[Undecoded]) -> str:
    """Return the sentence about bodies that cannot be decoded."""
    others = len(bodies) - 1
    more = f" {others} more cannot be decoded either." if others else ""
    return f"A recorded body {bodies[0].why}: that of {bodies[0].label}.{more} Its content is not read."


def _first_few(labels: list[str]) -> str:
    shown = ", ".join(labels[:_MOST_NAMED])
    return shown if len(labels) <= _MOST_NAMED else f"{shown} and {len(labels) - _MOST_NAMED} more"


def _time(raw: JsonObject) -> float:
    seconds = unix_seconds(raw.get("created_at"))
    return float("inf") if seconds is None else seconds
