"""The agents of a Foundry project: list, look up, make a version, delete. Each call says what is known afterwards.

Calls and bodies are those of the official client (`http/project_client.py`). A version is never changed once it is
made; whose it is, its metadata say. It must not decide what is made or deleted.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from migrate_cli.convert.agent import DIGEST, MIGRATED_FROM
from migrate_cli.errors import AuthError, MigrateError, TemporaryError, UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Applied, Refused, Reply
from migrate_cli.http.project_client import UnsuccessfulError, project_client
from migrate_cli.model import JsonObject
from migrate_cli.target.endpoint import V1

PAGE = 100


@dataclass(frozen=True, slots=True)
class StandingVersion:
    """A version of an agent that the target lists."""

    name: str
    version: str
    metadata: Mapping[str, str]
    definition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def migrated_from(self) -> str | None:
        """The assistant that it was made of; None where it is somebody else's."""
        return self.metadata.get(MIGRATED_FROM)

    @property
    def digest(self) -> str | None:
        """What it was made as."""
        return self.metadata.get(DIGEST)


class Agents(Protocol):
    """The calls that making and deleting agents need."""

    async def latest(self) -> list[StandingVersion]:
        """The latest version of each agent of the project."""

    async def versions(self, name: str) -> list[StandingVersion]:
        """All versions of an agent, oldest first; none where there is no such agent."""

    async def create(self, name: str, body: JsonObject) -> Reply:
        """Make a version; `Applied` has it in its body, with `name` and `version`."""

    async def delete_version(self, name: str, version: str) -> Reply:
        """Delete one version."""

    async def delete(self, name: str) -> Reply:
        """Delete an agent with all its versions."""


def project_url(base_url: str) -> str:
    """Return the address of the project that a Foundry target is in. Raises UsageError for one that names none."""
    found = base_url.rstrip("/").removesuffix(V1)
    if re.search(r"/api/projects/[^/]+$", found) is None:
        raise UsageError(
            f"agents belong to a project, and target.base_url names none ({base_url}); set it to "
            "https://ACCOUNT.services.ai.azure.com/api/projects/PROJECT",
            code="no-project",
        )
    return found


class ProjectAgents:
    """The agents of the project that is a client's base URL. Raises UsageError without the package."""

    def __init__(self, client: ApiClient) -> None:
        self._host = client.endpoint.base_url
        self._agents = project_client(client).agents

    async def latest(self) -> list[StandingVersion]:
        """The latest version of each agent.

        Raises what a read raises, AuthError where the key may not look, and UsageError where there are no agents.
        """
        found = await self._pages(lambda: self._agents.list(limit=PAGE, order="asc"))
        if found is None:
            raise UsageError(
                f"{self._host} has no agents API (404); check that target.base_url names a Foundry project",
                code="no-agents",
            )
        return [_standing(_mapping(_mapping(entry.get("versions")).get("latest")), entry) for entry in found]

    async def versions(self, name: str) -> list[StandingVersion]:
        """All versions of an agent, oldest first; none where there is no such agent. Raises as `latest` does."""
        found = await self._pages(lambda: self._agents.list_versions(name, limit=PAGE, order="asc"))
        standing = [_standing(entry, entry) for entry in found or ()]
        return sorted(standing, key=lambda one: (len(one.version), one.version))

    async def create(self, name: str, body: JsonObject) -> Reply:
        """Make a version of an agent, once."""
        return await _reply(lambda: self._agents.create_version(name, body, cls=_raw))

    async def delete_version(self, name: str, version: str) -> Reply:
        """Delete one version, once."""
        return await _reply(lambda: self._agents.delete_version(name, version, cls=_raw))

    async def delete(self, name: str) -> Reply:
        """Delete an agent with all its versions, once."""
        return await _reply(lambda: self._agents.delete(name, cls=_raw))

    async def _pages(self, begin: Callable[[], Any]) -> list[JsonObject] | None:
        """Read a list to its end; None where what is listed does not exist.

        Neither `has_more` nor `last_id` tells the end: a page that brings nothing new does.
        """
        seen: dict[str, JsonObject] = {}
        try:
            async for page in begin().by_page():
                fresh = {str(entry.get("id")): entry async for entry in page if str(entry.get("id")) not in seen}
                if not fresh:
                    break
                seen |= fresh
        except UnsuccessfulError as error:
            if isinstance(error.reply, Refused) and error.reply.status == 404:
                return None
            raise self._unlisted(error.reply) from None
        return list(seen.values())

    def _unlisted(self, reply: Reply) -> MigrateError:
        if not isinstance(reply, Refused):
            return TemporaryError(
                f"{self._host} gave no clear answer about its agents; nothing is lost, try again later"
            )
        told = f"{self._host} does not list its agents: {reply.message} ({reply.status})"
        if reply.status == 403:
            return AuthError(f"{told}; give the key or the identity the role Azure AI User in that project")
        return UsageError(f"{told}; check target.base_url", code="agents-not-listed")


async def _reply(call: Callable[[], Awaitable[JsonObject]]) -> Reply:
    try:
        return Applied(await call())
    except UnsuccessfulError as error:
        return error.reply


def _raw(response: Any, _model: Any, _headers: Any) -> JsonObject:
    """An answer as it came: servers differ in what they leave out, and a model would stumble over it."""
    body: JsonObject = response.http_response.json()
    return body


def _standing(version: Mapping[str, Any], agent: Mapping[str, Any]) -> StandingVersion:
    metadata = {str(key): str(value) for key, value in _mapping(version.get("metadata")).items()}
    name = str(version.get("name") or agent.get("name") or agent.get("id") or "")
    return StandingVersion(name, str(version.get("version") or ""), metadata, _mapping(version.get("definition")))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
