"""`migrate-cli transcribe`: transcribes local audio files with the rules and the model of the migration."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from migrate_cli.commands.context import target_of
from migrate_cli.commands.files import model_findings
from migrate_cli.commands.model_dates import listed_dates
from migrate_cli.commands.run_totals import finding_row
from migrate_cli.errors import ExitCode, UsageError
from migrate_cli.files import audio
from migrate_cli.files.host import FileHost
from migrate_cli.files.local import LocalFile, look_at
from migrate_cli.files.transfer import check_model
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Refused
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.retry import send_until_clear
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.settings.model import Settings
from migrate_cli.work.clock import WallClock

AT_ONCE = 4


def transcribe(settings: Settings, paths: list[Path]) -> Result:
    """Transcribe files; exit 3 when some of them cannot be. Raises UsageError before anything is sent."""
    locals_ = [_looked_at(path) for path in paths]
    listed = listed_dates(settings)
    with target_of(settings, sandbox=False) as target:
        client = ApiClient(target.endpoint, RateLimiter(most_in_flight=AT_ONCE))
        rows = asyncio.run(_all(client, locals_, settings.audio.model))
    problems = [Problem("audio-not-transcribed", f"{row['file']}: {row['error']}") for row in rows if row["error"]]
    found = [finding_row(found) for found in model_findings(settings.audio.model, listed)]
    data: JsonObject = {"model": settings.audio.model, "files": rows, "finding_list": found}
    if not problems:
        data["verbatim"] = _as_text(rows)
    return Result("transcribe", data, ExitCode.PARTIAL if problems else ExitCode.OK, errors=problems)


def _looked_at(path: Path) -> LocalFile:
    try:
        return look_at(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; nothing was sent") from error


async def _all(client: ApiClient, files: list[LocalFile], model: str) -> list[dict[str, Any]]:
    host, slots = FileHost(client), asyncio.Semaphore(AT_ONCE)
    async with client:
        results = await asyncio.gather(*(_one(host, local, model, slots) for local in files), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, dict)]


async def _one(host: FileHost, local: LocalFile, model: str, slots: asyncio.Semaphore) -> dict[str, Any]:
    row = {"file": str(local.path), "bytes": local.bytes, "text": None, "error": None}
    reason = audio.refusal(local.filename, local.bytes, local.media_type)
    if reason is not None:
        return row | {"error": reason}
    async with slots:
        try:
            sent = await send_until_clear(
                lambda: host.transcribe(local, model), WallClock(), f"the transcription of {local.filename}"
            )
        except OSError as error:
            return row | {"error": f"it cannot be read: {error.strerror}"}
    if isinstance(sent.reply, Refused):
        check_model(sent.reply, model)
        return row | {"error": f"the target refused it ({sent.reply.status}: {sent.reply.message})"}
    return row | {"text": sent.reply.body["text"]}


def _as_text(rows: list[dict[str, Any]]) -> str:
    """One text alone as it is, so that it can be piped on; several under the names of their files."""
    if len(rows) == 1:
        return f"{rows[0]['text']}\n"
    return "\n".join(f"{row['file']}:\n{row['text']}\n" for row in rows)
