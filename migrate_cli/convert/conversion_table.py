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
    Row("text of a user", "", "`input_text`, unchanged", _KEPT),
    Row("text of an assistant", "", "`output_text`, unchanged", _KEPT),
    Row("text of an unknown role", "", "a user message whose first line names the role", _KEPT, "role-unknown"),
    Row("text with NUL or a lone surrogate", "", "the text with a placeholder character", _CONVERTED, "text-nul"),
    Row("text over 10,485,760 characters", "", "several texts in one message", _CONVERTED, "text-too-long"),
    Row("empty text", "", "nothing", _DROPPED, "empty-text"),
    Row("refusal by an assistant", "", "`refusal`", _KEPT),
    Row("image of a user, by file or URL", "", "`input_image`", _KEPT),
    Row("image with a `file:` or other unsupported URL", "", "a text that says so", _NOTED, "image-url-refused"),
    Row(
        "image of an assistant",
        "assistant_images: user_note *",
        "`input_image` in a user note right after the answer",
        _CONVERTED,
        "image-in-assistant-message",
    ),
    Row(
        "image of an assistant", "assistant_images: text", "a text with its name", _NOTED, "image-in-assistant-message"
    ),
    Row("image of an assistant", "assistant_images: drop", "nothing", _DROPPED, "image-in-assistant-message"),
    Row("part of an unknown type", "", "a text; the part itself is in the state file", _NOTED, "unsupported-part"),
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
    Row(
        "attached file that no longer exists",
        "attachments: auto *",
        "a text that says so",
        _NOTED,
        "attachment-file-missing",
    ),
    Row("attached reference to a data source of the host", "", "a text with its URI", _NOTED, "attachment-data-source"),
    Row(
        "citation",
        "citations: keep *",
        "the marker stays; the annotation is in the state file",
        _NOTED,
        "citation-aside",
    ),
    Row("citation", "citations: footnotes", "`[1]` in the text, its source below", _CONVERTED),
    Row("citation", "citations: strip", "no marker; the annotation is in the state file", _NOTED, "citation-aside"),
    Row("citation", "citations: annotations", "a native annotation; the marker stays", _CONVERTED),
    Row("function call", "tool_calls: native *", "`function_call`", _KEPT),
    Row("function output", "tool_calls: native *", "`function_call_output`, paired with its call", _KEPT),
    Row("function call", "tool_calls: text", "an assistant text", _NOTED, "tool-call-as-text"),
    Row("function call", "tool_calls: drop", "nothing", _DROPPED, "tool-call-dropped"),
    Row("code call and its outputs", "tool_calls: native *", "an assistant text", _NOTED, "tool-call-as-text"),
    Row("search call and its results", "tool_calls: native *", "an assistant text", _NOTED, "tool-call-as-text"),
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
        "`function_call`; the rest is in the state file",
        _CONVERTED,
        "tool-call-as-function",
    ),
    Row(
        "output of such a call",
        "tool_calls: native *",
        "`function_call_output`, paired with its call",
        _KEPT,
        "tool-call-as-function",
    ),
    Row(
        "Azure Function, connected agent or MCP call",
        "tool_calls: text",
        "an assistant text",
        _NOTED,
        "tool-call-as-text",
    ),
    Row(
        "screenshot from computer use",
        "assistant_images: user_note *",
        "`input_image` in a user note after the text of the call",
        _CONVERTED,
        "image-in-assistant-message",
    ),
    Row(
        "Bing, AI Search, OpenAPI or unknown call",
        "",
        "an assistant text with all its data",
        _NOTED,
        "tool-call-as-text",
    ),
    Row("step that lists a server's tools", "", "the state file", _NOTED, "step-lists-tools"),
    Row("call and output in messages", "tool_calls: native *", "a pair, in the place of the call", _KEPT),
    Row("call in a message without an output", "", "a pair; the output says so", _KEPT, "tool-call-without-output"),
    Row("output in a message without a call", "", "an assistant text", _NOTED, "tool-output-without-call"),
    Row("call in a message and in a run step", "", "the run step's pair", _KEPT, "tool-call-repeated"),
    Row("reasoning", "", "the state file", _NOTED, "reasoning-aside"),
    Row("file part in a user message", "", "`input_file`", _KEPT),
    Row("metadata pair of the thread within the limits", "", "the conversation's metadata", _KEPT),
    Row(
        "metadata value that is not a string",
        "",
        "the conversation's metadata, as JSON",
        _CONVERTED,
        "metadata-not-string",
    ),
    Row("metadata pair beyond the limits", "", "the state file", _NOTED, "metadata-overflow"),
    Row("metadata pair of a message", "", "the state file", _NOTED, "message-metadata-aside"),
    Row("tool resources of the thread", "", "the state file, and `assistants`", _NOTED, "tool-resources-aside"),
    Row("part of an unfinished message", "incomplete: keep *", "as in any message", _KEPT, "message-incomplete"),
    Row("part of an unfinished message", "incomplete: skip", "nothing", _DROPPED, "message-incomplete"),
    Row("intermediate message of deep research", "progress_messages: keep *", "as any message", _KEPT),
    Row(
        "intermediate message of deep research",
        "progress_messages: mark",
        "as any message, after a line that says so",
        _KEPT,
        "progress-marked",
    ),
    Row("intermediate message of deep research", "progress_messages: drop", "nothing", _DROPPED, "progress-dropped"),
    Row("part of a message without a role", "", "nothing", _DROPPED, "message-without-role"),
    Row("part before the selected tail", "tail", "nothing", _DROPPED, "tail-cut"),
)
