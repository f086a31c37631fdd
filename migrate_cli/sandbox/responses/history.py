"""Loads the context of a request: a conversation, or a chain of earlier responses. It must not write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.api_error import ApiError, bad_request, not_found
from migrate_cli.sandbox.responses.items import check_input, check_pairs
from migrate_cli.sandbox.responses.request import ResponseRequest
from migrate_cli.sandbox.responses.response_store import ResponseStore, StoredResponse
from migrate_cli.sandbox.responses.tokens import CONTEXT_WINDOW, context_tokens, item_tokens
from migrate_cli.sandbox.rules import CheckedItem, KnownFile
from migrate_cli.sandbox.store import Conversation, Store


@dataclass(frozen=True, slots=True)
class TurnContext:
    """Everything that precedes a response, and where its items will go."""

    response_id: str
    conversation: Conversation | None
    start: int
    """The position of the first new item in the conversation; 0 without one."""
    new: list[CheckedItem]
    """The input with the ids that it is stored under."""
    items: list[JsonObject]
    """What the model sees, the input included; ids as the client knows them."""
    tokens: int

    def next_id(self, kind: str, place: int) -> str:
        """The id of the item that comes so many places after the input."""
        return self._id(kind, len(self.new) + place)

    def _id(self, kind: str, place: int) -> str:
        owner = self.conversation.id if self.conversation else self.response_id
        return ids.item_id(kind, owner, self.start + place)


class ContextReader:
    """Loads contexts from the store."""

    def __init__(self, store: Store, responses: ResponseStore, known_file: KnownFile) -> None:
        self._store = store
        self._responses = responses
        self._known_file = known_file

    def context(self, request: ResponseRequest) -> TurnContext:
        """Return the context of a request; raise ApiError where it cannot be, or breaks a rule."""
        conversation = None if request.conversation is None else self._conversation(request.conversation)
        past = self._past(conversation, request.previous)
        known = {str(item["id"]): item for item in past}
        checked = check_input(request.input, self._known_file, lambda name: known.get(name) or self._find(name))
        response_id = ids.response_id()
        start = self._responses.next_position(conversation.number) if conversation else 0
        owner = conversation.id if conversation else response_id
        new, visible = [], []
        for place, item in enumerate(checked, start):
            identifier = ids.item_id(item.body["type"], owner, place)
            new.append(CheckedItem({**item.body, "id": identifier}, item.partly_hidden))
            visible.append({"id": identifier, **item.body})
        check_pairs([*past, *visible], visible)
        items, tokens = _fitting([*past, *visible], request)
        return TurnContext(response_id, conversation, start, new, items, tokens)

    def _conversation(self, identifier: str) -> Conversation:
        found = self._store.conversation(identifier)
        if found is None:
            raise not_found(f"Conversation with id '{identifier[:80]}'")
        return found

    def _past(self, conversation: Conversation | None, previous: str | None) -> list[JsonObject]:
        if conversation is not None:
            return [json.loads(body) for body in self._responses.bodies(conversation.number)]
        if previous is None:
            return []
        found = self._responses.response(previous)
        if found is None or found.deleted:
            raise bad_request(
                f"Previous response with id '{previous[:80]}' not found.",
                code="previous_response_not_found",
                param="previous_response_id",
            )
        return self._chain(found)

    def _chain(self, last: StoredResponse) -> list[JsonObject]:
        """The items up to and with a response: those of the responses before it, or of its conversation."""
        turns: list[list[JsonObject]] = []
        each: StoredResponse | None = last
        while each is not None:
            turns.append([*each.input, *each.output])
            if each.conversation is not None:
                bodies = self._responses.bodies(each.conversation, before=each.start)
                turns.append([json.loads(body) for body in bodies])
                break
            each = self._responses.response(each.previous) if each.previous else None
        return [item for turn in reversed(turns) for item in turn]

    def _find(self, identifier: str) -> JsonObject | None:
        """An item of any stored response that was not in a conversation."""
        found = self._responses.response_of_item(identifier)
        items: Iterable[JsonObject] = [*found.input, *found.output] if found else ()
        return next((item for item in items if item["id"] == identifier), None)


def _fitting(items: list[JsonObject], request: ResponseRequest) -> tuple[list[JsonObject], int]:
    """The items that fit into the model's window, and the tokens of the whole request."""
    tokens = context_tokens(items, request.instructions, request.tools)
    if tokens <= CONTEXT_WINDOW:
        return items, tokens
    if request.truncation != "auto":
        raise ApiError(
            400,
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            code="context_length_exceeded",
            param="input",
        )
    first = 0
    while tokens > CONTEXT_WINDOW and first < len(items) - 1:
        tokens -= item_tokens(items[first])
        first += 1
    return items[first:], tokens
