"""Official clients for a project of Foundry that the sandbox serves; tests skip where the package is missing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox

KEY = "test-token-0123456789"


class AnyCredential:
    """Signs in with a token that the sandbox takes."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken(KEY, int(time.time()) + 3600)


def official_client(sandbox: EmbeddedSandbox, project: str = "demo") -> Any:
    """Return an `AIProjectClient`; to be used as a context manager."""
    projects = pytest.importorskip("azure.ai.projects")
    policies = pytest.importorskip("azure.core.pipeline.policies")
    # Over plain HTTP, which loopback is, the package's own policy refuses to send a token.
    signed = policies.HeadersPolicy(base_headers={"Authorization": f"Bearer {KEY}"})
    return projects.AIProjectClient(
        sandbox.project_url(project), AnyCredential(), authentication_policy=signed, retry_total=0
    )
