"""The endpoints of a Foundry project's agents: make a version, show, list and delete versions and agents.

It must not hold rules (`rules.py`, `tools.py`) or SQL (`store.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.agents.rules import check_agent_name, check_version
from migrate_cli.sandbox.agents.store import AgentStore, AgentVersion
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.file_store import FileStore
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.project import project_of
from migrate_cli.sandbox.requests import json_answer, page_limit, page_order, read_json
from migrate_cli.sandbox.store import Store

_API_VERSIONS = ("v1",)
T = TypeVar("T")


class AgentEndpoints:
    """`/agents` of a project and everything below it."""

    def __init__(self, store: Store, options: SandboxOptions) -> None:
        self._agents = AgentStore(store.connection)
        self._most = options.max_body_bytes
        self._known_file = FileStore(store.connection).known_file(options.known_files)

    def routes(self) -> list[Route]:
        """The routes, as `ProjectMiddleware` names them."""
        agent = "/project/agents/{name}"
        return [
            Route("/project/agents", self.agents, methods=["GET"]),
            Route(agent, self.agent, methods=["GET"]),
            Route(agent, self.delete, methods=["DELETE"]),
            Route(f"{agent}/versions", self.create, methods=["POST"]),
            Route(f"{agent}/versions", self.versions, methods=["GET"]),
            Route(f"{agent}/versions/{{version}}", self.version, methods=["GET"]),
            Route(f"{agent}/versions/{{version}}", self.delete_version, methods=["DELETE"]),
        ]

    async def create(self, request: Request) -> Response:
        """Make the next version of an agent; the first one makes the agent."""
        project = _project(request)
        name = check_agent_name(request.path_params["name"])
        body = check_version(await read_json(request, self._most), self._known_file)
        return json_answer(_version(self._agents.add(project, name, body)))

    async def agents(self, request: Request) -> Response:
        """List the agents, each with its latest version."""
        found = self._agents.latest(_project(request))
        return _listing(request, found, lambda one: one.name, _agent)

    async def agent(self, request: Request) -> Response:
        """Show an agent with its latest version."""
        return json_answer(_agent(self._found(request)[-1]))

    async def versions(self, request: Request) -> Response:
        """List the versions of an agent."""
        return _listing(request, self._found(request), lambda one: one.id, _version)

    async def version(self, request: Request) -> Response:
        """Show one version."""
        return json_answer(_version(self._one(request)))

    async def delete(self, request: Request) -> Response:
        """Delete an agent with all its versions."""
        name = self._found(request)[0].name
        self._agents.delete(_project(request), name)
        return json_answer({"object": "agent.deleted", "name": name, "deleted": True})

    async def delete_version(self, request: Request) -> Response:
        """Delete one version."""
        one = self._one(request)
        self._agents.delete_version(_project(request), one.name, one.version)
        gone = {"object": "agent.version.deleted", "name": one.name, "version": str(one.version), "deleted": True}
        return json_answer(gone)

    def _found(self, request: Request) -> list[AgentVersion]:
        name = request.path_params["name"]
        found = self._agents.versions(_project(request), name)
        if not found:
            raise _missing(f"Agent {name[:80]}")
        return found

    def _one(self, request: Request) -> AgentVersion:
        wanted = request.path_params["version"]
        for one in self._found(request):
            if str(one.version) == wanted:
                return one
        raise _missing(f"Agent {request.path_params['name'][:80]} with version {wanted[:20]}")


def _project(request: Request) -> str:
    """The project that was asked. Raises ApiError for an address without one, and for a call without its version."""
    project = project_of(request)
    if project is None:
        raise ApiError(404, f"Invalid URL ({request.method} {request.url.path})")
    version = request.query_params.get("api-version")
    if version not in _API_VERSIONS:
        raise bad_request(
            f"API version not supported: '{(version or '')[:32]}'. Supported values are: {', '.join(_API_VERSIONS)}."
            if version
            else "Missing required query parameter: api-version.",
            code="invalid_api_version" if version else "missing_api_version",
            param="api-version",
        )
    return project


def _missing(what: str) -> ApiError:
    return ApiError(404, f"{what} not found.", code="not_found")


def _version(found: AgentVersion) -> JsonObject:
    return {
        "object": "agent.version",
        "id": found.id,
        "name": found.name,
        "version": str(found.version),
        "created_at": found.created_at,
        "draft": False,
        "status": "active",
        **found.body,
    }


def _agent(latest: AgentVersion) -> JsonObject:
    state = {"state": "enabled", "configuration_state": "enabled"}
    return {
        "object": "agent",
        "id": latest.name,
        "name": latest.name,
        **state,
        "versions": {"latest": _version(latest)},
    }


def _listing(
    request: Request, found: Sequence[T], cursor: Callable[[T], str], shown: Callable[[T], JsonObject]
) -> Response:
    """One page, newest first unless `order=asc`, after or before the entry that is named."""
    limit = page_limit(request, default=20, most=100)
    entries = list(found) if page_order(request) == "asc" else list(reversed(found))
    places = {cursor(one): place for place, one in enumerate(entries)}
    for name in ("after", "before"):
        wanted = request.query_params.get(name)
        if not wanted:
            continue
        if wanted not in places:
            raise bad_request(f"Invalid '{name}': '{wanted[:80]}' is not in the list.", param=name)
        place = places[wanted]
        entries = entries[place + 1 :] if name == "after" else entries[:place]
        if name == "before":
            entries = entries[-limit:]
    page = entries[:limit]
    return json_answer(
        {
            "object": "list",
            "data": [shown(one) for one in page],
            "first_id": cursor(page[0]) if page else None,
            "last_id": cursor(page[-1]) if page else None,
            "has_more": len(entries) > limit,
        }
    )
