"""A response configuration, and the builder that its parts are written with. It knows no field of an assistant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from migrate_cli.convert.text import short
from migrate_cli.findings import finding
from migrate_cli.model import Finding, JsonObject


class HostKind(StrEnum):
    """Who runs models under which names, and which tools it has."""

    OPENAI = "openai"
    AZURE = "azure"
    FOUNDRY = "foundry"
    SELF_HOSTED = "self-hosted"

    @property
    def deploys(self) -> bool:
        """Whether its model names are deployments that users named."""
        return self in (HostKind.AZURE, HostKind.FOUNDRY)


StoreIds = Callable[[str], str | None]
"""Returns the id of a vector store at the target by its id at the source; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class LeftTool:
    """A tool that has no counterpart that could be written, with all that was known of it but its secrets."""

    type: str
    data: JsonObject
    successor: str | None
    """What to use in its place; None if it is not known."""

    def as_dict(self) -> JsonObject:
        """The tool, as `--output json` shows it."""
        return {"type": self.type, "data": self.data, "successor": self.successor}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one assistant became."""

    assistant_id: str
    name: str | None
    config: JsonObject
    """Keyword arguments of `responses.create`: model, instructions, tools, text, reasoning, metadata and so on."""
    findings: tuple[Finding, ...]
    left: tuple[LeftTool, ...] = ()


@dataclass(slots=True)
class Resources:
    """The tool resources of an assistant and its threads: each store, file and server once, by first mention."""

    stores: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    servers: dict[str, JsonObject] = field(default_factory=dict)
    """What is known of MCP servers beside the tools that name them, by label."""
    others: JsonObject = field(default_factory=dict)
    """Resources of tools that have no counterpart, by tool."""


class ConfigurationBuilder:
    """The configuration while it is being written."""

    def __init__(
        self,
        assistant: JsonObject,
        resources: Resources,
        uploaded: Mapping[str, str] | None,
        target: HostKind,
        connections: Callable[[str], str | None] | None = None,
        stores: StoreIds | None = None,
    ) -> None:
        self.assistant = assistant
        self.resources = resources
        self.uploaded = uploaded
        """The ids of files at the target by those at the source; None where all ids stay."""
        self.stores = stores
        """Gives the ids of vector stores at the target; None where all ids stay."""
        self.target = target
        self.connections = connections
        """A connection's id at the target by that at the source, where tools are written for an agent; else None."""
        self.config: JsonObject = {}
        self.findings: list[Finding] = []
        self.left: list[LeftTool] = []
        self._name = short(str(assistant.get("id") or assistant.get("name") or "without id"), 80)
        self._rest: dict[str, int] = {}

    def find(self, code: str, detail: str) -> None:
        """Report what changed or is lost; `detail` never holds a value of the assistant that could be a secret."""
        self.findings.append(finding(code, f"Assistant {self._name}: {detail}"))

    def rest(self, value: Mapping[str, Any], known: Iterable[str], path: str = "") -> None:
        """Count the fields that are not known, each by its path; what is empty says nothing and is passed by."""
        passed = set(known)
        for key, held in value.items():
            if key not in passed and held not in (None, "", [], {}):
                place = f"{path}.{short(str(key), 60)}" if path else short(str(key), 60)
                self._rest[place] = self._rest.get(place, 0) + 1

    def tell_rest(self) -> None:
        """Report what `rest` counted, once for each path."""
        for path, times in self._rest.items():
            often = f", {times:,} times" if times > 1 else ""
            self.find("field-not-carried", f"the field {path}{often}.")


_SECRETS = frozenset(
    {
        "authorization", "password", "secret", "client_secret", "token", "access_token", "key", "api_key", "apikey",
        "connection_string", "credential", "sig",
    }
)  # fmt: skip


def without_secrets(value: Any) -> Any:
    """Return a JSON value in which headers and what is a secret by its name are masked; names stay."""
    if isinstance(value, Mapping):
        return {str(key): _masked(str(key), held) for key, held in value.items()}
    return [without_secrets(entry) for entry in value] if isinstance(value, list) else value


def _masked(key: str, held: Any) -> Any:
    name = key.lower().replace("-", "_")
    if name in ("headers", "custom_headers") and isinstance(held, Mapping):
        return dict.fromkeys(map(str, held), "***")
    if name in _SECRETS and isinstance(held, str) and held:
        return "***"
    return without_secrets(held)


def listed(value: Any) -> list[Any]:
    """Return a list as it is, and an empty one for all else."""
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object as it is, and an empty one for all else."""
    return value if isinstance(value, Mapping) else {}


def texts(value: Any) -> Iterator[str]:
    """Yield the texts of a list."""
    return (entry for entry in listed(value) if isinstance(entry, str))
