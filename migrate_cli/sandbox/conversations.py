"""The Conversations endpoints: read the request, check it, update the store, answer.

It must not hold rules (`rules.py`) or SQL (`store.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import bad_request, not_found
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.include import check_include, visible
from migrate_cli.sandbox.options import MetadataUpdate, SandboxOptions, TargetPreset
from migrate_cli.sandbox.requests import include_values, json_answer, page_limit, page_order, raw_answer, read_json
from migrate_cli.sandbox.rules import (
    CheckedItem,
    check_batch,
    check_fields,
    check_metadata,
    check_project_items,
    check_strict_assistants,
)
from migrate_cli.sandbox.rules_tools import check_tool_item
from migrate_cli.sandbox.store import Conversation, PageBounds, Store, StoredItem


class ConversationEndpoints:
    """`/conversations` and everything below it."""

    def __init__(self, store: Store, options: SandboxOptions) -> None:
        self._store = store
        self._options = options
        self._lists = options.preset is TargetPreset.FOUNDRY
        """Whether conversations can be listed, and lists of items take `before` and `item_type`."""
        self._known_file = FileStore(store.connection).known_file(options.known_files)

    def routes(self) -> list[Route]:
        """The routes, busiest first, because they are tried in order."""
        conversation = "/v1/conversations/{conversation_id}"
        routes = [
            Route(f"{conversation}/items", self.append, methods=["POST"]),
            Route("/v1/conversations", self.create, methods=["POST"]),
            Route(f"{conversation}/items", self.items, methods=["GET"]),
            Route(f"{conversation}/items/{{item_id}}", self.item, methods=["GET"]),
            Route(f"{conversation}/items/{{item_id}}", self.delete_item, methods=["DELETE"]),
            Route(conversation, self.retrieve, methods=["GET"]),
            Route(conversation, self.update, methods=["POST"]),
            Route(conversation, self.delete, methods=["DELETE"]),
        ]
        return [*routes, Route("/v1/conversations", self.conversations, methods=["GET"])] if self._lists else routes

    async def create(self, request: Request) -> Response:
        """Create a conversation, with up to 20 items; the answer does not show them."""
        body = check_fields(await self._body(request, optional=True), ("items", "metadata"))
        metadata = check_metadata(body.get("metadata"))
        items = [] if body.get("items") is None else self._check(body["items"])
        return json_answer(_conversation(self._store.create_conversation(metadata, items)))

    async def conversations(self, request: Request) -> Response:
        """List the conversations, newest first unless `order=asc`; `agent_name` or `agent_id` ask for one agent's."""
        bounds = self._bounds(request, lambda cursor: self._conversation(cursor).number)
        agent_name, agent_id = (request.query_params.get(name) for name in ("agent_name", "agent_id"))
        page, has_more = self._store.conversations(bounds, agent_name=agent_name, agent_id=agent_id)
        data = [_conversation(each) for each in page]
        ends = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
        return json_answer({"object": "list", "data": data, **ends, "has_more": has_more})

    async def retrieve(self, request: Request) -> Response:
        """Show a conversation."""
        return json_answer(_conversation(self._find(request)))

    async def update(self, request: Request) -> Response:
        """Change a conversation's metadata."""
        body = check_fields(await self._body(request), ("metadata",))
        if "metadata" not in body:
            raise bad_request(
                "Missing required parameter: 'metadata'.", code="missing_required_parameter", param="metadata"
            )
        found = self._find(request)
        metadata = check_metadata(body["metadata"])
        if self._options.metadata_update is MetadataUpdate.MERGE:
            metadata = check_metadata(found.metadata | metadata)
        self._store.set_metadata(found.number, metadata)
        return json_answer(_conversation(Conversation(found.number, found.id, found.created_at, metadata)))

    async def delete(self, request: Request) -> Response:
        """Delete a conversation; its items stay, as the real service says of itself."""
        found = self._find(request)
        self._store.delete_conversation(found.number)
        return json_answer({"id": found.id, "object": "conversation.deleted", "deleted": True})

    async def append(self, request: Request) -> Response:
        """Append 1 to 20 items, all or none, and show them with their ids in order."""
        include = check_include(include_values(request))
        body = check_fields(await self._body(request), ("items",))
        if not body.get("items"):
            raise bad_request(
                "Invalid 'items': empty array. Expected an array with minimum length 1.",
                code="empty_array",
                param="items",
            )
        found = self._find(request)
        return _listing(self._store.append(found, self._check(body["items"])), has_more=False, include=include)

    async def items(self, request: Request) -> Response:
        """List items, newest first unless `order=asc`, after the item named by `after`."""
        include = check_include(include_values(request))
        found = self._find(request)
        bounds = self._bounds(request, lambda cursor: self._find_item(found, cursor)[0])
        kind = request.query_params.get("item_type") if self._lists else None
        page, has_more = self._store.items(found.number, bounds, kind=kind)
        return _listing(page, has_more=has_more, include=include)

    async def item(self, request: Request) -> Response:
        """Show one item."""
        include = check_include(include_values(request))
        _, item = self._find_item(self._find(request), request.path_params["item_id"])
        return raw_answer(_show(item, include))

    async def delete_item(self, request: Request) -> Response:
        """Delete one item; the answer is the conversation."""
        found = self._find(request)
        position, _ = self._find_item(found, request.path_params["item_id"])
        self._store.delete_item(found.number, position)
        return json_answer(_conversation(found))

    async def _body(self, request: Request, *, optional: bool = False) -> Any:
        return await read_json(request, self._options.max_body_bytes, optional=optional)

    def _check(self, items: Any) -> list[CheckedItem]:
        checked = check_batch(items, self._known_file, check_tool_item)
        if self._options.strict_assistant:
            check_strict_assistants(items)
        if self._options.preset is TargetPreset.FOUNDRY:
            check_project_items(items)
        return checked

    def _bounds(self, request: Request, position: Callable[[str], int]) -> PageBounds:
        """The part of a list that a request is for; `position` finds the place of what a cursor names."""
        limit, descending = page_limit(request, default=20, most=100), page_order(request) == "desc"
        names = ("after", "before") if self._lists else ("after",)
        cursors = {name: position(cursor) for name in names if (cursor := request.query_params.get(name))}
        return PageBounds(limit, descending, **cursors)

    def _find(self, request: Request) -> Conversation:
        return self._conversation(request.path_params["conversation_id"])

    def _conversation(self, identifier: str) -> Conversation:
        found = self._store.conversation(identifier)
        if found is None:
            raise not_found(f"Conversation with id '{identifier[:80]}'")
        return found

    def _find_item(self, conversation: Conversation, identifier: str) -> tuple[int, StoredItem]:
        found = self._store.item(conversation, identifier)
        if found is None:
            raise not_found(f"Item with id '{identifier[:80]}' in conversation '{conversation.id}'")
        return found


def _conversation(found: Conversation) -> JsonObject:
    return {
        "id": found.id,
        "object": "conversation",
        "created_at": found.created_at,
        "metadata": found.metadata,
    }


def _listing(items: list[StoredItem], *, has_more: bool, include: frozenset[str]) -> Response:
    """The list envelope, put together from stored JSON: parsing every item again would be the costliest part."""
    ends = {
        "first_id": items[0].id if items else None,
        "has_more": has_more,
        "last_id": items[-1].id if items else None,
    }
    data = b",".join([_show(item, include) for item in items])
    return raw_answer(b'{"object":"list","data":[' + data + b"]," + encode(ends)[1:])


def _show(item: StoredItem, include: frozenset[str]) -> bytes:
    if not item.partly_hidden:
        return item.body
    seen = visible(json.loads(item.body), include)
    return encode(seen)
