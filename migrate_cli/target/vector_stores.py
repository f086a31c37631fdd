"""The vector store endpoints of a target, as calls that answer with values. It must not decide what to do next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from migrate_cli.convert.canonical import encode
from migrate_cli.errors import TemporaryError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import segment
from migrate_cli.http.outcomes import Ambiguous, Applied, Page, Refused, Reply
from migrate_cli.model import JsonObject
from migrate_cli.secrets import holds_secret
from migrate_cli.target.pages import FULL_PAGE, ItemWalk

STORES = "/vector_stores"


class VectorStoresTarget:
    """Vector stores and the files in them at one host. Reads are retried inside; writes are sent once."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def create(self, body: JsonObject) -> Reply:
        """Make an empty store; `Applied` only when the answer holds an id."""
        reply = await self._client.write("POST", STORES, encode(body))
        identifier = reply.body.get("id") if isinstance(reply, Applied) else None
        if isinstance(reply, Applied) and not (
            isinstance(identifier, str) and identifier and not holds_secret(identifier)
        ):
            return Ambiguous("the answer held no id of a vector store", reply.request_id)
        return reply

    async def retrieve(self, store_id: str) -> Applied | Refused:
        """Return the store: status, file_counts, metadata, expiry."""
        return await self._object(f"{STORES}/{segment(store_id)}")

    async def delete(self, store_id: str) -> Reply:
        """Delete a store; the files in it stay at the target."""
        return await self._client.write("DELETE", f"{STORES}/{segment(store_id)}")

    async def attach(self, store_id: str, body: JsonObject) -> Reply:
        """Put a file into a store, which begins to index it."""
        return await self._client.write("POST", f"{STORES}/{segment(store_id)}/files", encode(body))

    async def file(self, store_id: str, file_id: str) -> Applied | Refused:
        """Return one file of a store: status, last_error."""
        return await self._object(f"{STORES}/{segment(store_id)}/files/{segment(file_id)}")

    async def listed(self) -> tuple[list[JsonObject], Refused | None]:
        """Return all stores, oldest first, and the refusal where the target lists none, or no more."""
        walk = ItemWalk(_Lists(self._client), STORES, images=False)
        return [one async for page in walk.pages() for one in page], walk.refused

    async def files(self, store_id: str) -> AsyncIterator[JsonObject]:
        """Yield the files of a store as far as the target lists them; it may have more than it lists."""
        walk = ItemWalk(_Lists(self._client), f"{STORES}/{segment(store_id)}/files", images=False)
        async for page in walk.pages():
            for one in page:
                yield one

    async def _object(self, path: str) -> Applied | Refused:
        reply = await self._client.read(path)
        if isinstance(reply, Applied) and reply.body.get("id") is None:
            raise TemporaryError(f"the target answered {path} with something else; is a proxy answering?")
        return reply


class _Lists:
    """Lists of the target, as `ItemWalk` asks for pages: the path of a list stands for a conversation."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def list_items(self, conversation_id: str, *, after: str | None, images: bool) -> Page | Refused:  # noqa: ARG002 - there are none
        """Return up to 100 objects after the cursor, oldest first."""
        query: dict[str, Any] = {"order": "asc", "limit": FULL_PAGE} | ({} if after is None else {"after": after})
        reply = await self._client.read(conversation_id, query)
        if isinstance(reply, Refused):
            return reply
        data = reply.body.get("data")
        if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
            raise TemporaryError(
                f"the target answered the list {conversation_id} with something else; is a proxy answering?"
            )
        return Page(data, bool(reply.body.get("has_more")))
