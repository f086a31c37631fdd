"""The read endpoints of the Assistants API: threads, messages, runs, steps and assistants, with the host's quirks.

Nothing can be created here: the objects were loaded from an export (`assistants_load.py`). A thread can be deleted, as
on the real service.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.assistants_quirks import SourceQuirks
from migrate_cli.sandbox.assistants_store import AssistantsStore, SourceKind
from migrate_cli.sandbox.requests import include_values, json_answer, page_limit, page_order

SEARCH_RESULTS = "step_details.tool_calls[*].file_search.results[*].content"
_TIMES = ("created_at", "completed_at", "incomplete_at", "started_at", "expires_at", "cancelled_at", "failed_at")


class AssistantsEndpoints:
    """`/threads`, `/assistants` and everything below them."""

    def __init__(self, store: AssistantsStore, quirks: SourceQuirks) -> None:
        self._store = store
        self._quirks = quirks

    def routes(self) -> list[Route]:
        """The routes, busiest first."""
        thread = "/v1/threads/{thread_id}"
        routes = [
            Route(f"{thread}/messages", self.messages, methods=["GET"]),
            Route(thread, self.thread, methods=["GET"]),
            Route(f"{thread}/runs", self.runs, methods=["GET"]),
            Route(f"{thread}/runs/{{run_id}}/steps", self.steps, methods=["GET"]),
            Route(f"{thread}/messages/{{message_id}}", self.message, methods=["GET"]),
            Route(f"{thread}/runs/{{run_id}}", self.run, methods=["GET"]),
            Route(thread, self.delete, methods=["DELETE"]),
            Route("/v1/assistants", self.assistants, methods=["GET"]),
            Route("/v1/assistants/{assistant_id}", self.assistant, methods=["GET"]),
        ]
        if self._quirks.lists_threads:
            routes.append(Route("/v1/threads", self.threads, methods=["GET"]))
        return [] if self._quirks.gone else routes

    async def threads(self, request: Request) -> Response:
        """List threads, where the host does that."""
        return self._list(request, SourceKind.THREAD, "")

    async def thread(self, request: Request) -> Response:
        """Show a thread."""
        return self._show(SourceKind.THREAD, "", request.path_params["thread_id"])

    async def delete(self, request: Request) -> Response:
        """Delete a thread with everything in it."""
        identifier = request.path_params["thread_id"]
        if not self._store.delete_thread(identifier):
            raise _missing(SourceKind.THREAD, identifier)
        return json_answer({"id": identifier, "object": "thread.deleted", "deleted": True})

    async def messages(self, request: Request) -> Response:
        """List a thread's messages."""
        return self._list(request, SourceKind.MESSAGE, self._known_thread(request))

    async def message(self, request: Request) -> Response:
        """Show a message."""
        return self._show(SourceKind.MESSAGE, self._known_thread(request), request.path_params["message_id"])

    async def runs(self, request: Request) -> Response:
        """List a thread's runs."""
        return self._list(request, SourceKind.RUN, self._known_thread(request))

    async def run(self, request: Request) -> Response:
        """Show a run."""
        return self._show(SourceKind.RUN, self._known_thread(request), request.path_params["run_id"])

    async def steps(self, request: Request) -> Response:
        """List a run's steps; the text of search results only where `include[]` asks for it."""
        thread, run = self._known_thread(request), request.path_params["run_id"]
        if self._store.position(SourceKind.RUN, thread, run) is None:
            raise _missing(SourceKind.RUN, run)
        include = include_values(request)
        for index, value in enumerate(include):
            if value != SEARCH_RESULTS:
                raise bad_request(
                    f"Invalid value: '{value[:64]}'. Supported values are: '{SEARCH_RESULTS}'.",
                    code="invalid_value",
                    param=f"include[{index}]",
                )
        return self._list(request, SourceKind.STEP, f"{thread}/{run}", whole=bool(include))

    async def assistants(self, request: Request) -> Response:
        """List the assistants."""
        return self._list(request, SourceKind.ASSISTANT, "")

    async def assistant(self, request: Request) -> Response:
        """Show an assistant."""
        return self._show(SourceKind.ASSISTANT, "", request.path_params["assistant_id"])

    def _known_thread(self, request: Request) -> str:
        identifier: str = request.path_params["thread_id"]
        if self._store.position(SourceKind.THREAD, "", identifier) is None:
            raise _missing(SourceKind.THREAD, identifier)
        return identifier

    def _show(self, kind: SourceKind, parent: str, identifier: str) -> Response:
        found = self._store.get(kind, parent, identifier)
        if found is None:
            raise _missing(kind, identifier)
        return json_answer(self._seen(found, whole=True))

    def _list(self, request: Request, kind: SourceKind, parent: str, *, whole: bool = True) -> Response:
        limit, descending = page_limit(request, default=20, most=100), page_order(request) == "desc"
        after, before = (self._cursor(request, name, kind, parent) for name in ("after", "before"))
        page, more = self._store.page(kind, parent, after=after, before=before, limit=limit, descending=descending)
        return json_answer(
            {
                "object": "list",
                "data": [self._seen(each, whole=whole) for each in page],
                "first_id": page[0]["id"] if page else None,
                "last_id": page[-1]["id"] if page else None,
                "has_more": more and self._quirks.claims_more,
            }
        )

    def _cursor(self, request: Request, name: str, kind: SourceKind, parent: str) -> int | None:
        identifier = request.query_params.get(name)
        if not identifier:
            return None
        if not self._quirks.takes_cursors:
            raise ApiError(502, "The database driver refused the query.", kind="server_error")
        position = self._store.position(kind, parent, identifier)
        if position is None:
            raise _missing(kind, identifier)
        return position

    def _seen(self, found: JsonObject, *, whole: bool) -> JsonObject:
        """The object as this reader sees it."""
        seen = found if whole else _without_results(found)
        if not self._quirks.milliseconds:
            return seen
        times = {name: seen[name] * 1000 for name in _TIMES if isinstance(seen.get(name), int | float)}
        return {**seen, **times}


def _without_results(step: JsonObject) -> JsonObject:
    """The step without the text of its search results."""
    details = step.get("step_details")
    calls = details.get("tool_calls") if isinstance(details, dict) else None
    if not isinstance(details, dict) or not isinstance(calls, list):
        return step
    return {**step, "step_details": {**details, "tool_calls": [_bare_call(call) for call in calls]}}


def _bare_call(call: Any) -> Any:
    search = call.get("file_search") if isinstance(call, dict) else None
    if not isinstance(search, dict) or not isinstance(search.get("results"), list):
        return call
    results = [
        {name: value for name, value in result.items() if name != "content"} if isinstance(result, dict) else result
        for result in search["results"]
    ]
    return {**call, "file_search": {**search, "results": results}}


def _missing(kind: SourceKind, identifier: str) -> ApiError:
    return ApiError(404, f"No {kind.value} found with id '{identifier[:80]}'.")
