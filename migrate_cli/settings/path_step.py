"""How a name is spelled in a path of `source.map`. Pure, and apart from the language, which few runs need."""

from __future__ import annotations

import json


def step(name: str) -> str:
    """Return a name as a path spells it: in quotes where it is more than a word."""
    plain = name.isascii() and name.isidentifier()
    return name if plain else json.dumps(name)
