"""Hosts that answer the Assistants API, for tests: sandboxes with an export in them, and clients that never wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from migrate_cli.convert.options import ConvertOptions
from migrate_cli.convert.thread import convert_thread
from migrate_cli.http.client import ApiClient
from migrate_cli.http.credentials import Credentials, KeyHeader
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.model import Thread, Unreadable
from migrate_cli.sandbox.assistants_load import load_source
from migrate_cli.sandbox.assistants_quirks import SourcePreset, SourceQuirks, quirks_of
from migrate_cli.sandbox.fault_spec import plan_from_specs
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.sources.api.presets import PRESETS
from migrate_cli.sources.api.source import ApiSource
from migrate_cli.sources.api.wanted import Wanted
from migrate_cli.sources.export.open import open_source
from migrate_cli.sources.interface import Selection, Source

KEY = "source-key-0123456789"


@dataclass(frozen=True)
class RunningHost:
    """A sandbox that answers as a source."""

    sandbox: EmbeddedSandbox
    quirks: SourceQuirks
    preset: SourcePreset

    @property
    def url(self) -> str:
        """The base URL of the source side."""
        return self.sandbox.base_url.removesuffix("/v1") + self.quirks.base_path()

    def source(
        self, credentials: Credentials | None = None, *, query: Mapping[str, str] | None = None, **wanted: Any
    ) -> ApiSource:
        """Return the source, with a client that retries without waiting; `query` goes before the preset's own."""
        name = "openai" if self.preset is SourcePreset.GONE else self.preset.value
        preset = PRESETS[name]
        chosen = KeyHeader(KEY) if credentials is None and preset.key_header else credentials

        def connect() -> ApiClient:
            asked = {**preset.query, **(query or {})}
            endpoint = Endpoint(self.url, KEY, headers=preset.headers, query=asked, credentials=chosen, timeout=10)
            return ApiClient(endpoint, RateLimiter(most_in_flight=8), sleep=_at_once)

        return ApiSource(self.url, connect, preset, Wanted(**wanted), workers=4)


async def _at_once(_seconds: float) -> None:
    return None


@contextmanager
def host(
    folder: Path, export: Path, preset: SourcePreset, *faults: str, any_version: bool = False, **tokens: Any
) -> Iterator[RunningHost]:
    """Load an export into a sandbox and serve it as a host of this kind; `any_version`: of its API."""
    data = folder / f"{preset.value}.db"
    load_source(data, open_source(str(export)))
    quirks = quirks_of(preset, **tokens)
    if any_version:
        quirks = replace(quirks, api_versions=())
    options = SandboxOptions(source=quirks, faults=plan_from_specs(faults, 7))
    with EmbeddedSandbox(data, options) as sandbox:
        yield RunningHost(sandbox, quirks, preset)


def read(source: Source, selection: Selection | None = None) -> tuple[dict[str, Thread], list[Unreadable]]:
    """Return everything that a source gives."""
    threads: dict[str, Thread] = {}
    unreadable = []
    for entry in source.threads(selection or Selection()):
        if isinstance(entry, Unreadable):
            unreadable.append(entry)
        else:
            assert entry.id not in threads, "a thread came twice"
            threads[entry.id] = entry
    return threads, unreadable


def digests(threads: Mapping[str, Thread]) -> dict[str, list[bytes]]:
    """Return the digests of all items that the threads become, and of their metadata."""
    drafts = {thread_id: convert_thread(thread, ConvertOptions()) for thread_id, thread in threads.items()}
    return {key: [draft.digest.encode(), *(item.digest for item in draft.items)] for key, draft in drafts.items()}


def codes(threads: Mapping[str, Thread]) -> set[str]:
    """Return the codes of all findings of the source."""
    return {found.code for thread in threads.values() for found in thread.findings}
