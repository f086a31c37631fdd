"""Carries out each kind of fault: one short function per kind, in one table. `fault_plan.py` decides when."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from migrate_cli.sandbox.api_error import ApiError, bad_request, conversation_locked, invalid_item
from migrate_cli.sandbox.encoding import encode, encode_any
from migrate_cli.sandbox.fault_exchange import CapturedResponse, InterceptedRequest, first_of
from migrate_cli.sandbox.fault_plan import FaultKind, FaultRule
from migrate_cli.sandbox.fault_streams import STREAM_ACTIONS
from migrate_cli.sandbox.rate_limit import out_of_quota, rate_limited
from migrate_cli.sandbox.vector_store_files import INDEXING


class FaultServer(Protocol):
    """What a fault may ask of the server around the request."""

    closing: asyncio.Event
    """Set when the server stops: nothing may wait any longer."""

    def later(self, work: Awaitable[object]) -> None:
        """Go on with this work while the request ends."""

    async def landing(self, seconds: float) -> None:
        """Wait for the time of a late commit."""

    arrivals: dict[str, tuple[int, int]]
    """For items whose request was struck by `mix-seconds`: the second, and the number of the request."""

    async def go_down(self, seconds: float) -> None:
        """Break all connections and refuse new ones for a while."""


Action = Callable[[InterceptedRequest, FaultRule, FaultServer], Awaitable[None]]

_PIECES = 20
"""So many pieces a second at most; a trickle is told by its rate, not by how it is cut."""
_PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


def _refuse(make: Callable[[FaultRule], ApiError]) -> Action:
    """Answer with an error; nothing is done."""

    async def action(request: InterceptedRequest, rule: FaultRule, _: FaultServer) -> None:
        await request.answer(_error(make(rule)))

    return action


def _fail_after(answer: CapturedResponse) -> Action:
    """Do the work, then answer with something else."""

    async def action(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
        await request.perform()
        await request.answer(answer)

    return action


def _fail_before(answer: CapturedResponse) -> Action:
    """Answer with this instead; nothing is done."""

    async def action(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
        await request.answer(answer)

    return action


async def _reset_before(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    await request.reset()


async def _reset_after(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    await request.perform()
    await request.reset()


async def _late(request: InterceptedRequest, rule: FaultRule, server: FaultServer) -> None:
    await request.body()
    server.later(_perform_later(request, rule.number("seconds") or 0.0, server))
    if rule.text("answer") == "hang":
        await first_of(request.gone(), server.closing.wait())
    await request.reset()


async def _perform_later(request: InterceptedRequest, seconds: float, server: FaultServer) -> None:
    await server.landing(seconds)
    await request.perform()


async def _cut(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    answer = await request.perform()
    answer.body = answer.body[: len(answer.body) // 2]
    await request.answer(answer)


async def _break(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    await request.answer_half(await request.perform())


async def _hang(request: InterceptedRequest, rule: FaultRule, server: FaultServer) -> None:
    await request.body()
    if await _hang_up(request, rule, server):
        await request.serve()


async def _hang_after(request: InterceptedRequest, rule: FaultRule, server: FaultServer) -> None:
    answer = await request.perform()
    if await _hang_up(request, rule, server):
        await request.answer(answer)


async def _hang_up(request: InterceptedRequest, rule: FaultRule, server: FaultServer) -> bool:
    """Stay silent. Returns whether the client still waits and the server still runs."""
    ended = await first_of(request.gone(), server.closing.wait(), seconds=rule.number("seconds"))
    if ended == 1:
        await request.reset()
    return ended is None


async def _post_unanswered(request: InterceptedRequest, _: FaultRule, server: FaultServer) -> None:
    if request.scope["method"] in ("GET", "HEAD"):
        await request.serve()
        return
    await request.perform()
    await _hold(request, server)


async def _headers_only(request: InterceptedRequest, _: FaultRule, server: FaultServer) -> None:
    send = await request.answer_in_pieces(await request.perform())
    # The server writes the head with the first piece of the body.
    await send(b"")
    await _hold(request, server)


async def _trickle(request: InterceptedRequest, rule: FaultRule, server: FaultServer) -> None:
    answer = await request.perform()
    send, rate = await request.answer_in_pieces(answer), rule.number("rate") or 1.0
    at_once = max(1, int(rate / _PIECES))
    for start in range(0, len(answer.body), at_once):
        if await first_of(request.gone(), server.closing.wait(), seconds=at_once / rate) is not None:
            await request.reset()
            return
        await send(answer.body[start : start + at_once])


async def _hold(request: InterceptedRequest, server: FaultServer) -> None:
    """Say nothing more until the client gives up."""
    await first_of(request.gone(), server.closing.wait())
    await request.reset()


async def _down(request: InterceptedRequest, rule: FaultRule, server: FaultServer) -> None:
    await server.go_down(rule.number("seconds") or 0.0)
    await request.reset()


async def _partial(request: InterceptedRequest, rule: FaultRule, _: FaultServer) -> None:
    body = _parsed(await request.body())
    items = body.get("items") or []
    kept = rule.number("items")
    count = len(items) // 2 if kept is None else min(int(kept), len(items))
    answer = _server_error(500)
    if count:
        answer = await request.perform(encode({**body, "items": items[:count]}))
    status = int(rule.number("status") or 0)
    if not status:
        await request.reset()
    else:
        await request.answer(answer if status == 200 else _server_error(status))


async def _scramble(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    body = _parsed(await request.body())
    if isinstance(body.get("items"), list):
        body["items"].reverse()
    await request.answer(await request.perform(encode(body)))


async def _ignore_items(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    body = _parsed(await request.body())
    body.pop("items", None)
    await request.answer(await request.perform(encode(body)))


async def _ignore_after(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    pairs = parse_qsl(request.scope["query_string"].decode())
    query = urlencode([(name, value) for name, value in pairs if name != "after"])
    await request.answer(await request.perform(query=query.encode()))


async def _mix_seconds(request: InterceptedRequest, _: FaultRule, server: FaultServer) -> None:
    answer = await request.perform()
    page = _parsed(answer.body)
    items = page.get("data")
    if isinstance(items, list) and request.scope["method"] == "POST":
        arrived = int(time.time()), len(server.arrivals)
        server.arrivals.update((item["id"], arrived) for item in items)
    elif isinstance(items, list):
        ascending = b"order=asc" in request.scope["query_string"]
        oldest_first = items if ascending else items[::-1]
        oldest_first.sort(key=lambda item: _place_in_time(server.arrivals.get(item["id"], (0, 0))))
        answer.body = encode_any({**page, "data": oldest_first if ascending else oldest_first[::-1]})
    await request.answer(answer)


def _place_in_time(arrived: tuple[int, int]) -> tuple[int, int]:
    second, request = arrived
    return second, -request


async def _no_include(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
    asked = [name for name, _ in parse_qsl(request.scope["query_string"].decode()) if name in ("include", "include[]")]
    if asked:
        await request.answer(_error(bad_request(f"Unknown query parameter: '{asked[0]}'.", param=asked[0])))
    else:
        await request.serve()


def _index(told: Callable[[FaultRule], str]) -> Action:
    """Let the request be served as usual, except for how the files that it names are indexed."""

    async def action(request: InterceptedRequest, rule: FaultRule, _: FaultServer) -> None:
        header = (INDEXING.encode(), told(rule).encode())
        request.scope = {**request.scope, "headers": [*request.scope["headers"], header]}
        await request.serve()

    return action


def _claim_more(more: bool) -> Action:
    """Answer a list with this `has_more`, whether it is true or not."""

    async def action(request: InterceptedRequest, _: FaultRule, __: FaultServer) -> None:
        answer = await request.perform()
        page = _parsed(answer.body)
        if "has_more" in page:
            answer.body = encode_any({**page, "has_more": more})
        await request.answer(answer)

    return action


def _change_list(change: Callable[[list[Any], FaultRule], list[Any]]) -> Action:
    """Answer a list with other entries."""

    async def action(request: InterceptedRequest, rule: FaultRule, _: FaultServer) -> None:
        answer = await request.perform()
        page = _parsed(answer.body)
        if isinstance(page.get("data"), list):
            answer.body = encode_any({**page, "data": change(page["data"], rule)})
        await request.answer(answer)

    return action


def _with_ghost(data: list[Any], _: FaultRule) -> list[Any]:
    """Add what is like the last entry, under an id that is always made of the same one."""
    return [*data, {**data[-1], "id": f"{data[-1]['id'][:-8]}0000dead"}] if data else data


def _with_gaps(data: list[Any], rule: FaultRule) -> list[Any]:
    every = int(rule.number("every") or 1)
    return [entry for number, entry in enumerate(data, 1) if number % every]


def _parsed(body: bytes) -> dict[str, Any]:
    """A body as an object; empty where it is none, so that the inner application refuses it in its own way."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _error(error: ApiError) -> CapturedResponse:
    headers = [(name.encode(), value.encode()) for name, value in error.headers.items()]
    return CapturedResponse(error.status, [(b"content-type", b"application/json"), *headers], encode(error.body()))


def _server_error(status: int) -> CapturedResponse:
    message = {
        408: "The request took too long to arrive.",
        503: "The service is unavailable for the moment.",
        529: "The service is overloaded for the moment.",
    }
    text = message.get(status, "The server had an error while processing the request.")
    return _error(ApiError(status, text, kind="server_error"))


def _page(status: int, title: bytes) -> CapturedResponse:
    return CapturedResponse(status, [(b"content-type", b"text/html; charset=utf-8")], _PAGE % (title, title))


_LOGIN = _page(200, b"Please sign in to this network")
_GATEWAY = _page(502, b"Bad gateway")

ACTIONS: dict[FaultKind, Action] = {
    FaultKind.RATE_LIMITED: _refuse(lambda rule: rate_limited(rule.number("retry_after"))),
    FaultKind.RATE_LIMITED_BARE: _refuse(lambda _: rate_limited(None)),
    FaultKind.QUOTA: _refuse(lambda _: out_of_quota()),
    FaultKind.LOCKED: _refuse(lambda _: conversation_locked()),
    FaultKind.TOO_LARGE: _refuse(lambda _: ApiError(413, "The request is too large.", code="request_too_large")),
    FaultKind.POISON: _refuse(lambda _: invalid_item("Invalid item: it holds the marked text.")),
    FaultKind.SERVER_ERROR: _fail_before(_server_error(500)),
    FaultKind.BAD_GATEWAY: _fail_before(_GATEWAY),
    FaultKind.UNAVAILABLE: _fail_before(_server_error(503)),
    FaultKind.OVERLOADED: _fail_before(_server_error(529)),
    FaultKind.TIMED_OUT: _fail_before(_server_error(408)),
    FaultKind.SERVER_ERROR_AFTER: _fail_after(_server_error(500)),
    FaultKind.BAD_GATEWAY_AFTER: _fail_after(_GATEWAY),
    FaultKind.UNAVAILABLE_AFTER: _fail_after(_server_error(503)),
    FaultKind.OVERLOADED_AFTER: _fail_after(_server_error(529)),
    FaultKind.TIMED_OUT_AFTER: _fail_after(_server_error(408)),
    FaultKind.PARTIAL: _partial,
    FaultKind.RESET_BEFORE: _reset_before,
    FaultKind.RESET_AFTER: _reset_after,
    FaultKind.LATE: _late,
    FaultKind.CUT: _cut,
    FaultKind.BREAK: _break,
    FaultKind.HTML: _fail_before(_LOGIN),
    FaultKind.HTML_AFTER: _fail_after(_LOGIN),
    FaultKind.HANG: _hang,
    FaultKind.HANG_AFTER: _hang_after,
    FaultKind.POST_UNANSWERED: _post_unanswered,
    FaultKind.HEADERS_ONLY: _headers_only,
    FaultKind.TRICKLE: _trickle,
    FaultKind.DOWN: _down,
    FaultKind.SCRAMBLE: _scramble,
    FaultKind.IGNORE_ITEMS: _ignore_items,
    FaultKind.IGNORE_AFTER: _ignore_after,
    FaultKind.MIX_SECONDS: _mix_seconds,
    FaultKind.NO_INCLUDE: _no_include,
    FaultKind.UNAUTHORIZED: _refuse(
        lambda _: ApiError(401, "Access token is missing, invalid, or has expired.", code="Unauthorized")
    ),
    FaultKind.INDEX_FAILED: _index(lambda _: "failed"),
    FaultKind.INDEX_STUCK: _index(lambda _: "stuck"),
    FaultKind.INDEX_SLOW: _index(lambda rule: str(int(rule.number("looks") or 0))),
    FaultKind.ALWAYS_MORE: _claim_more(True),
    FaultKind.NEVER_MORE: _claim_more(False),
    FaultKind.GHOSTS: _change_list(_with_ghost),
    FaultKind.SKIPS: _change_list(_with_gaps),
    **STREAM_ACTIONS,
}
"""Every kind but the delays and the lasting ones, which `faults.py` sees to itself."""
