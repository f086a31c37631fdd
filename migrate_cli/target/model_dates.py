"""Asks a target when it shuts down which model. The target's dates take precedence over this program's table.

It must not decide what to do about a model, nor fail a command: without an answer, the table is all there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from migrate_cli.errors import MigrateError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.outcomes import Applied

PATIENCE = 10.0
"""Seconds to wait for the list in all: it is no more than a help."""


async def shutdown_dates(client: ApiClient) -> Mapping[str, str]:
    """Return the day on which the target shuts each model down (ISO), by model id, for models that it names one of.

    Source: `shutdown_date` in entries of `GET /models`, which is optional. Empty where there is no answer in time.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            reply = await client.read("/models", attempts=1)
    except (MigrateError, TimeoutError):
        return {}
    return dict(_dates(reply.body.get("data"))) if isinstance(reply, Applied) else {}


def _dates(data: Any) -> Iterator[tuple[str, str]]:
    for entry in data if isinstance(data, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and (day := _day(entry.get("shutdown_date"))):
            yield entry["id"], day


def _day(value: Any) -> str | None:
    """Return a date, a moment or Unix seconds as a day; None for everything else."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10]).isoformat()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None
    return None
