"""`migrate-cli plan`: reads and converts everything, sends nothing, and says what a migration would do."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate_cli.commands.choosing import NotSelected, selected
from migrate_cli.commands.context import expected_of, named_source, open_configured, policy_of
from migrate_cli.commands.files import RunFiles, for_plan
from migrate_cli.commands.plan_file import (
    PlanRecord,
    against,
    check_place,
    findings_of,
    planned_setup,
    read_plan,
    recording,
    save_plan,
)
from migrate_cli.commands.plan_gate import PlanGate
from migrate_cli.commands.run_totals import WHOLE, RunTotals
from migrate_cli.commands.shards import shard_data, share
from migrate_cli.commands.vector_stores import StoreForecast
from migrate_cli.convert.batches import batches
from migrate_cli.convert.validate import validate_draft
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.files.tokens import TokenTally, model_window
from migrate_cli.http.client import ApiClient
from migrate_cli.model import Draft, JsonObject, Problem, Result, Thread, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.report.side_by_side import content_recorder
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.sources.reading import ReadingTally, not_read
from migrate_cli.target.endpoint import base_url_of
from migrate_cli.work.ordered import Entry, in_order
from migrate_cli.work.queue import piped


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a person asked of this plan, beside the settings."""

    gate: PlanGate | None = None
    """The rules of `--check`."""
    rate: int | None = None
    """Requests a minute, for the time; default `load.max_requests_per_minute`."""
    model: str | None = None
    """The model, or NAME=TOKENS, whose window conversations are held against."""
    save: Path | None = None
    """Where to keep the plan."""
    against: Path | None = None
    """An earlier plan to compare with."""
    whole: bool = False
    """Leave no entry out of the lists of the result."""


def plan(settings: Settings, selection: Selection, *, view: ProgressView, options: PlanOptions | None = None) -> Result:
    """Convert all wanted threads and validate what would be sent.

    Exit 3 when some of the source cannot be read, 4 when the gate of `options` fails.
    """
    options = options or PlanOptions()
    rate = share(settings, options.rate, selection)
    window = None if options.model is None else model_window(options.model)
    earlier = None if options.against is None else read_plan(options.against)
    if options.save is not None:
        check_place(options.save)
    source = open_configured(settings)
    source.tell, source.reading = view.note, view.read
    began = time.monotonic()
    not_selected = NotSelected(source, selection, earlier.threads if earlier is not None else ())
    stores = StoreForecast(settings, source, selection)
    keeps = options.save is not None or earlier is not None
    planning = _Planning(settings, source, view, not_selected, stores, keeps=keeps, whole=options.whole)
    tally = planning.tally
    tally.want(selection)
    view.start(expected_of(source, selection), "Planning")
    with for_plan(settings, source) as (files, client):
        asyncio.run(planning.read_all(selection, files, client))
        tally.add_findings([*files.findings(), *stores.findings()])
    tally.count_missing()
    view.close()
    planning.plan.findings = findings_of(tally.codes, tally.unreadables)
    data = (
        tally.data()
        | files.data()
        | stores.data()
        | {
            "shapes": [
                {"shape": taken.shape, "files": taken.files, "example": taken.example} for taken in source.shapes()
            ],
            "reading": planning.reading.data(source.shapes()),
            **not_read(source.shapes()),
            "estimate": planning.estimate(rate, window),
        }
    )
    if options.against is not None and earlier is not None:
        data["against"] = against(options.against, earlier, planning.plan, selection, not_selected)
    if options.save is not None:
        save_plan(options.save, planning.plan)
        data["saved"] = str(options.save)
    data |= named_source(settings) | shard_data(settings, selection) | selected(selection.choice)
    data |= {"target": _target(settings)}
    data["seconds"] = round(time.monotonic() - began, 3)
    return _judged(data, tally, options.gate, recognised=source.recognised())


def _target(settings: Settings) -> JsonObject:
    """Where `apply` would send it all."""
    try:
        base_url = base_url_of(settings.target)
    except UsageError:  # which apply and doctor tell of; a plan needs no target
        base_url = settings.target.base_url
    return {"base_url": base_url, "sandbox": False}


def _judged(data: JsonObject, tally: RunTotals, gate: PlanGate | None, *, recognised: bool) -> Result:
    """The result; broken rules come before all other problems, and their exit code before that of unreadable files."""
    nothing = tally.nothing
    if nothing is not None:
        data["nothing"] = nothing
    broken: list[Problem] = []
    if gate is not None:
        data["blocking"] = gate.blocking(tally.codes)
        broken = gate.problems(tally.codes, tally.parts)
    wanting = any(tally.threads[state] for state in ("failed", "unknown", "incomplete"))
    code = ExitCode.PARTIAL if wanting or nothing == "skipped" else ExitCode.OK
    if nothing == "unreadable" and not recognised:
        code = ExitCode.USAGE
    if broken:
        code = ExitCode.CHECK_FAILED
    return Result("plan", data, code, errors=[*broken, *tally.problems])


class _Planning:
    """The way of every thread through one plan, and the sums along it."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        view: ProgressView,
        not_selected: NotSelected,
        stores: StoreForecast,
        *,
        keeps: bool,
        whole: bool,
    ) -> None:
        self._settings, self._source, self._keeps, self._stores = settings, source, keeps, stores
        self._policy = policy_of(settings)
        self._message_characters = settings.convert_options().message_characters
        self._tokens = TokenTally()
        self._batches = 0
        self._content = content_recorder(wanted=settings.report.with_content, redacted=settings.report.redact)
        listed = WHOLE if whole else None
        self.tally = RunTotals(view, self._content, not_selected=not_selected, listed=listed)
        self.plan = PlanRecord(planned_setup(settings, source))
        self.reading = ReadingTally()

    async def read_all(self, selection: Selection, files: RunFiles, client: ApiClient | None) -> None:
        """Count every thread."""
        arriving = self._source.arriving(selection)

        def drafts(threads: Iterator[Thread | Unreadable]) -> Iterator[Entry]:
            return files.resolver.convert(self._seen(threads))

        feed = drafts(self._source.threads(selection)) if arriving is None else piped(arriving, drafts)
        async with client or contextlib.nullcontext(), files:
            async for entry in in_order(feed, files.resolver.draft, live=self._source.live):
                if isinstance(entry, Unreadable):
                    self.tally.unreadable(entry)
                else:
                    self._book(entry)
            await files.carry_assistants(selection)
            await self._stores.foresee(files.resolver)

    def estimate(self, rate: int | None, window: tuple[str, int] | None) -> JsonObject:
        """What loading would take: requests of `apply` to the target, seconds at a rate, tokens by conversation."""
        threads = self.tally.threads["pending"]
        requests = threads + self._batches
        found: JsonObject = {"requests": requests, "threads": threads, "batches": self._batches}
        rate = rate or self._settings.load.max_requests_per_minute
        if rate is not None:
            found |= {"seconds": math.ceil(requests * 60 / rate), "requests_per_minute": rate}
        found |= self._tokens.data()
        if window is not None:
            found["window"] = self._tokens.window(*window)
        return found

    def _seen(self, entries: Iterator[Thread | Unreadable]) -> Iterator[Thread | Unreadable]:
        entries = self.reading.watch(entries)
        if self._content is not None:
            entries = self._content.watch(entries)
        return recording(self._settings, self._source, entries, self.plan) if self._keeps else entries

    def _book(self, draft: Draft) -> None:
        self._stores.meet(draft.aside)
        refused = self._validated(draft)
        state = "skipped" if draft.skip_reason else "failed" if refused else "pending"
        self.tally.draft(draft, state)
        if state != "pending":
            return
        policy = self._policy
        self._batches += sum(
            1 for _ in batches(draft.items, max_items=policy.batch_items, max_bytes=policy.batch_bytes)
        )
        self._tokens.add(draft)

    def _validated(self, draft: Draft) -> bool:
        """Count what the target would refuse; the converter should leave nothing, so anything here is an error."""
        problems = validate_draft(draft, self._message_characters)
        self.tally.add_findings(problems)
        for problem in problems:
            self.tally.problem(problem.code, problem.detail, draft.thread_id)
        return bool(problems)
