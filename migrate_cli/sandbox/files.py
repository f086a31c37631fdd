"""The Files endpoints: upload, list, metadata, content, delete. Content is streamed, never held in memory whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request, too_large
from migrate_cli.sandbox.file_store import CHUNK, FileStore, StoredFile
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.requests import json_answer, page_limit, page_order, read_form
from migrate_cli.sandbox.rules import listed

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
NOT_DOWNLOADABLE = frozenset({"assistants", "user_data"})
MOST_LISTED = 10_000
EXPIRY_SECONDS = (3600, 2_592_000)
FORM_OVERHEAD = 64 * 1024
"""Bytes that a multipart body may be longer than its file."""


class FileEndpoints:
    """`/files` and everything below it."""

    def __init__(self, files: FileStore, options: SandboxOptions) -> None:
        self._files = files
        self._limit = options.max_file_bytes

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/files", self.upload, methods=["POST"]),
            Route("/v1/files", self.list, methods=["GET"]),
            Route("/v1/files/{file_id}", self.retrieve, methods=["GET"]),
            Route("/v1/files/{file_id}", self.delete, methods=["DELETE"]),
            Route("/v1/files/{file_id}/content", self.content, methods=["GET"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Take one file as multipart form data, with its purpose and, if wanted, when it expires."""
        if int(request.headers.get("content-length") or 0) > self._limit + FORM_OVERHEAD:
            raise too_large(self._limit)
        async with read_form(request) as form:
            return json_answer(_shown(self._add(form)))

    async def list(self, request: Request) -> Response:
        """List files, newest first unless `order=asc`."""
        limit = page_limit(request, default=MOST_LISTED, most=MOST_LISTED)
        cursor, after = request.query_params.get("after"), None
        if cursor:
            after = self._find(cursor).number
        page, has_more = self._files.page(
            purpose=request.query_params.get("purpose"),
            after=after,
            limit=limit,
            descending=page_order(request) == "desc",
        )
        return json_answer(
            {
                "object": "list",
                "data": [_shown(file) for file in page],
                "first_id": page[0].id if page else None,
                "last_id": page[-1].id if page else None,
                "has_more": has_more,
            }
        )

    async def retrieve(self, request: Request) -> Response:
        """Show a file's metadata."""
        return json_answer(_shown(self._find(request.path_params["file_id"])))

    async def delete(self, request: Request) -> Response:
        """Delete a file."""
        found = self._find(request.path_params["file_id"])
        self._files.delete(found.number)
        return json_answer({"id": found.id, "object": "file", "deleted": True})

    async def content(self, request: Request) -> Response:
        """Send a file's bytes, where its purpose allows that."""
        found = self._find(request.path_params["file_id"])
        if found.purpose in NOT_DOWNLOADABLE:
            raise bad_request(f"Not allowed to download files of purpose: {found.purpose}")
        if found.bytes and not self._files.has_content(found.number):
            raise ApiError(404, f"The content of {found.id} is not here: only its facts were loaded.", param="id")
        return StreamingResponse(
            _spread(self._files.content(found.number)),
            headers={"content-length": str(found.bytes)},
            media_type="application/octet-stream",
        )

    def _add(self, form: dict[str, Any]) -> StoredFile:
        file, purpose = form.get("file"), form.get("purpose")
        if not isinstance(file, UploadFile):
            raise _missing("file")
        if not isinstance(purpose, str):
            raise _missing("purpose")
        if purpose not in PURPOSES:
            raise bad_request(
                f"'{purpose[:64]}' is not one of {listed(PURPOSES)} - 'purpose'",
                code="invalid_value",
                param="purpose",
            )
        if (file.size or 0) > self._limit:
            raise too_large(self._limit)
        if not file.size:
            raise bad_request("File is empty.", param="file")
        return self._files.add(purpose, _base_name(file.filename), _expiry(form), _chunks(file.file))

    def _find(self, identifier: str) -> StoredFile:
        found = self._files.get(identifier)
        if found is None:
            raise ApiError(404, f"No such File object: {identifier[:80]}", param="id")
        return found


def _expiry(form: dict[str, Any]) -> int | None:
    seconds = form.get("expires_after[seconds]")
    if seconds is None:
        return None
    least, most = EXPIRY_SECONDS
    if form.get("expires_after[anchor]") != "created_at" or not re.fullmatch(r"\d{1,9}", str(seconds)):
        raise bad_request("Invalid 'expires_after': it needs anchor 'created_at' and a number of seconds.")
    if not least <= int(seconds) <= most:
        raise bad_request(
            f"Invalid 'expires_after.seconds': expected {least} to {most}, but got {seconds} instead.",
            param="expires_after.seconds",
        )
    return int(seconds)


def _missing(name: str) -> ApiError:
    return bad_request(f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)


def _base_name(name: str | None) -> str:
    return re.split(r"[/\\]", name or "file")[-1] or "file"


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


async def _spread(chunks: Iterator[bytes]) -> Any:
    """Chunks as an asynchronous iterator, so that they are read in the thread that owns the database."""
    for chunk in chunks:
        yield chunk


def _shown(file: StoredFile) -> JsonObject:
    return {
        "object": "file",
        "id": file.id,
        "purpose": file.purpose,
        "filename": file.filename,
        "bytes": file.bytes,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "status": "processed",
        "status_details": None,
    }
