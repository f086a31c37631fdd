"""What the loader needs from the world: a target to write to, a journal to remember in, and a clock to wait by.

The same loader runs against the real service, the sandbox and an in-memory model of both under enumerated faults.
Every write answers with a *value* that says what is known about it; nothing here raises for a lost answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from migrate_cli.http.outcomes import Page, Refused, Reply
from migrate_cli.load.decide import Action
from migrate_cli.model import Draft, Item, Progress, Unreadable


class LoadTarget(Protocol):
    """The calls of the Conversations API that loading needs. Pacing and reads' retries happen behind it.

    Raises AuthError and TemporaryError for what ends the whole run, and Draining (see `http/outcomes.py`) for a request
    that was not sent because the run is ending; nothing else.
    """

    @property
    def carries(self) -> int:
        """Bytes that one request may have, going by what the line to the target was found to carry."""

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        """Create an empty conversation."""

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        """Append up to 20 encoded items; `images` asks for image URLs in the echo."""

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """Return up to 100 items after the anchor, ascending. Reads are retried inside."""

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""


class Journal(Protocol):
    """Durable memory. Calls note; `durable` waits until all that was noted before is on disk."""

    def begin(self, progress: Progress, draft: Draft) -> None:
        """Note that the thread's load starts or goes on, with the draft's digest, counts, findings and asides."""

    def orphan(self, thread_id: str, reason: str, request_id: str | None) -> None:
        """Note one possible empty orphan."""

    def conversation(self, progress: Progress) -> None:
        """Note the conversation's id; must be durable before data is sent."""

    def items(self, progress: Progress, start: int, items: tuple[Item, ...], ids: list[str]) -> None:
        """Note that `items`, at positions from `start`, are in the conversation under `ids`."""

    def ambiguity(self, progress: Progress, reason: str) -> None:
        """Note that the thread saw an unclear answer."""

    def refused_item(self, thread_id: str, place: int, message_id: str | None, code: str, detail: str) -> None:
        """Note that a note will stand for the item at this place; must be durable before the note is sent."""

    def outcome(self, progress: Progress, state: str, code: str | None = None, detail: str | None = None) -> None:
        """Note how the thread ended for now: `loaded`, `failed`, `in_doubt`, or `loading` when deferred."""

    def item_ids(self, thread_id: str) -> list[str]:
        """Return the ids of the thread's items that are known to be loaded, in order, as far as they are committed."""

    async def durable(self) -> None:
        """Return once everything noted so far is on disk."""


class LoadStore(Journal, Protocol):
    """A journal that also remembers earlier runs."""

    def progress_of(self, thread_id: str) -> Progress | None:
        """Return what is known of a thread, or None."""

    def recorded_digests(self, thread_id: str) -> Sequence[bytes]:
        """Return the digests of the thread's items that are known to be loaded, in order."""

    def refused_items(self) -> dict[str, dict[int, tuple[str, str]]]:
        """Return code and detail of the refused items that notes stand for, by thread and place."""

    def skip(self, draft: Draft, reason: str) -> None:
        """Note that there is nothing to load."""

    def unreadable(self, entry: Unreadable) -> None:
        """Note what could not be read."""


class LoadObserver(Protocol):
    """Hears how each thread ended; counts and shows."""

    def thread(
        self, draft: Draft, action: Action, progress: Progress | None, code: str | None, detail: str | None
    ) -> None:
        """One thread is done for this run."""

    def unreadable(self, entry: Unreadable) -> None:
        """Something could not be read as a thread."""

    def say(self, text: str) -> None:
        """A sentence for the person who watches."""
