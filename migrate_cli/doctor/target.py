"""Checks of the target: reachable, key accepted, Conversations API present. It must send GET requests only."""

from __future__ import annotations

import asyncio
import re
import time

from migrate_cli.doctor.check import Check, failed, failure, ok, warning
from migrate_cli.errors import AuthError, ExitCode, TemporaryError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.outcomes import Applied, Refused
from migrate_cli.http.rate_limiter import RateLimiter

NOWHERE = "conv_000000000000000000000000000000000000000000000000"
"""A well-formed conversation id that cannot exist."""
LONGEST_PAUSE = 0.25
"""Most seconds between attempts: somebody is waiting at the terminal."""


async def brief(seconds: float) -> None:
    """Sleep between attempts, capped at `LONGEST_PAUSE`."""
    await asyncio.sleep(min(seconds, LONGEST_PAUSE))


async def check_target(endpoint: Endpoint) -> list[Check]:
    """Request a conversation that cannot exist, and its items; conclude from the two refusals."""
    async with ApiClient(endpoint, RateLimiter(most_in_flight=1), sleep=brief) as client:
        try:
            whole = await client.read(f"/conversations/{NOWHERE}")
            began = time.monotonic()  # the first request also pays for loading the client and for connecting
            items = await client.read(f"/conversations/{NOWHERE}/items", {"limit": 1})
            took = time.monotonic() - began
            known = _may_be_unknown(whole, items) and await _knows_path(client)
        except AuthError as error:
            reached = ok("target", f"{endpoint.base_url} answers")
            return [reached, failed("target key", error, "Check the key, its project and its organisation.")]
        except TemporaryError as error:
            return [failed("target", error, "Check the address, the network and a proxy; then try again.")]
    reached = ok("target", f"{endpoint.base_url} answers, in {took * 1000:,.0f} ms")
    return [reached, *_judge(endpoint, whole, items, known=known)]


def _judge(endpoint: Endpoint, whole: Applied | Refused, items: Applied | Refused, *, known: bool) -> list[Check]:
    for reply in (whole, items):
        if isinstance(reply, Refused) and reply.status in (401, 403):
            return [
                failure(
                    "target key",
                    f"{endpoint.base_url} does not let this key read conversations: {reply.message}",
                    "Give the key the right to read and write conversations, or use another one.",
                    ExitCode.AUTH,
                )
            ]
    accepted = ok("target key", "the key is accepted")
    if isinstance(whole, Applied):
        return [
            accepted,
            warning(
                "target API",
                "it knows a conversation that cannot exist, so what it answers proves nothing",
                "Look whether a proxy answers in the target's place, and find out more: migrate-cli doctor --live",
            ),
        ]
    if _may_be_unknown(whole, items) and not known:
        return [
            failure(
                "target API",
                f"{endpoint.base_url} has no Conversations API: {whole.message}",
                "Correct target.base_url (it usually ends with /v1), or name a host that has /conversations.",
                ExitCode.USAGE,
            )
        ]
    if not _about_conversation(whole):
        return [
            accepted,
            warning(
                "target API",
                f"asked for a conversation that cannot exist, it says: {whole.message}",
                "Find out whether it refuses other requests as well: migrate-cli doctor --live",
            ),
        ]
    return [accepted, ok("target API", "it speaks the Conversations API; doctor --live finds out what it does")]


def _may_be_unknown(whole: Applied | Refused, items: Applied | Refused) -> bool:
    """Whether a host without a Conversations API might have given the same answers."""
    refusals = [reply for reply in (whole, items) if isinstance(reply, Refused)]
    return isinstance(whole, Refused) and any(map(_unknown_path, refusals))


async def _knows_path(client: ApiClient) -> bool:
    """Whether the host routes `/conversations`, for servers that answer no more than "Not found" to everything.

    A path that takes only POST refuses GET with another status (usually 405) than a path that does not exist.
    """
    there = await client.read("/conversations", {"limit": 1})
    nowhere = await client.read("/no-such-path-as-this", {"limit": 1})
    if isinstance(there, Applied) or isinstance(nowhere, Applied):
        return not isinstance(nowhere, Applied)
    return there.status != nowhere.status


def _about_conversation(reply: Refused) -> bool:
    """Whether a refusal is about the conversation or its id, and not about anything that was asked."""
    words = re.findall(r"[a-z]+", f"{reply.code} {reply.message}".lower())
    return reply.status in (404, 405, 410) or not {"conversation", "conversations", "id", "ids"}.isdisjoint(words)


def _unknown_path(reply: Refused) -> bool:
    """Tell "no such path" from "no such conversation": it mentions no conversation, or it mentions the URL."""
    if reply.status not in (404, 405, 410):
        return False
    sentence = reply.message.lower()
    return "url" in sentence or "conversation" not in sentence
