"""The endpoints of the files in a vector store, one by one and in batches.

What is indexed well and what is not is decided by a file's bytes, or by a fault (`fault_actions.py`), which says so in
a header. It must not hold rules or SQL.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox import ids
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.requests import json_answer, page_limit, page_order, read_json
from migrate_cli.sandbox.responses.file_search import UploadedFiles
from migrate_cli.sandbox.responses.values import an_object, missing, not_one_of, refuse_unknown
from migrate_cli.sandbox.vector_store_lookup import MOST_LISTED, VectorStoreLookup, listing
from migrate_cli.sandbox.vector_store_rules import (
    CheckedStoreFile,
    check_attachment,
    check_attributes,
    check_batch_of_files,
)
from migrate_cli.sandbox.vector_store_table import (
    NEVER,
    STATUSES,
    Indexing,
    StoredVectorFile,
    StoredVectorStore,
    VectorStoreTable,
)

INDEXING = "x-sandbox-indexing"
"""The header by which a fault says how the indexing goes: `failed`, `stuck`, or after how many looks it ends."""


class VectorStoreFileEndpoints:
    """`/vector_stores/ID/files`, `/vector_stores/ID/file_batches` and everything below them."""

    def __init__(self, stores: VectorStoreTable, files: FileStore, options: SandboxOptions) -> None:
        self._stores = stores
        self._lookup = VectorStoreLookup(stores)
        self._files = files
        self._texts = UploadedFiles(files, stores)
        self._known_file = files.known_file(options.known_files)
        self._most = options.max_body_bytes

    def routes(self) -> list[Route]:
        """The routes."""
        files = "/v1/vector_stores/{vector_store_id}/files"
        batches = "/v1/vector_stores/{vector_store_id}/file_batches"
        return [
            Route(files, self.create, methods=["POST"]),
            Route(files, self.list, methods=["GET"]),
            Route(f"{files}/{{file_id}}", self.retrieve, methods=["GET"]),
            Route(f"{files}/{{file_id}}", self.update, methods=["POST"]),
            Route(f"{files}/{{file_id}}", self.delete, methods=["DELETE"]),
            Route(f"{files}/{{file_id}}/content", self.content, methods=["GET"]),
            Route(batches, self.create_batch, methods=["POST"]),
            Route(f"{batches}/{{batch_id}}", self.batch, methods=["GET"]),
            Route(f"{batches}/{{batch_id}}/cancel", self.cancel, methods=["POST"]),
            Route(f"{batches}/{{batch_id}}/files", self.batch_files, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Put a file into a store; one that is there already is shown as it is."""
        found = self._lookup.usable(request)
        checked = check_attachment(await read_json(request, self._most), self._known_file)
        self.attach(request, found, [checked])
        return json_answer(_shown(found, self._lookup.file(found, checked.file_id)))

    async def list(self, request: Request) -> Response:
        """List a store's files, newest first unless `order=asc`."""
        return self._list(request, self._lookup.store(request), None)

    async def retrieve(self, request: Request) -> Response:
        """Show a file of a store."""
        found = self._lookup.store(request)
        self._stores.look(found.number)
        return json_answer(_shown(found, self._lookup.file(found, request.path_params["file_id"])))

    async def update(self, request: Request) -> Response:
        """Replace a file's attributes."""
        found = self._lookup.store(request)
        body = an_object(await read_json(request, self._most), "body")
        refuse_unknown(body, ("attributes",))
        if "attributes" not in body:
            raise missing("attributes")
        file = self._lookup.file(found, request.path_params["file_id"])
        self._stores.set_attributes(file.number, check_attributes(body["attributes"], "attributes"))
        return json_answer(_shown(found, self._lookup.file(found, file.id)))

    async def delete(self, request: Request) -> Response:
        """Take a file out of a store; the file itself stays."""
        found = self._lookup.store(request)
        file = self._lookup.file(found, request.path_params["file_id"])
        self._stores.detach(file.number)
        return json_answer({"id": file.id, "object": "vector_store.file.deleted", "deleted": True})

    async def content(self, request: Request) -> Response:
        """Show the text of a file."""
        found = self._lookup.store(request)
        text = self._texts.text_of(self._lookup.file(found, request.path_params["file_id"]).id)
        page = {"object": "vector_store.file_content.page", "data": [{"type": "text", "text": text}] if text else []}
        return json_answer({**page, "has_more": False, "next_page": None})

    # ---- batches

    async def create_batch(self, request: Request) -> Response:
        """Put many files into a store."""
        found = self._lookup.usable(request)
        checked = check_batch_of_files(await read_json(request, self._most), self._known_file)
        identifier = ids.file_batch_id()
        self.attach(request, found, checked, identifier)
        return json_answer(self._batch(found, identifier, int(time.time())))

    async def batch(self, request: Request) -> Response:
        """Show how far a batch is."""
        found, identifier, made = self._lookup.batch(request)
        self._stores.look(found.number)
        return json_answer(self._batch(found, identifier, made))

    async def cancel(self, request: Request) -> Response:
        """Cancel what of a batch is not indexed yet."""
        found, identifier, made = self._lookup.batch(request)
        self._stores.cancel(found.number, identifier)
        return json_answer(self._batch(found, identifier, made))

    async def batch_files(self, request: Request) -> Response:
        """List the files of a batch."""
        found, identifier, _ = self._lookup.batch(request)
        return self._list(request, found, identifier)

    # ---- inside

    def attach(
        self, request: Request, store: StoredVectorStore, files: Sequence[CheckedStoreFile], batch: str | None = None
    ) -> None:
        """Put checked files into a store; a header of the request may say how their indexing goes."""
        told = request.headers.get(INDEXING, "")
        self._stores.attach(store.number, [(one, *self._indexing(one.file_id, told)) for one in files], batch)

    def _indexing(self, file_id: str, told: str) -> tuple[int, Indexing]:
        """Return a file's bytes, and how its indexing goes."""
        known = self._files.get(file_id)
        size = 0 if known is None else known.bytes
        looks = int(told) if told.isdecimal() else 1
        if told == "stuck":
            return size, Indexing(NEVER)
        if told == "failed":
            return size, Indexing(1, "failed", {"code": "server_error", "message": "An internal error occurred."})
        if known is not None and not self._texts.is_text(known):
            error = {"code": "unsupported_file", "message": f"The type of {known.filename} is not supported."}
            return size, Indexing(looks, "failed", error)
        return size, Indexing(looks)

    def _list(self, request: Request, store: StoredVectorStore, batch: str | None) -> Response:
        status = request.query_params.get("filter")
        if status is not None and status not in STATUSES:
            raise not_one_of("filter", status, STATUSES)
        limit, descending = page_limit(request, default=20, most=MOST_LISTED), page_order(request) == "desc"
        after, before = (
            self._lookup.file(store, cursor).number if (cursor := request.query_params.get(name)) else None
            for name in ("after", "before")
        )
        self._stores.look(store.number)
        page, more = self._stores.files(
            store.number, after=after, before=before, limit=limit, descending=descending, status=status, batch=batch
        )
        return listing(page, lambda file: _shown(store, file), more=more)

    def _batch(self, store: StoredVectorStore, identifier: str, made: int) -> JsonObject:
        counts, _ = self._stores.counts(store.number, identifier)
        status = "in_progress" if counts["in_progress"] else "cancelled" if counts["cancelled"] else "completed"
        return {
            "id": identifier,
            "object": "vector_store.files_batch",
            "created_at": made,
            "vector_store_id": store.id,
            "status": status,
            "file_counts": counts,
        }


def _shown(store: StoredVectorStore, file: StoredVectorFile) -> JsonObject:
    return {
        "id": file.id,
        "object": "vector_store.file",
        "usage_bytes": file.bytes if file.status == "completed" else 0,
        "created_at": file.created_at,
        "vector_store_id": store.id,
        "status": file.status,
        "last_error": file.error,
        "chunking_strategy": file.chunking,
        "attributes": file.attributes,
    }
