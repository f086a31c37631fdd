"""A running sandbox, and clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from openai import OpenAI


@pytest.fixture(scope="session")
def sandbox() -> Iterator[EmbeddedSandbox]:
    """One sandbox with default options for all tests that do not change how it behaves."""
    with EmbeddedSandbox() as running:
        yield running


@pytest.fixture(scope="session")
def http(sandbox: EmbeddedSandbox) -> Iterator[httpx2.Client]:
    """Raw requests, with a key."""
    with raw_client(sandbox) as client:
        yield client


@pytest.fixture(scope="session")
def openai(sandbox: EmbeddedSandbox) -> Iterator[OpenAI]:
    """The official client, without retries."""
    with OpenAI(base_url=sandbox.base_url, api_key="test-key", max_retries=0) as client:
        yield client


Start = Callable[..., tuple[EmbeddedSandbox, httpx2.Client]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts sandboxes with other options, each with a raw client; all are stopped after the test."""
    running: list[tuple[EmbeddedSandbox, httpx2.Client]] = []

    def begin(options: SandboxOptions | None = None, data: Path | None = None) -> tuple[EmbeddedSandbox, httpx2.Client]:
        sandbox = EmbeddedSandbox(data or tmp_path / f"sandbox-{len(running)}.db", options).start()
        running.append((sandbox, raw_client(sandbox)))
        return running[-1]

    yield begin
    for sandbox, client in running:
        client.close()
        sandbox.stop()


@pytest.fixture
def conversation(http: httpx2.Client) -> str:
    """The id of a new, empty conversation."""
    identifier: str = http.post("/conversations", json={}).json()["id"]
    return identifier


def raw_client(sandbox: EmbeddedSandbox) -> httpx2.Client:
    """A client for raw requests, with a key."""
    return httpx2.Client(base_url=sandbox.base_url, headers={"Authorization": "Bearer test-key"}, timeout=10)


@pytest.fixture
def user() -> Callable[[str], dict[str, Any]]:
    """Makes user messages."""
    return lambda text: {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
