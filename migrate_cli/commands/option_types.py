"""The fixed values that options take, apart from the commands so that `--help` imports nothing else for them."""

from __future__ import annotations

from enum import StrEnum


class TargetName(StrEnum):
    """What `--target` takes; without it the configured target is used."""

    SANDBOX = "sandbox"


class ReplayMode(StrEnum):
    """What `replay --mode` takes."""

    COPY = "copy"
    STATELESS = "stateless"
    IN_PLACE = "in-place"
    CHAIN = "chain"


class CodeLanguage(StrEnum):
    """What `assistants --code` takes."""

    PYTHON = "python"
    TYPESCRIPT = "typescript"
    NEXT = "next"
    EXPRESS = "express"


class MapFormat(StrEnum):
    """What `map export --format` takes."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    SQL = "sql"


class MapLevel(StrEnum):
    """What `map export --level` takes."""

    THREADS = "threads"
    MESSAGES = "messages"
    FILES = "files"
    AGENTS = "agents"
    STORES = "stores"


class SourceHost(StrEnum):
    """What `sandbox --source-preset` takes."""

    OPENAI = "openai"
    AZURE = "azure"
    FOUNDRY = "foundry"
    SELF_HOSTED = "self-hosted"
    GONE = "gone"


class ProgressMode(StrEnum):
    """What `--progress` takes."""

    AUTO = "auto"
    JSON = "json"
    NONE = "none"
