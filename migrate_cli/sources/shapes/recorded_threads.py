"""Puts threads together out of exchanges: answers, requests, and what is told of unreadable bodies. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Fault, Piece, Remark
from migrate_cli.sources.shapes.event_streams import EventsRead, events_of_list, events_of_text
from migrate_cli.sources.shapes.recorded_bodies import NO_BODY, BodyDecoder, BodyError, looks_like_events
from migrate_cli.sources.shapes.recorded_exchange import Address, ApiCall, Exchange, address_of
from migrate_cli.sources.shapes.recorded_history import ThreadHistory, Undecoded, undecoded
from migrate_cli.sources.shapes.recorded_objects import Histories, Told, Translate
from migrate_cli.sources.shapes.recorded_requests import requested

_OURS = frozenset(ApiCall) - {ApiCall.ELSE}
_CREATES = frozenset({ApiCall.THREADS, ApiCall.THREAD_AND_RUN, ApiCall.MESSAGES, ApiCall.RUNS, ApiCall.OUTPUTS})
_HOLDS = frozenset({ApiCall.MESSAGES, ApiCall.STEPS})
"""Calls whose answers hold what a thread must not lack."""
_WITH_OBJECTS = ("application/json", "text/event-stream")


class ExchangeReader:
    """Takes the exchanges of one recording."""

    def __init__(self, exchanges: Iterable[Exchange], translate: Translate, *also: Remark, way: int = 0) -> None:
        self._histories = Histories(translate, way)
        self._undecoded: list[Undecoded] = []
        """Bodies that name no thread and cannot be decoded."""
        self._homeless: list[str] = []
        """Requests whose messages belong to a thread that no answer names."""
        self._decoder = BodyDecoder()
        self._also = also
        for exchange in exchanges:
            if not exchange.failed:
                self._take(exchange, address_of(exchange))

    def pieces(self) -> Iterator[Piece]:
        """Give the threads, their parts, assistants and files, and what could not be read."""
        for thread_id, history in self._histories.of.items():
            if history.empty:
                yield from _unread(thread_id, history)
            yield from history.pieces(thread_id, also=self._also)
        yield from self._histories.others
        if self._undecoded:
            yield Fault(self._undecoded[0].code, undecoded(self._undecoded))
        if self._homeless:
            more = f" (and that of {len(self._homeless) - 1} more)" if len(self._homeless) > 1 else ""
            detail = f"The request of {self._homeless[0]}{more} holds messages, but no response names their thread."
            yield Fault("request-without-thread", detail)

    def _take(self, exchange: Exchange, address: Address) -> None:
        answer = self._answer(exchange, address)
        told = self._take_answer(exchange, address, answer)
        if exchange.writes and address.call in _CREATES:
            self._take_request(exchange, address, told)

    def _answer(self, exchange: Exchange, address: Address) -> Any:
        try:
            answer = self._decoder.decoded(exchange.answer)
        except BodyError as error:
            mime = exchange.answer.headers.get("content-type", "")
            if address.call in _OURS or not exchange.uri or any(kind in mime for kind in _WITH_OBJECTS):
                self._note_undecoded(exchange, address.thread_id, error)
            answer = NO_BODY
        if answer is NO_BODY and not exchange.writes and exchange.method in ("", "GET"):
            history = self._histories.history(address.thread_id) if address.call in _HOLDS else None
            if history is not None and address.call is ApiCall.MESSAGES:
                history.unanswered[exchange.number] = exchange.label
            elif history is not None:
                history.without_steps[address.object_id or ""] = exchange.label
        return answer

    def _note_undecoded(self, exchange: Exchange, thread_id: str | None, error: BodyError) -> None:
        told = self._undecoded if thread_id is None else self._histories.history(thread_id).undecoded
        told.append(Undecoded(exchange.label, str(error), error.code))

    def _take_answer(self, exchange: Exchange, address: Address, answer: Any) -> Told:
        if answer is NO_BODY:
            removed = exchange.method == "DELETE" and exchange.status is not None
            if removed and address.call is ApiCall.MESSAGE and address.object_id is not None:
                self._histories.delete(address.thread_id, address.object_id)
            return Told(address.thread_id)
        if isinstance(answer, str):
            return self._take_events(exchange, address, events_of_text(answer))
        if looks_like_events(answer):
            return self._take_events(exchange, address, events_of_list(answer))
        told = self._histories.take_answer(exchange, address, answer)
        if told.kind is None and address.call in _HOLDS and not exchange.writes and not _is_refusal(answer):
            self._note_undecoded(exchange, address.thread_id, BodyError("is not in a known format"))
        return told

    def _take_events(self, exchange: Exchange, address: Address, read: EventsRead) -> Told:
        told = self._histories.take_events(exchange, address, read)
        if read.unread:
            what = "an event" if read.unread == 1 else f"{read.unread} events"
            self._note_undecoded(exchange, told.thread_id, BodyError(f"has {what} that cannot be read"))
        return told

    def _take_request(self, exchange: Exchange, address: Address, told: Told) -> None:
        """Take the messages that a request created, unless the answer is the message itself."""
        if address.call is ApiCall.MESSAGES and told.kind is RecordKind.MESSAGE:
            return
        try:
            body = self._decoder.decoded(exchange.request)
        except BodyError as error:
            self._note_undecoded(exchange, told.thread_id, BodyError(f"lacks its request, which {error}"))
            return
        if address.call is ApiCall.OUTPUTS:
            if isinstance(body, dict):
                self._histories.history(address.thread_id).calls.take_outputs(body)
            return
        entries = _entries(body, address.call) if isinstance(body, dict) else []
        if not entries:
            return
        if told.thread_id is None:
            self._homeless.append(exchange.label)
            return
        history = self._histories.history(told.thread_id)
        history.wanted += requested(
            entries,
            told.thread_id,
            exchange.number,
            first=address.call in (ApiCall.THREADS, ApiCall.THREAD_AND_RUN),
            run_id=told.run_id if address.call is ApiCall.RUNS else None,
            created_at=told.created_at,
        )


def _entries(body: JsonObject, call: ApiCall) -> list[Any]:
    """Return the messages that a request creates."""
    if call is ApiCall.MESSAGES:
        return [body] if "content" in body else []
    if call is ApiCall.THREAD_AND_RUN:
        inside = body.get("thread")
        found = inside.get("messages") if isinstance(inside, dict) else None
        also = body.get("additional_messages")
        return [*(found if isinstance(found, list) else []), *(also if isinstance(also, list) else [])]
    found = body.get("messages" if call is ApiCall.THREADS else "additional_messages")
    return found if isinstance(found, list) else []


def _is_refusal(answer: Any) -> bool:
    return isinstance(answer, dict) and ("error" in answer or "deleted" in answer)


def _unread(thread_id: str | None, history: ThreadHistory) -> Iterator[Fault]:
    """Report a thread that nothing but addresses names."""
    if history.undecoded:
        yield Fault(history.undecoded[0].code, undecoded(history.undecoded), thread_id)
    elif history.unanswered:
        label = next(iter(history.unanswered.values()))
        detail = f"The response of {label} was not recorded, so nothing of the thread {thread_id} is read."
        yield Fault("answer-not-decoded", detail, thread_id)
