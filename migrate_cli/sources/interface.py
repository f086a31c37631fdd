"""What every source is: an iterator of threads behind a small interface; a folder, a host and a table look alike.

A source reads and normalises; it must not convert, judge policies or write anything.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from migrate_cli.model import JsonObject, Thread, Unreadable
from migrate_cli.sources.choice import Choice, Judgement, with_judgement
from migrate_cli.sources.explain import Explanation


@dataclass(frozen=True, slots=True)
class Selection:
    """Which threads a command wants. Empty means all."""

    thread_ids: frozenset[str] | None = None
    limit: int | None = None
    """Stop after this many wanted threads."""
    shard: tuple[int, int] | None = None
    """(I, N), 1-based: the I-th of N disjoint parts, stable by thread id."""
    doubtful: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Those of `thread_ids` that no host would give to a thread, by the place where a user named them."""
    choice: Choice = field(default_factory=Choice)
    """What a thread must hold, which is known once it is read."""

    def wants(self, thread_id: str) -> bool:
        """Whether the id belongs to the selection, `limit` and `choice` aside."""
        if self.thread_ids is not None and thread_id not in self.thread_ids:
            return False
        return self.shard is None or shard_of(thread_id, self.shard[1]) == self.shard[0]

    def meant_by(self, entry: Unreadable) -> str | None:
        """Return the id that was asked for and of which the entry tells, if it does."""
        return entry.thread_id or self.doubtful.get(str(entry.origin))


def shard_of(thread_id: str, shards: int) -> int:
    """The shard (1 to `shards`) that a thread belongs to; the same on every machine and in every version."""
    digest = hashlib.blake2b(thread_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards + 1


@dataclass(frozen=True, slots=True)
class ShapeTaken:
    """For the report of `plan`: how many files were read as each format."""

    shape: str
    files: int
    example: str
    """One path or member, as an example."""
    frame: Mapping[str, int] = field(default_factory=dict)
    """Fields that are next to the records and carry nothing, and in how many files."""
    spelling: tuple[str, ...] = ()
    """Spellings and dialects other than the wire's that were met, such as `createdAt as created_at`."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What the source knows of a file: from a `file` object of the export, or from bytes that lie in `files/`."""

    file_id: str
    filename: str | None = None
    bytes: int | None = None
    purpose: str | None = None
    path: Path | None = None
    """Where its bytes are on disk, if they are."""
    raw: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreFileInfo:
    """One file of a vector store, as the wire has it."""

    raw: JsonObject

    @property
    def file_id(self) -> str:
        """The id of the file, which is that of its place in the store, too."""
        return str(self.raw.get("id") or "")

    @property
    def status(self) -> str:
        """`completed`, `in_progress`, `failed` or `cancelled`; what says nothing was searchable."""
        told = self.raw.get("status")
        return told if isinstance(told, str) else "completed"

    @property
    def attributes(self) -> JsonObject:
        """Its own texts, numbers and booleans, by which searches are filtered."""
        told = self.raw.get("attributes")
        return told if isinstance(told, dict) else {}

    @property
    def chunking(self) -> JsonObject | None:
        """How it was cut, where that can be asked for again; None: as the host likes."""
        told = self.raw.get("chunking_strategy")
        static = told.get("static") if isinstance(told, dict) and told.get("type") == "static" else None
        return {"type": "static", "static": static} if isinstance(static, dict) else None


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What the source knows of a vector store, and of the files in it."""

    store_id: str
    raw: JsonObject = field(default_factory=dict)
    """The store's own object; empty where only its files are known."""
    files: tuple[StoreFileInfo, ...] = ()
    lack: str | None = None
    """Why the source does not say what is in it, as half a sentence."""

    @property
    def name(self) -> str:
        """What people call it; often nothing."""
        told = self.raw.get("name")
        return told if isinstance(told, str) else ""

    @property
    def expired(self) -> bool:
        """Whether it was not used for so long that the host has let go of what was in it."""
        return self.raw.get("status") == "expired"

    @property
    def told(self) -> int:
        """How many files the store itself says that it holds; 0 where it says nothing."""
        counts = self.raw.get("file_counts")
        total = counts.get("total") if isinstance(counts, dict) else None
        return total if isinstance(total, int) else 0


class FileFetcher(Protocol):
    """Gets files from a source that waits for a network. What waits may raise AuthError and TemporaryError."""

    def refusal(self, known: FileInfo) -> str | None:
        """Return why the source is known by now to give out no such file, as half a sentence; else None."""

    async def facts(self, file_id: str) -> FileInfo | str:
        """Return what the source tells of a file, or why it tells nothing, as half a sentence."""

    async def fetch(self, known: FileInfo, path: Path) -> str | None:
        """Write a file's bytes to `path`; return why they did not come, as half a sentence, or None where they did.

        Raises OSError when the disk refuses.
        """


class Source(ABC):
    """One source, open for reading. `threads` may be called more than once; each call starts from the beginning."""

    kind: str
    """`export`, `api`, `sql` …"""
    known_by_content: bool = False
    """True where the state file knows the source by the threads that it holds: `identity` only says where it lies."""
    live: bool = False
    """True when reading waits for a network, so that it must not be done on the event loop's thread."""
    tell: Callable[[str], None] = staticmethod(lambda _: None)
    """Takes a sentence for the user while `threads` is read; from any thread. Set by the command, if it has
    somebody to tell."""
    left_out: Callable[[str], None] = staticmethod(lambda _: None)
    """Takes the id of each thread that the `choice` of a selection leaves out, while `threads` is read; from any
    thread. Set by the command, as `tell` is."""
    reading: Callable[[int, float | None], None] = staticmethod(lambda _threads, _share: None)
    """Takes how many threads have been read and which share of the source held them, where `expected` cannot tell the
    whole (None: not known); called while the source is read, from any thread. Set by the command, as `tell` is."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What the state file remembers it by, such as the resolved path or base URL; never a secret."""

    @abstractmethod
    def threads(self, selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield each wanted thread once, in a stable order, and what could not be read as `Unreadable`.

        Nothing is held beyond the current thread. Raises SourceError only when the source as a whole is unreadable.
        """

    def chosen(self, entries: Iterator[Thread | Unreadable], selection: Selection) -> Iterator[Thread | Unreadable]:
        """Yield what the selection takes of threads whose ids it wants: those that its choice wants, up to its limit.

        What cannot be read is yielded as it is. For sources that read one thread after the other.
        """
        left, choice = selection.limit, selection.choice
        if left is not None and left <= 0:
            return
        for entry in entries:
            if isinstance(entry, Thread):
                if choice:
                    judgement = choice.judge(entry)
                    if judgement is Judgement.LEFT_OUT:
                        self.left_out(entry.id)
                        continue
                    entry = with_judgement(entry, judgement)  # noqa: PLW2901 - the same thread, with what is to be said of it
                if left is not None:
                    left -= 1
            yield entry
            if left == 0:
                return

    def some(self, wanted: Callable[[str], bool]) -> Iterator[Thread]:  # noqa: ARG002 - for those that override it
        """Yield the threads whose ids are wanted, beside any other reading and without a trace in `shapes`.

        Only for a source that is `known_by_content`; nothing is held beyond the current thread.
        """
        return iter(())

    def arriving(
        self,
        selection: Selection,  # noqa: ARG002 - for those that override it
        skip: Callable[[str], bool] = lambda _: False,  # noqa: ARG002 - the same
    ) -> AsyncGenerator[Thread | Unreadable] | None:
        """Yield what `threads` yields on the caller's own event loop, except for those that `skip` knows.

        None where reading blocks, as it does from files and databases.
        """
        return None

    def recognised(self) -> bool:
        """Whether the source is of a kind that is known, once `threads` has ended, whatever could be read of it."""
        return True

    def shapes(self) -> list[ShapeTaken]:
        """Which shapes have been met so far; complete once `threads` has ended."""
        return []

    def explain(self, name: str | None) -> Explanation | None:  # noqa: ARG002 - for those that override it
        """Return how the first records of a file or table are read; None for `name`: of the first. None: not known.

        Raises UsageError where there is no such file or table.
        """
        return None

    def expected(self) -> int | None:
        """How many threads to expect, for progress, if that is cheap to know; else None."""
        return None

    def assistants(self) -> Iterator[JsonObject]:
        """The assistant objects that the source holds, each id once."""
        return iter(())

    def repeated_assistants(self) -> Mapping[str, int]:
        """How many assistant objects that differ there are, by id, where there are several; the first one counts."""
        return {}

    def lacks_assistants(self) -> bool:
        """Whether a saved list of assistants says that there are more, and the page that follows is not there."""
        return False

    def files(self) -> Mapping[str, FileInfo]:
        """What the source knows of files, by file id."""
        return {}

    def vector_stores(self, named: Collection[str] = ()) -> Iterator[StoreInfo]:  # noqa: ARG002 - for those that override it
        """Yield the vector stores that the source holds or lists, and those of `named` that it can be asked for.

        Raises SourceError where it refuses to list any.
        """
        return iter(())

    def fetching(self) -> AbstractAsyncContextManager[FileFetcher] | None:
        """What fetches bytes that lie on no disk of ours, for use within one event loop; None where nothing can."""
        return None
