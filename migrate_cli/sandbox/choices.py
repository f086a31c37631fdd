"""The enums behind the sandbox's options. They are apart from `options.py` so that the command line starts quickly."""

from __future__ import annotations

from enum import StrEnum


class FileIdCheck(StrEnum):
    """Which file ids items may name."""

    ANY = "any"
    STRICT = "strict"


class MetadataUpdate(StrEnum):
    """What `POST /conversations/{id}` does with the pairs that stand; the real service's choice is not known."""

    REPLACE = "replace"
    MERGE = "merge"


class TargetPreset(StrEnum):
    """Which host the target side stands for."""

    OPENAI = "openai"
    FOUNDRY = "foundry"
    """Conversations can be listed, and lists of items take `before` and `item_type`. Items need a `type` and take no
    ids, and a message has at most 1,500,000 characters."""
