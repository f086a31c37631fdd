"""The endpoints of vector stores themselves, and the search over the texts in one.

It must not hold rules (`vector_store_rules.py`) or SQL (`vector_store_table.py`).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError
from migrate_cli.sandbox.choices import FileIdCheck
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.requests import json_answer, page_limit, page_order, read_json
from migrate_cli.sandbox.responses.file_search import UploadedFiles
from migrate_cli.sandbox.responses.tools import check_vector_store
from migrate_cli.sandbox.vector_store_files import VectorStoreFileEndpoints
from migrate_cli.sandbox.vector_store_lookup import MOST_LISTED, VectorStoreLookup, listing
from migrate_cli.sandbox.vector_store_rules import check_changes, check_search, check_store
from migrate_cli.sandbox.vector_store_table import DAY, STATUSES, StoredVectorStore, VectorStoreTable


class VectorStoreEndpoints:
    """`/vector_stores` and everything below it."""

    def __init__(self, stores: VectorStoreTable, files: FileStore, options: SandboxOptions) -> None:
        self._stores = stores
        self._lookup = VectorStoreLookup(stores)
        self._in_stores = VectorStoreFileEndpoints(stores, files, options)
        self._texts = UploadedFiles(files, stores)
        self._known_file = files.known_file(options.known_files)
        self._supposes = options.known_files is not FileIdCheck.STRICT and options.source is None
        self._most = options.max_body_bytes

    def routes(self) -> list[Route]:
        """The routes."""
        store = "/v1/vector_stores/{vector_store_id}"
        return [
            Route("/v1/vector_stores", self.create, methods=["POST"]),
            Route("/v1/vector_stores", self.list, methods=["GET"]),
            Route(store, self.retrieve, methods=["GET"]),
            Route(store, self.update, methods=["POST"]),
            Route(store, self.delete, methods=["DELETE"]),
            Route(f"{store}/search", self.search, methods=["POST"]),
            *self._in_stores.routes(),
        ]

    async def create(self, request: Request) -> Response:
        """Make a store, with the files that are named."""
        checked = check_store(await read_json(request, self._most, optional=True), self._known_file)
        store = self._stores.add(checked)
        if checked.files:
            self._in_stores.attach(request, store, checked.files)
        return json_answer(self._shown(store))

    async def list(self, request: Request) -> Response:
        """List stores, newest first unless `order=asc`."""
        page, more = self._stores.page(
            after=self._cursor(request, "after"),
            before=self._cursor(request, "before"),
            limit=page_limit(request, default=20, most=MOST_LISTED),
            descending=page_order(request) == "desc",
        )
        return listing(page, self._shown, more=more)

    async def retrieve(self, request: Request) -> Response:
        """Show a store. In a rehearsal every well-formed id is one, since only the ids of real ones are known; but a
        sandbox that stands for a host knows its own."""
        identifier: str = request.path_params["vector_store_id"]
        supposed = self._supposes and not self._stores.was_deleted(identifier)
        if supposed and self._stores.get(identifier) is None:
            return json_answer(_supposed(identifier))
        found = self._lookup.store(request)
        self._stores.look(found.number)
        return json_answer(self._shown(found))

    async def update(self, request: Request) -> Response:
        """Change name, expiry or metadata."""
        found = self._lookup.store(request)
        changes = check_changes(await read_json(request, self._most))
        return json_answer(self._shown(self._stores.change(found.number, changes)))

    async def delete(self, request: Request) -> Response:
        """Delete a store; the files stay."""
        found = self._lookup.store(request)
        self._stores.delete(found.number)
        return json_answer({"id": found.id, "object": "vector_store.deleted", "deleted": True})

    async def search(self, request: Request) -> Response:
        """Find passages that hold words of the query, in the files whose attributes fit."""
        found = self._lookup.usable(request)
        wanted = check_search(await read_json(request, self._most))
        self._stores.touch(found.number)
        fitting = {file.id: file for file in self._stores.ready(found.number) if wanted.fits(file.attributes)}
        hits = self._texts.search_in(" ".join(wanted.queries), [*fitting], wanted.most)
        data = [
            {
                "file_id": hit.file_id,
                "filename": hit.filename,
                "score": round(0.9 / place, 4),
                "attributes": fitting[hit.file_id].attributes,
                "content": [{"type": "text", "text": hit.text}],
            }
            for place, hit in enumerate(hits, 1)
            if 0.9 / place >= wanted.threshold
        ]
        page = {"object": "vector_store.search_results.page", "search_query": [*wanted.queries], "data": data}
        return json_answer({**page, "has_more": False, "next_page": None})

    def _cursor(self, request: Request, name: str) -> int | None:
        identifier = request.query_params.get(name)
        if not identifier:
            return None
        found = self._stores.get(identifier)
        if found is None:
            raise ApiError(404, f"Vector store with id '{identifier[:80]}' not found.")
        return found.number

    def _shown(self, store: StoredVectorStore) -> JsonObject:
        counts, used = self._stores.counts(store.number)
        return {
            "id": store.id,
            "object": "vector_store",
            "created_at": store.created_at,
            "name": store.name,
            "description": store.description,
            "usage_bytes": 0 if store.expired else used,
            "file_counts": counts,
            "status": "expired" if store.expired else "in_progress" if counts["in_progress"] else "completed",
            "expires_after": None if store.days is None else {"anchor": "last_active_at", "days": store.days},
            "expires_at": None if store.days is None else store.last_active_at + store.days * DAY,
            "last_active_at": store.last_active_at,
            "metadata": store.metadata,
        }


def _supposed(identifier: str) -> JsonObject:
    """A store of the real service, as a rehearsal supposes it: there, or rehearsing a missing or an expired one."""
    check_vector_store(identifier, "vector_store_id", expired=False)
    expired = identifier.startswith("vs_expired")
    return {
        "id": identifier,
        "object": "vector_store",
        "created_at": 0,
        "name": identifier,
        "usage_bytes": 0,
        "file_counts": dict.fromkeys((*STATUSES, "total"), 0),
        "status": "expired" if expired else "completed",
        "expires_after": None,
        "expires_at": None,
        "last_active_at": 0,
        "metadata": {},
    }
