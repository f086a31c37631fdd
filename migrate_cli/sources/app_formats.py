"""The tables and collections of apps that keep conversations, by the app's name: a row becomes wire messages. Pure.

`source.format` names an app; without it a row is told by the columns that only the app has. What a row holds beyond
its message becomes the message's metadata, except for what is known to carry nothing, such as the width of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from migrate_cli.bounds import loads
from migrate_cli.model import JsonObject
from migrate_cli.sources.dialects import langchain
from migrate_cli.sources.dialects.parts import APP_STEP, REASONING, call_part, calls_of, text_part

NO_APP = ""
"""In the place of an app's name: rows are of none, whatever their columns look like."""


class AppFormat(NamedTuple):
    """How one app keeps its messages."""

    holds: str
    """What its table or collection is, for docs and sentences."""
    marks: frozenset[str]
    """Columns, in lower case and without marks, that tell a row of it."""
    messages: Callable[[AppRow], list[JsonObject]]
    """Returns the wire objects that a row means: messages, and the thread's own after them."""
    threads: tuple[str, ...]
    """The columns that name the thread: the first that is filled does."""
    times: tuple[str, ...] = ()
    """The columns that tell the time."""
    order: tuple[str, ...] = ()
    """The columns that count."""
    strangers: frozenset[str] = frozenset()
    """Columns that the app's table never has."""


class AppRow:
    """One row: its values by column, whatever the case of their names, and which were read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._columns = {plain_column(column): column for column in reversed(list(raw))}
        self._used: set[str | None] = set()

    def take(self, *names: str) -> Any:
        """Return the first value that is there of some columns, and note that it was read."""
        for name in names:
            column = self._columns.get(name)
            value = None if column is None else self._raw[column]
            if column is not None and value not in (None, ""):
                self._used.add(column)
                return value
        return None

    def json(self, *names: str) -> Any:
        """The same, as the value that a text spells as JSON."""
        value = self.take(*names)
        return parsed(value) if isinstance(value, str) else value

    def rest(self, *nothing: str) -> JsonObject:
        """Return what was not read and says something, except for columns that carry nothing."""
        used = self._used.union(self._columns.get(name) for name in nothing)
        return {
            column: value
            for column, value in self._raw.items()
            if column not in used and value not in (None, "", "{}", "[]", "null", {}, [], False, 0)
        }


def plain_column(name: Any) -> str:
    """Return a column's name in lower case and without marks."""
    return "".join(filter(str.isalnum, str(name))).lower()


def parsed(text: str) -> Any:
    """Return the value that a text spells as JSON, or the text."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return loads(text)
    except ValueError:
        return text


def app_of(columns: Iterable[Any]) -> str | None:
    """Return the app whose table has such columns; None where none has, or several do."""
    plain = {plain_column(column) for column in columns}
    found = [name for name, app in APPS.items() if app.marks <= plain and app.strangers.isdisjoint(plain)]
    return found[0] if len(found) == 1 else None


def app_of_row(raw: JsonObject) -> str | None:
    """Return the app whose rows have the keys of a record."""
    return _app_of_columns(tuple(raw))


@lru_cache(maxsize=1024)
def _app_of_columns(columns: tuple[Any, ...]) -> str | None:
    return app_of(columns)


def app_records(raw: JsonObject, named: str | None = None) -> list[JsonObject] | None:
    """Return what a record means that is a row of an app: of the one named, or of the one that its columns tell.

    None for any other record.
    """
    name = app_of_row(raw)
    if named is not None and name != named:
        name = named if APPS[named].marks <= {plain_column(column) for column in raw} else None
    found = None if name is None else app_messages(name, raw)
    if found and named is None and any(_says_no_role(record) for record in found):
        # Columns alone tell it, and what is in them does not: it is something else.
        return None
    return found


def _says_no_role(record: JsonObject) -> bool:
    return record["object"] == "thread.message" and record.get("role") is None


def app_messages(name: str, raw: Mapping[str, Any]) -> list[JsonObject]:
    """Return the wire objects that a row of an app means."""
    return APPS[name].messages(AppRow(raw))


def _message(row: AppRow, role: Any, content: list[Any], facts: JsonObject, *nothing: str) -> JsonObject:
    """Return a message, with what is left of its row as metadata."""
    made_by = {"assistant_id": row.take("assistantid"), "run_id": row.take("runid")}
    facts = facts | {name: value for name, value in made_by.items() if value is not None}
    metadata = row.json("metadata")
    named = {"metadata": metadata} if metadata not in (None, "", [], {}) else {}
    more = (metadata if isinstance(metadata, dict) else named) | row.rest(*nothing)
    message = {"object": "thread.message", **facts, "role": role, "content": content}
    return message | {"metadata": more} if more else message


def _files(uploads: Any) -> list[Any]:
    """Return pictures and files that are in a list: with their bytes or address, or only by name."""
    return [_file(upload) if isinstance(upload, dict) else upload for upload in uploads or ()]


def _file(upload: JsonObject) -> JsonObject:
    held, mime = upload.get("data") or upload.get("url"), str(upload.get("mime") or "")
    if not isinstance(held, str):
        return upload
    if mime.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": held}}
    key = "file_data" if held.startswith("data:") else "file_url"
    return {"type": "input_file", "filename": upload.get("name") or "file", key: held}


_CHAINLIT_ROLES = {"user_message": "user", "assistant_message": "assistant", "system_message": "system"}
_CHAINLIT_NOTHING = (
    *("parentid", "streaming", "waitforanswer", "showinput", "language", "indent", "defaultopen", "start", "end"),
    *("starttime", "endtime", "updatedat", "disablefeedback", "autocollapse"),
)


def _chainlit(row: AppRow) -> list[JsonObject]:
    """Messages are steps of two types; a step of a tool is a call with its output, and others hold no message."""
    kind = str(row.take("type") or "")
    facts = {
        "id": row.take("id"),
        "thread_id": row.take("threadid"),
        "created_at": row.take("createdat", "start", "starttime"),
    }
    if kind in _CHAINLIT_ROLES:
        role = _CHAINLIT_ROLES[kind]
        said = row.take("output", "input")
        content = [text_part("" if said is None else str(said))]
        return [_message(row, role, content, facts, *_CHAINLIT_NOTHING)]
    name, given, got = row.take("name"), row.take("input"), row.take("output")
    if kind == "tool":
        role, arguments = "assistant", parsed(given) if isinstance(given, str) else given
        if not isinstance(arguments, dict):
            arguments = {} if arguments is None else {"input": arguments}
        content = [call_part(facts["id"], name, arguments, "" if got is None else got)]
    elif given is None and got is None:
        return [{"object": "thread", "id": facts["thread_id"]}]
    else:
        role, content = "assistant", [{"type": APP_STEP, "step": kind, "name": name, "input": given, "output": got}]
    return [_message(row, role, content, facts, *_CHAINLIT_NOTHING)]


_FLOWISE_ROLES = {"usermessage": "user", "apimessage": "assistant"}


def _flowise(row: AppRow) -> list[JsonObject]:
    """A row is a message; the tools that an answer used are in it."""
    role = str(row.take("role") or "")
    facts = {
        "id": row.take("id"),
        "thread_id": row.take("sessionid", "chatid", "chatflowid"),
        "created_at": row.take("createddate"),
    }
    tools = row.json("usedtools")
    content: list[Any] = [
        call_part(f"{facts['id']}-{place}", tool.get("tool"), tool.get("toolInput"), _given(tool.get("toolOutput")))
        for place, tool in enumerate(tools if isinstance(tools, list) else [], 1)
        if isinstance(tool, dict)
    ]
    said = row.take("content")
    content.append(text_part("" if said is None else str(said)))
    uploads = row.json("fileuploads")
    content += _files(uploads) if isinstance(uploads, list) else []
    meant = _FLOWISE_ROLES.get(plain_column(role), role or None)
    return [_message(row, meant, content, facts, "chattype", "memorytype")]


def _given(value: Any) -> Any:
    return "" if value is None else value


def _wordpress(row: AppRow) -> list[JsonObject]:
    """A row is a thread, with its messages as JSON."""
    listed = row.json("messages")
    thread: JsonObject = {
        "object": "thread",
        "id": row.take("threadid", "chatid"),
        "created_at": row.take("created"),
        "metadata": row.rest("id", "updated"),
    }
    known = {"object": "thread.message", "thread_id": thread["id"]}
    messages = [
        known | (_wordpress_message(entry) if isinstance(entry, dict) else {"content": entry})
        for entry in (listed if isinstance(listed, list) else [])
    ]
    return [*messages, thread]


def _wordpress_message(entry: JsonObject) -> JsonObject:
    names = {"type": "role", "text": "content"} if "role" not in entry else {}
    extra = entry.get("extra")
    said = {names.get(key, key): value for key, value in entry.items()}
    if isinstance(extra, dict) and not any(extra.values()):
        del said["extra"]
    if said.get("role") == "ai":
        said["role"] = "assistant"
    return said


_LIBRECHAT_NOTHING = (
    *("id", "v", "user", "model", "endpoint", "conversationsignature", "clientid", "invocationid", "tokencount"),
    *("summarytokencount", "istemporary", "meiliindex", "iconurl", "updatedat", "parentmessageid", "tenantid"),
    *("finishreason", "depth", "siblingindex"),
)


def _librechat(row: AppRow) -> list[JsonObject]:
    """A document is a message; what was said is in its parts, or in its text."""
    by_user = row.take("iscreatedbyuser")
    facts = {
        "id": row.take("messageid"),
        "thread_id": row.take("threadid", "conversationid"),
        "created_at": row.take("createdat"),
    }
    parts, text = row.json("content"), row.take("text")
    content = [one for part in parts for one in _librechat_part(part)] if isinstance(parts, list) else []
    if not content:
        content = [text_part("" if text is None else str(text))]
    files = [
        file for listed in (row.json("files"), row.json("attachments")) if isinstance(listed, list) for file in listed
    ]
    if files:
        facts["attachments"] = files
    if row.take("unfinished") in (True, 1, "true"):
        facts["status"] = "incomplete"
    replies = row.json("children")
    role = "user" if by_user in (True, 1, "1", "true", "True") else "assistant"
    sender = ["sender"] if role == "user" else []
    message = _message(row, role, content, facts, *_LIBRECHAT_NOTHING, *sender)
    return [message, *_librechat_replies(replies)]


def _librechat_replies(replies: Any) -> list[JsonObject]:
    """Return the messages that an export hangs under the one that they answer."""
    listed = replies if isinstance(replies, list) else []
    return [one for reply in listed if isinstance(reply, dict) for one in _librechat(AppRow(reply))]


def _librechat_part(part: Any) -> list[Any]:
    if not isinstance(part, dict):
        return [part]
    if part.get("type") == "think":
        return [{"type": REASONING, "text": part.get("think")}]
    call = part.get("tool_call")
    if part.get("type") == "tool_call" and isinstance(call, dict):
        return calls_of([{key: value for key, value in call.items() if key not in ("progress", "runStepStatus")}])
    return [part]


def _n8n(row: AppRow) -> list[JsonObject]:
    """A row is a message of LangChain in a session."""
    message = row.json("message")
    facts = {"thread_id": row.take("sessionid"), "created_at": row.take("createdat", "time", "timestamp")}
    number = row.take("id")
    if not isinstance(message, dict) or not langchain.matches(message):
        return [_message(row, None, [] if message is None else [message], {"id": number, **facts})]
    (said,) = langchain.wire(message)
    facts = {key: value for key, value in facts.items() if value is not None}
    return [{**_message(row, None, [], {}), **said, "id": said.get("id") or number, **facts}]


APPS: dict[str, AppFormat] = {
    "chainlit": AppFormat(
        "the table `steps`",
        frozenset({"threadid", "parentid", "type", "input", "output", "name"}),
        _chainlit,
        threads=("threadid",),
        times=("createdat", "starttime"),
    ),
    "flowise": AppFormat(
        "the table `chat_message`",
        frozenset({"chatflowid", "role", "content", "createddate"}),
        _flowise,
        threads=("sessionid", "chatid", "chatflowid"),
        times=("createddate",),
    ),
    "wordpress-ai-engine": AppFormat(
        "the table `wp_mwai_chats`",
        frozenset({"chatid", "messages", "extra", "created", "updated"}),
        _wordpress,
        threads=("threadid", "chatid"),
        times=("created",),
    ),
    "librechat": AppFormat(
        "the collection `messages`",
        frozenset({"messageid", "conversationid", "iscreatedbyuser"}),
        _librechat,
        threads=("threadid", "conversationid"),
        times=("createdat",),
    ),
    "n8n": AppFormat(
        "the table `n8n_chat_histories`",
        frozenset({"sessionid", "message"}),
        _n8n,
        threads=("sessionid",),
        order=("id",),
        strangers=frozenset({"role", "sender", "author", "from", "speaker", "type", "text", "content", "response"}),
    ),
}
"""Each app by the name that `source.format` takes."""
