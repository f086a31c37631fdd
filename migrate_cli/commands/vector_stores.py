"""Puts together what handles the vector stores of a run: for `apply` the rebuilding, for `plan` a forecast.

Stores are rebuilt by a run over the whole source, once its threads are loaded: threads come first, their files are
uploaded by then, and only a run that reads everything knows which stores are named. It must not call the target itself;
`migrate_cli/stores/` does.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from migrate_cli.commands.files import RunFiles, carries_assistants
from migrate_cli.convert.file_references import vector_stores
from migrate_cli.convert.options import FileFact, Files, VectorStores
from migrate_cli.convert.text import counted
from migrate_cli.errors import SourceError
from migrate_cli.files.resolver import FileResolver
from migrate_cli.findings import finding
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Draining
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.model import Aside, Finding, JsonObject, Problem
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source, StoreInfo
from migrate_cli.state.store_records import StoreRecords
from migrate_cli.stores.context import StoreContext, StoreOutcomes
from migrate_cli.stores.rebuild import AT_ONCE, NOT_INDEXED, NOT_SEARCHABLE, StoreRebuild
from migrate_cli.target.vector_stores import VectorStoresTarget
from migrate_cli.work.clock import WallClock

RESOURCES = "tool_resources"
"""The name under which a draft and the state file hold the tool resources of a thread."""


class RunStores:
    """The vector stores of one run of `apply`; one that rebuilds none says nothing of them."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        records: StoreRecords,
        files: RunFiles,
        selection: Selection,
    ) -> None:
        self._source, self._records, self._files = source, records, files
        self._wanted = settings.convert.vector_stores is VectorStores.REBUILD and carries_assistants(selection)
        self._keeps = settings.convert.files is Files.KEEP
        self._outcomes = StoreOutcomes()

    async def rebuild(
        self, client: ApiClient, clock: WallClock, policy: LoadPolicy, tell: Callable[[str], None]
    ) -> None:
        """Rebuild them, as far as the run lasts. Raises TemporaryError, AuthError."""
        if not self._wanted:
            return
        await self._records.durable()
        files = self._files
        context = StoreContext(
            VectorStoresTarget(client), self._records, clock, policy, clock.draining, tell, self._outcomes
        )
        rebuild = StoreRebuild(context) if self._keeps else StoreRebuild(context, files.resolver.carry, files.recall)
        try:
            named = await _named(self._source, map(json.loads, self._records.named_by_threads()))
            async with aclosing(stores_of(self._source, named)) as stores:
                await rebuild.run(stores)
        except SourceError as error:
            self._outcomes.problem(error.code, f"the vector stores were not rebuilt: {error}")
        except Draining:
            # What is done is noted; the next run goes on.
            return

    @property
    def problems(self) -> list[Problem]:
        """What is left to do, or could not be done."""
        return self._outcomes.problems

    def findings(self) -> list[Finding]:
        """What is to be said once for the whole run, at its end."""
        return self._outcomes.findings

    def data(self) -> JsonObject:
        """How many stores, and files in them, came to what, where there were any."""
        counts = {name: count for name, count in sorted(self._outcomes.counts.items()) if count}
        return {"vector_stores": counts} if counts else {}


class StoreForecast:
    """What `apply` would find and do, for `plan`: nothing is sent."""

    def __init__(self, settings: Settings, source: Source, selection: Selection) -> None:
        self._source = source
        self._wanted = settings.convert.vector_stores is VectorStores.REBUILD and carries_assistants(selection)
        self._keeps = settings.convert.files is Files.KEEP
        self._resources: dict[str, None] = {}
        self._counts: Counter[str] = Counter()
        self._findings: list[Finding] = []

    def meet(self, asides: Iterable[Aside]) -> None:
        """Take note of the stores that a thread names."""
        if self._wanted:
            named = (store for aside in asides if aside.name == RESOURCES for store in vector_stores(aside.value))
            self._resources.update(dict.fromkeys(named))

    async def foresee(self, resolver: FileResolver) -> None:
        """Look at each store. Raises TemporaryError, AuthError."""
        if not self._wanted:
            return
        try:
            resources: list[Any] = [{"file_search": {"vector_store_ids": list(self._resources)}}]
            named = await _named(self._source, resources)
            async with aclosing(stores_of(self._source, named)) as stores:
                async for store in stores:
                    await self._store(store, resolver)
        except SourceError as error:
            self._findings.append(finding("vector-store-not-rebuilt", f"No vector store can be rebuilt: {error}."))

    async def _store(self, store: StoreInfo, resolver: FileResolver) -> None:
        if store.expired or store.lack is not None:
            self._leave(store, "it has expired at the source" if store.expired else str(store.lack))
            return
        wanted = [one.file_id for one in store.files if one.status not in NOT_SEARCHABLE]
        facts: dict[str, FileFact] = {}
        for start in range(0, len(wanted), AT_ONCE) if not self._keeps else ():
            facts |= await resolver.carry(wanted[start : start + AT_ONCE])
        ready = [one for one in wanted if self._keeps or facts[one].status == "uploaded"]
        if store.files and not ready:
            self._leave(store, f"none of its {counted(len(store.files), 'file')} can be carried over")
            return
        self._counts["stores"] += 1
        self._counts["files"] += len(ready)
        self._counts["bytes"] += sum(facts[one].bytes or 0 for one in ready if one in facts)
        for one in store.files:
            if one.file_id not in ready:
                self._counts["files_missing"] += 1
                why = facts[one.file_id].reason if one.file_id in facts else f"{NOT_INDEXED} ({one.status})"
                detail = f"The file {one.file_id} will not be in the rebuilt vector store {store.store_id}: {why}."
                self._findings.append(finding("vector-store-file-missing", detail))

    def _leave(self, store: StoreInfo, why: str) -> None:
        self._counts["not_rebuilt"] += 1
        detail = f"The vector store {store.store_id} would not be rebuilt: {why}."
        self._findings.append(finding("vector-store-not-rebuilt", detail))

    def findings(self) -> list[Finding]:
        """What `apply` would report."""
        return self._findings

    def data(self) -> JsonObject:
        """How many stores and files would be made and uploaded, and their bytes, where there are any."""
        return {"vector_stores": dict(sorted(self._counts.items()))} if self._counts else {}


async def stores_of(source: Source, named: Iterable[str]) -> AsyncGenerator[StoreInfo]:
    """Yield the source's stores, and those that are named and of which it says nothing. Raises what reading raises."""
    left = dict.fromkeys(named)
    found = source.vector_stores(list(left))
    try:
        while True:
            store = await asyncio.to_thread(next, found, None) if source.live else next(found, None)
            if store is None:
                break
            left.pop(store.store_id, None)
            yield store
    finally:
        close = getattr(found, "close", None)
        if close is not None:
            close()
    for store_id in left:
        yield StoreInfo(store_id, lack="the source does not say what is in it")


async def _named(source: Source, resources: Iterable[Any]) -> list[str]:
    """The stores that tool resources and the source's assistants name, each once."""
    assistants = await asyncio.to_thread(_of_assistants, source) if source.live else _of_assistants(source)
    return list(dict.fromkeys([*(store for held in resources for store in vector_stores(held)), *assistants]))


def _of_assistants(source: Source) -> list[str]:
    return [store for assistant in source.assistants() for store in assistant_stores(assistant)]


def assistant_stores(assistant: Mapping[str, Any]) -> list[str]:
    """Return the ids of the vector stores that an assistant searches; newer agents name them in their tools."""
    tools = assistant.get("tools")
    in_tools = (vector_stores({"file_search": tool}) for tool in (tools if isinstance(tools, list) else ()))
    return list(dict.fromkeys([*vector_stores(assistant.get(RESOURCES)), *(one for held in in_tools for one in held)]))
