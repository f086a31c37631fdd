"""Recorded HTTP traffic as shapes: sessions, cassettes, fixtures, mappings, and the event streams of runs. Pure.

What a recorder writes, `recording_formats.py` knows; threads are put together by `recorded_threads.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from migrate_cli.sources.shapes import recording_formats as formats
from migrate_cli.sources.shapes.base import Form, Growth, Piece, Remark, Shape
from migrate_cli.sources.shapes.event_streams import events_of_list, events_of_text, is_event, speaks_of_threads
from migrate_cli.sources.shapes.recorded_exchange import Exchange, RecordedBody
from migrate_cli.sources.shapes.recorded_objects import Translate
from migrate_cli.sources.shapes.recorded_threads import ExchangeReader

_LOOK_AT = 20
_NO_END = Remark(
    "thread-may-be-incomplete",
    "The cassette lacks its last line (`version` or `recorded_with`), so it may be truncated and newer "
    "messages missing; copy it again.",
)


class Recording(Shape):
    """A document of exchanges."""

    growth = Growth.NONE
    orders = "the recorded requests"

    def __init__(self, translate: Translate = lambda value: value, way: int = 0) -> None:
        self._translate, self._way = translate, way

    def matches(self, value: Any) -> bool:
        """Recognise what the recorder writes."""
        return self.exchanges(value) is not None

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give what the exchanges tell of each thread."""
        exchanges, remarks = self.exchanges(value) or (), self.remarks(value)
        yield from ExchangeReader(exchanges, self._translate, *remarks, way=self._way).pieces()

    @abstractmethod
    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Return the exchanges, or None where the value is something else."""

    def remarks(self, value: Any) -> tuple[Remark, ...]:  # noqa: ARG002 - for those that override it
        """Return what is to be told of each thread, whatever its exchanges are."""
        return ()


class HttpSession(Recording):
    """`{"Entries": [{"RequestUri", "ResponseBody", …}]}`, HAR of browsers, proxies and Polly.JS, Charles' JSON."""

    name = "http-session"
    description = 'recorded HTTP sessions as JSON: {"Entries": [{"RequestUri", "ResponseBody"}]}, or HAR'

    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Recognise the list of entries."""
        if formats.is_client_pages(value):
            return formats.session_exchanges(value)
        if formats.is_charles(value):
            return formats.charles_exchanges(value)
        entries = formats.session_entries(value) if isinstance(value, dict) else None
        return None if entries is None else formats.session_exchanges(entries)


class VcrJson(Recording):
    """The cassette of `vcr-cassette`, saved as JSON; betamax writes the same."""

    name = "vcr-json"
    description = "VCR cassettes saved as JSON, including those of betamax"

    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Recognise the list of interactions (or of `http_interactions`, as Ruby's VCR calls them)."""
        entries = formats.cassette_entries(value) if isinstance(value, dict) else None
        return None if entries is None else formats.cassette_exchanges(entries)


class VcrCassette(VcrJson):
    """`interactions:` as YAML."""

    name = "vcr-cassette"
    description = "VCR cassettes in YAML (Python, Ruby, Go) with recorded responses of the API"
    form = Form.YAML

    def remarks(self, value: Any) -> tuple[Remark, ...]:
        """Recorders write a last line; without it the cassette may have been cut off between two entries."""
        return () if value.keys() & {"version", "recorded_with"} else (_NO_END,)


class NockFixture(Recording):
    """`[{"scope", "method", "path", "status", "response"}, …]`."""

    name = "nock-fixture"
    description = 'nock fixtures: [{"scope", "method", "path", "status", "response"}]'

    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Recognise the array of definitions."""
        return formats.fixture_exchanges(value) if formats.is_fixture(value) else None


class MockMappings(Recording):
    """WireMock's mappings, and the answers that a Postman collection keeps as examples."""

    name = "mock-mappings"
    description = "WireMock mappings, and Postman collections with saved responses"

    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Recognise the mappings or the collection."""
        mappings = formats.mapping_entries(value)
        if mappings is not None:
            return formats.mapping_exchanges(mappings)
        collection = formats.collection_entries(value)
        return None if collection is None else formats.collection_exchanges(collection)


class EventList(Recording):
    """`[{"event": "thread.…", "data": {…}}, …]`, as clients print the events of a run."""

    name = "event-list"
    description = 'the events of runs as a JSON array: [{"event": "thread.…", "data": {…}}]'
    orders = "the order of the events"

    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Recognise the array of events."""
        if not isinstance(value, list) or not any(map(is_event, value[:_LOOK_AT])):
            return None
        return iter([Exchange(1, answer=RecordedBody(value))]) if events_of_list(value[:_LOOK_AT]).events else None


class EventStream(Recording):
    """A stream of a run as the wire sent it, lines of its events, or a log with them among other lines."""

    name = "event-stream"
    description = "the event streams of runs as text: as they were sent, as lines, or in a log after a prefix"
    form = Form.TEXT
    orders = "the order of the events"

    def exchanges(self, value: Any) -> Iterator[Exchange] | None:
        """Recognise a text with at least one event or object of a thread."""
        if not isinstance(value, str) or not speaks_of_threads(value):
            return None
        read = events_of_text(value)
        return iter([Exchange(1, answer=RecordedBody(value, "text"))]) if read.events or read.unread else None
