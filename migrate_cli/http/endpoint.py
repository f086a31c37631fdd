"""Where and as whom to call a host, as a value, and the headers that follow from it. It must not call anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from migrate_cli.http.credentials import Credentials
from migrate_cli.version import __version__

USER_AGENT = f"migrate-cli/{__version__}"
NO_KEY = "none"
"""Stands for a key at servers that want none; the official client insists on one."""
CHECK_KEY = "check the key and its project"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and as whom to call. `api_key` is registered as a secret before anything can log it."""

    base_url: str
    api_key: str = field(repr=False)
    organization: str | None = None
    project: str | None = None
    timeout: float = 60.0
    patience: float = 600.0
    """The longest wait that the host may ask for."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    slow_lists: float = 0.0
    """Seconds without a sign of life that a list may take at least, at hosts that are known to be slow with lists."""
    credentials: Credentials | None = field(default=None, repr=False)
    """What authenticates in place of `api_key`, where a fixed bearer key is not enough."""
    when_refused: str = CHECK_KEY
    """What a person can do where the host refuses the key or token; the end of the sentence that says so."""


def headers_of(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers of a raw request: those of the official client that mean something to a server."""
    headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": USER_AGENT}
    if endpoint.credentials is None:
        headers["Authorization"] = f"Bearer {endpoint.api_key or NO_KEY}"
    if endpoint.organization is not None:
        headers["OpenAI-Organization"] = endpoint.organization
    if endpoint.project is not None:
        headers["OpenAI-Project"] = endpoint.project
    return {**headers, **endpoint.headers}


BETA = {"OpenAI-Beta": "assistants=v2"}
"""What the official client adds to requests for vector stores, and the official examples do, too."""
_OF_BETA = "/vector_stores"


def headers_below(path: str) -> Mapping[str, str] | None:
    """Return the headers that the official client adds for some paths; None for all others."""
    return BETA if path.startswith(_OF_BETA) else None


def segment(identifier: str) -> str:
    """Return an id as one segment of a path, whatever is in it: ids come from servers, which may mean another path."""
    if not identifier.strip("."):
        # Dots alone are quoted by nobody, and mean the folder above.
        return identifier.replace(".", "%2E")
    return quote(identifier, safe="", errors="surrogatepass")
