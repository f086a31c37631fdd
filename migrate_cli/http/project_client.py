"""The official client of Foundry projects (azure-ai-projects, an extra), whose requests an `ApiClient` sends.

The package knows the calls and their bodies; pace, deadlines, tokens and what is known after a request are those of all
other requests here. So it brings no transport, no retries and no sign-in of its own. It must not know what a call is
for.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from migrate_cli.errors import UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Ambiguous, Applied, NotApplied, Refused, Reply
from migrate_cli.model import JsonObject
from migrate_cli.work.waiting import waiting

INSTALL = "pip install azure-ai-projects"


class UnsuccessfulError(Exception):
    """A call of the official client that was not answered with success; `reply` says what is known."""

    def __init__(self, reply: Refused | NotApplied | Ambiguous) -> None:
        super().__init__(type(reply).__name__)
        self.reply = reply


def project_client(client: ApiClient) -> Any:
    """Return an `AIProjectClient` (asynchronous) for the project that is the client's base URL.

    Its calls raise UnsuccessfulError, and what `ApiClient.read` and `ApiClient.write` raise. Raises UsageError where
    the package is not installed.
    """
    try:
        # It brings a dozen others along, which takes a busy machine its time.
        with waiting("the package azure-ai-projects to be loaded", moves=False):
            from azure.ai.projects.aio import AIProjectClient  # noqa: PLC0415 - an extra that most setups do not need
    except ImportError as error:
        raise UsageError(
            f"agents are created with the package azure-ai-projects, which cannot be imported ({error}): {INSTALL}",
            code="no-azure-client",
        ) from error
    made: Any = AIProjectClient
    # Policies would sign in, repeat and log a second time; without any, a request goes straight to the transport.
    return made(client.endpoint.base_url, _NoCredential(), transport=_Transport(client), policies=[])


class _NoCredential:
    """Stands where the package wants something that signs in: the `ApiClient` does."""

    async def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("no request of the official client signs in by itself")

    async def close(self) -> None:
        """Nothing is open."""


class _Transport:
    """What azure-core calls a transport, over an `ApiClient`, which its owner closes."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def __aenter__(self) -> _Transport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    async def send(self, request: Any, **_options: Any) -> _Answer:
        """Send a request of azure-core, once where it writes. Raises UnsuccessfulError."""
        whole = str(request.url).removeprefix(self._client.endpoint.base_url)
        path, _, asked = whole.partition("?")
        query = dict(parse_qsl(asked, keep_blank_values=True))
        if request.method == "GET":
            reply: Reply = await self._client.read(path, query)
        else:
            content = request.content
            body = content.encode() if isinstance(content, str) else content
            reply = await self._client.write(request.method, path, body, query)
        if not isinstance(reply, Applied):
            raise UnsuccessfulError(reply)
        entries = reply.body.get("data", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            # The models of the package would stumble over it.
            raise UnsuccessfulError(Ambiguous("the answer was not a list"))
        return _Answer(reply.body)


class _Answer:
    """A successful answer, as azure-core reads it."""

    status_code = 200

    def __init__(self, body: JsonObject) -> None:
        self._body = body

    def json(self) -> JsonObject:
        """The body."""
        return self._body
