"""Reads lists page by page, 100 at a time, oldest first, also where a host's paging is broken.

`has_more` can lie in both directions, `after` can be ignored or refused, and a list can repeat itself forever. Every
object is given once; where some may be missing, that is said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.errors import AnswerOutOfBounds, TemporaryError
from migrate_cli.model import JsonObject
from migrate_cli.sources.api.host import FEW_ATTEMPTS, Host, RefusedError

LIMIT = 100
MOST_PAGES = 20_000
"""Two million objects; the longest real threads have a hundred thousand messages."""
_DEFAULT_LIMIT = 20
"""What the API gives where it is not told how many."""
_FIRST_TRIES = 5
_ALIKE = 3
"""Lists of a kind whose cursor is refused before no other's is tried."""


@dataclass(slots=True)
class Listing:
    """One list while it is read."""

    path: str
    what: str
    """For sentences: `messages`, `threads` …"""
    query: Mapping[str, Any] = field(default_factory=dict)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    """Findings about this list: code and sentence."""
    complete: bool = True
    """False when some of it may be missing."""
    limit: int = LIMIT
    """How many are asked for at a time; fewer once an answer was larger than allowed."""
    _seen: set[int] = field(default_factory=set)

    def fresh(self, entries: list[Any]) -> list[JsonObject]:
        """Return the objects that have not been seen, and remember them."""
        found = []
        for entry in entries:
            if not isinstance(entry, dict):
                continue
            # A hash is 8 bytes where an id is 80; with a hundred thousand messages that counts.
            key = hash(entry.get("id"))
            if key not in self._seen:
                self._seen.add(key)
                found.append(entry)
        return found

    def lacks(self, code: str, detail: str) -> None:
        """Note that something may be missing."""
        self.complete = False
        self.remarks.append((code, detail))


async def pages(host: Host, listing: Listing, after: str | None = None) -> AsyncIterator[list[JsonObject]]:
    """Yield what is new on each page. Raises RefusedError when the list is refused, TemporaryError, AuthError."""
    promised = probing = restarted = False
    # After a restart, pages without news are expected until what is known has been passed.
    behind = False
    beginning: Any = None
    for _ in range(MOST_PAGES):
        if after is not None and listing.what in host.refuses_cursors:
            yield await _from_the_end(host, listing)
            return
        try:
            body = await _page(host, listing, after, patient=not restarted)
        except _CursorLostError:
            # What the cursor named was deleted meanwhile: what has been seen is known, so begin again.
            behind, after, restarted, probing = True, None, True, False
            continue
        if body is None:
            yield await _from_the_end(host, listing)
            return
        data = _entries(body)
        if after is None:
            beginning = data[:1]
        found = listing.fresh(data)
        if found:
            host.takes_cursors.update([listing.what] if after is not None else [])
            yield found
            behind = False
        elif after is not None and data and data[:1] == beginning:
            host.refuses_cursors.add(listing.what)
            _note_no_cursors(host, listing, "ignores")
            yield await _from_the_end(host, listing)
            return
        elif not behind or after == _last_id(data):
            if promised or data:
                _note_standstill(listing, promised=promised)
            return
        if probing and found:
            host.notice(
                "host-hides-more", "The host says has_more: false although there is more; reading lists continues."
            )
        promised = body.get("has_more") is True
        probing = not promised
        if probing and len(data) not in (_DEFAULT_LIMIT, listing.limit):
            return
        after = _last_id(data)
        if after is None:
            return
    listing.lacks(
        "page-without-end", f"The list of {listing.what} did not end after {MOST_PAGES} pages; reading stopped."
    )


class _CursorLostError(Exception):
    """The host does not know the object after which it was asked to go on."""


async def _page(host: Host, listing: Listing, after: str | None, *, patient: bool) -> JsonObject | None:
    """Return one page, or None where the host refuses the list's cursor.

    Where the host merely does not know this one cursor, raises _CursorLostError if `patient`. Raises what the host
    answered where it takes the cursors of such lists: one page that it cannot give says nothing of all the others.
    A page that is larger than allowed is asked for in smaller ones.
    """
    while True:
        try:
            return await _page_of(host, listing, after, patient=patient)
        except AnswerOutOfBounds:
            if listing.limit == 1:
                raise
            listing.limit = max(1, listing.limit // 10)


async def _page_of(host: Host, listing: Listing, after: str | None, *, patient: bool) -> JsonObject | None:
    query = {**listing.query, "order": "asc", "limit": listing.limit}
    if after is None:
        return await host.get(listing.path, query)
    query["after"] = after
    try:
        return await host.get(listing.path, query, attempts=_FIRST_TRIES)
    except AnswerOutOfBounds:
        raise
    except (RefusedError, TemporaryError) as error:
        # Is it the cursor, or the host? Without the cursor the same list must answer, and with it must not.
        await host.get(listing.path, {**listing.query, "order": "asc", "limit": 1})
        if patient and isinstance(error, RefusedError):
            raise _CursorLostError from error
    try:
        return await host.get(listing.path, query, attempts=FEW_ATTEMPTS)
    except AnswerOutOfBounds:
        raise
    except (RefusedError, TemporaryError):
        if listing.what in host.takes_cursors:
            raise
        host.refused_cursors[listing.what] += 1
        if host.refused_cursors[listing.what] >= _ALIKE:
            host.refuses_cursors.add(listing.what)
        _note_no_cursors(host, listing, "refuses")
        return None


def _note_no_cursors(host: Host, listing: Listing, does: str) -> None:
    detail = f"The host {does} `after` for {listing.what}: only the first and the last {LIMIT} of a list can be read."
    host.notice("host-refuses-cursors", detail)


async def _from_the_end(host: Host, listing: Listing) -> list[JsonObject]:
    """Return what the end of the list adds to its beginning, oldest first."""
    body = await host.get(listing.path, {**listing.query, "order": "desc", "limit": LIMIT})
    data = _entries(body)
    found = listing.fresh(data)
    if data and len(found) == len(data):
        listing.lacks(
            "messages-missing",
            f"The host does not accept `after`: the first {LIMIT} and the last {LIMIT} {listing.what} were read, "
            "and those "
            "between them, if any, are missing.",
        )
    return found[::-1]


def _entries(body: JsonObject) -> list[Any]:
    data = body.get("data")
    if not isinstance(data, list):
        raise TemporaryError("the host answered a list request with something else; is a proxy answering?")
    return data


def _last_id(data: list[Any]) -> str | None:
    last = data[-1].get("id") if data and isinstance(data[-1], dict) else None
    return last if isinstance(last, str) else None


def _note_standstill(listing: Listing, *, promised: bool) -> None:
    why = "although more was promised" if promised else "although it was full"
    listing.lacks(
        "page-without-news", f"A page of the {listing.what} contained nothing new {why}; the list ends there."
    )
