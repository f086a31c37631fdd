"""The errors that the sandbox answers, with the body that the real service gives: message, type, param and code.

Pure. Who serves them is `app.py`; who raises them are the rules and the endpoints.
"""

from __future__ import annotations

import json
from typing import Any

from migrate_cli.sandbox.encoding import encode_any

INVALID_REQUEST = "invalid_request_error"


class ApiError(Exception):
    """One refused request, as the client will see it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = INVALID_REQUEST,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON body, keys in the real order."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def bad_request(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """A 400 about the request itself."""
    return ApiError(400, message, code=code, param=param)


def invalid_item(message: str) -> ApiError:
    """The 400 for one bad item: it names neither the index nor the field, so the client has to search."""
    return ApiError(400, message, code="invalid_item", param="item")


def not_found(what: str) -> ApiError:
    """The 404 of the Conversations API; its code is null."""
    return ApiError(404, f"{what} not found.")


def conversation_locked() -> ApiError:
    """The 400 for a second writer in one conversation; it looks permanent and is not."""
    return ApiError(
        400, "Another process is currently operating on this conversation. Please retry.", code="conversation_locked"
    )


def too_large(limit: int) -> ApiError:
    """The 413 for a body over the limit, which is given in bytes."""
    return ApiError(413, f"The request is larger than the limit of {limit} bytes.", code="request_too_large")


FORMS = ("detail", "details", "text", "problem")
"""How servers of another make tell errors."""


def reworded(content: bytes, form: str) -> bytes:
    """Return an error's body in one of `FORMS`; one that is not the real service's stays as it is."""
    try:
        error = json.loads(content)["error"]
        message, param = error["message"], error["param"]
    except (ValueError, KeyError, TypeError):
        return content
    told: dict[str, Any] = {"detail": message}
    if form == "details":
        told = {"detail": [{"type": "value_error", "loc": ["body", param or "request"], "msg": message}]}
    elif form == "problem":
        told = {"type": "about:blank", "title": "The request was refused", "detail": message}
    elif form == "text":
        told = {"error": message}
    return encode_any(told)
