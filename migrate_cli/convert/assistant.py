"""An assistant becomes a response configuration: the settings of each `responses.create` call, kept by the user.

Pure. It never makes a prompt object: those are shut down too. What has no counterpart becomes a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from migrate_cli.convert import limits
from migrate_cli.convert.model_catalogue import going, is_reasoning
from migrate_cli.convert.text import plain, short
from migrate_cli.findings import finding
from migrate_cli.model import Finding, JsonObject

MARKDOWN = (
    "Formatting: write your answers in Markdown where structure helps, with headings, lists, tables and code blocks."
)
"""Appended on request: newer models answer in plain text by default."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one assistant became."""

    assistant_id: str
    name: str | None
    config: JsonObject
    """Keyword arguments of `responses.create`: model, instructions, tools, text, reasoning, metadata and so on."""
    findings: tuple[Finding, ...]


class _Work:
    """The configuration while it is being written."""

    def __init__(self, assistant: JsonObject, resources: JsonObject, uploaded: Mapping[str, str] | None) -> None:
        self.assistant = assistant
        self.resources = resources
        self.uploaded = uploaded
        self.config: JsonObject = {}
        self.findings: list[Finding] = []

    def find(self, code: str, detail: str) -> None:
        name = short(str(self.assistant.get("id") or "without id"), 80)
        self.findings.append(finding(code, f"Assistant {name}: {detail}"))


def convert_assistant(
    assistant: JsonObject,
    *,
    thread_resources: Iterable[Mapping[str, Any]] = (),
    uploaded: Mapping[str, str] | None = None,
    markdown: bool = False,
    today: date | None = None,
) -> Configuration:
    """Return the configuration of one assistant object.

    `uploaded` holds the ids of files at the target by their ids at the source, where the target is another
    organisation's; None where it is the same, and all ids stay.

    `thread_resources` are `tool_resources` of threads; their vector stores and files join the assistant's own.
    `markdown` adds a sentence to the instructions that asks for Markdown. `today` tells models that are gone from
    those that are going.
    """
    resources = _merged([assistant.get("tool_resources"), _old_files(assistant), *thread_resources])
    work = _Work(assistant, resources, uploaded)
    _write_model(work, today)
    _write_instructions(work, markdown)
    tools = [tool for tool in (_tool(work, tool) for tool in _listed(assistant.get("tools"))) if tool]
    if tools:
        work.config["tools"] = tools
    _write_format(work)
    _write_sampling(work)
    work.config["metadata"] = _metadata(work)
    name = assistant.get("name")
    return Configuration(
        str(assistant.get("id") or ""), name if isinstance(name, str) else None, work.config, tuple(work.findings)
    )


def _write_model(work: _Work, today: date | None) -> None:
    model = work.assistant.get("model")
    if not isinstance(model, str) or not model:
        work.find("model-missing", "no model is named.")
        return
    end = going(model)
    if end is not None:
        work.find("model-going", f"{short(model, 80)} {end.told(today)}; {end.successor} was written.")
    work.config["model"] = end.successor if end else model


def _write_instructions(work: _Work, markdown: bool) -> None:
    given = work.assistant.get("instructions")
    texts = [plain(given)] if isinstance(given, str) and given else []
    if markdown:
        texts.append(MARKDOWN)
    if texts:
        work.config["instructions"] = "\n\n".join(texts)


def _tool(work: _Work, tool: Any) -> JsonObject | None:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    convert = _TOOLS.get(kind) if isinstance(kind, str) else None
    if convert is not None:
        return convert(work, tool)
    hint = _HINTS.get(str(kind))
    work.find("tool-not-carried", f"the tool {short(str(kind), 60)}{f'; {hint}' if hint else ''}.")
    return None


def _function(work: _Work, tool: Mapping[str, Any]) -> JsonObject | None:
    """Function tools are flat now. `strict` is always written, since its default turned from false to true."""
    inner = tool.get("function")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        work.find("tool-not-carried", "a function without a name.")
        return None
    flat: JsonObject = {"type": "function", "name": inner["name"]}
    if isinstance(inner.get("description"), str):
        flat["description"] = inner["description"]
    parameters = inner.get("parameters")
    flat["parameters"] = parameters if isinstance(parameters, Mapping) else {"type": "object", "properties": {}}
    flat["strict"] = inner.get("strict") is True
    return flat


def _file_search(work: _Work, tool: Mapping[str, Any]) -> JsonObject | None:
    stores = work.resources["vector_store_ids"]
    if not stores:
        work.find("vector-store-missing", "it searches files, but no vector store is named.")
        return None
    if work.uploaded is not None:
        work.find("vector-store-not-carried", f"put a store of the target in place of {short(', '.join(stores), 200)}.")
    flat: JsonObject = {"type": "file_search", "vector_store_ids": stores}
    inner = tool.get("file_search")
    inner = inner if isinstance(inner, Mapping) else {}
    if isinstance(inner.get("max_num_results"), int):
        flat["max_num_results"] = inner["max_num_results"]
    ranking = inner.get("ranking_options")
    if isinstance(ranking, Mapping):
        if isinstance(ranking.get("score_threshold"), (int, float)):
            flat["ranking_options"] = {"score_threshold": ranking["score_threshold"]}
        if ranking.get("ranker") not in (None, "auto"):
            work.find("assistant-field-lost", f"the ranker {short(str(ranking['ranker']), 60)}.")
    return flat


def _code_interpreter(work: _Work, _tool: Mapping[str, Any]) -> JsonObject:
    container: JsonObject = {"type": "auto"}
    file_ids = _at_target(work, work.resources["file_ids"])
    if file_ids:
        container["file_ids"] = file_ids
    return {"type": "code_interpreter", "container": container}


def _at_target(work: _Work, file_ids: list[str]) -> list[str]:
    """Return the files' ids at the target; an id that is unknown there would spoil every request, so it is left out."""
    if work.uploaded is None:
        return file_ids
    for file_id in file_ids:
        if file_id not in work.uploaded:
            work.find("resource-file-missing", f"the code interpreter's file {short(file_id)} was left out.")
    return [work.uploaded[file_id] for file_id in file_ids if file_id in work.uploaded]


def _mcp(_work: _Work, tool: Mapping[str, Any]) -> JsonObject:
    return {key: tool[key] for key in ("type", "server_label", "server_url", "allowed_tools") if tool.get(key)}


_TOOLS: dict[str, Callable[[_Work, Mapping[str, Any]], JsonObject | None]] = {
    "function": _function,
    "file_search": _file_search,
    "retrieval": _file_search,
    "code_interpreter": _code_interpreter,
    "mcp": _mcp,
}
_HINTS = {
    "bing_grounding": "its successor is the tool web_search",
    "bing_custom_search": "its successor is the tool web_search with allowed domains",
    "azure_ai_search": "put the documents into a vector store for file_search, or reach the index through mcp",
    "openapi": "write its operations as functions, or reach them through mcp",
    "azure_function": "write it as a function",
}


def _write_format(work: _Work) -> None:
    given = work.assistant.get("response_format")
    kind = given.get("type") if isinstance(given, Mapping) else given
    if kind in (None, "auto", "text"):
        return
    schema = given.get("json_schema") if isinstance(given, Mapping) else None
    if kind == "json_object":
        work.config["text"] = {"format": {"type": "json_object"}}
    elif kind == "json_schema" and isinstance(schema, Mapping):
        kept = {key: schema[key] for key in ("name", "description", "schema", "strict") if schema.get(key) is not None}
        work.config["text"] = {"format": {"type": "json_schema", **kept}}
    else:
        work.find("response-format-unknown", f"the response format {short(str(kind), 60)}.")


def _write_sampling(work: _Work) -> None:
    model = work.config.get("model")
    reasoning = isinstance(model, str) and is_reasoning(model)
    # 1 is the default of both, and was returned for every assistant that never set them.
    given = {key: work.assistant.get(key) for key in ("temperature", "top_p")}
    chosen = {key: value for key, value in given.items() if isinstance(value, (int, float)) and value != 1}
    if chosen and reasoning:
        work.find("sampling-not-taken", f"{' and '.join(chosen)} left out, since {model} is a reasoning model.")
    elif chosen:
        work.config |= chosen
    effort = work.assistant.get("reasoning_effort")
    if isinstance(effort, str) and reasoning:
        work.config["reasoning"] = {"effort": effort}
    elif effort:
        work.find("assistant-field-lost", "reasoning_effort, since the model is no reasoning model.")


def _metadata(work: _Work) -> dict[str, str]:
    """Return where the configuration came from, then the assistant's own pairs while they fit."""
    assistant = work.assistant
    names = {
        "id": "source_assistant_id",
        "name": "source_assistant_name",
        "description": "source_assistant_description",
    }
    given = assistant.get("metadata")
    own = given.items() if isinstance(given, Mapping) else ()
    pairs = [(new, assistant.get(old)) for old, new in names.items() if assistant.get(old)]
    fitted: dict[str, str] = {}
    for key, value in [*pairs, *own]:
        name, text = plain(str(key)), plain(str(value))
        fits = 0 < len(name) <= limits.MAX_METADATA_KEY and len(text) <= limits.MAX_METADATA_VALUE
        if fits and name not in fitted and len(fitted) < limits.MAX_METADATA_PAIRS:
            fitted[name] = text
        else:
            work.find("assistant-field-lost", f"the metadata pair {short(name, 80)} does not fit.")
    return fitted


def _old_files(assistant: JsonObject) -> JsonObject | None:
    """Assistants of the first version held `file_ids` of their own."""
    ids = assistant.get("file_ids")
    return {"code_interpreter": {"file_ids": ids}} if isinstance(ids, list) else None


def _merged(resources: Iterable[Any]) -> JsonObject:
    """Return all vector stores and files, each once, in the order of their first mention."""
    stores: dict[str, None] = {}
    files: dict[str, None] = {}
    for held in resources:
        stores |= dict.fromkeys(_ids(held, "file_search", "vector_store_ids"))
        files |= dict.fromkeys(_ids(held, "code_interpreter", "file_ids"))
    return {"vector_store_ids": list(stores), "file_ids": list(files)}


def _ids(resources: Any, tool: str, key: str) -> Iterator[str]:
    inner = resources.get(tool) if isinstance(resources, Mapping) else None
    for value in _listed(inner.get(key) if isinstance(inner, Mapping) else None):
        if isinstance(value, str):
            yield value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
