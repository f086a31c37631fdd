"""The table of export shapes, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from migrate_cli.sources.columns import Columns
from migrate_cli.sources.dialect import Translator
from migrate_cli.sources.evidence import names_of
from migrate_cli.sources.ordering import WAYS
from migrate_cli.sources.roles import Roles
from migrate_cli.sources.shapes.agent import Agent, AgentYaml, Assistants
from migrate_cli.sources.shapes.base import Form, Shape
from migrate_cli.sources.shapes.flat import FlatArray, FlatCsv, FlatLines, FlatRow
from migrate_cli.sources.shapes.list_page import ListPage
from migrate_cli.sources.shapes.message_array import MessageArray
from migrate_cli.sources.shapes.message_lines import MessageLines
from migrate_cli.sources.shapes.messages_capped import MessagesCapped
from migrate_cli.sources.shapes.nothing import Nothing, is_empty
from migrate_cli.sources.shapes.objects import Objects
from migrate_cli.sources.shapes.record_csv import RecordCsv
from migrate_cli.sources.shapes.recordings import (
    EventList,
    EventStream,
    HttpSession,
    MockMappings,
    NockFixture,
    VcrCassette,
    VcrJson,
)
from migrate_cli.sources.shapes.snapshot import Snapshot
from migrate_cli.sources.shapes.thread_array import ThreadArray, ThreadLines
from migrate_cli.sources.shapes.thread_file import ThreadFile
from migrate_cli.sources.shapes.threads_by_id import ThreadsById

if TYPE_CHECKING:
    from migrate_cli.sources.mapping import RecordMap

NOTHING = Nothing()


class ShapeTable:
    """All shapes, with the settings of one source: columns and roles of flat rows, the one shape if told, spellings."""

    def __init__(
        self,
        only: str | None = None,
        columns: Mapping[str, str] | None = None,
        roles: Mapping[str, str] | None = None,
        *,
        order: str = "auto",
        time_format: str | None = None,
        app: str | None = None,
        paths: Mapping[str, str] | None = None,
    ) -> None:
        names = Columns(columns)
        self.way = WAYS[order]
        """Which way round lists of messages stand, where the user says it."""
        self.only = only
        self.columns = names
        self.translator = translator = Translator(Roles(roles), Columns(columns), time_format, app)
        self.by_map: RecordMap | None = None
        """How records are read that the setting `source.map` describes."""
        if paths:
            self._map(paths, Roles(roles))
            return
        wire = translator.value
        self._shapes: tuple[Shape, ...] = (
            ThreadFile(),
            ThreadArray(),
            ThreadLines(),
            Snapshot(),
            HttpSession(wire, self.way),
            ListPage(),
            MessagesCapped(),
            FlatArray(names, translator),
            FlatLines(names, translator),
            RecordCsv(names, translator, app),
            FlatCsv(names, translator),
            MessageArray(),
            MessageLines(),
            VcrJson(wire, self.way),
            VcrCassette(wire, self.way),
            NockFixture(wire, self.way),
            MockMappings(wire, self.way),
            EventList(wire, self.way),
            EventStream(wire, self.way),
            AgentYaml(),
            Agent(),
            Objects(),
            ThreadsById(),
            Assistants(),
        )
        self.by_name: dict[str, Shape] = {shape.name: shape for shape in (*self._shapes, NOTHING)}

    def _map(self, paths: Mapping[str, str], roles: Roles) -> None:
        """Hold the shapes of a map; beside them only what completes threads: assistants, files and the like."""
        from migrate_cli.sources.mapping import RecordMap  # noqa: PLC0415 - few sources have a map
        from migrate_cli.sources.shapes.mapped import AsItIs, Mapped, MappedCsv, MappedLines  # noqa: PLC0415

        self.by_map = RecordMap(paths, roles)
        translate, self.translator = self.translator.value, AsItIs()
        shapes = [shape(self.by_map, translate) for shape in (Mapped, MappedLines, MappedCsv)]
        self._shapes = (*shapes, Objects())
        self.by_name = {shape.name: shape for shape in (*self._shapes, NOTHING)}

    def find(self, form: Form, value: Any) -> Shape | None:
        """Return the first shape of a form that a value has; only the chosen one is tried, if one was chosen."""
        for shape in self._shapes:
            if shape.form is form and self.only in {None, shape.name} and shape.matches(value):
                return shape
        return NOTHING if form is Form.DOCUMENT and is_empty(value) else None

    def time_columns(self, shape: str) -> str:
        """Return the columns of the time in files of a shape, as far as they were met; else the wire's name for it."""
        return names_of(self.columns.met()) if isinstance(self.by_name[shape], FlatRow) else "created_at"

    def allows(self, form: Form) -> bool:
        """Whether files of a form are to be looked for."""
        return self.only is None or self.by_name[self.only].form is form


SHAPES: dict[str, str] = {
    name: shape.description for name, shape in ShapeTable().by_name.items() if shape is not NOTHING
}
"""Every shape's name and its one-line description."""
