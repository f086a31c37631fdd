"""What is known of each kind of host before it is asked: headers, query, authentication, dates. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BETA = {"OpenAI-Beta": "assistants=v2"}
GONE_ON = "2026-08-26"
"""The day on which OpenAI and Azure OpenAI shut the Assistants API down."""
FOUNDRY_UNTIL = "2027-03-31"
"""The last day of Foundry Agents (classic)."""


@dataclass(frozen=True, slots=True)
class ApiPreset:
    """One kind of host."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request, unless `source.query` says otherwise."""
    key_header: bool = False
    """The key travels in `api-key`."""
    token_scope: str | None = None
    """What a token of azure-identity is asked for; None where the host takes keys only."""
    base_suffix: str = ""
    """What a base URL without any path is completed with."""
    gone: str = ""
    """What to say when the host answers 404 to everything."""
    versions: tuple[str, ...] = ()
    """The values of `api-version` that are known to be read rightly; empty where there is no choice."""
    domain: str = ""
    """Where hosts are the vendor's own, and nobody's else; empty where `gone` suits any."""

    def gone_at(self, url: str) -> str:
        """Return what to say when the host at a URL answers 404 to everything: elsewhere, the URL may be wrong."""
        if not self.domain or f".{urlsplit(url).hostname}".endswith(f".{self.domain}"):
            return self.gone
        return f"check source.base_url first; if it is right, {self.gone}"


_INSTEAD = (
    "read your threads from an export, from logs or from your own database instead "
    '(see "The API is gone" in the documentation)'
)

PRESETS = {
    preset.name: preset
    for preset in (
        ApiPreset(
            "openai",
            headers=BETA,
            gone=f"OpenAI shut it down on {GONE_ON}; {_INSTEAD}.",
            domain="openai.com",
        ),
        ApiPreset(
            "azure",
            query={"api-version": "2024-05-01-preview"},
            key_header=True,
            token_scope="https://cognitiveservices.azure.com/.default",  # noqa: S106 - a scope is no secret
            base_suffix="/openai",
            gone=f"Azure OpenAI shut it down on {GONE_ON}; {_INSTEAD}.",
            domain="azure.com",
        ),
        ApiPreset(
            "foundry",
            query={"api-version": "2025-05-01"},
            versions=("2025-05-01", "v1", "2025-05-15-preview"),
            token_scope="https://ai.azure.com/.default",  # noqa: S106 - a scope is no secret
            gone=(
                f"Foundry Agents (classic) answers until {FOUNDRY_UNTIL}. Before that day, check that source.base_url "
                f"ends in /api/projects/ and your project; after it, {_INSTEAD}."
            ),
        ),
        ApiPreset(
            "self-hosted",
            headers=BETA,
            gone="check source.base_url, which usually ends in /v1, and that the server still offers it.",
        ),
    )
}
"""By the name that `source.preset` takes."""
