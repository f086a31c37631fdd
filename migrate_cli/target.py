"""The Conversations endpoints of a target, as calls that answer with values. It must not decide what to do next."""

from __future__ import annotations

import json
from typing import Any

from migrate_cli.convert.canonical import encode
from migrate_cli.errors import TemporaryError
from migrate_cli.model import JsonObject
from migrate_cli.openai_client import ApiClient
from migrate_cli.replies import Ambiguous, Applied, Page, Refused, Reply

PAGE = 100
IMAGE_URLS = "message.input_image.image_url"
"""Without it an answer leaves image URLs out."""


class ConversationsTarget:
    """Conversations and their items at one host."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def create_conversation(self, metadata: dict[str, str]) -> Reply:
        """Create an empty conversation; `Applied` only when the answer holds an id."""
        reply = await self._client.write("POST", "/conversations", encode({"metadata": metadata}))
        if isinstance(reply, Applied) and not _is_id(reply.body.get("id")):
            return Ambiguous("the answer held no conversation id", reply.request_id)
        return reply

    async def append_items(self, conversation_id: str, bodies: list[bytes], *, images: bool) -> Reply:
        """Append up to 20 encoded items; the answer lists them with their ids, in order."""
        content = b'{"items":[' + b",".join(bodies) + b"]}"
        return await self._client.write("POST", f"/conversations/{conversation_id}/items", content, _include(images))

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:
        """Return up to 100 items after the anchor, oldest first."""
        query: dict[str, Any] = {"order": "asc", "limit": PAGE, **_include(images)}
        if after is not None:
            query["after"] = after
        reply = await self._client.read(f"/conversations/{conversation_id}/items", query)
        if isinstance(reply, Refused):
            return reply
        data = reply.body.get("data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise TemporaryError("the target answered a list of items with something else; is it a proxy that answers?")
        return Page(data, bool(reply.body.get("has_more")))

    async def retrieve_conversation(self, conversation_id: str) -> JsonObject | Refused:
        """Return the conversation object: id, created_at, metadata."""
        reply = await self._client.read(f"/conversations/{conversation_id}")
        return reply if isinstance(reply, Refused) else reply.body

    async def delete_item(self, conversation_id: str, item_id: str) -> Reply:
        """Delete one item."""
        return await self._client.write("DELETE", f"/conversations/{conversation_id}/items/{item_id}")

    async def delete_conversation(self, conversation_id: str) -> Reply:
        """Delete the conversation; its items stay on the server unless they were deleted before."""
        return await self._client.write("DELETE", f"/conversations/{conversation_id}")


def decode(body: bytes) -> JsonObject:
    """Return an encoded item as JSON."""
    value: JsonObject = json.loads(body)
    return value


def _include(images: bool) -> dict[str, Any]:
    # The official client adds the brackets to the name of every list.
    return {"include": [IMAGE_URLS]} if images else {}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value)
