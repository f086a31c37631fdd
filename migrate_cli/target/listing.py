"""Walks through the conversations that a target lists, each once, and files them under their threads.

Such a list proves nothing: `has_more` and `after` can lie, pages repeat, and what is gone or was never requested can
be in it. So it is read until a page brings nothing new, and what it says of a conversation is only a hint. It must
not read items, nor decide what a conversation is worth.
"""

from __future__ import annotations

import asyncio
import sqlite3
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from migrate_cli.disk.shared_sqlite import connect_shared
from migrate_cli.errors import UsageError
from migrate_cli.http.outcomes import Page, Refused
from migrate_cli.model import JsonObject
from migrate_cli.secrets import holds_secret
from migrate_cli.sources.disk_set import DiskSet, temporary_folder
from migrate_cli.target.pages import is_cut

SOURCE_THREAD = "source_thread_id"
"""The pair of a conversation's metadata that names its thread."""
SCRATCH_MARK = "migrate_cli_scratch"
"""The pair of a scratch conversation's metadata by which it is found although the answer to its creation was lost."""
MOST_PAGES = 20_000
"""Two million conversations at a hundred a page; a list that goes on longer makes them up."""
CURSORS = 5
"""Conversations at the end of a page that are tried as cursors: the last ones may be gone meanwhile."""
_AT_ONCE = 500
_NOT_THERE = frozenset({404, 405, 410, 501})
"""What a target answers that has no such list."""


class ListsConversations(Protocol):
    """The calls that a walk needs."""

    async def list_conversations(self, *, after: str | None) -> Page | Refused:
        """Return up to 100 conversations after this one, oldest first."""

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        """Return the conversation object."""


@dataclass(frozen=True, slots=True)
class ListedConversation:
    """One entry of the list."""

    id: str
    thread_id: str | None
    """The thread that its metadata names; None where they name none."""
    scratch: str | None = None
    """The token of a scratch conversation."""


class ConversationWalk:
    """One walk through the list, to its end. `refused`, `pages_read` and `incomplete` are to be looked at after it."""

    def __init__(self, target: ListsConversations) -> None:
        self._target = target
        self.pages_read = 0
        self.refused: Refused | None = None
        """The target does not list conversations."""
        self.incomplete: str | None = None
        """Why conversations may be missing, as half a sentence; None where nothing says so."""

    async def pages(
        self, begun: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncIterator[list[ListedConversation]]:
        """Yield what is new on each page, in the order of the list. Raises what the target raises for the whole run.

        `begun` is awaited when the first page has come, be it empty.
        """
        seen = DiskSet()
        cursors: list[str] = []
        cut = False
        while True:
            page, known = await self._next(cursors)
            if page is None:
                return
            self.pages_read += 1
            if begun is not None and self.pages_read == 1:
                await begun()
            fresh = [entry for entry in page.items if (own := _id_of(entry)) is not None and seen.add(own)]
            if any(_id_of(entry) is None for entry in page.items):
                self.incomplete = "it has entries without an id"
            if not fresh:
                if cut and len(page.items) > known:
                    self.incomplete = "it starts over instead of continuing"
                return
            yield await asyncio.gather(*map(self._listed, fresh))
            if self.pages_read >= MOST_PAGES:
                self.incomplete = f"it did not end after {MOST_PAGES:,} pages"
                return
            cursors = [str(entry["id"]) for entry in fresh[: -CURSORS - 1 : -1]]
            cut = is_cut(page)

    async def _next(self, cursors: Sequence[str]) -> tuple[Page | None, int]:
        """Return the page after the first of the cursors that the target knows, and how many were tried before it."""
        page: Page | Refused = Refused(0, "", "")
        wanted: Sequence[str | None] = cursors or [None]
        for tried, cursor in enumerate(wanted):
            page = await self._target.list_conversations(after=cursor)
            if isinstance(page, Page):
                return page, tried
        if isinstance(page, Refused) and cursors:
            self.incomplete = f"the target refuses to continue it ({page.status}: {page.message.rstrip('.')})"
        elif isinstance(page, Refused):
            self.refused = page
        return None, 0

    async def _listed(self, entry: JsonObject) -> ListedConversation:
        """One entry; a list without metadata is completed by the conversations themselves."""
        metadata = entry.get("metadata")
        if not isinstance(metadata, dict):
            whole = await self._target.retrieve_conversation(str(entry["id"]))
            metadata = None if isinstance(whole, Refused) else whole.get("metadata")
        return ListedConversation(str(entry["id"]), thread_of(metadata), _named(metadata, SCRATCH_MARK))


def thread_of(metadata: object) -> str | None:
    """Return the thread that a conversation's metadata name, or None."""
    return _named(metadata, SOURCE_THREAD)


def _named(metadata: object, key: str) -> str | None:
    value = metadata.get(key) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) and value else None


def refusal(refused: Refused, host: str, way_on: str) -> UsageError:
    """Return the error of a command that needs the list; `way_on` is a sentence without its full stop."""
    what = "does not list conversations" if refused.status in _NOT_THERE else "refuses to list its conversations"
    return UsageError(
        f"{host} {what} (GET /conversations answered {refused.status}: {refused.message.rstrip('.')}); {way_on}",
        code="no-conversation-list",
    )


class ConversationIndex:
    """The conversations of a list by their threads, in a private temporary file. Raises SourceError for a full disk.

    What is taken out is not given again, so that no two threads get the same conversation.
    """

    def __init__(self) -> None:
        self.foreign = 0
        """Conversations that name no thread."""
        # An empty name is a temporary database on disk.
        self._db = connect_shared("")
        self.close = weakref.finalize(self, self._db.close)
        for statement in _SETUP:
            self._db.execute(statement)

    def add(self, listed: ListedConversation) -> None:
        """Put a conversation in, unless it names no thread."""
        if listed.thread_id is None:
            self.foreign += 1
            return
        self._execute("INSERT OR IGNORE INTO listed (id, thread) VALUES (?, ?)", listed.id, listed.thread_id)

    def __len__(self) -> int:
        (count,) = self._execute("SELECT count(*) FROM listed").fetchone()
        return int(count)

    def __contains__(self, conversation_id: str) -> bool:
        sql = "SELECT 1 FROM listed WHERE id = ? AND NOT taken"
        return self._execute(sql, conversation_id).fetchone() is not None

    def of(self, thread_id: str) -> list[str]:
        """Return the conversations of a thread that were not taken out, in the order of the list."""
        rows = self._execute("SELECT id FROM listed WHERE thread = ? AND NOT taken ORDER BY number", thread_id)
        return [_text(row[0]) for row in rows]

    def take_out(self, conversation_id: str) -> None:
        """Take a conversation out: it is a thread's now, or was found to be none of ours."""
        self._execute("UPDATE listed SET taken = 1 WHERE id = ?", conversation_id)

    def left(self) -> Iterator[tuple[str, str]]:
        """Yield thread and conversation of each that was not taken out, in the order of the list."""
        sql = "SELECT number, thread, id FROM listed WHERE number > {} AND NOT taken ORDER BY number LIMIT {}"
        number = 0
        while rows := self._db.execute(sql.format(number, _AT_ONCE)).fetchall():
            for number, thread, conversation in rows:  # noqa: B007 - the last number is where the next batch begins
                yield _text(thread), _text(conversation)

    def _execute(self, sql: str, *texts: str) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, [text.encode("utf-8", "surrogatepass") for text in texts])
        except sqlite3.Error as error:
            raise temporary_folder(error) from error


_SETUP = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE listed (number INTEGER PRIMARY KEY, id BLOB UNIQUE, thread BLOB, taken INTEGER DEFAULT 0)",
    "CREATE INDEX listed_by_thread ON listed (thread)",
    # One transaction for all: a commit for each row would cost more than the row.
    "BEGIN",
)


def _id_of(entry: JsonObject) -> str | None:
    identifier = entry.get("id")
    return identifier if isinstance(identifier, str) and identifier and not holds_secret(identifier) else None


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "surrogatepass")
