"""How each kind of fault is carried out: one short function a kind, in one table. `fault_plan.py` decides which."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from migrate_cli.sandbox.api_error import ApiError, bad_request, conversation_locked, invalid_item
from migrate_cli.sandbox.encoding import encode, encode_any
from migrate_cli.sandbox.fault_exchange import Answer, Exchange, first_of
from migrate_cli.sandbox.fault_plan import FaultRule, Kind
from migrate_cli.sandbox.fault_streams import STREAM_ACTIONS
from migrate_cli.sandbox.rate_limit import out_of_quota, rate_limited


class Surroundings(Protocol):
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


Action = Callable[[Exchange, FaultRule, Surroundings], Awaitable[None]]

_PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


def _refuse(make: Callable[[FaultRule], ApiError]) -> Action:
    """Answer with an error; nothing is done."""

    async def action(exchange: Exchange, rule: FaultRule, _: Surroundings) -> None:
        await exchange.answer(_error(make(rule)))

    return action


def _fail_after(answer: Answer) -> Action:
    """Do the work, then answer with something else."""

    async def action(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
        await exchange.perform()
        await exchange.answer(answer)

    return action


def _fail_before(answer: Answer) -> Action:
    """Answer with something that is not the API's; nothing is done."""

    async def action(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
        await exchange.answer(answer)

    return action


async def _reset_before(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    await exchange.reset()


async def _reset_after(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    await exchange.perform()
    await exchange.reset()


async def _late(exchange: Exchange, rule: FaultRule, around: Surroundings) -> None:
    await exchange.body()
    around.later(_perform_later(exchange, rule.number("seconds") or 0.0, around))
    if rule.text("answer") == "hang":
        await first_of(exchange.gone(), around.closing.wait())
    await exchange.reset()


async def _perform_later(exchange: Exchange, seconds: float, around: Surroundings) -> None:
    await around.landing(seconds)
    await exchange.perform()


async def _cut(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    answer = await exchange.perform()
    answer.body = answer.body[: len(answer.body) // 2]
    await exchange.answer(answer)


async def _break(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    await exchange.answer_half(await exchange.perform())


async def _hang(exchange: Exchange, rule: FaultRule, around: Surroundings) -> None:
    await exchange.body()
    if await _hang_up(exchange, rule, around):
        await exchange.serve()


async def _hang_after(exchange: Exchange, rule: FaultRule, around: Surroundings) -> None:
    answer = await exchange.perform()
    if await _hang_up(exchange, rule, around):
        await exchange.answer(answer)


async def _hang_up(exchange: Exchange, rule: FaultRule, around: Surroundings) -> bool:
    """Be silent. Returns whether there is still somebody to answer to, and a server to do it."""
    ended = await first_of(exchange.gone(), around.closing.wait(), seconds=rule.number("seconds"))
    if ended == 1:
        await exchange.reset()
    return ended is None


async def _down(exchange: Exchange, rule: FaultRule, around: Surroundings) -> None:
    await around.go_down(rule.number("seconds") or 0.0)
    await exchange.reset()


async def _partial(exchange: Exchange, rule: FaultRule, _: Surroundings) -> None:
    body = _parsed(await exchange.body())
    items = body.get("items") or []
    kept = rule.number("items")
    count = len(items) // 2 if kept is None else min(int(kept), len(items))
    answer = _server_error(500)
    if count:
        answer = await exchange.perform(encode({**body, "items": items[:count]}))
    status = int(rule.number("status") or 0)
    if not status:
        await exchange.reset()
    else:
        await exchange.answer(answer if status == 200 else _server_error(status))


async def _scramble(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    body = _parsed(await exchange.body())
    if isinstance(body.get("items"), list):
        body["items"].reverse()
    await exchange.answer(await exchange.perform(encode(body)))


async def _ignore_items(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    body = _parsed(await exchange.body())
    body.pop("items", None)
    await exchange.answer(await exchange.perform(encode(body)))


async def _ignore_after(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    pairs = parse_qsl(exchange.scope["query_string"].decode())
    query = urlencode([(name, value) for name, value in pairs if name != "after"])
    await exchange.answer(await exchange.perform(query=query.encode()))


async def _mix_seconds(exchange: Exchange, _: FaultRule, around: Surroundings) -> None:
    answer = await exchange.perform()
    page = _parsed(answer.body)
    items = page.get("data")
    if isinstance(items, list) and exchange.scope["method"] == "POST":
        arrived = int(time.time()), len(around.arrivals)
        around.arrivals.update((item["id"], arrived) for item in items)
    elif isinstance(items, list):
        ascending = b"order=asc" in exchange.scope["query_string"]
        oldest_first = items if ascending else items[::-1]
        oldest_first.sort(key=lambda item: _place_in_time(around.arrivals.get(item["id"], (0, 0))))
        answer.body = encode_any({**page, "data": oldest_first if ascending else oldest_first[::-1]})
    await exchange.answer(answer)


def _place_in_time(arrived: tuple[int, int]) -> tuple[int, int]:
    second, request = arrived
    return second, -request


async def _no_include(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
    asked = [name for name, _ in parse_qsl(exchange.scope["query_string"].decode()) if name in ("include", "include[]")]
    if asked:
        await exchange.answer(_error(bad_request(f"Unknown query parameter: '{asked[0]}'.", param=asked[0])))
    else:
        await exchange.serve()


def _claim_more(more: bool) -> Action:
    """Answer a list with this `has_more`, whether it is true or not."""

    async def action(exchange: Exchange, _: FaultRule, __: Surroundings) -> None:
        answer = await exchange.perform()
        page = _parsed(answer.body)
        if "has_more" in page:
            answer.body = encode_any({**page, "has_more": more})
        await exchange.answer(answer)

    return action


def _parsed(body: bytes) -> dict[str, Any]:
    """A body as an object; empty where it is none, so that the inner application refuses it in its own way."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _error(error: ApiError) -> Answer:
    headers = [(name.encode(), value.encode()) for name, value in error.headers.items()]
    return Answer(error.status, [(b"content-type", b"application/json"), *headers], encode(error.body()))


def _server_error(status: int) -> Answer:
    message = {
        408: "The request took too long to arrive.",
        503: "The service is unavailable for the moment.",
        529: "The service is overloaded for the moment.",
    }
    text = message.get(status, "The server had an error while processing the request.")
    return _error(ApiError(status, text, kind="server_error"))


def _page(status: int, title: bytes) -> Answer:
    return Answer(status, [(b"content-type", b"text/html; charset=utf-8")], _PAGE % (title, title))


_LOGIN = _page(200, b"Please sign in to this network")
_GATEWAY = _page(502, b"Bad gateway")

ACTIONS: dict[Kind, Action] = {
    Kind.RATE_LIMITED: _refuse(lambda rule: rate_limited(rule.number("retry_after"))),
    Kind.RATE_LIMITED_BARE: _refuse(lambda _: rate_limited(None)),
    Kind.QUOTA: _refuse(lambda _: out_of_quota()),
    Kind.LOCKED: _refuse(lambda _: conversation_locked()),
    Kind.TOO_LARGE: _refuse(lambda _: ApiError(413, "The request is too large.", code="request_too_large")),
    Kind.POISON: _refuse(lambda _: invalid_item("Invalid item: it holds the marked text.")),
    Kind.SERVER_ERROR: _fail_before(_server_error(500)),
    Kind.BAD_GATEWAY: _fail_before(_GATEWAY),
    Kind.UNAVAILABLE: _fail_before(_server_error(503)),
    Kind.OVERLOADED: _fail_before(_server_error(529)),
    Kind.TIMED_OUT: _fail_before(_server_error(408)),
    Kind.SERVER_ERROR_AFTER: _fail_after(_server_error(500)),
    Kind.BAD_GATEWAY_AFTER: _fail_after(_GATEWAY),
    Kind.UNAVAILABLE_AFTER: _fail_after(_server_error(503)),
    Kind.OVERLOADED_AFTER: _fail_after(_server_error(529)),
    Kind.TIMED_OUT_AFTER: _fail_after(_server_error(408)),
    Kind.PARTIAL: _partial,
    Kind.RESET_BEFORE: _reset_before,
    Kind.RESET_AFTER: _reset_after,
    Kind.LATE: _late,
    Kind.CUT: _cut,
    Kind.BREAK: _break,
    Kind.HTML: _fail_before(_LOGIN),
    Kind.HTML_AFTER: _fail_after(_LOGIN),
    Kind.HANG: _hang,
    Kind.HANG_AFTER: _hang_after,
    Kind.DOWN: _down,
    Kind.SCRAMBLE: _scramble,
    Kind.IGNORE_ITEMS: _ignore_items,
    Kind.IGNORE_AFTER: _ignore_after,
    Kind.MIX_SECONDS: _mix_seconds,
    Kind.NO_INCLUDE: _no_include,
    Kind.ALWAYS_MORE: _claim_more(True),
    Kind.NEVER_MORE: _claim_more(False),
    **STREAM_ACTIONS,
}
"""Every kind but the delays and the lasting ones, which `faults.py` sees to itself."""
