"""The source and the target of a result as the next command must name them. It must not advise anything."""

from __future__ import annotations

import shlex

from migrate_cli.model import JsonObject
from migrate_cli.report import chosen
from migrate_cli.report.document import counts


def source_words(data: JsonObject) -> str:
    """The source, its format, its listing, the shard and the choice, each with a space before it."""
    shard = counts(data, "shard")
    words = source_alone(data)
    words += " --discover" if data.get("discover") else ""
    words += f" --shard {shard['index']}/{shard['of']}" if shard else ""
    return words + chosen.options(data)


def source_alone(data: JsonObject) -> str:
    """The source and its format, which every command takes that reads a source."""
    named, form = data.get("source_argument"), data.get("format_argument")
    return (f" {shlex.quote(str(named))}" if named else "") + (f" --format {shlex.quote(str(form))}" if form else "")


def target_words(data: JsonObject) -> str:
    """The option of a rehearsal's target, with a space before it; empty for any other."""
    target = data.get("target")
    return " --target sandbox" if isinstance(target, dict) and target.get("sandbox") else ""
