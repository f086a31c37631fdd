"""`migrate-cli doctor`: checks everything that `apply` needs, and says what to do about each failure.

It joins the checks of `migrate_cli/doctor/`. It must not write anything, except scratch conversations with `--live`.
"""

from __future__ import annotations

import asyncio

from migrate_cli.commands.context import named_source, open_configured, target_of, with_known_source
from migrate_cli.doctor.check import Check, failed, ok, worst
from migrate_cli.doctor.configuration import check_key, check_settings
from migrate_cli.doctor.machine import check_disk, check_versions, versions
from migrate_cli.doctor.source import check_source
from migrate_cli.doctor.state import check_state
from migrate_cli.errors import MigrateError, StateError
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.model import JsonObject, Problem, Result
from migrate_cli.settings.model import Settings
from migrate_cli.settings.shown import settings_rows


def doctor(settings: Settings, *, sandbox: bool, live: bool) -> Result:
    """Run all checks; the exit code is that of the worst failure."""
    rows, found = settings_rows(settings), versions()
    checks = [check_settings(rows), check_versions(found)]
    target, facts = _target(settings, sandbox=sandbox, live=live)
    source, named = _source(settings)
    checks += [source, *target, check_state(settings.state, sandbox=sandbox), check_disk(settings.state)]
    data: JsonObject = {"facts": facts} if facts is not None else {}
    data |= {"checks": [check.as_dict() for check in checks], "settings": rows, "versions": found}
    data |= named | {"target": {"base_url": settings.target.base_url, "sandbox": sandbox}}
    problems = [Problem(f"doctor-{check.name.replace(' ', '-')}", check.detail) for check in checks if check.exit_code]
    return Result("doctor", data, worst(checks), errors=problems)


def _source(settings: Settings) -> tuple[Check, JsonObject]:
    """Check the source that is named, or else the one that the state file knows; and return how it is named."""
    try:
        known = with_known_source(settings)
    except StateError:  # which the check of the state file tells
        known = settings
    except MigrateError as error:
        return failed("source", error, "Name the export where it is now, or set source.path."), {}
    named = named_source(settings)
    if known.source.path != settings.source.path:
        named["source_argument"] = str(known.source.path)
    return check_source(known, open_configured), named


def _target(settings: Settings, *, sandbox: bool, live: bool) -> tuple[list[Check], list[JsonObject] | None]:
    """The key, what the target answers and, if asked for, what it does."""
    key = ok("key", "the sandbox needs none") if sandbox else check_key(settings)
    if key.exit_code:
        return [key], None
    try:
        with target_of(settings, sandbox=sandbox) as target:
            strict = settings.convert.strict_assistant
            return asyncio.run(_visit(key, target.endpoint, live=live, strict=strict))
    except MigrateError as error:
        return [key, failed("target", error, "Correct it and run doctor again.")], None


async def _visit(
    key: Check, endpoint: Endpoint, *, live: bool, strict: bool
) -> tuple[list[Check], list[JsonObject] | None]:
    from migrate_cli.doctor.live import find_out  # noqa: PLC0415 - only when asked for
    from migrate_cli.doctor.target import check_target  # noqa: PLC0415 - only with a key

    checks = [key, *await check_target(endpoint)]
    if not live or any(check.exit_code for check in checks):
        return checks, None
    told, facts = await find_out(endpoint, strict=strict)
    return [*checks, *told], facts
