"""The Conversations endpoints of a target, as calls that answer with values. It must not decide what to do next.

Whether the target takes `include[]` is known here and nowhere else: it is found out once, for lists and for appends.
"""

from __future__ import annotations

import json
from dataclasses import replace
from enum import Enum
from typing import Any

from migrate_cli.convert.canonical import encode
from migrate_cli.convert.presence import hidden_images
from migrate_cli.errors import AnswerOutOfBounds, TemporaryError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import segment
from migrate_cli.http.outcomes import Ambiguous, Applied, Page, Refused, Reply
from migrate_cli.model import JsonObject
from migrate_cli.secrets import holds_secret

PAGE = 100
IMAGE_URLS = "message.input_image.image_url"
"""Without it an answer leaves image URLs out."""


INCLUDE_REFUSED = "include-refused"
"""The code of a refused append that is to be sent once more: the next one does not ask for image URLs."""
_MAY_BE_FOR_INCLUDE = frozenset({400, 422, 501})
"""What servers answer to a parameter that they do not take."""


class _Include(Enum):
    """What is known of `include[]` at one endpoint."""

    UNKNOWN = "unknown"
    SUSPECTED = "suspected"
    """A request with it was refused, and none without it has been answered since."""
    TAKEN = "taken"
    REFUSED = "refused"


class ConversationsTarget:
    """Conversations and their items at one host."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._of_lists = self._of_appends = _Include.UNKNOWN
        self.by_presence = 0
        """Images by URL that were sent, and of which the answer tells no more than that they are there."""

    @property
    def carries(self) -> int:
        """Bytes that one request may have, going by what the line was found to carry."""
        return self._client.carries

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        """Create an empty conversation; `Applied` only when the answer holds an id."""
        reply = await self._client.write("POST", "/conversations", encode({"metadata": metadata}))
        if isinstance(reply, Applied) and not _is_id(reply.body.get("id")):
            return Ambiguous("the answer held no conversation id", reply.request_id)
        return reply

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        """Append up to 20 encoded items; the answer lists them with their ids, in order.

        `images` asks for image URLs. Where that may be why the target refuses, the code is INCLUDE_REFUSED.
        """
        content = b'{"items":[' + b",".join(bodies) + b"]}"
        asked = images and self._of_appends in (_Include.UNKNOWN, _Include.TAKEN)
        reply = await self._client.write(
            "POST", f"/conversations/{segment(conversation_id)}/items", content, _include(asked)
        )
        if not images:
            return reply
        if isinstance(reply, Applied):
            self._of_appends = _Include.TAKEN if asked else _Include.REFUSED
            stored = reply.body.get("data")
            items = stored if isinstance(stored, list) else []
            self.by_presence += sum(hidden_images(item) for item in items if isinstance(item, dict))
        elif isinstance(reply, Refused) and reply.status in _MAY_BE_FOR_INCLUDE:
            if asked and self._of_appends is not _Include.TAKEN:
                self._of_appends = _Include.SUSPECTED
                return replace(reply, code=INCLUDE_REFUSED)
            if self._of_appends is _Include.SUSPECTED:
                # It is refused without it as well, so the items are why.
                self._of_appends = _Include.TAKEN
        return reply

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """Return up to 100 items after the anchor, oldest first; without image URLs where the target refuses those."""
        asked = images and self._of_lists is not _Include.REFUSED
        page = await self._page(conversation_id, after, images=asked)
        if not asked:
            return page if isinstance(page, Refused) else replace(page, addresses=not images)
        if isinstance(page, Page):
            self._of_lists = _Include.TAKEN
            return page
        if page.status not in _MAY_BE_FOR_INCLUDE or self._of_lists is _Include.TAKEN:
            return page
        without = await self._page(conversation_id, after, images=False)
        if isinstance(without, Refused):
            return without
        self._of_lists = _Include.REFUSED
        return replace(without, addresses=False)

    async def list_conversations(self, *, after: str | None) -> Page | Refused:
        """Return up to 100 conversations after this one, oldest first. Only some targets can be asked that."""
        query: dict[str, Any] = {"order": "asc", "limit": PAGE}
        if after is not None:
            query["after"] = after
        return await self._list("/conversations", query)

    async def _page(self, conversation_id: str, after: str | None, *, images: bool) -> Page | Refused:
        query: dict[str, Any] = {"order": "asc", "limit": PAGE, **_include(images)}
        if after is not None:
            query["after"] = after
        return await self._list(f"/conversations/{segment(conversation_id)}/items", query)

    async def _list(self, path: str, query: dict[str, Any]) -> Page | Refused:
        reply = await self._bounded(path, query)
        if isinstance(reply, Refused):
            return reply
        data = reply.body.get("data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise TemporaryError(f"the target answered the list {path} with something else; is a proxy answering?")
        # A full page that was asked to be short proves nothing about the end of the list.
        return Page(data, bool(reply.body.get("has_more")) or PAGE > query["limit"] <= len(data))

    async def _bounded(self, path: str, query: dict[str, Any]) -> Applied | Refused:
        """Read a page; one that is larger than allowed is asked for again with fewer entries, as `query` then says."""
        while True:
            try:
                return await self._client.read(path, query)
            except AnswerOutOfBounds:
                if query["limit"] == 1:
                    raise
                query["limit"] //= 10

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        """Return the conversation object: id, created_at, metadata."""
        reply = await self._client.read(f"/conversations/{segment(conversation_id)}")
        return reply if isinstance(reply, Refused) else reply.body

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""
        return await self._client.write("DELETE", f"/conversations/{segment(conversation_id)}/items/{segment(item_id)}")

    async def delete_conversation(self, conversation_id: str) -> Reply:
        """Delete the conversation; its items stay on the server unless they were deleted before."""
        return await self._client.write("DELETE", f"/conversations/{segment(conversation_id)}")


def decode(body: bytes) -> JsonObject:
    """Return an encoded item as JSON."""
    value: JsonObject = json.loads(body)
    return value


def _include(images: bool) -> dict[str, Any]:
    # The official client adds the brackets to the name of every list.
    return {"include": [IMAGE_URLS]} if images else {}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not holds_secret(value)
