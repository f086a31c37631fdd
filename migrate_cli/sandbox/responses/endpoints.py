"""The Responses endpoints: check a request, generate the output, answer or stream it, store the turn.

It must not hold rules (`request.py`, `items.py`) or SQL (`response_store.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.agents.reference import with_agent
from migrate_cli.sandbox.agents.store import AgentStore
from migrate_cli.sandbox.api_error import ApiError, bad_request, not_found
from migrate_cli.sandbox.choices import FileIdCheck
from migrate_cli.sandbox.encoding import encode
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.include import check_include
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.project import project_of
from migrate_cli.sandbox.requests import include_values, json_answer, page_limit, page_order, read_json
from migrate_cli.sandbox.responses.context_queries import ModelContext
from migrate_cli.sandbox.responses.file_search import UploadedFiles
from migrate_cli.sandbox.responses.history import ContextReader, TurnContext
from migrate_cli.sandbox.responses.request import ResponseRequest, check_request
from migrate_cli.sandbox.responses.response_object import (
    FINAL,
    encoded_event,
    finished_response,
    started_response,
    stream,
    visible_items,
)
from migrate_cli.sandbox.responses.response_store import ResponseStore, StoredResponse
from migrate_cli.sandbox.responses.scripted_model import ModelOutput, generate
from migrate_cli.sandbox.store import Store, StoredItem
from migrate_cli.sandbox.vector_store_table import VectorStoreTable

_HIDDEN = frozenset({"file_search_call", "code_interpreter_call", "web_search_call"})
"""Outputs of which readers see a part only when they ask for it."""


class ResponseEndpoints:
    """`/responses` and everything below it."""

    def __init__(self, store: Store, stores: VectorStoreTable, options: SandboxOptions) -> None:
        self._options = options
        self._stores = stores
        files = FileStore(store.connection)
        self._known_file = files.known_file(options.known_files)
        self._responses = ResponseStore(store.connection)
        self._contexts = ContextReader(store, self._responses, self._known_file)
        self._files = UploadedFiles(files, stores)
        self._agents = AgentStore(store.connection)

    def routes(self) -> list[Route]:
        """The routes."""
        response = "/v1/responses/{response_id}"
        return [
            Route("/v1/responses", self.create, methods=["POST"]),
            Route(response, self.retrieve, methods=["GET"]),
            Route(response, self.delete, methods=["DELETE"]),
            Route(f"{response}/input_items", self.input_items, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Answer one turn, as a stream where that is asked for."""
        body = await read_json(request, self._options.max_body_bytes)
        parsed = self._parsed(request, body)
        self._check_stores(parsed)
        context = self._contexts.context(parsed)
        model_context = ModelContext(context.items, parsed.instructions, parsed.tools, self._files.excerpt)
        generated = generate(parsed, model_context, self._files)
        turn = _ResponseTurn(self._responses, parsed, context, generated)
        if parsed.stream:
            headers = {"cache-control": "no-cache"}
            events = turn.events(self._options.event_ms / 1000)
            return StreamingResponse(events, headers=headers, media_type="text/event-stream; charset=utf-8")
        if generated.status == "error":
            raise ApiError(500, generated.error or "", kind="server_error", code="server_error")
        turn.keep()
        return json_answer(turn.finished)

    async def retrieve(self, request: Request) -> Response:
        """Show a stored response."""
        include = check_include(include_values(request))
        found = self._find(request)
        return json_answer({**found.body, "output": visible_items(found.output, include)})

    async def delete(self, request: Request) -> Response:
        """Delete a stored response; responses that follow it keep their history."""
        found = self._find(request)
        self._responses.delete(found.id)
        return json_answer({"id": found.id, "object": "response", "deleted": True})

    async def input_items(self, request: Request) -> Response:
        """List the items of a response's input, newest first unless `order=asc`."""
        include = check_include(include_values(request))
        limit = page_limit(request, default=20, most=100)
        items = list(self._find(request).input)
        if page_order(request) == "desc":
            items.reverse()
        cursor = request.query_params.get("after")
        if cursor:
            places = [place for place, item in enumerate(items) if item["id"] == cursor]
            if not places:
                raise not_found(f"Item with id '{cursor[:80]}'")
            items = items[places[0] + 1 :]
        page = visible_items(items[:limit], include)
        return json_answer(
            {
                "object": "list",
                "data": page,
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
                "has_more": len(items) > limit,
            }
        )

    def _check_stores(self, parsed: ResponseRequest) -> None:
        """Refuse stores that have expired and, where ids are checked strictly, those that were never made here."""
        strict = self._options.known_files is FileIdCheck.STRICT
        for tool in parsed.tools:
            for identifier in tool.get("vector_store_ids") or ():
                found = self._stores.get(identifier)
                if found is None and (strict or self._stores.was_deleted(identifier)):
                    raise ApiError(404, f"Vector store with id ['{identifier}'] not found.")
                if found is not None and found.expired:
                    raise bad_request(f"Vector store with id '{identifier}' is expired.", code="vector_store_expired")

    def _parsed(self, request: Request, body: Any) -> ResponseRequest:
        """The request, with what its agent has where it came to a project and names one."""
        project = project_of(request)
        if project is None:
            return check_request(body, self._known_file)
        whole, reference = with_agent(body, lambda name: self._agents.versions(project, name))
        parsed = check_request(whole, self._known_file, deployed=True)
        return parsed if reference is None else replace(parsed, echoed=parsed.echoed | {"agent_reference": reference})

    def _find(self, request: Request) -> StoredResponse:
        identifier = request.path_params["response_id"]
        found = self._responses.response(identifier)
        if found is None or found.deleted:
            raise not_found(f"Response with id '{identifier[:80]}'")
        return found


class _ResponseTurn:
    """One response from its beginning to its end."""

    def __init__(
        self, responses: ResponseStore, parsed: ResponseRequest, context: TurnContext, generated: ModelOutput
    ) -> None:
        self._responses = responses
        self._request = parsed
        self._context = context
        self._generated = generated
        now = int(time.time())
        self.output: list[JsonObject] = [
            {"id": context.next_id(item["type"], place), **item} for place, item in enumerate(generated.output)
        ]
        self.started = started_response(context.response_id, now, parsed)
        self.finished = finished_response(
            self.started, generated, visible_items(self.output, parsed.include), context.tokens, now
        )

    async def events(self, pause: float) -> AsyncIterator[bytes]:
        """Yield the stream, so many seconds between two events; it is stored just before the last one."""
        for event in stream(self.started, self.finished, self._generated, self._request):
            if event["type"] in FINAL:
                self.keep()
            yield encoded_event(event)
            if pause:
                await asyncio.sleep(pause)

    def keep(self) -> None:
        """Store the response if that is wanted, and add its items to the conversation if it is complete."""
        context, response = self._context, None
        if self._request.store and self._generated.status != "error":
            response = StoredResponse(
                id=context.response_id,
                previous=self._request.previous,
                conversation=context.conversation.number if context.conversation else None,
                start=context.start,
                body={**self.finished, "output": []},
                input=[item.body for item in context.new],
                output=self.output,
            )
        number = context.conversation.number if context.conversation else None
        complete = number is not None and self._generated.status == "completed"
        self._responses.add_turn(response, number, context.start, self._items() if complete else [])

    def _items(self) -> list[StoredItem]:
        new = [_stored(item.body, item.partly_hidden) for item in self._context.new]
        return [*new, *(_stored(item, item["type"] in _HIDDEN) for item in self.output)]


def _stored(item: dict[str, Any], partly_hidden: bool) -> StoredItem:
    return StoredItem(item["id"], encode({"id": item["id"], **item}), partly_hidden)
