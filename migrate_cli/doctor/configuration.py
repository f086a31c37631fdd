"""Checks of the settings and the target's key. It must not show a key or a token."""

from __future__ import annotations

import os

from migrate_cli.convert.text import counted
from migrate_cli.doctor.check import Check, failure, ok
from migrate_cli.errors import ExitCode
from migrate_cli.model import JsonObject
from migrate_cli.secrets import MASK, register_secret
from migrate_cli.settings.model import Settings
from migrate_cli.target.endpoint import token_way


def check_settings(rows: list[JsonObject]) -> Check:
    """Report which layers the settings came from. Invalid settings never get this far: loading refuses them."""
    places = {str(row["from"]).split(" ")[0].rsplit(":", 1)[0] for row in rows} - {"default"}
    if not places:
        return ok("settings", f"all {len(rows)} are as by default; `migrate-cli init` writes a file to change them")
    changed = sum(bool(row["changed"]) for row in rows)
    return ok("settings", f"{changed} of {len(rows)} differ from the default; read from {', '.join(sorted(places))}")


def check_key(settings: Settings) -> Check:
    """Report whether the target's key is set, and where. Whether it is valid only the target can tell."""
    variable = settings.target.api_key_env
    key = settings.target_key()
    token = token_way(settings.target)
    if token is not None and (settings.target.token_command or key is None):
        return ok("key", f"{token} fetches a token for {settings.target.base_url}")
    if settings.target.preset == "self-hosted" and key is None:
        return ok("key", f"none is set, and {settings.target.base_url} may need none")
    if key is None or not key.get_secret_value().strip():
        return failure(
            "key",
            f"{variable} is not set, so nothing can be sent to {settings.target.base_url}",
            f"Set {variable}, or rehearse without a key: --target sandbox.",
            ExitCode.USAGE,
        )
    value = key.get_secret_value()
    register_secret(value)
    place = "the environment" if os.environ.get(variable) == value else str(settings.env_file)
    if value != value.strip() or any(character.isspace() for character in value.strip()):
        return failure(
            "key",
            f"{variable} ({MASK}, from {place}) has blanks or line ends in it",
            f"Set {variable} again, without quotes or blanks around it.",
            ExitCode.AUTH,
        )
    return ok("key", f"{variable} is set ({MASK}, {counted(len(value), 'character')}, from {place})")
