"""Names of keys in the wire's spelling: `createdAt`, `ThreadId`, `step-details` and `_id` are the same facts. Pure.

Only keys of known records are touched, at the places where the wire has them; metadata, arguments of functions and
other free objects stay as they are. It must not read or change a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects import exchange


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of one kind of record, and of the records in it."""

    known: frozenset[str]
    inside: Mapping[str, Names] = field(default_factory=dict)
    """The records under a key: one, or a list of them."""
    plain: Mapping[str, str] = field(default_factory=dict)
    """The wire's name of a key without case and marks."""


def names(words: str, **inside: Names) -> Names:
    """Return the names of a record: separated by blanks, those of records in it with theirs."""
    known = frozenset([*words.split(), *inside])
    return Names(known, inside, {plain_name(word): word for word in sorted(known)})


@lru_cache(maxsize=4096)
def plain_name(key: str) -> str:
    """Return a key in lower case and without marks; what begins with a dollar is not a name."""
    return "" if key[:1] == "$" else "".join(filter(str.isalnum, key)).lower()


def respelled(value: Any, wanted: Names) -> Any:
    """Return a record, or a list of records, with the wire's names; the same object where it had them.

    Of two spellings of one key the wire's own wins; the other keeps its name, and so is counted as unknown.
    """
    if type(value) is list:
        return _each(value, wanted)
    if type(value) is not dict:
        return value
    if not value.keys() <= wanted.known:
        value = _renamed(value, wanted)
    changed: JsonObject | None = None
    for key, record in wanted.inside.items():
        entry = value.get(key)
        if entry and (type(entry) is dict or type(entry) is list):
            spelled = respelled(entry, record)
            if spelled is not entry:
                changed = dict(value) if changed is None else changed
                changed[key] = spelled
    return value if changed is None else changed


def _each(values: list[Any], wanted: Names) -> list[Any]:
    for place, entry in enumerate(values):
        spelled = respelled(entry, wanted)
        if spelled is not entry:
            return [*values[:place], spelled, *(respelled(one, wanted) for one in values[place + 1 :])]
    return values


def _renamed(value: JsonObject, wanted: Names) -> JsonObject:
    renamed: dict[Any, str] = {}
    taken = set(value)
    for key in value:
        if key in wanted.known or type(key) is not str:
            continue
        wire = wanted.plain.get(plain_name(key))
        if wire is not None and wire not in taken:
            renamed[key] = wire
            taken.add(wire)
    return {renamed.get(key, key): entry for key, entry in value.items()} if renamed else value


_REFERENCE = names("file_id quote index")
_ANNOTATION = names(
    "type text start_index end_index index title url file_id filename",
    file_citation=_REFERENCE,
    file_path=_REFERENCE,
    url_citation=names("url title start_index end_index"),
)
_TEXT = names("value", annotations=_ANNOTATION)
PART = names(
    "type refusal detail file_id filename",
    text=_TEXT,
    annotations=_ANNOTATION,
    image_file=names("file_id detail"),
    image_url=names("url detail"),
)
_ATTACHMENT = names("file_id", tools=names("type"), data_source=names("uri type asset_identifier asset_type"))
_OUTPUT = names("type logs", image=names("file_id"))
_OF_HOST = names(
    "name arguments input output steps action run_id thread_id assistant_id agent_id requesturl response_metadata"
)
_CALL_HOLDERS = (
    "azure_ai_search", "azure_function", "bing_custom_search", "bing_grounding", "browser_automation",
    "computer_use_preview", "connected_agent", "deep_research", "fabric_dataagent", "mcp", "microsoft_fabric",
    "openapi", "share_point", "sharepoint_grounding",
)  # fmt: skip
"""Keys under which the calls of a host's own tools have their fields."""
_TOOL_CALL = names(
    "id type name arguments output server_label",
    **dict.fromkeys(_CALL_HOLDERS, _OF_HOST),
    function=names("name arguments output"),
    code_interpreter=names("input", outputs=_OUTPUT),
    file_search=names(
        "", ranking_options=names("ranker score_threshold"), results=names("file_id file_name score content")
    ),
)
MESSAGE = names(
    "id object created_at thread_id status completed_at incomplete_at role assistant_id run_id metadata file_ids "
    "type name tool_call_id refusal audio call_id arguments input output "
    + " ".join((*exchange.PROMPTS, *exchange.ANSWERS)),
    incomplete_details=names("reason"),
    content=PART,
    attachments=_ATTACHMENT,
    tool_calls=_TOOL_CALL,
    function_call=names("name arguments"),
)
STEP = names(
    "id object created_at thread_id assistant_id run_id type status last_error expired_at expires_at cancelled_at "
    "failed_at completed_at metadata usage",
    step_details=names(
        "type",
        message_creation=names("message_id"),
        tool_calls=_TOOL_CALL,
        activities=names("type id server_label tools"),
    ),
)
_FUNCTION = names("name description parameters strict")
_CONNECTIONS = names("", connections=names("connection_id"))
_QUEUE = names("type", storage_queue=names("queue_service_endpoint queue_name"))
_SEARCHES = names("", search_configurations=names("connection_id instance_name count freshness market set_lang"))
_TOOL = names(
    "type server_label server_url allowed_tools require_approval azure_ai_search code_interpreter",
    function=_FUNCTION,
    file_search=names("max_num_results", ranking_options=names("ranker score_threshold")),
    azure_function=names("", function=_FUNCTION, input_binding=_QUEUE, output_binding=_QUEUE),
    bing_custom_search=_SEARCHES,
    bing_grounding=_SEARCHES,
    browser_automation=names("", connection=names("id")),
    computer_use_preview=names("environment display_width display_height"),
    connected_agent=names("id name description"),
    deep_research=names("deep_research_model", bing_grounding_connections=names("connection_id")),
    fabric_dataagent=_CONNECTIONS,
    openapi=names(
        "name description spec default_params functions",
        auth=names("type", security_scheme=names("connection_id audience")),
    ),
    sharepoint_grounding=_CONNECTIONS,
)
_FORMAT = names("type", json_schema=names("name description schema strict"))
_NAMED = names("tool_names")
_RESOURCES = names(
    "",
    azure_ai_search=names("", indexes=names("index_connection_id index_name index_asset_id query_type filter top_k")),
    code_interpreter=names("file_ids data_sources"),
    file_search=names("vector_store_ids vector_stores"),
    mcp=names("server_label headers", require_approval=names("", always=_NAMED, never=_NAMED)),
)
RUN = names(
    "id object created_at thread_id assistant_id status last_error expires_at started_at cancelled_at failed_at "
    "completed_at model instructions metadata usage temperature top_p max_prompt_tokens max_completion_tokens "
    "tool_choice parallel_tool_calls reasoning_effort file_ids steps",
    incomplete_details=names("reason"),
    response_format=_FORMAT,
    tools=_TOOL,
    tool_resources=_RESOURCES,
    truncation_strategy=names("type last_messages"),
    required_action=names(
        "type",
        submit_tool_outputs=names("", tool_calls=_TOOL_CALL),
        submit_tool_approval=names("", tool_calls=_TOOL_CALL),
    ),
)
THREAD = names("id object created_at metadata", tool_resources=_RESOURCES)
ASSISTANT = names(
    "id object created_at name description model instructions metadata temperature top_p reasoning_effort file_ids",
    response_format=_FORMAT,
    tools=_TOOL,
    tool_resources=_RESOURCES,
)
FILE = names("id object bytes created_at expires_at filename purpose status status_details")
LIST = names("object data first_id last_id has_more")
HISTORY = names(
    "id object created_at metadata thread_id messages runs run_steps steps has_more first_id last_id",
    thread=THREAD,
    tool_resources=_RESOURCES,
)
"""A thread with its messages in it, and what a tool left of the page that they came on."""
