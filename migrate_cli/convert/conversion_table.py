"""What becomes of what, as data: README's table is made from it, and a test holds each row against the converter."""

from __future__ import annotations

from typing import NamedTuple

from migrate_cli.model import Fate


class Row(NamedTuple):
    """One part of the source under one setting."""

    part: str
    setting: str
    """`key: value` under `convert:`; empty where no setting matters. The default is marked with `*`."""
    becomes: str
    fate: Fate
    finding: str | None = None


_KEPT, _CONVERTED, _NOTED, _DROPPED = Fate.KEPT, Fate.CONVERTED, Fate.NOTED, Fate.DROPPED

TABLE: tuple[Row, ...] = (
    Row("text of a user", "", "`input_text`, to the letter", _KEPT),
    Row("text of an assistant", "", "`output_text`, to the letter", _KEPT),
    Row("text of another role", "", "a user's `input_text` after one that names the role", _KEPT, "role-unknown"),
    Row("text with NUL or half a surrogate pair", "", "the text with a sign in their place", _CONVERTED, "text-nul"),
    Row("text over 10,485,760 characters", "", "several texts in one message", _CONVERTED, "text-too-long"),
    Row("empty text", "", "nothing", _DROPPED, "empty-text"),
    Row("refusal of an assistant", "", "`refusal`", _KEPT),
    Row("image of a user, by file or URL", "", "`input_image`", _KEPT),
    Row("image by `file:` or another odd URL", "", "a text that says so", _NOTED, "image-url-refused"),
    Row(
        "image of an assistant",
        "assistant_images: user_note *",
        "`input_image` in a user-role note right after",
        _CONVERTED,
        "image-in-assistant-message",
    ),
    Row(
        "image of an assistant", "assistant_images: text", "a text with its name", _NOTED, "image-in-assistant-message"
    ),
    Row("image of an assistant", "assistant_images: drop", "nothing", _DROPPED, "image-in-assistant-message"),
    Row("part of an unknown type", "", "a text; the part itself in the state file", _NOTED, "unsupported-part"),
    Row("attached image", "attachments: auto *", "`input_image`", _KEPT, "attachment-now-in-prompt"),
    Row(
        "attached document or code",
        "attachments: auto *",
        "`input_file`",
        _CONVERTED,
        "attachment-now-in-prompt",
    ),
    Row("attached audio with a transcript", "attachments: auto *", "its transcript", _CONVERTED, "audio-transcribed"),
    Row("attached audio without one", "attachments: auto *", "a text with its name", _NOTED, "audio-not-transcribed"),
    Row("attached archive or video", "attachments: auto *", "a text with its name", _NOTED, "attachment-type-refused"),
    Row(
        "attached file of unknown type", "attachments: auto *", "a text with its id", _NOTED, "attachment-type-unknown"
    ),
    Row(
        "attached file of unknown type",
        "attachments: input_file",
        "`input_file`",
        _CONVERTED,
        "attachment-now-in-prompt",
    ),
    Row("attached document or code", "attachments: note", "a text with its name", _NOTED, "attachment-as-note"),
    Row("attached document or code", "attachments: drop", "nothing", _DROPPED, "attachment-dropped"),
    Row("attached file that is gone", "attachments: auto *", "a text that says so", _NOTED, "attachment-file-missing"),
    Row("attached data source of a host", "", "a text with its URI", _NOTED, "attachment-data-source"),
    Row(
        "citation", "citations: keep *", "the marker stays; the annotation in the state file", _NOTED, "citation-aside"
    ),
    Row("citation", "citations: footnotes", "`[1]` in the text, its source below it", _CONVERTED),
    Row("citation", "citations: strip", "no marker; the annotation in the state file", _NOTED, "citation-aside"),
    Row("citation", "citations: annotations", "a native annotation; the marker stays", _CONVERTED),
    Row("function call", "tool_calls: native *", "`function_call`", _KEPT),
    Row("function output", "tool_calls: native *", "`function_call_output`, joined to its call", _KEPT),
    Row("function call", "tool_calls: text", "an assistant's text", _NOTED, "tool-call-as-text"),
    Row("function call", "tool_calls: drop", "nothing", _DROPPED, "tool-call-dropped"),
    Row("code call and its outputs", "tool_calls: native *", "an assistant's text", _NOTED, "tool-call-as-text"),
    Row("search call and its results", "tool_calls: native *", "an assistant's text", _NOTED, "tool-call-as-text"),
    Row(
        "code call and its outputs",
        "native_builtin: true",
        "`code_interpreter_call`",
        _CONVERTED,
        "tool-call-native-unproven",
    ),
    Row(
        "search call and its results",
        "native_builtin: true",
        "`file_search_call`",
        _CONVERTED,
        "tool-call-native-unproven",
    ),
    Row(
        "Azure Function, connected agent or MCP call",
        "tool_calls: native *",
        "`function_call`, the rest in the state file",
        _CONVERTED,
        "tool-call-as-function",
    ),
    Row(
        "output of such a call",
        "tool_calls: native *",
        "`function_call_output`, joined to its call",
        _KEPT,
        "tool-call-as-function",
    ),
    Row(
        "Azure Function, connected agent or MCP call",
        "tool_calls: text",
        "an assistant's text",
        _NOTED,
        "tool-call-as-text",
    ),
    Row(
        "screenshot of a computer",
        "assistant_images: user_note *",
        "`input_image` in a user-role note after the call's text",
        _CONVERTED,
        "image-in-assistant-message",
    ),
    Row(
        "Bing, AI Search, OpenAPI or unknown call", "", "an assistant's text with all data", _NOTED, "tool-call-as-text"
    ),
    Row("step that lists the tools of a server", "", "the state file", _NOTED, "step-lists-tools"),
    Row("call and output in messages", "tool_calls: native *", "a pair, where the call stood", _KEPT),
    Row("call in a message without an output", "", "a pair; the output says so", _KEPT, "tool-call-without-output"),
    Row("output in a message without a call", "", "an assistant's text", _NOTED, "tool-output-without-call"),
    Row("call in a message and in a run step", "", "the run step's pair", _KEPT, "tool-call-repeated"),
    Row("reasoning", "", "the state file", _NOTED, "reasoning-aside"),
    Row("file among the parts of a user", "", "`input_file`", _KEPT),
    Row("metadata pair of the thread that fits", "", "the conversation's metadata", _KEPT),
    Row(
        "metadata value that is no string",
        "",
        "the conversation's metadata, as JSON",
        _CONVERTED,
        "metadata-not-string",
    ),
    Row("metadata pair that does not fit", "", "the state file", _NOTED, "metadata-overflow"),
    Row("metadata pair of a message", "", "the state file", _NOTED, "message-metadata-aside"),
    Row("tool resources of the thread", "", "the state file, and `assistants`", _NOTED, "tool-resources-aside"),
    Row("part of an unfinished message", "incomplete: keep *", "as in any message", _KEPT, "message-incomplete"),
    Row("part of an unfinished message", "incomplete: skip", "nothing", _DROPPED, "message-incomplete"),
    Row("message of a research on its way", "progress_messages: keep *", "as any message", _KEPT),
    Row(
        "message of a research on its way",
        "progress_messages: mark",
        "as any message, after a line that says so",
        _KEPT,
        "progress-marked",
    ),
    Row("message of a research on its way", "progress_messages: drop", "nothing", _DROPPED, "progress-dropped"),
    Row("part of a message without a role", "", "nothing", _DROPPED, "message-without-role"),
    Row("part before the tail", "tail", "nothing", _DROPPED, "tail-cut"),
)
