"""`record-csv`: CSV whose rows are no flat messages: an app's own table, or a prompt with its answer.

What a row means, the translator has said before. It must not look into the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from migrate_cli.sources.app_formats import APPS, app_of_row, plain_column
from migrate_cli.sources.dialects import exchange
from migrate_cli.sources.dialects.flat import THREADS
from migrate_cli.sources.shapes.base import Form, Piece, Shape, loose_pieces


class RecordCsv(Shape):
    """Each row has become the wire objects that it means."""

    name = "record-csv"
    description = "CSV with a prompt and its answer a row, or of the table of an app such as Chainlit or Flowise"
    form = Form.CSV

    def __init__(self, app: str | None = None) -> None:
        self._app = app

    def matches(self, value: Any) -> bool:
        """Recognise a header by the columns that the app has, or by those of a prompt and its answer."""
        if type(value) is not dict:
            return False
        if self._app:
            return APPS[self._app].marks <= {plain_column(column) for column in value}
        if self._app is None and app_of_row(value) is not None:
            return True
        return exchange.matches(dict.fromkeys(value, "x")) and self.thread_column(value) is not None

    def pieces(self, value: Any) -> Iterator[Piece]:
        """Give the wire objects of one row."""
        yield from loose_pieces(self.entries(value))

    def thread_column(self, columns: Iterable[str]) -> str | None:
        """Return the column that names a row's thread."""
        app = self._app or app_of_row(dict.fromkeys(columns))
        threads = APPS[app].threads if app else ()
        return next((column for column in columns if column in THREADS or plain_column(column) in threads), None)
