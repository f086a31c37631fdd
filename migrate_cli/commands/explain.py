"""`migrate-cli plan --explain FILE`: shows how the first records of one file or table are read. It sends nothing."""

from __future__ import annotations

from pathlib import Path

from migrate_cli.commands.context import open_configured
from migrate_cli.errors import UsageError
from migrate_cli.model import Result
from migrate_cli.settings.model import Settings


def explain(settings: Settings, name: str) -> Result:
    """Return the explanation. Raises UsageError where the source has no such file or table, or cannot explain any."""
    source = settings.source
    alone = source.path is None and source.base_url is None and source.url is None and source.kind == "export"
    if alone or (source.path is not None and Path(name) == source.path):
        # The name is a source by itself: its first file is shown.
        settings = settings.model_copy(update={"source": source.model_copy(update={"path": Path(name)})})
        shown = open_configured(settings).explain(None)
    else:
        shown = open_configured(settings).explain(name)
    if shown is None:
        raise UsageError(f"a source of the kind {source.kind} has no file {name} to explain")
    return Result("plan", {"explained": shown.as_dict()})
