"""`migrate-cli plan`: reads and converts everything, sends nothing, and says what a migration would do."""

from __future__ import annotations

import asyncio
import contextlib
import time

from migrate_cli.commands.files import RunFiles, for_plan
from migrate_cli.commands.prepare import open_configured, policy_of
from migrate_cli.commands.tally import Tally
from migrate_cli.convert.batches import batches
from migrate_cli.convert.validate import validate_draft
from migrate_cli.errors import ExitCode
from migrate_cli.files.window import in_order
from migrate_cli.load.policy import LoadPolicy
from migrate_cli.model import Draft, Result, Unreadable
from migrate_cli.openai_client import ApiClient
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings import Settings
from migrate_cli.sources.interface import Selection, Source


def plan(settings: Settings, selection: Selection, *, view: ProgressView) -> Result:
    """Convert all wanted threads and validate what would be sent; exit 3 when some of the source cannot be read."""
    source = open_configured(settings)
    began = time.monotonic()
    tally = Tally(view)
    view.start(source.expected(), "Planning")
    with for_plan(settings, source) as (files, client):
        requests = asyncio.run(_read_all(source, selection, files, client, tally, policy_of(settings)))
        tally.add_findings(files.findings())
    view.close()
    data = (
        tally.data()
        | files.data()
        | {
            "shapes": [
                {"shape": taken.shape, "files": taken.files, "example": taken.example} for taken in source.shapes()
            ],
            "estimate": {"requests": requests, "threads": tally.threads["pending"]},
            "seconds": round(time.monotonic() - began, 3),
        }
    )
    broken = tally.threads["failed"]
    return Result("plan", data, ExitCode.PARTIAL if broken else ExitCode.OK, errors=tally.problems)


async def _read_all(
    source: Source, selection: Selection, files: RunFiles, client: ApiClient | None, tally: Tally, policy: LoadPolicy
) -> int:
    """Book every thread; return how many requests it would take to load them all."""
    requests = 0
    feed = files.desk.feed(source.threads(selection))
    async with client or contextlib.nullcontext():
        async for entry in in_order(feed, files.desk.draft, live=source.live):
            if isinstance(entry, Unreadable):
                tally.unreadable(entry)
            else:
                requests += _book(entry, tally, policy)
    return requests


def _book(draft: Draft, tally: Tally, policy: LoadPolicy) -> int:
    refused = _validated(draft, tally)
    state = "skipped" if draft.skip_reason else "failed" if refused else "pending"
    tally.draft(draft, state)
    if state != "pending":
        return 0
    return 1 + sum(1 for _ in batches(draft.items, max_items=policy.batch_items, max_bytes=policy.batch_bytes))


def _validated(draft: Draft, tally: Tally) -> bool:
    """Book what the target would refuse; the converter should leave nothing, so anything here is an error."""
    problems = validate_draft(draft)
    tally.add_findings(problems)
    for problem in problems:
        tally.problem(problem.code, problem.detail, draft.thread_id)
    return bool(problems)
