"""`http-session` and `vcr-cassette`: recorded HTTP traffic, out of which threads are put together.

A recording holds list answers, single answers and event streams of the Assistants API. Each object counts as it was
answered last; the order is that of the list answers, whose direction the request tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from migrate_cli.bounds import TooDeepError, loads
from migrate_cli.model import JsonObject
from migrate_cli.sources.export.json_text import TOO_DEEP, BadJsonError
from migrate_cli.sources.normalise import clean_id, unix_seconds
from migrate_cli.sources.record_kinds import RecordKind, is_list_answer, kind_of
from migrate_cli.sources.shapes.base import Form, Growth, Loose, Piece, Shape


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer."""

    uri: str
    answer: Any
    """The body: parsed JSON, or text."""


class HttpSession(Shape):
    """`{"Entries": [{"RequestUri", "ResponseBody", …}]}`, and browsers' `{"log": {"entries": […]}}`."""

    name = "http-session"
    description = 'recorded HTTP sessions as JSON: {"Entries": [{"RequestUri", "ResponseBody"}]}, or HAR'
    growth = Growth.NONE
    orders = "the recorded requests"

    def matches(self, value: Any) -> bool:
        """Recognise the list of entries."""
        return isinstance(value, dict) and _session_entries(value) is not None

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give what the answers tell of each thread."""
        yield from _Recording(map(_session_exchange, _session_entries(value) or ())).pieces()


class VcrJson(Shape):
    """The cassette of `vcr-cassette`, saved as JSON."""

    name = "vcr-json"
    description = "VCR cassettes saved as JSON"
    growth = Growth.NONE
    orders = "the recorded requests"

    def matches(self, value: Any) -> bool:
        """Recognise the list of interactions (or of `http_interactions`, as Ruby's VCR calls them)."""
        return isinstance(value, dict) and isinstance(value.get("interactions", value.get("http_interactions")), list)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give what the answers tell of each thread."""
        interactions = value.get("interactions", value.get("http_interactions"))
        yield from _Recording(map(_vcr_exchange, interactions)).pieces()


class VcrCassette(VcrJson):
    """`interactions:` as YAML."""

    name = "vcr-cassette"
    description = "VCR cassettes (YAML) with recorded answers of the API"
    form = Form.YAML


def _session_entries(value: JsonObject) -> list[Any] | None:
    entries = value.get("Entries")
    if entries is None and isinstance(value.get("log"), dict):
        entries = value["log"].get("entries")
    return entries if isinstance(entries, list) else None


def _session_exchange(entry: Any) -> Exchange:
    if not isinstance(entry, dict):
        return Exchange("", None)
    if "RequestUri" in entry:
        return Exchange(str(entry["RequestUri"]), _body(entry.get("ResponseBody")))
    request, response = _object(entry.get("request")), _object(entry.get("response"))
    return Exchange(str(request.get("url", "")), _body(_object(response.get("content")).get("text")))


def _vcr_exchange(entry: Any) -> Exchange:
    request, response = _object(_object(entry).get("request")), _object(_object(entry).get("response"))
    body = response.get("body", response.get("content"))
    if isinstance(body, dict):
        body = body.get("string", body.get("base64_string", body))
    return Exchange(str(request.get("uri", request.get("url", ""))), _body(body))


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _body(body: Any) -> Any:
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if not isinstance(body, str):
        return body
    try:
        return loads(body)
    except TooDeepError as error:
        # What it holds would be missing without a word.
        raise BadJsonError(TOO_DEEP, f"A recorded answer is {error}.") from None
    except ValueError:
        return body


@dataclass(slots=True)
class _History:
    """What a recording tells of one thread."""

    thread: JsonObject | None = None
    messages: dict[str, JsonObject] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    """Message ids in the order of the list answers, oldest first."""
    runs: dict[str, JsonObject] = field(default_factory=dict)
    steps: dict[str, JsonObject] = field(default_factory=dict)


class _Recording:
    """Collects the objects of all answers, by thread."""

    def __init__(self, exchanges: Iterator[Exchange]) -> None:
        self._histories: dict[str, _History] = {}
        self._others: list[Loose] = []
        for exchange in exchanges:
            self._take(exchange)

    def pieces(self) -> Iterator[Piece]:
        """Give the threads, their parts, and assistants and files."""
        for thread_id, history in self._histories.items():
            if history.thread is not None:
                yield Loose(RecordKind.THREAD, [history.thread], thread_id)
            if history.messages:
                yield Loose(RecordKind.MESSAGE, _in_order(history), thread_id)
            if history.runs:
                yield Loose(RecordKind.RUN, list(history.runs.values()), thread_id)
            if history.steps:
                yield Loose(RecordKind.STEP, sorted(history.steps.values(), key=_time), thread_id)
        yield from self._others

    def _take(self, exchange: Exchange) -> None:
        answer = exchange.answer
        if is_list_answer(answer):
            newest_first = "asc" not in parse_qs(urlsplit(exchange.uri).query).get("order", [])
            self._take_list(answer["data"][::-1] if newest_first else answer["data"], newest_first=newest_first)
        elif isinstance(answer, str):
            for raw in _events(answer):
                self._object(raw)
        else:
            self._object(answer)

    def _take_list(self, raws: list[Any], *, newest_first: bool) -> None:
        listed: dict[str, list[str]] = {}
        for raw in raws:
            self._object(raw)
            if kind_of(raw) is RecordKind.MESSAGE and clean_id(raw.get("id")):
                listed.setdefault(clean_id(raw.get("thread_id")) or "", []).append(raw["id"])
        for thread_id, ids in listed.items():
            if thread_id in self._histories:
                history = self._histories[thread_id]
                history.listed = _joined(history.listed, ids, history.messages, newest_first=newest_first)

    def _object(self, raw: Any) -> None:
        kind = kind_of(raw)
        if kind in {RecordKind.ASSISTANT, RecordKind.FILE}:
            self._others.append(Loose(kind, [raw]))
            return
        known = clean_id(raw.get("id")) if kind not in {None, RecordKind.OTHER} else None
        thread_id = known if kind is RecordKind.THREAD else clean_id(raw.get("thread_id")) if known else None
        if known is None or thread_id is None:
            return
        history = self._histories.setdefault(thread_id, _History())
        if kind is RecordKind.THREAD:
            history.thread = raw
        elif kind is RecordKind.MESSAGE:
            history.messages[known] = raw
        elif kind is RecordKind.RUN:
            history.runs[known] = raw
        elif kind is RecordKind.STEP:
            history.steps[known] = raw


def _events(text: str) -> Iterator[Any]:
    """Yield the data objects of a server-sent event stream, deltas left out."""
    for line in text.splitlines():
        if line.startswith("data:") and '.delta"' not in line:
            value = _body(line[5:].strip())
            if isinstance(value, dict):
                yield value


def _joined(known: list[str], page: list[str], messages: dict[str, JsonObject], *, newest_first: bool) -> list[str]:
    """Join a page (oldest first) to what was listed before: the same list once more, or the next page of it."""
    if not known:
        return page
    at = {message_id: place for place, message_id in enumerate(page)}
    shared = [at[message_id] for message_id in known if message_id in at]
    if shared:
        old = set(known)
        fresh = [message_id for message_id in page if message_id not in old]
        return [
            *(message_id for message_id in fresh if at[message_id] < shared[0]),
            *known,
            *(message_id for message_id in fresh if at[message_id] > shared[0]),
        ]
    newest, oldest = _time(messages[page[-1]]), _time(messages[known[0]])
    # Where a second is shared, the next page goes on in the direction that was asked for.
    older = newest < oldest or (newest_first and newest == oldest)
    return page + known if older else known + page


def _in_order(history: _History) -> list[JsonObject]:
    """Return the messages: the listed ones as they were listed, others after the last that is not younger."""
    order = [history.messages[message_id] for message_id in history.listed]
    listed = set(history.listed)
    for message_id, raw in history.messages.items():
        if message_id not in listed:
            place = len(order)
            while place and _time(order[place - 1]) > _time(raw):
                place -= 1
            order.insert(place, raw)
    return order


def _time(raw: JsonObject) -> float:
    seconds = unix_seconds(raw.get("created_at"))
    return float("inf") if seconds is None else seconds
