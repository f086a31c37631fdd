"""An assistant becomes a response configuration: the settings of each `responses.create` call, kept by the user.

Pure. It never makes a prompt object: those are shut down too. What has no counterpart becomes a finding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from migrate_cli.convert import limits
from migrate_cli.convert.agent_tools import Connections
from migrate_cli.convert.assistant_tools import merged, write_tools
from migrate_cli.convert.configuration import Configuration, ConfigurationBuilder, HostKind, StoreIds, listed, mapping
from migrate_cli.convert.model_catalogue import NOTHING_LISTED, going, is_known, is_reasoning
from migrate_cli.convert.text import plain, short
from migrate_cli.model import JsonObject

MARKDOWN = (
    "Formatting: write your answers in Markdown where structure helps, with headings, lists, tables and code blocks."
)
"""Appended on request: newer models answer in plain text by default."""

_FIELDS = frozenset(
    {
        "id", "object", "created_at", "name", "description", "model", "instructions", "tools", "tool_resources",
        "metadata", "temperature", "top_p", "response_format", "text", "reasoning_effort", "file_ids", "tool_choice",
        "parallel_tool_calls", "max_output_tokens", "max_completion_tokens",
    }
)  # fmt: skip
"""Fields of an assistant that are carried, or that hold nothing that a response could."""


_FORMS: dict[str, type] = {
    "tools": list,
    "tool_resources": Mapping,
    "metadata": Mapping,
    "file_ids": list,
    "text": Mapping,
}
"""Fields that carry only what is in a list or an object."""


def convert_assistant(
    assistant: JsonObject,
    *,
    thread_resources: Iterable[Mapping[str, Any]] = (),
    uploaded: Mapping[str, str] | None = None,
    markdown: bool = False,
    today: date | None = None,
    dates: Mapping[str, str] = NOTHING_LISTED,
    source: HostKind = HostKind.OPENAI,
    target: HostKind = HostKind.OPENAI,
    connections: Connections | None = None,
    stores: StoreIds | None = None,
) -> Configuration:
    """Return the configuration of one assistant object.

    `uploaded` holds the ids of files at the target by their ids at the source, where the target is another
    organisation's; None where it is the same, and all ids stay. `stores` gives the same for vector stores.

    `thread_resources` are `tool_resources` of threads; their vector stores and files join the assistant's own.
    `markdown` adds a sentence to the instructions that asks for Markdown. `today` tells models that are gone from
    those that are going, and `dates` are those of models that the target tells. `source` and `target` tell whose
    names of models and tools these are. With `connections`, tools that only an agent of Foundry can have
    are written as such.
    """
    resources = merged([assistant.get("tool_resources"), _old_files(assistant), *thread_resources])
    builder = ConfigurationBuilder(assistant, resources, uploaded, target, connections, stores)
    deployed = source.deploys or target.deploys or isinstance(assistant.get("model"), Mapping)
    _write_model(builder, today, dates, deployed=deployed)
    _write_instructions(builder, markdown)
    write_tools(builder)
    _write_format(builder)
    _write_sampling(builder, deployed=deployed)
    _write_choices(builder)
    builder.config["metadata"] = _metadata(builder)
    builder.rest(assistant, _FIELDS)
    if not all(isinstance(one, str) for one in listed(assistant.get("file_ids"))):
        builder.rest({"file_ids": assistant["file_ids"]}, ())
    odd = {field: assistant.get(field) for field, form in _FORMS.items() if not isinstance(assistant.get(field), form)}
    builder.rest(odd, ())
    builder.tell_rest()
    name = assistant.get("name")
    return Configuration(
        str(assistant.get("id") or ""),
        name if isinstance(name, str) else None,
        builder.config,
        tuple(builder.findings),
        tuple(builder.left),
    )


def _write_model(
    builder: ConfigurationBuilder, today: date | None, dates: Mapping[str, str], *, deployed: bool
) -> None:
    """Write the model, or its successor; the name of a deployment is the user's, and is never replaced.

    An object in place of a name is how the files of Foundry's agents name a deployment.
    """
    given = builder.assistant.get("model")
    if isinstance(given, Mapping):
        builder.rest(given, ("id",), "model")
        given = given.get("id")
    if not isinstance(given, str) or not given:
        builder.find("model-missing", "no model is named.")
        return
    end = going(given, dates)
    builder.config["model"] = given
    if deployed:
        alike = f" A model of that name {end.told(today)}." if end else ""
        builder.find("model-is-deployment", f"{short(given, 80)} was kept as the name of a deployment.{alike}")
    elif end is not None:
        builder.find("model-going", f"{short(given, 80)} {end.told(today)}; {end.successor} was written.")
        builder.config["model"] = end.successor


def _write_instructions(builder: ConfigurationBuilder, markdown: bool) -> None:
    given = builder.assistant.get("instructions")
    texts = [plain(given)] if isinstance(given, str) and given else []
    if given and not texts:
        builder.rest({"instructions": given}, ())
    if markdown and not _answers_in_json(builder.assistant):
        texts.append(MARKDOWN)
    elif markdown:
        builder.find("markdown-not-asked", "its answers are JSON.")
    if texts:
        builder.config["instructions"] = "\n\n".join(texts)


def _answers_in_json(assistant: JsonObject) -> bool:
    own = mapping(assistant.get("text")).get("format")
    given = own if own else assistant.get("response_format")
    return mapping(given).get("type") in ("json_object", "json_schema")


def _write_format(builder: ConfigurationBuilder) -> None:
    if text := mapping(builder.assistant.get("text")):
        builder.config["text"] = dict(text)
        if "format" in text:
            return
    given = builder.assistant.get("response_format")
    kind = given.get("type") if isinstance(given, Mapping) else given
    if not given or kind in ("auto", "text"):
        return
    schema = given.get("json_schema") if isinstance(given, Mapping) else None
    if kind == "json_object":
        builder.config["text"] = {**text, "format": {"type": "json_object"}}
    elif kind == "json_schema" and isinstance(schema, Mapping):
        kept = {key: schema[key] for key in ("name", "description", "schema", "strict") if schema.get(key) is not None}
        builder.config["text"] = {**text, "format": {"type": "json_schema", **kept}}
        builder.rest(schema, kept, "response_format.json_schema")
    else:
        builder.find("response-format-unknown", f"the response format {short(str(kind), 60)}.")


def _write_sampling(builder: ConfigurationBuilder, *, deployed: bool) -> None:
    """Write what the model takes; a deployment whose name tells no model is believed to take what it was given."""
    model = builder.config.get("model")
    reasoning = isinstance(model, str) and is_reasoning(model)
    unknown = deployed and isinstance(model, str) and not is_known(model)
    # 1 is the default of both, and was returned for every assistant that never set them.
    given = {key: builder.assistant.get(key) for key in ("temperature", "top_p")}
    builder.rest({key: value for key, value in given.items() if not isinstance(value, (int, float))}, ())
    chosen = {key: value for key, value in given.items() if isinstance(value, (int, float)) and value != 1}
    if chosen and reasoning:
        builder.find("sampling-not-taken", f"{' and '.join(chosen)} left out, since {model} is a reasoning model.")
    elif chosen:
        builder.config |= chosen
    effort = builder.assistant.get("reasoning_effort")
    if isinstance(effort, str) and (reasoning or unknown):
        builder.config["reasoning"] = {"effort": effort}
    elif effort:
        builder.find("assistant-field-lost", "reasoning_effort, since the model is not a reasoning model.")


def _write_choices(builder: ConfigurationBuilder) -> None:
    """Write the bounds and choices that requests have, too, where they differ from the default."""
    get = builder.assistant.get
    choice = get("tool_choice")
    named = mapping(mapping(choice).get("function")).get("name")
    if named:
        builder.config["tool_choice"] = {"type": "function", "name": named}
    elif choice in ("none", "required"):
        builder.config["tool_choice"] = choice
    elif choice not in (None, "auto"):
        builder.rest({"tool_choice": choice}, ())
    if get("parallel_tool_calls") is False:
        builder.config["parallel_tool_calls"] = False
    elif get("parallel_tool_calls") is not True:
        builder.rest({"parallel_tool_calls": get("parallel_tool_calls")}, ())
    most = get("max_output_tokens") or get("max_completion_tokens")
    if type(most) is int and most >= limits.MIN_OUTPUT_TOKENS:
        builder.config["max_output_tokens"] = most
    elif most:
        builder.rest({"max_output_tokens": most}, ())


def _metadata(builder: ConfigurationBuilder) -> dict[str, str]:
    """Return where the configuration came from, then the assistant's own pairs while they fit."""
    assistant = builder.assistant
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
        name, text = (
            plain(str(key)),
            plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)),
        )
        fits = 0 < len(name) <= limits.MAX_METADATA_KEY and len(text) <= limits.MAX_METADATA_VALUE
        if fits and name not in fitted and len(fitted) < limits.MAX_METADATA_PAIRS:
            fitted[name] = text
        else:
            builder.find("assistant-field-lost", f"the metadata pair {short(name, 80)} does not fit.")
    return fitted


def _old_files(assistant: JsonObject) -> JsonObject | None:
    """Assistants of the first version held `file_ids` of their own."""
    ids = assistant.get("file_ids")
    return {"code_interpreter": {"file_ids": ids}} if isinstance(ids, list) else None
