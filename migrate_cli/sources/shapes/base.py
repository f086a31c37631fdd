"""What every export shape is: a test that recognises a JSON value, and a cut into pieces. Pure.

A shape says which pieces a document holds; it must not open files, order messages or build threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.model import Finding, JsonObject
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.records import Kind, kind_of


@dataclass(slots=True)
class Whole:
    """A thread that a document holds completely, messages in the document's order."""

    thread_id: str | None
    """None where the document does not tell; the file's name then has to."""
    messages: list[Any]
    thread: JsonObject = field(default_factory=dict)
    runs: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    api_page: bool = False
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class Loose:
    """Wire objects of one kind and one thread, which may have siblings in other files."""

    kind: Kind
    raws: list[Any]
    thread_id: str | None = None
    api_page: bool = False
    """True for a verbatim answer of a list call."""


Piece = Whole | Loose


class Shape(ABC):
    """One shape of a JSON document. Instances are stateless."""

    name: str
    """Kebab-case; what `--format` takes."""
    description: str
    """One line for docs and error sentences."""
    whole: bool = False
    """True where each piece is a complete thread, so that files can be streamed without looking at their siblings."""

    @abstractmethod
    def matches(self, value: Any) -> bool:
        """Whether a parsed JSON document has this shape."""

    @abstractmethod
    def pieces(self, value: Any) -> Iterator[Piece]:
        """Cut a document of this shape into pieces; the same value gives the same pieces in the same order."""


def thread_id_in(raws: Iterable[Any]) -> str | None:
    """Return the thread that the first of the objects says it belongs to."""
    for raw in raws:
        if type(raw) is dict:
            known = clean_id(raw.get("thread_id"))
            if known is not None:
                return known
    return None


def loose_pieces(raws: Iterable[Any], *, api_page: bool = False) -> Iterator[Loose]:
    """Group wire objects by kind and thread, in order of first appearance.

    What is no wire object stays with the messages before it, so that it ends as a finding there.
    """
    groups: dict[tuple[Kind, str | None], list[Any]] = {}
    here: tuple[Kind, str | None] = (Kind.MESSAGE, None)
    pending: list[Any] = []
    for raw in raws:
        kind = kind_of(raw)
        if kind is Kind.OTHER:
            continue
        if kind is None:
            groups.get(here, pending).append(raw)
            continue
        here = (kind, clean_id(raw.get("id" if kind is Kind.THREAD else "thread_id")))
        groups.setdefault(here, []).append(raw)
    for place, ((kind, thread_id), found) in enumerate(groups.items()):
        yield Loose(kind, [*pending, *found] if place == 0 and pending else found, thread_id, api_page)
