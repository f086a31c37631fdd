"""Finds the vector stores and files that requests name, or refuses as the real service does. It must not change any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.requests import json_answer
from migrate_cli.sandbox.responses.tools import check_vector_store
from migrate_cli.sandbox.vector_store_table import StoredVectorFile, StoredVectorStore, VectorStoreTable

T = TypeVar("T", StoredVectorStore, StoredVectorFile)
MOST_LISTED = 100
"""Stores or files on one page."""


class VectorStoreLookup:
    """Looks into the table for what a request's path and query name."""

    def __init__(self, stores: VectorStoreTable) -> None:
        self._stores = stores

    def store(self, request: Request) -> StoredVectorStore:
        """Return the store of the path."""
        identifier = check_vector_store(request.path_params["vector_store_id"], "vector_store_id", expired=False)
        found = self._stores.get(identifier)
        if found is None:
            raise ApiError(404, f"Vector store with id '{identifier}' not found.")
        return found

    def usable(self, request: Request) -> StoredVectorStore:
        """Return the store of the path, unless it has expired."""
        found = self.store(request)
        if found.expired:
            raise bad_request(f"Vector store with id '{found.id}' is expired.", code="vector_store_expired")
        return found

    def file(self, store: StoredVectorStore, file_id: str) -> StoredVectorFile:
        """Return a file of a store."""
        found = self._stores.file(store.number, file_id)
        if found is None:
            raise ApiError(404, f"No file found with id '{file_id[:80]}' in vector store '{store.id}'.")
        return found

    def batch(self, request: Request) -> tuple[StoredVectorStore, str, int]:
        """Return the store and the batch of the path, and when it was made."""
        found, identifier = self.store(request), request.path_params["batch_id"]
        made = self._stores.batch(found.number, identifier)
        if made is None:
            raise ApiError(404, f"No file batch found with id '{identifier[:80]}' in vector store '{found.id}'.")
        return found, identifier, made


def listing(page: Sequence[T], shown: Callable[[T], JsonObject], *, more: bool) -> Response:
    """A page of a list."""
    ends = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
    return json_answer({"object": "list", "data": [shown(one) for one in page], **ends, "has_more": more})
