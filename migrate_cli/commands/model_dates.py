"""The shutdown dates of models according to the configured target, if there is a key to ask with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from migrate_cli.commands.context import target_of
from migrate_cli.convert.configuration import HostKind
from migrate_cli.convert.model_catalogue import NOTHING_LISTED
from migrate_cli.errors import UsageError
from migrate_cli.http.client import ApiClient
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.settings.model import Settings
from migrate_cli.target.model_dates import shutdown_dates


def listed_dates(settings: Settings, *, sandbox: bool = False) -> Mapping[str, str]:
    """Return what the target says; nothing where there is no key, no answer, or where models have the user's names."""
    if sandbox or HostKind(settings.target.preset).deploys:
        return NOTHING_LISTED
    try:
        with target_of(settings, sandbox=False) as target:
            return asyncio.run(_ask(target.endpoint))
    except UsageError:  # which the commands that need a target tell of
        return NOTHING_LISTED


async def _ask(endpoint: Endpoint) -> Mapping[str, str]:
    async with ApiClient(endpoint, RateLimiter(most_in_flight=1)) as client:
        return await shutdown_dates(client)
