"""`migrate-cli plan`: reads and converts everything, sends nothing, and says what a migration would do."""

from __future__ import annotations

import time

from migrate_cli.commands.prepare import drafts, open_configured, policy_of
from migrate_cli.commands.tally import Tally
from migrate_cli.convert.batches import batches
from migrate_cli.convert.validate import validate_draft
from migrate_cli.errors import ExitCode
from migrate_cli.model import Draft, Result, Unreadable
from migrate_cli.report.progress import ProgressView
from migrate_cli.settings import Settings
from migrate_cli.sources.interface import Selection


def plan(settings: Settings, selection: Selection, *, view: ProgressView) -> Result:
    """Convert all wanted threads and validate what would be sent; exit 3 when some of the source cannot be read."""
    source = open_configured(settings)
    began = time.monotonic()
    tally = Tally(view)
    policy = policy_of(settings)
    view.start(source.expected(), "Planning")
    requests = 0
    for entry in drafts(source, selection, settings.convert_options()):
        if isinstance(entry, Unreadable):
            tally.unreadable(entry)
            continue
        refused = _validated(entry, tally)
        state = "skipped" if entry.skip_reason else "failed" if refused else "pending"
        tally.draft(entry, state)
        if state == "pending":
            sizes = batches(entry.items, max_items=policy.batch_items, max_bytes=policy.batch_bytes)
            requests += 1 + sum(1 for _ in sizes)
    view.close()
    data = tally.data() | {
        "shapes": [{"shape": taken.shape, "files": taken.files, "example": taken.example} for taken in source.shapes()],
        "estimate": {"requests": requests, "threads": tally.threads["pending"]},
        "seconds": round(time.monotonic() - began, 3),
    }
    broken = tally.threads["failed"]
    return Result("plan", data, ExitCode.PARTIAL if broken else ExitCode.OK, errors=tally.problems)


def _validated(draft: Draft, tally: Tally) -> bool:
    """Book what the target would refuse; the converter should leave nothing, so anything here is an error."""
    problems = validate_draft(draft)
    tally.add_findings(problems)
    for problem in problems:
        tally.problem(problem.code, problem.detail, draft.thread_id)
    return bool(problems)
