"""The settings as people may see them: each value with its origin, what is not the default, and a digest of all.

It must not show a key or a token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from migrate_cli.model import JsonObject
from migrate_cli.secrets import MASK, scrub
from migrate_cli.settings.model import Settings

_MAY_BE_SECRET = frozenset({"target.query", "target.headers", "source.query", "source.options"})
_PLACES = frozenset({"state", "report.output"})
"""Settings that say where something is written, and change nothing of what is done."""


def settings_rows(settings: Settings) -> list[JsonObject]:
    """Every setting: its dotted name, its value, where the value came from, and whether it differs from the default."""
    defaults = dict(_leaves(Settings()))
    return [
        {
            "setting": name,
            "value": _shown(_masked(name, value)),
            "from": settings.where(name),
            "changed": name not in defaults or value != defaults[name],
        }
        for name, value in _leaves(settings)
    ]


def settings_digest(rows: Iterable[JsonObject]) -> str:
    """The hash of all settings as `settings_rows` gives them, after the name of its algorithm.

    Equal digests mean equal settings, except for secrets, and for where the state and the report are.
    """
    said = {row["setting"]: row["value"] for row in rows if row["setting"] not in _PLACES}
    data = json.dumps(said, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return f"blake2b-128:{hashlib.blake2b(data, digest_size=16).hexdigest()}"


def _leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _masked(name: str, value: Any) -> Any:
    """Mask the values of mappings that may hold secrets, and the arguments of a token command."""
    if name in _MAY_BE_SECRET and isinstance(value, Mapping):
        return dict.fromkeys(value, MASK)
    if name.endswith(".token_command") and value:
        words = value.split() if isinstance(value, str) else value
        return f"{words[0]} {MASK}" if len(words) > 1 else " ".join(words)
    return value


def _shown(value: Any) -> Any:
    """Keep numbers, booleans and null; turn everything else into text with anything that looks like a key masked."""
    return value if value is None or isinstance(value, bool | int | float) else scrub(str(value))
