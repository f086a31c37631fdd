"""How the source side behaves: one frozen value, and a preset for each kind of host. It must hold values only.

The presets describe real hosts: their paths, headers, required query parameters, and what their lists get wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class SourcePreset(StrEnum):
    """Which host the source side stands for."""

    OPENAI = "openai"
    AZURE = "azure"
    FOUNDRY = "foundry"
    SELF_HOSTED = "self-hosted"
    GONE = "gone"
    """The API was shut down: everything is answered with 404."""


@dataclass(frozen=True, slots=True)
class SourceQuirks:
    """What a client of the source side has to put up with."""

    base: str = "/v1"
    """The path under which the source side answers, as base URLs name it; `{project}` takes any one word."""
    key_header: bool = False
    """The key is in `api-key`; a bearer token is refused."""
    api_version: bool = False
    """Requests without `api-version` are refused."""
    api_versions: tuple[str, ...] = ()
    """The values of `api-version` that are taken; empty takes any."""
    beta_header: bool = False
    """Requests without `OpenAI-Beta: assistants=v2` are refused."""
    lists_threads: bool = False
    claims_more: bool = True
    """False: `has_more` is never true, also where there is more."""
    takes_cursors: bool = True
    """False: `after` and `before` are answered with 502."""
    milliseconds: bool = False
    """Times are milliseconds."""
    gone: bool = False
    token_requests: int | None = None
    """So many requests, and a bearer token has expired."""
    token_seconds: float | None = None
    """So many seconds after its first use, a bearer token has expired."""

    def base_path(self, project: str = "demo") -> str:
        """The path to put behind the sandbox's host and port."""
        return self.base.replace("{project}", project)


PRESETS = {
    SourcePreset.OPENAI: SourceQuirks(beta_header=True),
    SourcePreset.AZURE: SourceQuirks("/openai", key_header=True, api_version=True),
    SourcePreset.FOUNDRY: SourceQuirks(
        "/api/projects/{project}",
        api_version=True,
        api_versions=("v1", "2025-05-01", "2025-05-15-preview"),
        lists_threads=True,
    ),
    SourcePreset.SELF_HOSTED: SourceQuirks(
        beta_header=True, lists_threads=True, claims_more=False, takes_cursors=False, milliseconds=True
    ),
    SourcePreset.GONE: SourceQuirks(gone=True),
}


def quirks_of(
    preset: SourcePreset, *, token_requests: int | None = None, token_seconds: float | None = None
) -> SourceQuirks:
    """Return the quirks of a host, with the life of its tokens."""
    return replace(PRESETS[preset], token_requests=token_requests, token_seconds=token_seconds)
