"""Decides whether an MCP tool may run: by the suite, or by a person at the terminal. Silence is never a yes.

The tool's `require_approval` (`always`, `never`, or per tool) says which calls ask at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from migrate_cli.model import JsonObject
from migrate_cli.replay.response import ApprovalRequest

Ask = Callable[[ApprovalRequest], bool]
"""Asks a person; may block."""


class Decided(StrEnum):
    """How a request was decided."""

    APPROVED = "approved"
    DENIED = "denied"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Decision:
    """One request and what became of it."""

    request: ApprovalRequest
    decided: Decided

    def item(self) -> JsonObject:
        """The item that answers the request; what nobody answered is refused, so that nothing is left open."""
        return {
            "type": "mcp_approval_response",
            "approval_request_id": self.request.id,
            "approve": self.decided is Decided.APPROVED,
        }


@dataclass(frozen=True, slots=True)
class Approvals:
    """The policy of one case."""

    approve: tuple[str, ...] = ()
    """`tool`, `server.tool`, or `*`."""
    deny: tuple[str, ...] = ()
    """The same; outweighs `approve`."""
    ask: Ask | None = None
    """None where nobody is there to be asked."""

    async def decide(self, requests: Sequence[ApprovalRequest]) -> list[Decision]:
        """Decide all requests of a response, one after another, since a person reads one question at a time."""
        return [Decision(request, await self._one(request)) for request in requests]

    async def _one(self, request: ApprovalRequest) -> Decided:
        names = {request.name, f"{request.server}.{request.name}", "*"}
        if names & set(self.deny):
            return Decided.DENIED
        if names & set(self.approve):
            return Decided.APPROVED
        if self.ask is None:
            return Decided.UNANSWERED
        return Decided.APPROVED if await asyncio.to_thread(self.ask, request) else Decided.DENIED
