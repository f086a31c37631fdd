"""The sandbox's own endpoints under `/_sandbox/`: show and change the fault plan, and show statistics."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.errors import UsageError
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.fault_spec import plan_from
from migrate_cli.sandbox.faults import FaultMiddleware
from migrate_cli.sandbox.requests import json_answer, read_json

_MAX_BODY = 1024 * 1024
CONTROL_HEADERS = {"x-sandbox-control": "1", "content-type": "application/json"}
"""Required of requests that change something: a web page cannot send either across origins without a preflight, and
the sandbox answers none."""


class ControlEndpoints:
    """`GET` and `POST /_sandbox/faults`, `GET /_sandbox/stats`, `POST /_sandbox/land`."""

    def __init__(self, faults: FaultMiddleware) -> None:
        self._faults = faults

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/_sandbox/faults", self.show, methods=["GET"]),
            Route("/_sandbox/faults", self.change, methods=["POST"]),
            Route("/_sandbox/stats", self.stats, methods=["GET"]),
            Route("/_sandbox/land", self.land, methods=["POST"]),
        ]

    async def show(self, _: Request) -> Response:
        """Show the plan in force, each rule as one line."""
        plan = self._faults.plan
        return json_answer({"seed": plan.seed, "rules": [str(rule) for rule in plan.rules]})

    async def change(self, request: Request) -> Response:
        """Follow the plan in the body from now on: `{"seed": 7, "rules": ["append:reset-after:0.02"]}`."""
        _check_sender(request)
        try:
            self._faults.change(plan_from(await read_json(request, _MAX_BODY, optional=True)))
        except UsageError as error:
            raise bad_request(str(error)) from error
        return await self.show(request)

    async def stats(self, _: Request) -> Response:
        """Show what was asked, answered and done wrong so far."""
        return json_answer(self._faults.stats())

    async def land(self, request: Request) -> Response:
        """Let all late commits happen now."""
        _check_sender(request)
        return json_answer({"landed": await self._faults.land()})


def _check_sender(request: Request) -> None:
    """Raise ApiError for what a form or a script of another site could have sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != CONTROL_HEADERS["content-type"] or "x-sandbox-control" not in request.headers:
        raise ApiError(403, "Send application/json, and the header x-sandbox-control: 1.", code="not_a_control")
