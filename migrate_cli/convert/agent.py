"""A response configuration becomes a Foundry agent: its name, its definition, and the metadata that says whose it is.

Pure. It must not know which agents the target has.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate_cli.convert import limits
from migrate_cli.convert.configuration import Configuration
from migrate_cli.convert.text import short
from migrate_cli.findings import finding
from migrate_cli.model import Finding, JsonObject

MIGRATED_FROM = "migrated_from"
"""The pair of a version's metadata that names the assistant it was made of."""
DIGEST = "migrated_digest"
"""The pair that tells what it was made as, since a target may show a definition otherwise than it was sent."""
LONGEST_NAME = 63
"""Characters of an agent's name: letters, digits, and hyphens in the middle [azure-ai-projects 2.10.0]."""
LONGEST_DESCRIPTION = 512
_TAIL = 8
"""Letters and digits of an assistant's id that tell agents apart whose assistants share a name."""
_DEFINED = ("model", "instructions", "temperature", "top_p", "reasoning", "tools", "tool_choice")
"""Keys of a configuration that a definition has too, and in the same form."""


@dataclass(frozen=True, slots=True)
class AgentDraft:
    """An agent that is to be made."""

    assistant_id: str
    name: str
    body: JsonObject
    """What a version is made of: definition, metadata and description."""
    findings: tuple[Finding, ...] = ()

    @property
    def mark(self) -> str:
        """What its metadata say it was made of."""
        return str(self.body["metadata"][MIGRATED_FROM])

    @property
    def digest(self) -> str:
        """Tells its body from any other."""
        return str(self.body["metadata"][DIGEST])


def agent_names(assistants: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Return an agent's name for each assistant, given all ids with their names.

    Assistants that share a name are told apart by the end of their ids, all of them, so that none depends on an order.
    """
    plain = {own_id: _allowed(name or "") for own_id, name in assistants}
    shared = Counter(name.casefold() for name in plain.values())
    named: dict[str, str] = {}
    taken: set[str] = set()
    for own_id, own_name in plain.items():
        name = own_name
        if not name or shared[name.casefold()] > 1:
            name = _with_tail(name, re.sub(r"[^A-Za-z0-9]", "", _ascii(own_id))[-_TAIL:] or _hash(own_id)[:_TAIL])
        if name.casefold() in taken:
            name = _with_tail(own_name, _hash(own_id)[:16])
        named[own_id] = name
        taken.add(name.casefold())
    return named


def _with_tail(name: str, tail: str) -> str:
    return f"{name[: LONGEST_NAME - len(tail) - 1].rstrip('-') or 'assistant'}-{tail}"


def agent_draft(configuration: Configuration, own_id: str, name: str) -> AgentDraft:
    """Return the agent of a configuration; `own_id` is the id by which its assistant is known."""
    definition, lost = _definition(configuration.config)
    pairs = {key: str(value) for key, value in (configuration.config.get("metadata") or {}).items()}
    pairs.pop("source_assistant_id", None)
    description = pairs.pop("source_assistant_description", "")[:LONGEST_DESCRIPTION]
    body: JsonObject = {"definition": definition} | ({"description": description} if description else {})
    told = _hash(json.dumps([body, pairs], sort_keys=True, ensure_ascii=False, default=str))
    metadata = {MIGRATED_FROM: mark_of(own_id), DIGEST: told}
    for key, value in pairs.items():
        if key not in metadata and len(metadata) < limits.MAX_METADATA_PAIRS:
            metadata[key] = value
        else:
            lost.append(f"the metadata pair {short(key, 60)}")
    body["metadata"] = metadata
    who = f"Assistant {short(own_id, 80)}"
    findings = [finding("assistant-field-lost", f"{who}: {what}, for which an agent has no place.") for what in lost]
    # Blanks that became hyphens surprise nobody, and the report shows both names.
    if configuration.name and re.sub(r"[\s_-]+", "-", configuration.name.strip()) != name:
        findings.append(finding("agent-name-changed", f"{who}: {short(configuration.name, 80)} became {name}."))
    return AgentDraft(own_id, name, body, tuple(findings))


def mark_of(own_id: str) -> str:
    """Return what the metadata of an agent say of the assistant it was made of: its id, while that fits."""
    return own_id if len(own_id) <= limits.MAX_METADATA_VALUE else _hash(own_id)


def changed_paths(sent: Any, found: Any, path: str = "") -> list[str]:
    """Return where a definition as the target shows it lacks or changes what was sent; what it adds is its affair."""
    if isinstance(sent, Mapping) and isinstance(found, Mapping):
        below = [(f"{path}.{key}" if path else str(key), value, found.get(key)) for key, value in sent.items()]
    elif isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        below = [(f"{path}[{place}]", *pair) for place, pair in enumerate(zip(sent, found, strict=True))]
    else:
        return [] if sent == found else [path]
    return [each for place, ours, theirs in below for each in changed_paths(ours, theirs, place)]


def _definition(config: JsonObject) -> tuple[JsonObject, list[str]]:
    """Return an agent's definition, and the keys of the configuration for which it has no place."""
    definition: JsonObject = {"kind": "prompt"}
    definition |= {key: config[key] for key in _DEFINED if config.get(key) is not None}
    lost = [key for key in config if key not in (*_DEFINED, "text", "metadata")]
    text = config.get("text")
    if isinstance(text, Mapping):
        lost += [f"text.{key}" for key in text if key != "format"]
        if "format" in text:
            definition["text"] = {"format": text["format"]}
    return definition, lost


def _allowed(name: str) -> str:
    """Return what is left of a name where only letters, digits and single hyphens in the middle may stand."""
    return re.sub(r"[^A-Za-z0-9]+", "-", _ascii(name)).strip("-")[:LONGEST_NAME].strip("-")


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
