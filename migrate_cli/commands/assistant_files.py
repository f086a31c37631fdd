"""The code interpreter's files of assistants, which no thread names: carried over with a run over the whole source.

It must not convert assistants; `migrate-cli assistants` does.
"""

from __future__ import annotations

import asyncio

from migrate_cli.convert.file_references import resource_files
from migrate_cli.errors import SourceError
from migrate_cli.files.resolver import FileDesk
from migrate_cli.findings import finding
from migrate_cli.model import Finding, JsonObject
from migrate_cli.sources.interface import Selection, Source


def carries_assistants(selection: Selection) -> bool:
    """Whether a run is to carry them: one over the whole source, or the first of its shards."""
    shard = selection.shard
    return selection == Selection(shard=shard) and (shard is None or shard[0] == 1)


async def carry_assistants(source: Source, desk: FileDesk) -> list[Finding]:
    """Upload the files of the source's assistants; return a finding for each that is not at the target."""
    try:
        wanted = await asyncio.to_thread(_wanted, source) if source.live else _wanted(source)
    except SourceError as error:
        return [finding("resource-file-missing", f"The files of the assistants were not uploaded: {error}.")]
    facts = await desk.carry(wanted)
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
