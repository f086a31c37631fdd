"""`mapped`, `mapped-lines`, `mapped-csv`: records of a user's own kind, as the setting `source.map` describes them.

They are in the table only where there is such a setting, and nearly all others then do not: a file that the paths do
not fit is told, and not read as something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.settings.json_path import Place
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.mapping import MappedThread, RecordMap, wire_messages
from migrate_cli.sources.record_kinds import RecordKind
from migrate_cli.sources.shapes.base import Form, Growth, Loose, Piece, Shape, Whole


class AsItIs(Translator):
    """Leaves values as they are until the paths were followed; what they find is translated then."""

    def value(self, value: Any) -> Any:
        """Return the value."""
        return value

    def beside(self, value: Any, wire: Any) -> list[str]:  # noqa: ARG002 - nothing is translated here
        """Return no field, for nothing was lost."""
        return []


class Mapped(Shape):
    """A document whose threads, or messages, lie where the paths say."""

    name = "mapped"
    description = "records that source.map describes"

    def __init__(self, record_map: RecordMap, translate: Callable[[Any], Any]) -> None:
        self.record_map = record_map
        self._translate = translate
        self.whole = record_map.whole
        self.batch = 1 if record_map.whole else 200
        self.path: Place | None = record_map.entries_at
        self.growth = Growth.NONE if self.path is None else Growth.LISTS

    def matches(self, value: Any) -> bool:
        """Recognise what every path that should always fit does fit."""
        return isinstance(value, (dict, list)) and bool(value) and not self.record_map.misfits(value)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give whole threads where the paths lead to their messages, else the messages by thread."""
        threads = self.record_map.threads(value)
        if self.whole:
            for thread in threads:
                yield self._whole(thread)
        else:
            yield from self._loose(threads)

    def entries(self, value: Any) -> list[Any]:
        """Return the wire messages of one line."""
        return [message for piece in self.pieces(value) if isinstance(piece, Loose) for message in piece.raws]

    def frame(self, value: Any) -> list[str]:
        """Return the fields beside the entries."""
        return self.record_map.frame(value)

    def _whole(self, thread: MappedThread) -> Whole:
        return Whole(thread.thread_id, wire_messages(thread, self._translate), thread.thread)

    def _loose(self, threads: Iterable[MappedThread]) -> Iterator[Piece]:
        groups: dict[str | None, list[Any]] = {}
        facts: dict[str, JsonObject] = {}
        for thread in threads:
            groups.setdefault(thread.thread_id, []).extend(wire_messages(thread, self._translate))
            if thread.thread and thread.thread_id is not None:
                facts.setdefault(thread.thread_id, {"object": "thread", "id": thread.thread_id, **thread.thread})
        for known, raw in facts.items():
            yield Loose(RecordKind.THREAD, [raw], known)
        for thread_id, messages in groups.items():
            yield Loose(RecordKind.MESSAGE, messages, thread_id)


class MappedLines(Mapped):
    """The same, one entry a line; or a document a line."""

    name = "mapped-lines"
    description = "JSON Lines that source.map describes"
    form = Form.LINES


class MappedCsv(Mapped):
    """The same, one entry a row; cells that hold JSON are read where a path leads into them."""

    name = "mapped-csv"
    description = "CSV that source.map describes"
    form = Form.CSV

    def __init__(self, record_map: RecordMap, translate: Callable[[Any], Any]) -> None:
        super().__init__(record_map, translate)
        self._threads = record_map.whole
        self.whole = False  # rows go by way of the spool, whatever they hold

    def matches(self, value: Any) -> bool:
        """Recognise the columns, of which nothing but their names is known."""
        return not self.record_map.missing_columns(value)

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the messages of a row, and what it says of their thread."""
        yield from self._loose(self.record_map.threads(value))
