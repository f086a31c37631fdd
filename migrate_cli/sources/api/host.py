"""One host that speaks the Assistants API: what it answers, what its oddities are, and whether it still speaks at all.

A 404 tells nothing by itself: the thread may be gone, or the whole API. One request more tells which.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from migrate_cli.errors import AnswerOutOfBounds, SourceError, TemporaryError, Unanswered
from migrate_cli.findings import finding
from migrate_cli.http.client import LONGEST_WAIT_ALONE, ApiClient
from migrate_cli.http.outcomes import Applied, Refused
from migrate_cli.http.retry import ATTEMPTS
from migrate_cli.model import Finding, JsonObject
from migrate_cli.sources.api.presets import ApiPreset
from migrate_cli.sources.times import MILLISECONDS_FROM

NO_SUCH_PATH = frozenset({404, 405, 410, 501})
FRESH = 30.0
"""Seconds for which an answer proves that the host still speaks the API."""
FEW_ATTEMPTS = 3


class RefusedError(Exception):
    """The host refused a request for good: a status, a code and its own sentence."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.status}: {refused.message}")
        self.refused = refused

    @property
    def absent(self) -> bool:
        """Whether the host says that there is nothing at the path."""
        return self.refused.status in NO_SUCH_PATH


class Host:
    """Reads JSON objects from one host, and keeps what was learned of it."""

    def __init__(self, client: ApiClient, preset: ApiPreset, *, now: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self.preset = preset
        self.refuses_cursors: set[str] = set()
        """Kinds of lists (`messages`, `threads` …) for which `after` is known to be refused."""
        self.takes_cursors: set[str] = set()
        """Kinds for which it is known to be taken: a cursor that fails then is a fault of its own list."""
        self.refused_cursors: Counter[str] = Counter()
        """How many lists of a kind had their cursor refused, while no other's was taken."""
        self.refuses_include = False
        self._now = now
        self._spoke = float("-inf")
        self._noticed: set[str] = set()
        self._news: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        """The base URL."""
        return self.client.endpoint.base_url

    async def get(self, path: str, query: Mapping[str, Any] | None = None, *, attempts: int = ATTEMPTS) -> JsonObject:
        """Return the object at a path. Raises RefusedError, TemporaryError when the host is unwell, AuthError."""
        reply = await self._ask(path, query, attempts)
        if isinstance(reply, Refused):
            raise RefusedError(reply)
        self._spoke = self._now()
        self._look_at_times(reply.body)
        return reply.body

    async def _ask(self, path: str, query: Mapping[str, Any] | None, attempts: int) -> Applied | Refused:
        """Send it until there is an answer: after a few tries in vain, no longer than it takes where others get one."""
        try:
            return await self.client.read(path, query, attempts=min(attempts, FEW_ATTEMPTS))
        except Unanswered as error:
            if attempts <= FEW_ATTEMPTS or error.by_all or isinstance(error, AnswerOutOfBounds):
                raise
        if not await self.is_well():
            # It may be down for a moment: then all the attempts that a read has are still to come.
            return await self.client.read(path, query, attempts=attempts)
        try:
            return await self.client.read(path, query, attempts=attempts - FEW_ATTEMPTS, longest=LONGEST_WAIT_ALONE)
        except Unanswered as error:
            raise Unanswered(self.url, attempts, error.reason, path=path) from error

    async def check(self) -> None:
        """Ask once before any work. Raises SourceError when the host refuses, or speaks another API."""
        try:
            await self.get("/assistants", {"limit": 1})
        except RefusedError as error:
            if error.absent:
                raise self._gone() from error
            raise SourceError(
                f"{self.url} refuses to be read ({error}); check source.preset ({self.preset.name}), source.query and "
                "the permissions of the key",
                code="source-refused",
            ) from error
        self._look_at_version()

    async def still_speaks(self) -> None:
        """Return if what was not found is simply not there; raise SourceError when the host as a whole is gone."""
        if self._now() - self._spoke < FRESH:
            return
        await self.check()

    async def is_well(self) -> bool:
        """Whether the host answers something else, so that a failure is one object's own."""
        try:
            await self.get("/assistants", {"limit": 1}, attempts=FEW_ATTEMPTS)
        except (RefusedError, TemporaryError):
            return False
        return True

    def notice(self, code: str, detail: str) -> None:
        """Keep an oddity of the host; the first time, it becomes a finding of the thread that is read next."""
        if code not in self._noticed:
            self._noticed.add(code)
            self._news.append((code, detail))

    def news(self, thread_id: str) -> list[Finding]:
        """Return what has been noticed since, as findings of a thread."""
        news, self._news = self._news, []
        return [finding(code, detail, thread_id) for code, detail in news]

    def _gone(self) -> SourceError:
        why = self.preset.gone_at(self.url)
        return SourceError(f"{self.url} does not speak the Assistants API: {why}", code="host-gone")

    def _look_at_version(self) -> None:
        given, known = self.client.endpoint.query.get("api-version"), self.preset.versions
        if known and given not in known:
            self.notice(
                "host-api-version", f"The requests use api-version {given}; known versions are {', '.join(known)}."
            )

    def _look_at_times(self, body: JsonObject) -> None:
        data = body.get("data")
        first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else body
        made = first.get("created_at")
        if isinstance(made, int | float) and made > MILLISECONDS_FROM:
            self.notice("host-milliseconds", "The host gives times in milliseconds; they were read as such.")
