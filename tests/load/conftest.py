"""The real loader against the real sandbox over HTTP, with an audit of what the sandbox holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.load.decide import Action
from migrate_cli.load.policy import LoadOptions, LoadPolicy
from migrate_cli.load.run import LoadRun
from migrate_cli.model import Draft, Progress, Unreadable
from migrate_cli.sandbox.audit import read_conversations
from migrate_cli.sandbox.control import CONTROL_HEADERS
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.store import StateStore
from migrate_cli.target.conversations import ConversationsTarget
from migrate_cli.work.clock import WallClock

QUICK = LoadPolicy(workers=4, settle=0.08, timeout=0.5, late=0.3, patience=5.0, connect_patience=3.0, pilot=0)


@dataclass
class Seen:
    """How each thread ended, as an observer hears it."""

    ended: dict[str, tuple[Action, str | None, str | None, str | None]] = field(default_factory=dict)

    def thread(
        self, draft: Draft, action: Action, progress: Progress | None, code: str | None, detail: str | None
    ) -> None:
        """One thread is done."""
        self.ended[draft.thread_id] = (action, progress.state if progress else None, code, detail)

    def unreadable(self, entry: Unreadable) -> None:
        """Nothing is unreadable here."""

    def say(self, text: str) -> None:
        """Nobody listens."""

    def states(self) -> dict[str, str | None]:
        """The state of each thread."""
        return {thread_id: entry[1] for thread_id, entry in self.ended.items()}


@dataclass
class Bench:
    """A sandbox, a state file, and the loader between them."""

    server: EmbeddedSandbox
    control: httpx2.Client
    state: Path
    policy: LoadPolicy = QUICK
    traffic: dict[str, int] = field(default_factory=dict)
    base_url: str = ""
    """Where the sandbox is reached, if not directly."""

    def faults(self, *rules: str, seed: int = 0) -> None:
        """Misbehave like this from now on."""
        answer = self.control.post("/faults", json={"seed": seed, "rules": list(rules)})
        assert answer.status_code == 200, answer.text

    def stats(self) -> dict[str, Any]:
        """What the sandbox was asked and did wrong."""
        found: dict[str, Any] = self.control.get("/stats").json()
        return found

    def land(self) -> None:
        """Let every late commit happen now."""
        self.control.post("/land")

    def load(self, *drafts: Draft, **changes: Any) -> Seen:
        """Run the loader once over these drafts, as `apply` does; raises what ends a run."""
        retry_failed = changes.pop("retry_failed", False)
        return asyncio.run(self._load(drafts, replace(self.policy, **changes), retry_failed))

    async def _load(self, drafts: tuple[Draft, ...], policy: LoadPolicy, retry_failed: bool) -> Seen:
        seen, clock = Seen(), WallClock()
        store = StateStore.open(self.state)
        endpoint = Endpoint(self.base_url or self.server.base_url, "test-key", timeout=policy.timeout)
        limiter = RateLimiter(
            most_in_flight=policy.workers, sleep=clock.sleep, draining=clock.draining, jitter=lambda: 0.0
        )
        try:
            async with ApiClient(endpoint, limiter, sleep=_quickly(clock)) as client:
                run = LoadRun(
                    target=ConversationsTarget(client),
                    store=store.journal,
                    clock=clock,
                    policy=policy,
                    observer=seen,
                    options=LoadOptions(retry_failed=retry_failed),
                )
                clock.wake_on(run.drain)
                try:
                    await run.run(iter(drafts))
                finally:
                    self.traffic = client.traffic.as_dict()
        finally:
            store.close()
        return seen

    def texts(self) -> dict[str, list[str]]:
        """The texts of each thread's conversation; data in two conversations of one thread is an error."""
        found: dict[str, list[str]] = {}
        for identifier, metadata, items in read_conversations(self.server.data, deleted=False):
            source = metadata.get("source_thread_id", identifier)
            texts = [part["text"] for item in items for part in item["content"]]
            assert not (texts and found.get(source)), f"data of {source} stands in two conversations"
            found[source] = texts or found.get(source, [])
        return found

    def audit(self, *drafts: Draft) -> None:
        """Every conversation holds exactly its thread, once everything late has landed."""
        self.land()
        assert self.texts() == {draft.thread_id: texts_of(draft) for draft in drafts}


def texts_of(draft: Draft) -> list[str]:
    """The texts that a draft sends."""
    return [part["text"] for item in draft.items for part in json.loads(item.body)["content"]]


def _quickly(clock: WallClock) -> Callable[[float], Any]:
    """Retries of reads wait a tenth of what they would."""
    return lambda seconds: clock.sleep(seconds / 20)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A fresh sandbox and an empty state file."""
    with (
        EmbeddedSandbox(tmp_path / "target.db") as server,
        httpx2.Client(base_url=server.control_url, headers=CONTROL_HEADERS) as control,
    ):
        yield Bench(server, control, tmp_path / "state.db")
