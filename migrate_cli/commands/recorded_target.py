"""What `undo` and `resolve` share: the target that a state file was written for, and a thread converted again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from migrate_cli.commands.context import TargetChoice, open_configured, target_of, with_known_source
from migrate_cli.commands.files import as_recorded
from migrate_cli.errors import MigrateError, SetupMismatch
from migrate_cli.load.refusal import with_notes
from migrate_cli.model import Draft, JsonObject, Problem, Result
from migrate_cli.report.document import state_option
from migrate_cli.report.status import command_options
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection, Source
from migrate_cli.state.reader import StateReader
from migrate_cli.state.rehearsal import SANDBOX
from migrate_cli.state.setup import SEEN
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


@contextmanager
def recorded_run(store: StateStore, options: JsonObject) -> Iterator[str]:
    """Yield the id of a run of `resolve`; one that is refused ends as that, and not as one that was interrupted."""
    run_id = store.runs.start_run("resolve", options)
    try:
        yield run_id
    except MigrateError as error:
        refused = Result("resolve", {}, error.exit_code, run_id, [Problem(error.code, str(error))])
        store.runs.finish_run(run_id, refused.envelope())
        store.flush()
        raise


def draft_again(settings: Settings, store: StateStore, thread_id: str) -> Draft | None:
    """Convert a thread again, as `apply` would; None when the source no longer has it."""
    name_it = f"name it after the thread (`migrate-cli resolve {shlex.quote(thread_id)} ./export`), or set source.path"
    source = open_recorded(settings, name_it)
    resolver = as_recorded(settings, source, store.files)
    for entry in resolver.convert(source.threads(Selection(frozenset({thread_id})))):
        if isinstance(entry, Draft) and entry.thread_id == thread_id:
            return with_notes(entry, store.threads.refused_items().get(thread_id, {}))
    return None


def open_recorded(settings: Settings, name_it: str = "set source.path") -> Source:
    """Open the source of the settings, or else that of the state file. Raises UsageError; `name_it` is the way on."""
    return open_configured(with_known_source(settings, name_it))


def see_status(settings: Settings) -> str:
    """Return the command that lists the threads of the state file at hand."""
    return f"migrate-cli status{held_in(settings)}"


def undo_of(settings: Settings, thread_id: str) -> str:
    """Return the command that deletes what one thread left at the target."""
    return f"migrate-cli undo --thread {shlex.quote(thread_id)}{held_in(settings)}"


def again_of(settings: Settings) -> str:
    """Return source, target and state file as the command takes them that continues with this state file."""
    with StateReader(settings.state) as reader:
        setup = reader.setup()
    named = {SEEN: str(settings.source.path.absolute())} if settings.source.path is not None else {}
    return command_options({**setup, **named}, str(settings.state))


def held_in(settings: Settings) -> str:
    """Return the option that names the state file at hand, with a space before it; empty where it is the usual one."""
    return state_option({"state": str(settings.state)})
