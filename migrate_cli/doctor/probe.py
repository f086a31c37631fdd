"""Requests that `doctor --live` sends: to scratch conversations, with made-up text, answered as they came.

It knows how to ask, not what the answers mean. A write whose answer is lost is never repeated inside a conversation:
the question is asked again in a new one, so that a fault of the network cannot look like a habit of the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any

from migrate_cli.errors import UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint, segment
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.model import JsonObject
from migrate_cli.target.agents import project_url
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.target.scratch import InMemory, ScratchConversations, Sleep, Unclear

MARK = {"migrate_cli": "doctor scratch, delete me"}
"""Metadata by which a person knows a conversation that could not be deleted."""
TRIES = 5
PAGE = 100
LONGEST_WAIT = 5.0


class TargetProbe:
    """One visit to a target. Use as an async context manager: at its end the conversations are deleted.

    `strict` is how the settings send assistant messages: to the specification's letter, or plain.
    """

    def __init__(self, endpoint: Endpoint, *, sleep: Sleep, strict: bool = False) -> None:
        self._endpoint = endpoint
        self.strict = strict
        self._sleep = sleep
        self._client = self._connect({})
        self.scratches = ScratchConversations(ConversationsTarget(self._client), InMemory(), endpoint.base_url, sleep)
        self.answered = 0
        """Writes that had a clear answer."""
        self.lost = 0
        """Creates whose answer was lost: each may have left one empty conversation."""

    async def __aenter__(self) -> TargetProbe:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Also when the visit was interrupted: nothing of it may stay behind.
        try:
            await self.scratches.sweep()
        finally:
            await self._client.__aexit__(None, None, None)

    async def create(self, metadata: Mapping[str, str] = MARK, items: list[JsonObject] | None = None) -> str:
        """Make a conversation and return its id."""
        body: JsonObject = {"metadata": dict(metadata)} | ({} if items is None else {"items": items})
        try:
            reply = await self.send("POST", "/conversations", body)
        except Unclear:
            self.lost += 1
            raise
        if isinstance(reply, Refused):
            raise Unclear(f"a conversation was refused: {reply.message}")
        identifier = reply.body.get("id")
        if not isinstance(identifier, str) or not identifier:
            self.lost += 1
            raise Unclear("a create was answered without an id")
        await self.scratches.keep_account(identifier)
        return identifier

    async def append(
        self, conversation: str, items: list[JsonObject], headers: Mapping[str, str] | None = None
    ) -> Applied | Refused:
        """Append items, with headers of one's own if need be."""
        return await self.send("POST", f"/conversations/{segment(conversation)}/items", {"items": items}, headers)

    async def send(
        self, method: str, path: str, body: JsonObject | None = None, headers: Mapping[str, str] | None = None
    ) -> Applied | Refused:
        """Send one write; what was certainly not applied is sent again. Raises Unclear when the answer is lost."""
        content = None if body is None else json.dumps(body).encode()
        client = self._connect(headers) if headers else self._client
        try:
            reason = ""
            for _ in range(TRIES):
                reply = await client.write(method, path, content)
                if isinstance(reply, Ambiguous):
                    raise Unclear(reply.reason)
                if not isinstance(reply, NotApplied):
                    self.answered += 1
                    return reply
                reason = reply.reason
                await self._sleep(min(reply.wait or 0.5, LONGEST_WAIT))
            raise Unclear(f"not served after {TRIES} tries ({reason})")
        finally:
            if client is not self._client:
                await client.__aexit__(None, None, None)

    async def listed(self, conversation: str, **query: Any) -> Applied | Refused:
        """Ask for one page of items."""
        return await self._client.read(f"/conversations/{segment(conversation)}/items", query)

    async def conversations(self, **query: Any) -> Applied | Refused:
        """Ask for one page of conversations."""
        return await self._client.read("/conversations", query)

    async def page(self, conversation: str, **query: Any) -> JsonObject:
        """Return one page of items as it came."""
        reply = await self.listed(conversation, **query)
        if isinstance(reply, Refused):
            raise Unclear(f"a list was refused: {reply.message}")
        return reply.body

    async def items(self, conversation: str) -> list[JsonObject]:
        """Return up to 100 items, oldest first."""
        return entries(await self.page(conversation, order="asc", limit=PAGE))

    async def retrieve(self, conversation: str) -> JsonObject:
        """Return the conversation object."""
        reply = await self._client.read(f"/conversations/{segment(conversation)}")
        if isinstance(reply, Refused):
            raise Unclear(f"a conversation was refused: {reply.message}")
        return reply.body

    async def agents(self) -> Applied | Refused | None:
        """Ask the project of Foundry that the target is in for its agents; None where it is in none."""
        try:
            address = project_url(self._endpoint.base_url)
        except UsageError:
            return None
        client = self._connect({}, address)
        try:
            return await client.read("/agents", {"api-version": "v1", "limit": 1})
        finally:
            await client.__aexit__(None, None, None)

    def _connect(self, headers: Mapping[str, str], base_url: str | None = None) -> ApiClient:
        endpoint = replace(
            self._endpoint,
            base_url=base_url or self._endpoint.base_url,
            headers={**self._endpoint.headers, **headers},
        )
        return ApiClient(endpoint, RateLimiter(most_in_flight=4, breaker=False), sleep=self._sleep)


def entries(page: JsonObject) -> list[JsonObject]:
    """The items of a page or of an append's answer."""
    data = page.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def said(text: Any, role: str = "user") -> JsonObject:
    """A message item with one text."""
    kind = "output_text" if role == "assistant" else "input_text"
    part = {"type": kind, "text": text} | ({"annotations": []} if role == "assistant" else {})
    return {"type": "message", "role": role, "content": [part]}


def strictly(item: JsonObject) -> JsonObject:
    """The same message as targets want it that insist on the specification's letter (`convert.strict_assistant`)."""
    parts = [part | {"logprobs": []} for part in item["content"]]
    return item | {"id": f"msg_{token_hex(16)}", "status": "completed", "content": parts}


def text_of(item: JsonObject) -> str | None:
    """The first text of a message item, as the target gives it back."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    first = content[0] if isinstance(content, list) and content else None
    text = first.get("text") if isinstance(first, dict) else None
    return text if isinstance(text, str) else None
