"""The catalogue of finding codes: what each means and what the reader can do. Every finding gets its severity here.

Codes for what could not be read at all have their own table: there is no thread to attach a finding to, and they always
count as errors. The module is separate from the stages because sources, conversion, loading and verification all report
through it. Data and one constructor; it must not decide anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from migrate_cli.model import Finding, Severity


class Entry(NamedTuple):
    """One row of README's table "finding codes"."""

    severity: Severity
    meaning: str
    action: str


INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

_READING = {
    "message-without-id": Entry(
        WARNING,
        "A message has no id; one was generated from its thread and position.",
        "Nothing, unless you join on ids.",
    ),
    "message-role-inferred": Entry(
        INFO,
        "A message has no role; it was inferred from other fields, such as the assistant's id.",
        "Check one example.",
    ),
    "duplicate-message": Entry(INFO, "The same message occurs twice in the source; it was read once.", "Nothing."),
    "duplicate-message-differs": Entry(
        WARNING,
        "Two messages with the same id have different content; the first one was used.",
        "Compare both in the source and remove the wrong one.",
    ),
    "file-ids-and-attachments": Entry(
        INFO, "A message names files in `file_ids` and in `attachments`; the two lists were merged.", "Nothing."
    ),
    "order-unknown": Entry(
        WARNING,
        "The source does not say for certain in which order the messages were written.",
        "Look at the thread; reorder the source if the first message is not the oldest.",
    ),
    "order-probably-reversed": Entry(
        WARNING,
        "The order of the messages is not known, and they begin with an answer and end with a question.",
        "Look at the thread; set `source.order: newest-first` if the newest message comes first.",
    ),
    "time-unreadable": Entry(
        WARNING,
        "Message times are in an unknown format, so they cannot be used to order the messages.",
        "Describe the format with `source.time_format`, or name a numbering column with `source.columns.order`.",
    ),
    "times-in-two-forms": Entry(
        WARNING,
        "The times of one thread are written in different ways, which may mean different clocks or zones.",
        "Compare the order of the messages; times without an offset are taken as UTC.",
    ),
    "order-not-chronological": Entry(
        WARNING,
        "The messages are not in chronological order; the order of the source was kept.",
        "Look at the thread; reorder the source if it is wrong.",
    ),
    "message-of-another-thread": Entry(
        WARNING, "All messages of a thread name a different thread; they were kept where they are.", "Check the source."
    ),
    "text-looks-like-json": Entry(
        WARNING,
        "A text looks like a list of parts that a tool saved as text, but cannot be parsed; it was carried over "
        "unchanged.",
        "Look at the message in the source; it may be truncated. Export it again.",
    ),
    "record-left-out": Entry(
        WARNING,
        "Records that are not messages, such as log entries, name the thread; they were left out.",
        "Look at one of them; if it contains conversation text, describe the records with `source.map`.",
    ),
    "message-not-an-object": Entry(
        ERROR, "An entry in the list of messages is not a JSON object; it was left out.", "Look for a damaged export."
    ),
    "message-without-content": Entry(WARNING, "A message has no content at all.", "Look for a damaged export."),
    "thread-id-from-message": Entry(
        WARNING,
        "The file name and its messages name different threads; the id in the messages was used.",
        "Check that the file is in the right place.",
    ),
    "thread-id-made": Entry(
        WARNING,
        "Records name no thread, so their thread got an id generated from the file and the position in it.",
        "Name the field that holds the id (`source.columns.thread_id`), or keep the file unchanged: positions count.",
    ),
    "thread-id-from-file-name": Entry(
        INFO, "No message names its thread; the id was taken from the file's name.", "Nothing, if the name is the id."
    ),
    "thread-may-be-incomplete": Entry(
        WARNING,
        "The list ends although there was more, or has exactly one page of messages; others may be missing.",
        "Compare with the original, and export the thread again with all pages, if it still can be.",
    ),
    "body-not-decoded": Entry(
        WARNING,
        "A recorded body of the thread cannot be decoded: it is damaged, truncated or compressed in an unknown way.",
        "Record it again; for br and zstd, `pip install brotli backports.zstd`.",
    ),
    "message-deleted": Entry(
        INFO, "The source shows that messages were deleted later; they were left out.", "Nothing."
    ),
    "message-from-request": Entry(
        INFO,
        "The recording shows messages only in the requests that created them; they are read from there.",
        "Nothing, unless you join on ids.",
    ),
    "call-from-request": Entry(
        INFO,
        "The recording shows tool calls only in the runs that waited for them, and their outputs in requests; both are "
        "read from there.",
        "Nothing.",
    ),
    "thread-deleted": Entry(
        WARNING,
        "The recording shows that the thread was deleted at its end; what was recorded before is read.",
        "Remove the recording if the thread is to stay deleted.",
    ),
    "duplicate-thread": Entry(
        WARNING, "Two threads of the source have the same id; the first was used.", "Remove or rename one of them."
    ),
    "file-may-be-cut": Entry(
        WARNING,
        "The last row of the table has no line ending, so its last cell may be truncated.",
        "Compare the last row with its source; export the table again if anything is missing.",
    ),
    "field-not-carried": Entry(
        WARNING,
        "A field of the source has no place in a conversation; it was left out, and none of its text was sent.",
        "Nothing, if it does not matter. `convert.unknown_fields: keep` keeps the values in the state file.",
    ),
    "activity-unknown": Entry(
        INFO,
        "Threads were selected by last activity, but this one has no times; it was included.",
        "Exclude it by id if it is not wanted, or add times to its messages.",
    ),
    "page-without-news": Entry(
        WARNING,
        "A page of a list contained nothing new although more was announced; reading stopped there.",
        "Compare counts.",
    ),
}

_HOSTS = {
    "messages-missing": Entry(
        ERROR,
        "The host returns only the first and last messages of a thread; those in between are missing.",
        "Read the thread from a database or an export, or leave it out.",
    ),
    "page-without-end": Entry(
        ERROR, "A list of the host did not end; reading stopped after two million entries.", "Look at the thread."
    ),
    "runs-not-read": Entry(
        WARNING,
        "The host refused the runs of a thread, so its tool calls may be missing; the messages are all there.",
        "Read the thread again, or check the permissions of the key.",
    ),
    "thread-id-repeated": Entry(INFO, "The list of ids names a thread more than once; it was read once.", "Nothing."),
    "host-api-version": Entry(
        WARNING,
        "The API version in the requests to the host is not known to migrate-cli; responses were read as they are.",
        "Remove `api-version` from `source.query`, or check a few conversations first.",
    ),
    "host-milliseconds": Entry(INFO, "The host gives times in milliseconds; they were read as such.", "Nothing."),
    "host-hides-more": Entry(
        INFO, "The host says that a list is complete when it is not; reading continued.", "Nothing."
    ),
    "images-by-presence": Entry(
        INFO,
        "The target does not return the URLs of images: each image is there, but it could not be checked that it is "
        "the same one.",
        "Nothing; look at some of these images by hand if it matters.",
    ),
    "host-refuses-cursors": Entry(
        WARNING,
        "The host refuses or ignores `after`, so only the first and the last 100 entries of a list can be read.",
        "Longer threads are reported; read those from the host's database.",
    ),
    "host-refuses-include": Entry(
        INFO, "The host refuses `include`; the text of search results is missing from tool calls.", "Nothing."
    ),
}
"""What a live host gets wrong."""

_MESSAGES = {
    "no-messages": Entry(
        INFO, "The thread has no message; no conversation is created, and its other parts are dropped.", "Nothing."
    ),
    "nothing-to-send": Entry(
        WARNING, "The thread has messages, but nothing in them can be sent.", "Look at its other findings."
    ),
    "message-empty": Entry(INFO, "Nothing in this message can be sent, so no item was created.", "Nothing."),
    "message-without-role": Entry(
        ERROR, "A message has no role, so it is not known who wrote it; it was dropped.", "Add the role in the source."
    ),
    "role-unknown": Entry(
        WARNING,
        "The target does not have this role; the message became a user message whose first line names the old role.",
        "Map the role with `source.roles` (database or CSV rows), or change it in the source.",
    ),
    "message-incomplete": Entry(
        WARNING,
        "The assistant never finished this message.",
        "Choose with `convert.incomplete`: `keep` (default) or `skip`.",
    ),
    "message-metadata-aside": Entry(
        INFO, "Items have no metadata: a message's pairs are in the state file.", "Read them there."
    ),
    "message-split": Entry(
        WARNING,
        "A message is longer than the target accepts; it was split into several.",
        "Nothing; no text is lost.",
    ),
    "progress-marked": Entry(
        INFO,
        "A message only reports the progress of research; its first line says so (`convert.progress_messages: mark`).",
        "Choose with `convert.progress_messages`: `keep` (default), `mark` or `drop`.",
    ),
    "progress-dropped": Entry(
        WARNING,
        "A message that only reports the progress of research was left out (`convert.progress_messages: drop`).",
        "Nothing.",
    ),
    "tail-cut": Entry(INFO, "Older messages were left out (`convert.tail`).", "Raise `convert.tail`."),
    "unsupported-part": Entry(
        WARNING,
        "A part has an unknown type; a text says so, and the part itself is in the state file.",
        "Report the type, so that it can be supported.",
    ),
    "part-not-allowed-for-role": Entry(
        WARNING, "System and developer messages can only hold text; a text says what was there.", "Nothing."
    ),
}

_TEXT = {
    "empty-text": Entry(INFO, "An empty text was left out, because not every server accepts one.", "Nothing."),
    "text-too-long": Entry(
        INFO,
        "A text exceeds the limit of a part (10,485,760 characters, 1,500,000 at Foundry); it was split into several.",
        "Nothing.",
    ),
    "text-nul": Entry(INFO, "NUL characters were replaced by U+2400 (␀), since servers refuse them.", "Nothing."),
    "text-lone-surrogate": Entry(
        INFO, "Half a character pair (a lone surrogate) was replaced by U+FFFD.", "Look for a damaged export."
    ),
}

_FILES = {
    "image-in-assistant-message": Entry(
        WARNING,
        "Assistant messages cannot contain images: by default the image is moved to a user note right after.",
        "Choose with `convert.assistant_images`: `user_note` (default), `text` or `drop`.",
    ),
    "image-url-refused": Entry(
        WARNING,
        "The target does not accept this kind of image URL; a text says what it was.",
        "Host the image over https, or put it into the source as a file.",
    ),
    "image-too-large": Entry(
        WARNING,
        "An image's data URL is longer than 20,971,520 characters; a text says so.",
        "Upload the image and name it by file id.",
    ),
    "file-id-invalid": Entry(
        WARNING,
        "A file id is not valid (up to 64 characters of A-Z, a-z, 0-9, _ and -); a text says so.",
        "Fix the source.",
    ),
    "attachment-file-missing": Entry(
        WARNING,
        "The target does not have the file; a text in the message says so.",
        "Before the first `apply`, set `convert.files: upload` and put the file into the export's `files/` folder; a "
        "migration that has begun keeps its setting.",
    ),
    "attachment-without-id": Entry(WARNING, "An attachment names no file; a text says so.", "Fix the source."),
    "attachment-data-source": Entry(
        WARNING,
        "An attachment refers to a data source of the host, not to a file; a text names its URI.",
        "Put the data where the target can reach it, such as a file or a vector store there.",
    ),
    "attachment-type-unknown": Entry(
        WARNING,
        "The type of an attached file is not known. Sent as the wrong type, it would make every later response fail, "
        "so a text names it instead.",
        "Let `plan` ask the target for the file name, add `file` objects or the files to the export, or choose "
        "`convert.attachments: input_file`.",
    ),
    "attachment-type-refused": Entry(
        WARNING,
        "The target does not accept files of this type (archives, video and so on); a text names it.",
        "Nothing.",
    ),
    "attachment-too-large": Entry(
        WARNING, "The file is 50 MB or larger, more than the target accepts; a text names it.", "Split the file."
    ),
    "attachment-now-in-prompt": Entry(
        WARNING,
        "This file was available to a tool only; now its whole content is in the prompt of every turn. That changes "
        "cost and answers.",
        "Choose `convert.attachments: note`, and search it through the response configuration.",
    ),
    "attachment-as-note": Entry(
        INFO,
        "An attachment became a text, because of the settings or the message's role.",
        "See `convert.attachments`.",
    ),
    "attachment-dropped": Entry(WARNING, "An attachment was left out (`convert.attachments: drop`).", "Nothing."),
    "attachment-repeated": Entry(INFO, "A message names the same file more than once; it was sent once.", "Nothing."),
    "files-not-checked": Entry(
        INFO,
        "It was not checked whether the files still exist: there is no key, no connection, or this is a rehearsal.",
        "Set the target's key and plan again; `apply` asks in any case.",
    ),
    "files-foretold": Entry(
        INFO,
        "For this plan of a live source, file names and sizes were not verified; only one small file of each purpose "
        "was downloaded, to see whether the host allows it.",
        "Nothing; `apply` downloads the files, or take a snapshot first and plan from that.",
    ),
    "upload-answer-lost": Entry(
        INFO,
        "Responses to uploads were lost. A copy that is certainly left over is deleted; others that may be at the "
        "target are counted, and nothing refers to them.",
        "Nothing; delete them by hand if it matters: their name, size and time are those of the upload.",
    ),
    "files-over-request-limit": Entry(
        WARNING,
        "The files of a thread exceed the limit of one request (50 MB), so a response would be refused.",
        "Choose `convert.tail` or `convert.attachments: note`.",
    ),
    "audio-model-going": Entry(
        WARNING,
        "The transcription model has been or will be shut down on the date given.",
        "Set `audio.model: gpt-transcribe`.",
    ),
    "audio-transcribed": Entry(INFO, "An attached audio file became its transcript.", "Nothing."),
    "audio-not-transcribed": Entry(
        WARNING,
        "An audio file has no transcript, so a text names it.",
        "Set `audio.transcribe: true` and put the file into the export's `files/` folder.",
    ),
}

_CITATIONS = {
    "citation-aside": Entry(
        INFO,
        "The target has no place for old annotations; markers are treated according to `convert.citations`, and the "
        "annotation is in the state file.",
        "Choose with `convert.citations`: `keep` (default), `footnotes`, `strip` or `annotations`.",
    ),
    "annotation-outside-text": Entry(
        WARNING, "An annotation points outside its text, so only the state file has it.", "Nothing."
    ),
    "annotation-without-filename": Entry(
        WARNING,
        "The target requires a file name in a citation, and none is known; the marker stays in the text.",
        "Let `plan` ask the target for file names, or add `file` objects to the export.",
    ),
    "annotation-unknown": Entry(WARNING, "An annotation of an unknown type is in the state file only.", "Nothing."),
    "citation-marker-alone": Entry(
        INFO, "A text has citation markers that no annotation explains.", "Nothing; `strip` removes them."
    ),
}

_TOOLS = {
    "tool-call-as-text": Entry(
        INFO,
        "A tool call (code, search, a host's tool, or a function by setting) became an assistant text.",
        "Choose with `convert.tool_calls` and `convert.native_builtin`.",
    ),
    "tool-call-as-function": Entry(
        INFO,
        "A call that the host ran itself (an Azure Function, a connected agent, an MCP server) became a function call "
        "with its output; whatever does not fit there, such as the server's label, is in the state file.",
        "Nothing; with `convert.tool_calls: text` such calls become texts instead.",
    ),
    "child-thread": Entry(
        INFO,
        "A connected agent worked in a separate thread. The state file links it, and `map` shows its conversation.",
        "Migrate that thread too if you need it; hosts list it among their threads.",
    ),
    "tool-call-dropped": Entry(WARNING, "Tool calls were left out (`convert.tool_calls: drop`).", "Nothing."),
    "tool-call-without-output": Entry(
        WARNING,
        "A tool call has no output. A placeholder was added, because without one every later response fails.",
        "Nothing.",
    ),
    "tool-call-data-aside": Entry(
        WARNING,
        "A tool call holds data, such as a screenshot; its text names kind and size, the data is in the state file.",
        "Nothing, unless the conversation refers to the image later.",
    ),
    "tool-call-without-id": Entry(INFO, "A call has no id; one was generated from its step or message.", "Nothing."),
    "tool-call-repeated": Entry(
        INFO, "A call is recorded both in a message and in a run step; it was carried over once.", "Nothing."
    ),
    "tool-output-without-call": Entry(
        WARNING,
        "A tool output refers to a call that the thread does not have; it became an assistant text.",
        "Check whether messages with tool calls are missing in the source.",
    ),
    "tool-output-repeated": Entry(
        WARNING,
        "A call has more than one output; the first was paired with the call, the others became texts.",
        "Compare them in the source.",
    ),
    "reasoning-aside": Entry(
        INFO,
        "The model's reasoning is in the state file only: the target accepts only its own.",
        "Nothing.",
    ),
    "tool-call-id-changed": Entry(
        INFO, "A call's id is too long or used twice; it was replaced by one derived from its hash.", "Nothing."
    ),
    "tool-name-changed": Entry(
        WARNING,
        "A function name has characters or a length that the target refuses; it was changed, and the state file has "
        "the original.",
        "Nothing.",
    ),
    "tool-arguments-not-json": Entry(
        WARNING, "The arguments of a call are not JSON; they were sent unchanged.", "Nothing."
    ),
    "tool-arguments-too-long": Entry(
        WARNING, "The arguments of a call are longer than the target accepts; the call became a text.", "Nothing."
    ),
    "tool-output-cut": Entry(
        WARNING,
        "An output is longer than 10,485,760 characters; it was truncated, and its end says so.",
        "Keep the source: it has the rest.",
    ),
    "tool-call-native-unproven": Entry(
        WARNING,
        "Code and search calls were written as native items with generated ids; not every target may accept them.",
        "Try one thread first, or leave `convert.native_builtin` off.",
    ),
    "run-not-completed": Entry(
        WARNING, "A run failed, was cancelled, expired or never ended, so its answer may be missing.", "Nothing."
    ),
    "step-without-run": Entry(
        INFO,
        "Steps refer to a run that the source does not contain; they were placed by their messages and times.",
        "Nothing.",
    ),
    "step-lists-tools": Entry(
        INFO,
        "A run step lists which tools a server offered; it is in the state file only.",
        "Nothing; the new setup asks the server again.",
    ),
    "action-unknown": Entry(
        WARNING, "A run waited for something of an unknown type; it is in the state file only.", "Report the type."
    ),
    "step-unknown": Entry(WARNING, "A run step of an unknown type; it is in the state file only.", "Report the type."),
}

_THREADS = {
    "metadata-overflow": Entry(
        WARNING,
        "A metadata pair exceeds the limits (14 pairs besides migrate-cli's two; keys 64, values 512 characters). It "
        "is kept in the state file only.",
        "Read it there, or shorten it in the source.",
    ),
    "metadata-not-string": Entry(INFO, "A metadata value is not a string; it was written as JSON.", "Nothing."),
    "tool-resources-aside": Entry(
        INFO,
        "Conversations have no tool resources; those of the thread are in the state file.",
        "`migrate-cli assistants` writes them into the response configuration.",
    ),
    "item-invalid": Entry(
        ERROR,
        "An item breaks a rule of the target. This is a bug in migrate-cli.",
        "Report it; the thread is not sent.",
    ),
}

_LOADING = {
    "item-refused": Entry(
        ERROR,
        "The target refused an item permanently; a note took its place (`load.on_refused: note`).",
        "Look at the message in the source; the thread's other items were loaded.",
    ),
    "resource-file-missing": Entry(
        WARNING,
        "A code interpreter file is missing at the target: no conversation names it, but the tool would read it.",
        "Put the file into the export's `files/` folder, or upload it and name it in the response configuration.",
    ),
    "vector-store-not-carried": Entry(
        WARNING,
        "A vector store belongs to the source's organisation and has no counterpart at the target.",
        "Set `convert.vector_stores: rebuild` and run `apply`, or create a store and name it in the configuration.",
    ),
    "vector-store-not-rebuilt": Entry(
        WARNING,
        "A vector store was not rebuilt: it has expired, the source does not say what is in it, none of its files "
        "could be carried over, or the target refused it.",
        "Look at the reason given. An expired store finds nothing at the source either.",
    ),
    "vector-store-file-missing": Entry(
        WARNING,
        "A file of a vector store is not in the rebuilt one: it is missing in the source, too large, or was refused.",
        "Put it into the export's `files/` folder and run `apply` again, or add it to the store by hand.",
    ),
    "vector-store-file-failed": Entry(
        WARNING,
        "The target accepted a file of a vector store but could not index it, so searches do not find its content.",
        "Save the file in a format that file search accepts, and add it to the rebuilt store.",
    ),
    "vector-store-field-lost": Entry(
        WARNING,
        "A rebuilt vector store has no room for a metadata pair or the expiry of the original.",
        "Nothing, unless your code reads it.",
    ),
    "vector-store-answer-lost": Entry(
        INFO,
        "Responses to requests that create vector stores were lost. An empty copy that is certainly left over is "
        "deleted; others that may be at the target are counted.",
        "Nothing; a store without files costs nothing. The next run checks again.",
    ),
    "source-grown": Entry(
        WARNING,
        "A thread that was loaded before has new messages at its end.",
        "Load them with `apply --append`.",
    ),
    "state-restored": Entry(
        INFO,
        "The state file was lost or out of date; it was restored from its backup and its list of ids.",
        "Nothing; the rest was looked up at the target. `verify` compares everything.",
    ),
    "source-not-reread": Entry(
        INFO,
        "This run resumes one that ended early; threads loaded by that one were not read from the host again.",
        "Run `apply` once more to see what has changed in the source since.",
    ),
    "source-changed": Entry(
        WARNING,
        "A thread has changed in the source since it was loaded; the conversation was left unchanged.",
        "Compare with `verify`; to load it again, `undo` it by its `--thread`, then `apply`.",
    ),
    "read-differently": Entry(
        WARNING,
        "A thread was loaded by a version of migrate-cli that read it differently; the conversation was left "
        "unchanged, and is compared with what was sent then.",
        "Nothing, if the conversation is good enough. To load it again, `resolve` it with `--restart`, then `apply`.",
    ),
    "source-thread-missing": Entry(
        WARNING,
        "A thread that was loaded before is no longer in the source; its conversation was kept.",
        "Nothing, if threads were removed on purpose; otherwise look for the missing part of the export.",
    ),
    "conversation-continued": Entry(
        WARNING,
        "The conversation has new items since it was loaded, so nothing was appended or deleted.",
        "Add the new messages by hand, or leave it.",
    ),
}

_ASSISTANTS = {
    "assistant-inferred": Entry(
        WARNING,
        "The source has no object for the assistant; its settings were inferred from runs and messages.",
        "Add the assistant object to the export, or complete the configuration by hand.",
    ),
    "thread-resources-joined": Entry(
        INFO,
        "Several threads have their own vector stores or files; the configuration names them all.",
        "In each request, name only those of the conversation; `--output json` lists them by thread.",
    ),
    "model-going": Entry(
        WARNING,
        "The model has been or will be shut down on the date given; the configuration names its successor.",
        "Try it with `replay`.",
    ),
    "model-is-deployment": Entry(
        INFO,
        "On Azure and Foundry, a model name is the name of a deployment; it was kept.",
        "Replace it with the target's model or deployment if that has another name.",
    ),
    "model-missing": Entry(WARNING, "The assistant names no model.", "Write one into the configuration."),
    "sampling-not-taken": Entry(
        WARNING, "Reasoning models do not accept `temperature` and `top_p`; they were left out.", "Nothing."
    ),
    "tool-not-carried": Entry(
        WARNING, "A tool of the assistant has no automatic counterpart.", "Add its successor by hand."
    ),
    "markdown-not-asked": Entry(
        INFO,
        "`--markdown` was ignored, because the assistant answers in JSON.",
        "Nothing.",
    ),
    "connection-not-mapped": Entry(
        WARNING,
        "A tool uses a connection that is not in the connections file; the tool was left out.",
        "Add it to the `--connections` file with its id at the target, and run the same command again.",
    ),
    "tool-renamed": Entry(INFO, "A tool has a new name in current Foundry agents; the new name was used.", "Nothing."),
    "agent-differs": Entry(
        WARNING,
        "The target returns an agent definition that differs from what was sent.",
        "Look at the agent there; `undo --run` deletes it.",
    ),
    "agent-name-changed": Entry(
        INFO,
        "Agent names must be unique and consist of letters, digits and hyphens; the original name is in the metadata.",
        "Nothing.",
    ),
    "mcp-headers-lost": Entry(
        WARNING,
        "A server was called with headers that may contain keys; their values were not written.",
        "Set them again with environment variables: `authorization_env` and `headers_env` of the suite's tool.",
    ),
    "assistant-repeated": Entry(
        WARNING,
        "The source has several differing objects of one assistant; one was used, preferably the host's own.",
        "Compare them in the source, and remove the wrong one.",
    ),
    "assistants-incomplete": Entry(
        WARNING,
        "A saved list of assistants says that there are more, but no later page was found.",
        "Save the other pages too, if the host is still live.",
    ),
    "run-differs": Entry(
        INFO,
        "The newest run of an assistant overrode its settings; the configuration has those of the assistant.",
        "Compare both if the answers of that run matter.",
    ),
    "vector-store-missing": Entry(
        WARNING,
        "The assistant uses file search without a vector store, which the target refuses; the tool was left out.",
        "Create a vector store, and add the tool `file_search` with its id.",
    ),
    "response-format-unknown": Entry(
        WARNING,
        "The response format has no counterpart; it was left out.",
        "Write `text.format` by hand.",
    ),
    "assistant-field-lost": Entry(
        WARNING, "A field of the assistant has no counterpart in a response; it was left out.", "Nothing."
    ),
}

CATALOGUE: dict[str, Entry] = (
    _READING | _HOSTS | _MESSAGES | _TEXT | _FILES | _CITATIONS | _TOOLS | _THREADS | _LOADING | _ASSISTANTS
)
"""Every code that a `Finding` may carry, in the order of README's table."""


class Unread(NamedTuple):
    """One row of the table "what could not be read"."""

    meaning: str
    action: str


UNREADABLE: dict[str, Unread] = {
    # files
    "foreign-format": Unread(
        "The file comes from another program: a data export of ChatGPT, Slack, the Batch API and so on.",
        "Export the threads themselves; leave this file out.",
    ),
    "map-fits-nothing": Unread(
        "A path of `source.map` matches nothing in the file.", "Use the closest existing path, which is named."
    ),
    "file-empty": Unread("The file is empty.", "Export it again, or remove it."),
    "file-cut-off": Unread(
        "The file is truncated: its JSON, a row, its compressed data or its archive is incomplete. Everything before "
        "that is read.",
        "Copy or export it again.",
    ),
    "file-damaged": Unread("The compressed file is damaged.", "Copy it again."),
    "file-unreadable": Unread("The file cannot be opened.", "Check the file and its permissions."),
    "entry-refused": Unread(
        "A link leads out of the export, nowhere or in a circle, or the entry is a pipe, device or socket; it was not "
        "read.",
        "Copy the file itself into the export, or remove the entry.",
    ),
    "not-json": Unread("The text is not valid JSON; the message says where.", "Correct or export it again."),
    "not-yaml": Unread("The recording is not valid YAML; the message says where.", "Correct or record it again."),
    "json-too-deep": Unread(
        "An entry, a line or a file is nested deeper than `limits.json_depth` allows; the others are read.",
        "Raise the setting, if you trust the export.",
    ),
    "string-too-long": Unread(
        "A string, a line or a cell is longer than `limits.string_bytes` allows; the others are read.",
        "Raise the setting, if you trust the export.",
    ),
    "yaml-too-large": Unread(
        "The recording has more values than `limits.yaml_nodes` allows, with aliases expanded.",
        "Raise the setting, if you trust the recording.",
    ),
    "unknown-shape": Unread(
        "The file is not in a format that migrate-cli reads.", "Name the format with `--format`, or remove the file."
    ),
    "ids-not-read": Unread(
        "The file is in no format that migrate-cli reads, and by ids or columns it seems to hold threads or messages, "
        "so part of the history may be there.",
        "Write its messages as JSON Lines or CSV, name a database by itself as SOURCE, or move the file out of the "
        "export.",
    ),
    "entry-unknown": Unread(
        "An entry in the list of assistants or files is not a known object.", "Look at the file; the others are read."
    ),
    "unknown-line": Unread(
        "A line is not in the format of the file's first lines; it is left out.",
        "Look at that line.",
    ),
    "csv-header": Unread(
        "The file looks like messages, and its columns for thread, role and text cannot be identified.",
        "Name them, as the message shows: `source.columns: {thread_id: COLUMN}`; or move a table of something else out "
        "of the export.",
    ),
    "csv-broken": Unread("A CSV row cannot be parsed.", "Look at that row; often a quote is left open."),
    "csv-encoding": Unread("From some row on, the CSV is not valid UTF-8.", "Save it as UTF-8."),
    "object-without-thread": Unread(
        "An object names no thread, so it cannot be assigned to one.", "Look for a damaged export."
    ),
    "answer-not-decoded": Unread(
        "A recorded body cannot be decoded, and nothing else names its thread.",
        "Record it again; for br and zstd, `pip install brotli backports.zstd`.",
    ),
    "request-without-thread": Unread(
        "A recorded request contains messages, but no response gives the id of their thread.", "Record it again."
    ),
    "no-thread-in-recording": Unread("The recording contains no response about a thread.", "Remove the file."),
    "duplicate-thread-id": Unread(
        "The source contains another thread with this id; the first one is read.",
        "Set `source.join: true` to merge them, or remove one of them.",
    ),
    "archive-damaged": Unread("The archive or a member of it is damaged; the others were read.", "Copy it again."),
    "archive-encrypted": Unread("The archive is encrypted.", "Unpack it by hand."),
    "archive-bomb": Unread("The archive expands to an unreasonable size.", "Unpack it by hand, if you trust it."),
    "archive-member-refused": Unread(
        "A member of the archive is a link, or points outside the archive.", "Unpack it by hand, if you trust it."
    ),
    # hosts
    "thread-id-wrong": Unread("An entry in the list of ids cannot be a thread id.", "Correct the line that is named."),
    "thread-gone": Unread(
        "The host does not have the thread: it was deleted, or belongs to another project.",
        "Nothing, or use that project's key.",
    ),
    "thread-refused": Unread(
        "The host refuses the thread, with the reason given.", "Check the permissions of the key."
    ),
    "thread-unreadable": Unread(
        "The host answers, but fails for this thread every time.", "Run again later; ask the host's operator."
    ),
    "answer-out-of-bounds": Unread(
        "The host's response for the thread is larger or deeper than the settings allow.",
        "Raise the setting under `limits` that is named, if you trust the host.",
    ),
    "thread-list-incomplete": Unread(
        "The host's list of threads ends early, so some threads may have been missed.", "Name the threads by id."
    ),
    # snapshots
    "snapshot-incomplete": Unread("The snapshot was interrupted.", "Run `migrate-cli snapshot` again."),
    "snapshot-part-missing": Unread("A file of the snapshot is missing.", "Restore it from a copy."),
    # databases
    "rows-without-thread": Unread(
        "Rows name no thread, so it is not known where they belong; they are left out.",
        "Fill the column, exclude such rows with `source.select`, or map thread_id to another column.",
    ),
    "thread-rows-apart": Unread(
        "Rows of a thread are in several groups, because the database treats different ids as equal; the first "
        "is read.",
        "Give the column a case- and accent-sensitive collation.",
    ),
}
"""Every code for something that could not be read (`data.unreadable`, exit code 3); the message there says where."""

HOLES = frozenset({"messages-missing", "page-without-end"})
"""Findings of threads that are known not to be whole."""


def holes_in(findings: Iterable[Finding]) -> list[Finding]:
    """Return those of a thread's findings that say that parts of it are known to be missing."""
    return [found for found in findings if found.code in HOLES]


def finding(code: str, detail: str, thread_id: str | None = None, message_id: str | None = None) -> Finding:
    """Return a finding with its catalogued severity. Raises KeyError for a code that is not in the catalogue.

    `detail` is one sentence with ids, names, counts and limits, but never message text.
    """
    return Finding(code, CATALOGUE[code].severity, detail, thread_id, message_id)
