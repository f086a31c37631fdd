"""Adjusts the settings of a command that takes one shard: a state file of its own, and its share of the limits.

It must not run a stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.settings.model import Settings
from migrate_cli.sources.interface import Selection
from migrate_cli.sources.shard_numbers import share_of, state_file_of


def for_shard(settings: Settings, selection: Selection, state: Path | None = None) -> Settings:
    """Return the settings of the shard that is selected; the same where none is.

    `state` is the state file that the command line names: it is taken as it is. Any other gets the shard into its name,
    so that shards which share a disk or a settings file never fight for one file. Raises UsageError for a limit that is
    too small to be divided.
    """
    if selection.shard is None:
        return settings
    changed: dict[str, Any] = {} if state is not None else {"state": state_file_of(settings.state, selection.shard)}
    load, source = settings.load, settings.source
    rate = share(settings, load.max_requests_per_minute, selection)
    reads = share(settings, source.max_reads_per_minute, selection)
    changed["load"] = load.model_copy(update={"max_requests_per_minute": rate})
    changed["source"] = source.model_copy(update={"max_reads_per_minute": reads})
    return settings.model_copy(update=changed)


def share(settings: Settings, limit: int | None, selection: Selection) -> int | None:
    """Return what a shard may use of a limit, which counts for all shards unless the settings say otherwise."""
    return share_of(limit, selection.shard) if limit is not None and settings.load.divide_limits else limit


def shard_data(settings: Settings, selection: Selection) -> JsonObject:
    """Return the key `shard` of a result, with the requests a minute that are the shard's; nothing for the whole."""
    if selection.shard is None:
        return {}
    index, total = selection.shard
    rate = settings.load.max_requests_per_minute
    found: JsonObject = {"index": index, "of": total}
    return {"shard": found | ({} if rate is None else {"requests_per_minute": rate})}


def shard_setup(selection: Selection) -> dict[str, str]:
    """Return what a state file that is made for a shard records of it."""
    return {} if selection.shard is None else {"shard": "{}/{}".format(*selection.shard)}
