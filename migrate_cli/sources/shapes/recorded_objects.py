"""Sorts the objects of recorded answers into the histories of their threads. Pure.

It must not know of exchanges that were not answered, or of bodies (`recorded_threads.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.ordering import begins_exchange, time_of
from migrate_cli.sources.record_kinds import OF_NO_THREAD, RecordKind, first_kind, is_list_answer, kind_of
from migrate_cli.sources.shapes.base import Loose
from migrate_cli.sources.shapes.event_streams import DONE, Event, EventsRead
from migrate_cli.sources.shapes.recorded_exchange import Address, ApiCall, Exchange
from migrate_cli.sources.shapes.recorded_history import ThreadHistory
from migrate_cli.sources.shapes.recorded_lists import ListedPage

Translate = Callable[[Any], Any]
"""Brings a parsed answer to the wire's own spelling."""

_DELTAS = frozenset({"thread.message.delta", "thread.run.step.delta"})
_DELETIONS = frozenset({"thread.deleted", "thread.message.deleted"})
_RUN_ENDS = frozenset({"completed", "incomplete", "failed", "cancelled", "expired"})
_BARE = "bare"
"""What is written as the `object` of a list that the API did not answer so."""
_WAITS_FOR_TOOLS = "requires_action"
_TELL_NOTHING = frozenset({None, RecordKind.OTHER, RecordKind.STORE, RecordKind.STORE_FILE})
"""What says nothing of a thread, not even that there is one."""


@dataclass(slots=True)
class _Stream:
    """What the events of one thread say, up to the end of their stream."""

    runs: dict[str, str] = field(default_factory=dict)
    """The last state of each run."""


@dataclass(slots=True)
class Told:
    """What an answer tells of itself."""

    thread_id: str | None = None
    run_id: str | None = None
    created_at: Any = None
    """When its thread, or else its run, was made, as the wire says it."""
    kind: RecordKind | None = None
    """What it is, where it is one object."""


@dataclass(slots=True)
class Histories:
    """The histories of all threads of a recording, and what belongs to none."""

    translate: Translate
    way: int = 0
    """How lists stand for which no order was asked, as `ordering.WAYS` says; 0 if nothing says."""
    of: dict[str | None, ThreadHistory] = field(default_factory=dict)
    others: list[Loose] = field(default_factory=list)
    """Assistants, files and vector stores."""

    def history(self, thread_id: str | None) -> ThreadHistory:
        """Return a thread's history, new or known."""
        return self.of.setdefault(thread_id, ThreadHistory())

    def thread_with(self, message_id: str) -> str | None:
        """Return the thread that is known to hold a message."""
        holds = (thread_id for thread_id, history in self.of.items() if message_id in history.messages)
        return next(holds, None)

    def delete(self, thread_id: str | None, message_id: str) -> None:
        """Note that a message was deleted."""
        self.history(thread_id).deleted.add(message_id)

    # Answers

    def take_answer(self, exchange: Exchange, address: Address, answer: Any) -> Told:
        """Take a parsed answer: a list, one object, or an array of objects."""
        answer = self.translate(answer)
        page = answer if is_list_answer(answer) else _bare_list(answer)
        if page is not None:
            self._take_list(exchange, address, page)
            return Told(address.thread_id, kind=RecordKind.OTHER)
        told = Told(address.thread_id)
        for raw in answer if isinstance(answer, list) else [answer]:
            self._tell(told, raw, self._object(raw, address.thread_id, exchange.number))
        history = self.history(told.thread_id) if told.kind is not None and exchange.writes else None
        if history is not None and told.thread_id is not None:
            if told.kind is RecordKind.MESSAGE and address.call is ApiCall.MESSAGES:
                known = clean_id(answer.get("id")) if isinstance(answer, dict) else None
                history.posted |= {known} if known else set()
            if address.call is ApiCall.THREAD_AND_RUN or (
                address.call is ApiCall.THREADS and history.thread is not None
            ):
                history.created = True
        return told

    def take_events(self, exchange: Exchange, address: Address, read: EventsRead) -> Told:
        """Take the events of one stream or of several; their threads and runs are those that the events name."""
        told = Told(address.thread_id)
        streams: dict[str | None, _Stream] = {}
        for event in read.events:
            if event.name == DONE:
                self._end(streams, exchange, done=True)
            elif isinstance(event.value, dict):
                self._event(exchange, address, event, told, streams)
        self._end(streams, exchange, cut=told.thread_id if read.cut else None)
        if read.cut:
            self.history(told.thread_id).cut = exchange.number
        return told

    def _event(
        self,
        exchange: Exchange,
        address: Address,
        event: Event,
        told: Told,
        streams: dict[str | None, _Stream],
    ) -> None:
        if event.type in _DELTAS:
            self._delta(event, told.thread_id, exchange.number)
            streams.setdefault(told.thread_id, _Stream())
            return
        raw = self.translate(event.value)
        if is_list_answer(raw):
            self._take_list(exchange, address, raw)
            return
        for one in raw if isinstance(raw, list) else [raw]:
            thread_id = self._object(one, told.thread_id, exchange.number)
            self._tell(told, one, thread_id)
            kind, known = kind_of(one), clean_id(one.get("id")) if isinstance(one, dict) else None
            if thread_id is None or not event.name.startswith("thread."):
                continue
            stream = streams.setdefault(thread_id, _Stream())
            if kind is RecordKind.THREAD and event.name == "thread.created":
                self.history(thread_id).created = True
            if kind is RecordKind.RUN and known is not None:
                stream.runs[known] = str(one.get("status"))

    def _delta(self, event: Event, thread_id: str | None, number: int) -> None:
        known = clean_id(event.value.get("id"))
        if known is None:
            return
        if event.type == "thread.message.delta":
            thread_id = self.thread_with(known) or thread_id
            self.history(thread_id).delta(known, event.value, thread_id, number)
        else:
            self.history(thread_id).step_delta(known, event.value)

    def _end(
        self,
        streams: dict[str | None, _Stream],
        exchange: Exchange,
        *,
        done: bool = False,
        cut: str | None = None,
    ) -> None:
        """Note of each stream whether it is there to its end; `cut` names the thread whose last event broke off."""
        for thread_id, stream in streams.items():
            history = self.history(thread_id)
            ended = {known for known, state in stream.runs.items() if state in _RUN_ENDS}
            waiting = {known for known, state in stream.runs.items() if state == _WAITS_FOR_TOOLS}
            if thread_id != cut and (done or ended or waiting):
                history.streamed |= (stream.runs.keys() if done else ended) - waiting
            else:
                history.cut = exchange.number
        streams.clear()

    @staticmethod
    def _tell(told: Told, raw: Any, thread_id: str | None) -> None:
        kind = kind_of(raw)
        if kind in _TELL_NOTHING or not isinstance(raw, dict):
            return
        told.kind = kind
        if thread_id is not None and kind not in OF_NO_THREAD:
            told.thread_id = thread_id
        if kind is RecordKind.RUN and told.run_id is None:
            told.run_id = clean_id(raw.get("id"))
        if kind is RecordKind.THREAD or (kind is RecordKind.RUN and told.created_at is None):
            told.created_at = raw.get("created_at")

    # Objects

    def _object(self, raw: Any, of: str | None, number: int, twin: int = 0) -> str | None:
        """Take one object of the wire, and return its thread; `of` is the thread that the address names."""
        if isinstance(raw, dict) and str(raw.get("object")) in _DELETIONS:
            self._deletion(raw, of)
            return of
        kind = kind_of(raw)
        if kind in OF_NO_THREAD:
            self.others.append(Loose(kind, [raw]))
            return None
        if kind in {None, RecordKind.OTHER}:
            return None
        known = clean_id(raw.get("id"))
        thread_id = known if kind is RecordKind.THREAD else clean_id(raw.get("thread_id")) or of
        if kind is RecordKind.MESSAGE:
            if thread_id is None and raw.get("object") != "thread.message":
                return None  # of another API, such as an item of a conversation
            self.history(thread_id).message(raw, number, twin=twin)
        elif known is not None and thread_id is not None:
            history = self.history(thread_id)
            if kind is RecordKind.THREAD:
                history.thread = raw
            elif kind is RecordKind.RUN:
                history.runs[known] = raw
                history.run_seen[known] = number
                history.calls.take_run(known, raw)
            elif kind is RecordKind.STEP:
                history.steps[known] = raw
        return thread_id

    def _deletion(self, raw: JsonObject, of: str | None) -> None:
        known = clean_id(raw.get("id"))
        if raw.get("deleted") is False or known is None:
            return
        if raw["object"] == "thread.deleted":
            self.history(known).gone = True
        else:
            self.delete(of or self.thread_with(known), known)

    # Lists

    def _take_list(self, exchange: Exchange, address: Address, answer: JsonObject) -> None:
        newest_first, sure = _direction(exchange, answer, self.way)
        pages: dict[tuple[str | None, RecordKind, str], list[str]] = {}
        if address.call is ApiCall.MESSAGES:
            pages[address.thread_id, RecordKind.MESSAGE, ""] = []
        elif address.call is ApiCall.STEPS and address.object_id is not None:
            pages[address.thread_id, RecordKind.STEP, address.object_id] = []
        twins: dict[str, int] = {}
        for entry in answer["data"][::-1] if newest_first else answer["data"]:
            raw = entry
            if address.call is ApiCall.MESSAGES and kind_of(raw) is None and isinstance(raw, dict):
                raw = {**raw, "object": "thread.message"}  # whatever it is, it must not vanish from the thread
            known = clean_id(raw.get("id")) if isinstance(raw, dict) else None
            twin = twins.get(known or "", 0)
            if known is not None:
                # Recorders that blank ids out give all messages one; none of them may vanish.
                twins[known] = twin + 1
            thread_id = self._object(raw, address.thread_id, exchange.number, twin)
            kind = kind_of(raw)
            if kind is RecordKind.MESSAGE and (thread_id is not None or raw.get("object") == "thread.message"):
                name = known if known is not None and not twin else next(reversed(self.history(thread_id).messages))
                pages.setdefault((thread_id, kind, ""), []).append(name)
            elif kind in (RecordKind.RUN, RecordKind.STEP) and known is not None and thread_id is not None:
                of = "" if kind is RecordKind.RUN else str(clean_id(raw.get("run_id")))
                pages.setdefault((thread_id, kind, of), []).append(known)
        for (thread_id, kind, of), ids in pages.items():
            self.history(thread_id).unsure |= not sure and kind is RecordKind.MESSAGE and len(ids) > 1
            self.history(thread_id).page(kind, of, _page(exchange, answer, ids, newest_first=newest_first))


def _bare_list(answer: Any) -> JsonObject | None:
    """Return the messages of an answer that holds them in another way than the API, as a list whose order is open."""
    held = answer.get("messages") if isinstance(answer, dict) and kind_of(answer) is None else answer
    if not isinstance(held, list) or first_kind(held) is not RecordKind.MESSAGE:
        return None
    return {"object": _BARE, "data": held, "has_more": False}


def _direction(exchange: Exchange, answer: JsonObject, way: int) -> tuple[bool, bool]:
    """Return whether a list stands newest first, and whether that is sure: by the request, or else by the times."""
    if way and exchange.query("order") is None:
        return way < 0, True
    raws = answer["data"]
    if exchange.uri and answer.get("object") != _BARE:
        return exchange.query("order") != "asc", True
    times = [time for time in map(time_of, raws) if time is not None]
    if times and times[0] != times[-1]:
        return times[0] > times[-1], True
    # What comes first by its nature tells; the list calls answer with the newest first unless asked otherwise.
    opens = bool(raws) and begins_exchange(raws[0]) and not begins_exchange(raws[-1])
    return (answer.get("object") != _BARE and not opens), False


def _page(exchange: Exchange, answer: JsonObject, ids: list[str], *, newest_first: bool) -> ListedPage:
    limit, more = exchange.query("limit"), answer.get("has_more")
    return ListedPage(
        exchange.number,
        ids,
        newest_first,
        more if isinstance(more, bool) else None,
        exchange.query("after"),
        exchange.query("before"),
        int(limit) if limit is not None and limit.isdecimal() and len(limit) < 9 else None,
        filtered=exchange.query("run_id") is not None,
        asked=bool(exchange.uri),
    )
