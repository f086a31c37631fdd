"""Sources that other packages bring, found by the entry point group `migrate_cli.sources`.

A foreign source may do less than ours: its threads are filtered by the selection here, each id comes once, and whatever
it raises becomes one sentence that names it. It must not trust that a package follows the interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from migrate_cli.bounds import is_too_deep, too_deep
from migrate_cli.errors import MigrateError, SourceError, UsageError, closest
from migrate_cli.model import JsonObject, Thread, Unreadable
from migrate_cli.secrets import scrub
from migrate_cli.sources.choice import Choice
from migrate_cli.sources.disk_set import DiskSet
from migrate_cli.sources.interface import FileInfo, Selection, ShapeTaken, Source

T = TypeVar("T")

GROUP = "migrate_cli.sources"
OWN = ("export", "api", "sql", "snapshot")
"""The kinds that need no package."""


def open_plugin(kind: str, options: Mapping[str, Any]) -> Source:
    """Call the factory that an installed package has for this kind: `factory(options) -> Source`.

    Raises UsageError for a kind that nobody brings, SourceError for a factory that fails.
    """
    point = _point(kind)
    source = _guarded(point, lambda: point.load()(dict(options)))
    if not isinstance(source, Source):
        raise SourceError(
            f"The source {kind} ({point.value}) returned {type(source).__name__} instead of a Source; "
            "see docs/own-source.md.",
            code="source-plugin",
        )
    return GuardedSource(source, point)


def _point(kind: str) -> EntryPoint:
    found = {point.name: point for point in entry_points(group=GROUP)}
    if kind in found:
        return found[kind]
    known = [*OWN, *found]
    close = closest(kind, known)
    hint = f"did you mean {close}?" if close else f"there are {', '.join(known)}."
    raise UsageError(f"there is no source {kind}; {hint} A package can add one with the entry point group {GROUP}.")


class GuardedSource(Source):
    """A foreign source, held to the interface."""

    def __init__(self, source: Source, point: EntryPoint) -> None:
        self._source, self._point = source, point
        self.kind = point.name
        self.live = bool(getattr(source, "live", True))

    @property
    def identity(self) -> str:
        """Its kind, and what it says of itself."""
        return f"{self.kind}:{_guarded(self._point, lambda: str(self._source.identity))}"

    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield what the selection wants of what it yields, each thread id once."""
        yield from self.chosen(self._wanted(selection), selection)

    def _wanted(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield what it yields of the ids that the selection wants, each once; it is not trusted with choosing."""
        seen, asked = DiskSet(), selection
        if selection.choice:
            asked = replace(selection, limit=None, choice=Choice())
        found = _guarded(self._point, lambda: iter(self._source.threads(asked)))
        while (entry := _guarded(self._point, lambda: next(found, None))) is not None:
            if isinstance(entry, Unreadable):
                yield entry
            elif not isinstance(entry, Thread):
                raise self._odd(f"yielded {type(entry).__name__} instead of a Thread or an Unreadable")
            elif selection.wants(entry.id) and _is_too_deep(entry):
                detail = f"The source gives, in the thread {entry.id}, JSON {too_deep()}. The others are read."
                yield Unreadable(entry.origin, "json-too-deep", detail, entry.id)
            elif selection.wants(entry.id):
                yield entry if seen.add(entry.id) else _twice(entry)

    def shapes(self) -> list[ShapeTaken]:
        """What it tells."""
        return _guarded(self._point, self._source.shapes)

    def expected(self) -> int | None:
        """What it tells."""
        return _guarded(self._point, self._source.expected)

    def assistants(self) -> Iterator[JsonObject]:
        """What it holds."""
        found = _guarded(self._point, lambda: iter(self._source.assistants()))
        while (entry := _guarded(self._point, lambda: next(found, None))) is not None:
            yield entry

    def files(self) -> Mapping[str, FileInfo]:
        """What it knows."""
        return _guarded(self._point, self._source.files)

    def _odd(self, what: str) -> SourceError:
        return SourceError(
            f"The source {self.kind} ({self._point.value}) {what}; see docs/own-source.md.", code="source-plugin"
        )


def _guarded(point: EntryPoint, call: Callable[[], T]) -> T:
    """Call into the package; what it raises becomes a sentence, unless it is one already."""
    try:
        return call()
    except MigrateError:
        raise
    except Exception as error:  # a foreign package may raise anything
        lines = str(error).splitlines()
        why = scrub(lines[0])[:200].rstrip(".") if lines else "no message"
        raise SourceError(
            f"The source {point.name} ({point.value}) failed: {type(error).__name__}: {why}. "
            "It is a separate package; tell its authors.",
            code="source-plugin",
        ) from error


def _is_too_deep(thread: Thread) -> bool:
    """Whether a thread that lies in memory holds what is nested too deeply; others read their messages themselves."""
    held = thread.messages if isinstance(thread.messages, tuple) else ()
    parts = [[list(message.content), message.metadata] for message in held]
    return is_too_deep([thread.metadata, thread.tool_resources, parts])


def _twice(thread: Thread) -> Unreadable:
    detail = f"The source gives the thread {thread.id} again; the first one is read."
    return Unreadable(thread.origin, "duplicate-thread-id", detail, thread.id)
