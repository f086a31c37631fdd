"""Logs each request to a host and its response: method, address, status, time, size.

Never a body, a header that authenticates, or a value of the query that could be a secret. It must not change a request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any, TypeVar

from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused, request_id_of
from migrate_cli.http.transport import RawResponse

_log = logging.getLogger(__name__)
_numbers = count(1)
_HARMLESS = frozenset({"order", "limit", "after", "before", "include", "api-version"})
"""Parameters of a query whose values are shown; of others, users choose what is in them."""

T = TypeVar("T")
Send = Callable[[Mapping[str, str] | None], Awaitable[T]]


def logged(send: Send[T], method: str, address: str, query: Mapping[str, Any]) -> Send[T]:
    """Return what sends the same request and logs it, where the log takes that (`-vv`); else `send` itself.

    A number joins the two lines of one exchange, since many are under way at a time.
    """
    if not _log.isEnabledFor(logging.DEBUG):
        return send

    async def sent(own: Mapping[str, str] | None) -> T:
        number, began = next(_numbers), time.monotonic()
        _log.debug("#%d %s %s%s", number, method, address, _shown(query))
        try:
            answer = await send(own)
        except BaseException as error:
            _log.debug("#%d given up (%s) after %.3f s", number, type(error).__name__, time.monotonic() - began)
            raise
        _log.debug("#%d %s in %.3f s", number, _outcome(answer), time.monotonic() - began)
        return answer

    return sent


def log_doubt(method: str, path: str, doubt: Ambiguous) -> None:
    """Log a write of which it is not known whether it was carried out."""
    named = f", request {doubt.request_id}" if doubt.request_id else ""
    _log.warning("%s %s: not known whether it was carried out (%s%s)", method, path, doubt.reason, named)


def _shown(query: Mapping[str, Any]) -> str:
    values = {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in query.items()
        if value is not None
    }
    pairs = [f"{name}={value if name in _HARMLESS else '…'}" for name, value in values.items()]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _outcome(answer: object) -> str:
    """What came back: a status, or why there is none."""
    if isinstance(answer, RawResponse):
        named = request_id_of(answer.headers)
        return f"{answer.status}, {len(answer.content):,} bytes" + (f", request {named}" if named else "")
    if isinstance(answer, Applied):
        return "saved"
    if isinstance(answer, NotApplied | Ambiguous):
        return answer.reason
    if isinstance(answer, Refused):
        return str(answer.status)
    return f"{getattr(answer, 'status_code', 'an answer')}, a stream"
