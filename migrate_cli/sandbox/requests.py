"""Request parsing and response building for all endpoints: JSON bodies, forms, list parameters."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from migrate_cli.sandbox.api_error import bad_request, too_large
from migrate_cli.sandbox.encoding import encode, encode_any


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_no_number)


async def read_json(request: Request, max_bytes: int, *, optional: bool = False) -> Any:
    """Return the parsed body; an empty one is `{}` where it is optional.

    Raises ApiError: 413 over `max_bytes`, 400 for what is not JSON, or JSON with half of a surrogate pair in it.
    """
    raw = await read_body(request, max_bytes)
    if optional and not raw.strip():
        return {}
    try:
        value = _decoder.decode(raw.decode())
        if b"\\ud" in raw or b"\\uD" in raw:
            encode(value)
    except (ValueError, RecursionError) as error:
        raise bad_request(
            "We could not parse the JSON body of your request. The API expects a JSON payload in UTF-8."
        ) from error
    return value


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the whole body, or raise ApiError (413) as soon as it is too large."""
    if int(request.headers.get("content-length") or 0) > max_bytes:
        raise too_large(max_bytes)
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > max_bytes:
            raise too_large(max_bytes)
    return bytes(raw)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[dict[str, Any]]:
    """Give the fields of a multipart form with one file, which is closed afterwards. Raises ApiError for no form."""
    try:
        form = await request.form(max_files=1, max_fields=16)
    except HTTPException as error:  # what Starlette makes of its own MultiPartException
        raise bad_request(f"Could not parse multipart form: {error.detail}") from error
    try:
        yield dict(form)
    finally:
        await form.close()


def include_values(request: Request) -> list[str]:
    """The values of `include[]`, in order; `include` without brackets is taken as well."""
    if b"include" not in request.scope["query_string"]:
        return []
    return [value for key, value in request.query_params.multi_items() if key in ("include[]", "include")]


def page_limit(request: Request, *, default: int, most: int) -> int:
    """The `limit` of a list request."""
    text = request.query_params.get("limit")
    if text is None:
        return default
    try:
        limit = int(text)
    except ValueError as error:
        raise bad_request(
            f"Invalid type for 'limit': expected an integer, but got '{text[:32]}' instead.",
            code="invalid_type",
            param="limit",
        ) from error
    if limit < 1:
        raise bad_request(
            f"Invalid 'limit': integer below minimum value. Expected a value >= 1, but got {limit} instead.",
            code="integer_below_min_value",
            param="limit",
        )
    if limit > most:
        raise bad_request(
            f"Invalid 'limit': integer above maximum value. Expected a value <= {most}, but got {limit} instead.",
            code="integer_above_max_value",
            param="limit",
        )
    return limit


def page_order(request: Request) -> str:
    """The `order` of a list request, `desc` unless it says otherwise."""
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise bad_request(
            f"Invalid value: '{order[:32]}'. Supported values are: 'asc' and 'desc'.",
            code="invalid_value",
            param="order",
        )
    return order


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer with this value as compact JSON."""
    return raw_answer(encode_any(value), status, headers)


def raw_answer(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer whose body is JSON already."""
    return Response(body, status, headers, media_type="application/json")
