"""Puts together what handles the files of a run: for `apply` with uploads, for `plan` as a forecast.

It must not upload or convert anything itself; `migrate_cli/files/` does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from types import TracebackType
from typing import Self

from migrate_cli.commands.context import target_of
from migrate_cli.convert.file_references import resource_files
from migrate_cli.convert.model_catalogue import NOTHING_LISTED, transcription_model_going
from migrate_cli.convert.options import Files
from migrate_cli.errors import SourceError, TemporaryError, UsageError
from migrate_cli.files.dry_run import FileDryRun
from migrate_cli.files.fact_cache import FileFactCache, OwnRecorded, Recorded, no_own_record, no_record
from migrate_cli.files.host import FileHost
from migrate_cli.files.needs import FilePolicy
from migrate_cli.files.orphans import OrphanedUploads
from migrate_cli.files.record import FileMemory
from migrate_cli.files.recovery import FileRecovery
from migrate_cli.files.remote import Promises, RemoteFiles, Spool
from migrate_cli.files.resolver import FileResolver
from migrate_cli.files.transfer import FileTransfer, FileWork
from migrate_cli.findings import finding
from migrate_cli.http.client import ApiClient
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.retry import Sleeper
from migrate_cli.model import Finding, JsonObject
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.target.model_dates import shutdown_dates

SPOOL = ".files"
"""What the name of the state file is followed by in that of the folder in which a live source's files wait."""
PATIENCE = 10.0
"""Seconds that `plan` waits in all for a target that does not answer; it needs none."""


class RunFiles:
    """The files of one run: a resolver that converts, the work behind it, and what both report at the end.

    An asynchronous context manager, for as long as the resolver works.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source,
        work: FileWork | None,
        *,
        check: bool,
        recorded: Recorded,
        own: OwnRecorded = no_own_record,
        distant: RemoteFiles | None = None,
        target: ApiClient | None = None,
    ) -> None:
        self._settings = settings
        self._target = target
        """Who is asked when the model of transcriptions is shut down; nobody where there is no key."""
        self._listed = NOTHING_LISTED
        self._check = check
        self._work = work
        self._distant = distant
        self._keeps = settings.convert.files is Files.KEEP
        self._source = source
        self._of_assistants: list[Finding] = []
        policy = FilePolicy(
            settings.convert_options(),
            transcribe=settings.audio.transcribe,
            check=check,
            distant=distant is not None,
        )
        self._known = FileFactCache(source.files, policy, recorded, own=own)
        self.resolver = FileResolver(self._known, work, live=source.live, distant=distant)

    async def __aenter__(self) -> Self:
        if self._target is not None and self._settings.audio.transcribe:
            self._listed = await shutdown_dates(self._target)
        if self._distant is not None:
            await self._distant.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.resolver.close()
        if self._distant is not None:
            await self._distant.__aexit__(kind, error, trace)

    async def carry_assistants(self, selection: Selection) -> None:
        """Carry the files of assistants over, where files are uploaded and the run is over the whole source."""
        if not self._keeps and carries_assistants(selection):
            self._of_assistants = await carry_assistants(self._source, self.resolver)

    async def recall(self, file_ids: Sequence[str], target_ids: Iterable[str]) -> None:
        """Know uploads of these files again among files of the target that no record knows, such as those in a store.

        Only a name and size that one of the files has alone says which it is. Raises AuthError, TemporaryError.
        """
        if isinstance(self._work, FileTransfer):
            infos = map(self._known.info, file_ids)
            alike = Counter((info.filename, info.bytes) for info in infos if info is not None)
            await self._work.recall(target_ids, {each for each, count in alike.items() if count == 1})

    async def settle(self) -> None:
        """Look for what lost answers left at the target, once nothing is under way."""
        if isinstance(self._work, FileTransfer) and not self._keeps:
            await self._work.settle()

    def findings(self) -> list[Finding]:
        """What is to be said once for the whole run, at its end."""
        if isinstance(self._work, FileTransfer):
            self._work.tell_left()
        found = [*(self._work.findings if self._work else ()), *self._of_assistants]
        if isinstance(self._distant, Promises) and self._distant.files:
            found.append(_foretold(self._distant))
        if self._keeps and not self._check and self.resolver.named_files:
            found.append(finding("files-not-checked", "The target was not asked whether it has the files."))
        if self._settings.audio.transcribe:
            found += model_findings(self._settings.audio.model, self._listed)
        return found

    def data(self) -> JsonObject:
        """How many files came to what, where there were any."""
        counts = dict(sorted(self._work.counts.items())) if self._work else {}
        if isinstance(self._distant, Spool) and self._distant.fetched:
            counts["downloaded"] = self._distant.fetched
        return {"files": counts} if counts else {}


def for_apply(
    settings: Settings,
    source: Source,
    client: ApiClient,
    memory: FileMemory,
    clock: Sleeper,
    *,
    sandbox: bool,
    alone: bool,
    draining: Callable[[], bool],
) -> RunFiles:
    """Return what `apply` works with. A rehearsal asks for no files: the sandbox cannot know the real ones.

    `alone`: no other process uploads for this migration, as those of other shards do.
    """
    host = FileHost(client)
    work = FileTransfer(
        host,
        memory,
        clock,
        OrphanedUploads(host, memory, clock, quiet=settings.load.timeout, alone=alone, draining=draining),
        preset=settings.target.preset,
        audio_model=settings.audio.model,
        draining=draining,
    )
    spool = settings.state.with_name(settings.state.name + SPOOL)
    distant = Spool(source.fetching, spool, draining) if _gives_bytes(source) else None
    return RunFiles(
        settings,
        source,
        work,
        check=not sandbox,
        recorded=memory.record,
        own=memory.own_record,
        distant=distant,
        target=None if sandbox else client,
    )


@contextmanager
def for_plan(settings: Settings, source: Source) -> Iterator[tuple[RunFiles, ApiClient | None]]:
    """Yield what `plan` works with, and the client to close; the target is asked only where there is a key for it."""
    distant = Promises(source.fetching) if _gives_bytes(source) else None
    try:
        with target_of(settings, sandbox=False) as target:
            client = ApiClient(target.endpoint, RateLimiter(most_in_flight=settings.load.workers), sleep=_Impatient())
            work = FileDryRun(FileHost(client))
            yield (
                RunFiles(settings, source, work, check=True, recorded=no_record, distant=distant, target=client),
                client,
            )
    except UsageError as error:
        if error.code != "no-key":
            raise
        yield RunFiles(settings, source, FileDryRun(None), check=False, recorded=no_record, distant=distant), None


def as_recorded(settings: Settings, source: Source, memory: FileMemory) -> FileResolver:
    """Return a resolver that converts with what the state file knows and finds out nothing: for `verify`."""
    return RunFiles(settings, source, None, check=True, recorded=memory.record, own=memory.own_record).resolver


def for_recover(
    settings: Settings, source: Source, client: ApiClient, memory: FileMemory
) -> tuple[RunFiles, FileRecovery]:
    """Return what `recover` works with, and what knows of uploads: nothing is sent, and what is found out is noted."""
    work = FileRecovery(FileHost(client), memory)
    distant = Promises(source.fetching) if _gives_bytes(source) else None
    record, own = memory.record, memory.own_record
    files = RunFiles(settings, source, work, check=True, recorded=record, own=own, distant=distant)
    work.on_learned = files.resolver.learn
    return files, work


def without_records(settings: Settings, source: Source) -> FileResolver:
    """Return a resolver for threads that another state file knows: nothing is known of their files."""
    return RunFiles(settings, source, None, check=True, recorded=no_record).resolver


def model_findings(model: str, listed: Mapping[str, str] = NOTHING_LISTED) -> list[Finding]:
    """Return the finding for a transcription model that is going, if it is; `listed` are the dates of the target."""
    end = transcription_model_going(model, listed)
    if end is None:
        return []
    return [finding("audio-model-going", f"{model} {end.told(date.today())}; {end.successor} is its successor.")]


def _gives_bytes(source: Source) -> bool:
    """Whether the source may have bytes that lie on no disk of ours."""
    return type(source).fetching is not Source.fetching


def _foretold(promises: Promises) -> Finding:
    tried = (
        f"; {promises.tried} small ones were downloaded to see whether the host hands them out"
        if promises.tried
        else ""
    )
    detail = (
        f"{promises.files:,} files ({promises.bytes:,} bytes) were assessed by what the source says about them; apply "
        f"fetches them{tried}."
    )
    return finding("files-foretold", detail)


class _Impatient:
    """Sleeps between retries, but not for long in all."""

    def __init__(self) -> None:
        self._left = PATIENCE

    async def __call__(self, seconds: float) -> None:
        self._left -= seconds
        if self._left < 0:
            raise TemporaryError("it does not answer")
        await asyncio.sleep(seconds)


def carries_assistants(selection: Selection) -> bool:
    """Whether a run is to carry them: one over the whole source, or the first of its shards."""
    shard = selection.shard
    return selection == Selection(shard=shard) and (shard is None or shard[0] == 1)


async def carry_assistants(source: Source, resolver: FileResolver) -> list[Finding]:
    """Upload the code interpreter's files of assistants, which no thread names; a finding for each that failed."""
    try:
        wanted = await asyncio.to_thread(_wanted, source) if source.live else _wanted(source)
    except SourceError as error:
        return [finding("resource-file-missing", f"The files of the assistants were not uploaded: {error}.")]
    facts = await resolver.carry(wanted)
    found = []
    for file_id, fact in facts.items():
        if fact.status != "uploaded":
            reason = f" ({fact.reason})" if fact.reason else ""
            detail = f"Assistant {wanted[file_id]}: the code interpreter's file {file_id} was not uploaded{reason}."
            found.append(finding("resource-file-missing", detail))
    return found


def assistant_files(assistant: JsonObject) -> list[str]:
    """Return the ids of an assistant's files for the code interpreter; old ones stood by themselves."""
    older = resource_files({"code_interpreter": {"file_ids": assistant.get("file_ids")}})
    return list(dict.fromkeys([*resource_files(assistant.get("tool_resources")), *older]))


def _wanted(source: Source) -> dict[str, str]:
    """The files, each with an assistant that has it."""
    wanted: dict[str, str] = {}
    for assistant in source.assistants():
        for file_id in assistant_files(assistant):
            wanted.setdefault(file_id, str(assistant.get("id") or "without id")[:80])
    return wanted
