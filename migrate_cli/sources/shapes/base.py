"""What every export shape is: a test that recognises a JSON value, and a cut into pieces. Pure.

A shape says which pieces a document holds; it must not open files, order messages or build threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources import evidence
from migrate_cli.sources.normalise import clean_id
from migrate_cli.sources.record_kinds import RecordKind, kind_of
from migrate_cli.sources.wire_fields import carries


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding of the shape about a thread whose id it need not know."""

    code: str
    detail: str


def incomplete(side: str = "older", why: str = evidence.MORE_PROMISED) -> Remark:
    """Return the remark on a thread that may lack messages, for shapes that know of it; `side` says which."""
    return Remark(evidence.INCOMPLETE, evidence.incomplete(side, why))


INCOMPLETE = incomplete()
"""For a list of the newest messages that ended although the answer said that there are more."""


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
    remarks: tuple[Remark, ...] = ()
    has_more: bool | None = None
    """What the answer that held the messages said about further pages; None where it said nothing."""


@dataclass(slots=True)
class Loose:
    """Wire objects of one kind and one thread, which may have siblings in other files."""

    kind: RecordKind
    raws: list[Any]
    thread_id: str | None = None
    api_page: bool = False
    """True for a verbatim answer of a list call."""
    has_more: bool | None = None
    """What the list answer said about further pages; None where it said nothing."""
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A place of a document that cannot be read, so that what it held is missing."""

    code: str
    detail: str
    """What is wrong and what to do, without the file's name."""
    thread_id: str | None = None
    """The thread that it was about, where that is known."""


Piece = Whole | Loose | Fault


class Form(StrEnum):
    """How the bytes of a file are cut into JSON values."""

    DOCUMENT = "document"
    LINES = "lines"
    CSV = "csv"
    YAML = "yaml"
    TEXT = "text"


class Growth(StrEnum):
    """Where a huge document grows, so that it can be read a fragment at a time."""

    LISTS = "lists"
    """A few long arrays: the document itself, or values of its keys."""
    PAIRS = "pairs"
    """Many keys, each with a value that fits in memory."""
    NONE = "none"


class Shape(ABC):
    """One shape of an export file. Instances hold settings only."""

    name: str
    """Kebab-case; what `--format` takes."""
    description: str
    """One line for docs and error sentences."""
    form: Form = Form.DOCUMENT
    whole: bool = False
    """True where each piece is a complete thread, so that files can be streamed without looking at their siblings."""
    growth: Growth = Growth.LISTS
    batch: int = 200
    """How many entries of a huge array make a fragment; 1 where an entry may be large itself."""
    orders: str | None = None
    """Where the shape itself puts messages in order: what tells it that order."""
    proof: str | None = None
    """Where files of the shape are known to hold all messages: by what."""
    document: str | None = None
    """For lines: the name of the shape that one of them is by itself, so that a huge line can be read in fragments."""

    @abstractmethod
    def matches(self, value: Any) -> bool:
        """Whether a parsed document, or the first line's value, has this shape."""

    @abstractmethod
    def pieces(self, value: Any) -> Iterator[Piece]:
        """Cut a document, or a line's value, into pieces; the same value gives the same pieces in the same order."""

    def records(self, value: Any) -> list[Loose]:
        """Return the loose pieces that one line holds, mostly one; for shapes of lines that are not whole."""
        return [piece for piece in self.pieces(value) if isinstance(piece, Loose)]

    def frame(self, value: Any) -> list[str]:  # noqa: ARG002 - for those that override it
        """Return the fields of a document, or of its sketch, that are next to the records and carry nothing."""
        return []

    def entries(self, value: Any) -> list[Any]:
        """Return the wire objects of a line's value, for shapes of lines that are not whole."""
        return value if isinstance(value, list) else [value]


MORE_PAGES = Remark(
    evidence.INCOMPLETE,
    "The file says that there are further pages; put those next to it, or export everything.",
)
MORE_RUNS = Remark(
    evidence.INCOMPLETE,
    "A list of its runs or their steps says that there are more, so tool calls may be missing; export the thread "
    "again with all pages.",
)


def said_more(page: Any) -> bool | None:
    """Return what a list answer says about further pages; None where it says nothing."""
    more = page.get("has_more") if isinstance(page, dict) else None
    return more if isinstance(more, bool) else None


def beside(value: Any, known: frozenset[str]) -> list[str]:
    """Return the fields of an object that are not known and say anything."""
    if not isinstance(value, dict):
        return []
    return [name for name, entry in value.items() if name not in known and carries(entry)]


def thread_id_in(raws: Iterable[Any]) -> str | None:
    """Return the thread that the first of the objects says it belongs to."""
    for raw in raws:
        if type(raw) is dict:
            known = clean_id(raw.get("thread_id"))
            if known is not None:
                return known
    return None


def loose_pieces(raws: Iterable[Any], *, api_page: bool = False, has_more: bool | None = None) -> Iterator[Loose]:
    """Group wire objects by kind and thread, in order of first appearance.

    What is not a wire object stays with the messages before it, so that it ends as a finding there; records of another
    kind that name their thread, such as entries of a log, are left out and counted.
    """
    groups: dict[tuple[RecordKind, str | None], list[Any]] = {}
    here: list[Any] = []
    strays = here
    others: dict[str, list[Any]] = {}
    plain = thread = None
    for raw in raws:
        # Neighbours are mostly of one kind and thread: no need to look closer.
        if plain is not None and type(raw) is dict and raw.get("object") == plain and raw.get("thread_id") == thread:
            here.append(raw)
            continue
        kind = kind_of(raw)
        plain = thread = None
        if kind is RecordKind.OTHER:
            continue
        if kind is None:
            named = clean_id(raw.get("thread_id")) if type(raw) is dict and "role" not in raw else None
            (here if named is None else others.setdefault(named, [])).append(raw)
            continue
        key = (kind, clean_id(raw.get("id" if kind is RecordKind.THREAD else "thread_id")))
        here = groups.setdefault(key, [])
        here.append(raw)
        if kind is not RecordKind.THREAD:
            plain, thread = raw.get("object"), raw.get("thread_id")
    for (kind, thread_id), found in groups.items():
        left = others.pop(thread_id, None) if kind is RecordKind.MESSAGE and thread_id is not None else None
        remarks = (_left_out(len(left)),) if left else ()
        yield Loose(kind, strays + found if strays else found, thread_id, api_page, has_more, remarks)
        strays = []
    for thread_id, rest in others.items():
        yield Loose(RecordKind.MESSAGE, rest, thread_id, api_page, has_more)


def _left_out(count: int) -> Remark:
    records = (
        "1 record that names the thread is not a message and is"
        if count == 1
        else (f"{count:,} records that name the thread are not messages and are")
    )
    return Remark("record-left-out", f"{records} left out.")


def page_pieces(page: JsonObject) -> Iterator[Loose]:
    """Group the objects of a list answer."""
    verbatim = "first_id" in page or "has_more" in page
    return loose_pieces(page["data"], api_page=verbatim, has_more=said_more(page))
