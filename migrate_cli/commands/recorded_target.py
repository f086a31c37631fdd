"""What `undo` and `resolve` share: the target that a state file was written for, and a thread converted again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from migrate_cli.commands.context import TargetChoice, open_configured, target_of
from migrate_cli.commands.files import as_recorded
from migrate_cli.errors import SetupMismatch
from migrate_cli.load.refusal import with_notes
from migrate_cli.model import Draft
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.store import StateStore


@contextmanager
def recorded_target(settings: Settings) -> Iterator[TargetChoice]:
    """Yield the target of the state file: a rehearsal's sandbox, or the configured one.

    Raises SetupMismatch when the settings name another target, UsageError when there is no state file or no key.
    """
    with StateReader(settings.state) as reader:
        setup = reader.setup()
    rehearsal = setup.get("target.base_url") == SANDBOX
    if not rehearsal:
        ours = {
            "target.base_url": settings.target.base_url,
            "target.organization": settings.target.organization or "",
            "target.project": settings.target.project or "",
        }
        other = [
            f"{key} was {setup[key]} and is now {ours[key]}" for key in ours if setup.get(key, ours[key]) != ours[key]
        ]
        if other:
            raise SetupMismatch(
                f"The state file {settings.state} belongs to another target: {'; '.join(other)}. "
                "Put the old value back, or name the state file that belongs to this target with --state."
            )
    with target_of(settings, sandbox=rehearsal) as target:
        yield target


def draft_again(settings: Settings, store: StateStore, thread_id: str) -> Draft | None:
    """Convert a thread again, as `apply` would; None when the source no longer has it."""
    source = open_configured(settings)
    desk = as_recorded(settings, source, store.files)
    for entry in desk.feed(source.threads(Selection(frozenset({thread_id})))):
        if isinstance(entry, Draft) and entry.thread_id == thread_id:
            return with_notes(entry, store.threads.refused_items().get(thread_id, {}))
    return None
