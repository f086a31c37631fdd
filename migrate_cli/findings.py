"""The catalogue of finding codes: what each means and what the reader can do. Every finding takes its severity here.

Codes of what could not be read at all stand in a table of their own: such a place has no thread that could be found
fault with, and always counts as an error. The module stands apart from the stages because sources, conversion, loading
and verification all report through it. Data and one constructor; it must not decide anything.
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
        "A message has no id; it got one made from its thread and position.",
        "Nothing, unless you join on ids.",
    ),
    "message-role-inferred": Entry(
        INFO, "A message has no role; it was told from other fields, such as the assistant's id.", "Check one example."
    ),
    "duplicate-message": Entry(INFO, "The same message stands in the source twice; it was read once.", "Nothing."),
    "duplicate-message-differs": Entry(
        WARNING,
        "Two messages with one id have different content; the first one read was taken.",
        "Compare both in the source and remove the wrong one.",
    ),
    "file-ids-and-attachments": Entry(
        INFO, "A message names files in `file_ids` and in `attachments`; both were joined.", "Nothing."
    ),
    "order-unknown": Entry(
        WARNING,
        "The source does not say for certain in which order the messages were written.",
        "Look at the thread; reorder the source if the first message is not the oldest.",
    ),
    "order-probably-reversed": Entry(
        WARNING,
        "Nothing tells the order of the messages, and they begin with an answer and end with a question.",
        "Look at the thread; set `source.order: newest-first` if the newest message stands first.",
    ),
    "time-unreadable": Entry(
        WARNING,
        "Times of messages are written in a form that cannot be read, so that they do not tell the order.",
        "Say what the form means with `source.time_format`, or name a column that counts: `source.columns.order`.",
    ),
    "times-in-two-forms": Entry(
        WARNING,
        "The times of one thread are written in different ways, which may mean different clocks or zones.",
        "Compare the order of the messages; times without an offset are taken as UTC.",
    ),
    "order-not-chronological": Entry(
        WARNING,
        "The messages' times go up and down; the order of the source was kept.",
        "Look at the thread; reorder the source if it is wrong.",
    ),
    "message-of-another-thread": Entry(
        WARNING, "The messages of a thread all name another one than it does; they stayed with it.", "Check the source."
    ),
    "text-looks-like-json": Entry(
        WARNING,
        "A text looks like a list of parts that a tool saved as text, and cannot be read as one; it was carried as it "
        "stands.",
        "Look at the message in the source; it may be cut off, or written in a form of its own. Export it again.",
    ),
    "record-left-out": Entry(
        WARNING,
        "Records beside the messages name the thread and are none, such as entries of a log; they were left out.",
        "Look at one of them in the source; if it holds what was said, describe the records with `source.map`.",
    ),
    "message-not-an-object": Entry(
        ERROR, "An entry of the messages is no JSON object; it was left out.", "Look for a damaged export."
    ),
    "message-without-content": Entry(WARNING, "A message has no content at all.", "Look for a damaged export."),
    "thread-id-from-message": Entry(
        WARNING,
        "The file's name and its messages name different threads; the messages were believed.",
        "Check that the file lies where it belongs.",
    ),
    "thread-id-made": Entry(
        WARNING,
        "Records name no thread, so their thread got an id made from the file, and from their place in it.",
        "Name the field that holds the id (`source.columns.thread_id`), or keep the file as it is: places count.",
    ),
    "thread-id-from-file-name": Entry(
        INFO, "No message names its thread; the id was taken from the file's name.", "Nothing, if the name is the id."
    ),
    "thread-may-be-incomplete": Entry(
        WARNING,
        "The list ends although there was more, or has exactly as many messages as one page; others may be missing.",
        "Compare with the original, and export the thread again with all pages, if it still can be.",
    ),
    "body-not-decoded": Entry(
        WARNING,
        "A recorded body of the thread cannot be decoded: it is damaged, cut off, or packed in an unknown way.",
        "Record it again; for br and zstd, `pip install brotli backports.zstd`.",
    ),
    "message-deleted": Entry(INFO, "The source shows that messages were deleted later; they are left out.", "Nothing."),
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
        WARNING, "Two threads of the source have one id; the first was taken.", "Remove or rename one of them."
    ),
    "file-may-be-cut": Entry(
        WARNING,
        "The table's last row has no end of its line, so that its last cell may be cut off.",
        "Compare the last row with its source; export the table again if it lacks anything.",
    ),
    "field-not-carried": Entry(
        WARNING,
        "The source has a field that no part of a conversation can hold; it was left out, and no text of it was sent.",
        "Nothing, if it does not matter. `convert.unknown_fields: keep` keeps the values in the state file.",
    ),
    "activity-unknown": Entry(
        INFO,
        "Threads were chosen by their last activity, and this one does not say when that was; it was taken.",
        "Leave it out by its id if it is not wanted, or let the source say when its messages were made.",
    ),
    "page-without-news": Entry(
        WARNING,
        "A page of a list brought nothing new although more was promised; the list ends there.",
        "Compare counts.",
    ),
}

_HOSTS = {
    "messages-missing": Entry(
        ERROR,
        "The host gives only the beginning and the end of a thread's messages; those between them are missing.",
        "Take the thread from a database or an export, or leave it out.",
    ),
    "page-without-end": Entry(
        ERROR, "A list of the host went on and on; it was left after two million entries.", "Look at the thread."
    ),
    "runs-not-read": Entry(
        WARNING,
        "The host refused the runs of a thread, so its tool calls may be missing; the messages are all there.",
        "Read the thread again, or check what the key may do.",
    ),
    "thread-id-repeated": Entry(INFO, "The list of ids names a thread more than once; it was read once.", "Nothing."),
    "host-api-version": Entry(
        WARNING,
        "The host was asked with a version of its API that is not known here; what it answers was read as it came.",
        "Take `api-version` out of `source.query`, or look at a few conversations first.",
    ),
    "host-milliseconds": Entry(INFO, "The host tells times in milliseconds; they were read as such.", "Nothing."),
    "host-hides-more": Entry(
        INFO, "The host says that a list has no more where it has; lists were read on.", "Nothing."
    ),
    "images-by-presence": Entry(
        INFO,
        "The target does not give back the addresses of images by URL: each image is there, but whether it is the same "
        "one could not be compared.",
        "Nothing; look at some of these images by hand if it matters.",
    ),
    "host-refuses-cursors": Entry(
        WARNING,
        "The host refuses or ignores `after`, so that only the first and the last 100 entries of a list can be read.",
        "Longer threads say so themselves; read those from the host's database.",
    ),
    "host-refuses-include": Entry(
        INFO, "The host refuses `include`; the text of search results is missing from tool calls.", "Nothing."
    ),
}
"""What a host that still answers got wrong."""

_MESSAGES = {
    "no-messages": Entry(
        INFO, "The thread has no message; no conversation is made and its other parts are dropped.", "Nothing."
    ),
    "nothing-to-send": Entry(
        WARNING, "The thread has messages, but none holds anything that can be sent.", "Look at its other findings."
    ),
    "message-empty": Entry(INFO, "Nothing of a message is left to send, so it has no item.", "Nothing."),
    "message-without-role": Entry(
        ERROR, "A message has no role, so nobody can say who spoke; it was dropped.", "Add the role in the source."
    ),
    "role-unknown": Entry(
        WARNING,
        "The target has no such role; the message was written as a user's, and a first line names the old role.",
        "Name the role that it stands for: with `source.roles` for rows of a database or of CSV, else in the source.",
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
        "A message has more characters than the target takes in one; it became several in a row.",
        "Nothing; no text is lost.",
    ),
    "progress-marked": Entry(
        INFO,
        "A message only tells how a research goes on; its first line says so, as `convert.progress_messages` asks.",
        "Choose with `convert.progress_messages`: `keep` (default), `mark` or `drop`.",
    ),
    "progress-dropped": Entry(
        WARNING,
        "A message that only tells how a research goes on was left out, as `convert.progress_messages: drop` asks.",
        "Nothing.",
    ),
    "tail-cut": Entry(INFO, "Older messages were left out, as `convert.tail` asks.", "Raise `convert.tail`."),
    "unsupported-part": Entry(
        WARNING,
        "A part of a type that this program does not know; a text says so, and the state file holds the part.",
        "Report the type, so that it can be supported.",
    ),
    "part-not-allowed-for-role": Entry(
        WARNING, "System and developer messages hold text only; a text says what stood there.", "Nothing."
    ),
}

_TEXT = {
    "empty-text": Entry(INFO, "An empty text was left out; servers differ in whether they take one.", "Nothing."),
    "text-too-long": Entry(
        INFO,
        "A text is longer than a part may be (10,485,760 characters, 1,500,000 at Foundry); it was split into several.",
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
        "Assistant messages take no images: by default the image stands in a user-role note right after.",
        "Choose with `convert.assistant_images`: `user_note` (default), `text` or `drop`.",
    ),
    "image-url-refused": Entry(
        WARNING,
        "An image's URL is of a kind that the target refuses; a text says what it was.",
        "Host the image over https, or put it into the source as a file.",
    ),
    "image-too-large": Entry(
        WARNING,
        "An image's data URL is longer than 20,971,520 characters; a text says so.",
        "Upload the image and name it by file id.",
    ),
    "file-id-invalid": Entry(
        WARNING, "A file id is no file id (64 characters of A-Z, a-z, 0-9, _ and -); a text says so.", "Fix the source."
    ),
    "attachment-file-missing": Entry(
        WARNING,
        "The target does not have the file; a text in the message says so.",
        "Use `convert.files: upload` with the bytes in the export's `files/` folder.",
    ),
    "attachment-without-id": Entry(WARNING, "An attachment names no file; a text says so.", "Fix the source."),
    "attachment-data-source": Entry(
        WARNING,
        "An attachment names a data source of the host in place of a file; a text names its URI.",
        "Put the data where the target can reach it, such as a file or a vector store there.",
    ),
    "attachment-type-unknown": Entry(
        WARNING,
        "Nothing tells what kind of file was attached; sent as the wrong kind it would break every later answer, so a "
        "text names it instead.",
        "Let `plan` ask the target for the file's name, put `file` objects or bytes into the export, or choose "
        "`convert.attachments: input_file`.",
    ),
    "attachment-type-refused": Entry(
        WARNING, "The target takes no file of this kind (archives, video and so on); a text names it.", "Nothing."
    ),
    "attachment-too-large": Entry(
        WARNING, "The file is 50 MB or larger, more than the target takes; a text names it.", "Split the file."
    ),
    "attachment-now-in-prompt": Entry(
        WARNING,
        "A file that was attached for search or code was not in the model's prompt; now it is, whole, in every turn. "
        "That changes cost and answers.",
        "Choose `convert.attachments: note`, and search it through the response configuration.",
    ),
    "attachment-as-note": Entry(
        INFO, "An attachment became a text, as the settings or the message's role ask.", "See `convert.attachments`."
    ),
    "attachment-dropped": Entry(WARNING, "An attachment was left out, as `convert.attachments` asks.", "Nothing."),
    "attachment-repeated": Entry(INFO, "A message names the same file more than once; it was sent once.", "Nothing."),
    "files-not-checked": Entry(
        INFO,
        "Nobody was asked whether the files still exist: there is no key, no connection, or this is a rehearsal.",
        "Set the target's key and plan again; `apply` asks in any case.",
    ),
    "files-foretold": Entry(
        INFO,
        "Planning a live source, names and sizes were believed; only a small file of each purpose was downloaded, to "
        "see whether the host gives it out.",
        "Nothing; `apply` downloads the files, or take a snapshot first and plan from that.",
    ),
    "upload-answer-lost": Entry(
        INFO,
        "The answers to uploads were lost. A copy that was certainly left over is deleted; others that may be at the "
        "target are counted, and nothing names them.",
        "Nothing; delete them by hand if it matters: their name, size and time are those of the upload.",
    ),
    "files-over-request-limit": Entry(
        WARNING,
        "The files of a thread are together more than one request may carry (50 MB), so a response would be refused.",
        "Choose `convert.tail` or `convert.attachments: note`.",
    ),
    "audio-model-going": Entry(
        WARNING, "The transcription model is gone or going on the date named.", "Set `audio.model: gpt-transcribe`."
    ),
    "audio-transcribed": Entry(INFO, "An attached audio file became its transcript.", "Nothing."),
    "audio-not-transcribed": Entry(
        WARNING,
        "An audio file has no transcript, so a text names it.",
        "Set `audio.transcribe: true` and put the bytes into the export's `files/` folder.",
    ),
}

_CITATIONS = {
    "citation-aside": Entry(
        INFO,
        "Old annotations have no place in the target; markers stay as the policy says, the annotation is in the state "
        "file.",
        "Choose with `convert.citations`: `keep` (default), `footnotes`, `strip` or `annotations`.",
    ),
    "annotation-outside-text": Entry(
        WARNING, "An annotation points outside its text, so only the state file has it.", "Nothing."
    ),
    "annotation-without-filename": Entry(
        WARNING,
        "The target wants a file name in a citation, and none is known; the marker stays in the text.",
        "Let `plan` ask the target for file names, or put `file` objects into the export.",
    ),
    "annotation-unknown": Entry(WARNING, "An annotation of an unknown type is in the state file only.", "Nothing."),
    "citation-marker-alone": Entry(
        INFO, "A text has citation markers that no annotation explains.", "Nothing; `strip` removes them."
    ),
}

_TOOLS = {
    "tool-call-as-text": Entry(
        INFO,
        "A tool call became a text in the assistant's words: code, search, host tools, or functions by setting.",
        "Choose with `convert.tool_calls` and `convert.native_builtin`.",
    ),
    "tool-call-as-function": Entry(
        INFO,
        "A call that the host ran itself (an Azure Function, a connected agent, an MCP server) became a function call "
        "with its output; what that has no place for, such as the server's label, is in the state file.",
        "Nothing; `convert.tool_calls: text` tells such calls in words instead.",
    ),
    "child-thread": Entry(
        INFO,
        "A connected agent worked in a thread of its own. The state file links it, and `map` shows its conversation.",
        "Migrate that thread as well if it is wanted; hosts list it among their threads.",
    ),
    "tool-call-dropped": Entry(WARNING, "Tool calls were left out, as `convert.tool_calls: drop` asks.", "Nothing."),
    "tool-call-without-output": Entry(
        WARNING,
        "A tool call has no output. A placeholder says so, since a call without output makes every later answer fail.",
        "Nothing.",
    ),
    "tool-call-data-aside": Entry(
        WARNING,
        "A tool call holds data, such as a screenshot; its text names kind and size, the data is in the state file.",
        "Nothing, unless the conversation goes on about the picture.",
    ),
    "tool-call-without-id": Entry(INFO, "A call has no id; it got one made from its step or its message.", "Nothing."),
    "tool-call-repeated": Entry(
        INFO, "A call stands in a message and in a run step as well; it was carried once.", "Nothing."
    ),
    "tool-output-without-call": Entry(
        WARNING,
        "A tool's output names a call that the thread does not have; it became a text in the assistant's words.",
        "Look whether the source lacks messages with tool calls.",
    ),
    "tool-output-repeated": Entry(
        WARNING,
        "A call has more than one output; the first went with the call, the others became texts.",
        "Compare them in the source.",
    ),
    "reasoning-aside": Entry(
        INFO,
        "Reasoning of the model is in the state file only: the target takes none but its own.",
        "Nothing.",
    ),
    "tool-call-id-changed": Entry(
        INFO, "A call's id is too long or used twice; it was replaced by one made from its hash.", "Nothing."
    ),
    "tool-name-changed": Entry(
        WARNING,
        "A function's name has signs or a length that the target refuses; they were replaced, and the state file has "
        "the name as it was.",
        "Nothing.",
    ),
    "tool-arguments-not-json": Entry(
        WARNING, "The arguments of a call are not JSON; they were sent as they are.", "Nothing."
    ),
    "tool-arguments-too-long": Entry(
        WARNING, "The arguments of a call are longer than the target takes; the call became a text.", "Nothing."
    ),
    "tool-output-cut": Entry(
        WARNING,
        "An output is longer than 10,485,760 characters; it was cut, and says so at its end.",
        "Keep the source: it has the rest.",
    ),
    "tool-call-native-unproven": Entry(
        WARNING,
        "Code and search calls were written natively under made-up ids; whether a target takes them is not known.",
        "Try one thread first, or leave `convert.native_builtin` off.",
    ),
    "run-not-completed": Entry(
        WARNING, "A run failed, was cancelled, expired or never ended, so its answer may be missing.", "Nothing."
    ),
    "step-without-run": Entry(
        INFO,
        "Steps name a run that the source does not hold; they were placed by their messages and times.",
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
        "A metadata pair does not fit (14 beside our two, 64 characters a key, 512 a value); it is in the state file.",
        "Read it there, or shorten it in the source.",
    ),
    "metadata-not-string": Entry(INFO, "A metadata value is no string; it was written as JSON.", "Nothing."),
    "tool-resources-aside": Entry(
        INFO,
        "Conversations have no tool resources; those of the thread are in the state file.",
        "`migrate-cli assistants` writes them into the response configuration.",
    ),
    "item-invalid": Entry(
        ERROR,
        "An item breaks a rule of the target. This is a fault of the program.",
        "Report it; the thread is held back.",
    ),
}

_LOADING = {
    "item-refused": Entry(
        ERROR,
        "The target refused an item for good; a note stands in its place (`load.on_refused: note`).",
        "Look at the message in the source; the thread's other items are there.",
    ),
    "resource-file-missing": Entry(
        WARNING,
        "A file of the code interpreter is not at the target: no conversation names it, but the tool would read it.",
        "Put its bytes into the export's `files/` folder, or upload it and name it in the response configuration.",
    ),
    "vector-store-not-carried": Entry(
        WARNING,
        "A vector store belongs to the source's organisation, and nothing at the target stands for it.",
        "Set `convert.vector_stores: rebuild` and run `apply`, or make a store and name it in the configuration.",
    ),
    "vector-store-not-rebuilt": Entry(
        WARNING,
        "A vector store was not rebuilt: it has expired, the source does not say what is in it, none of its files "
        "could be carried, or the target refuses it.",
        "Look at its sentence; searches in it find nothing at the source either once it has expired.",
    ),
    "vector-store-file-missing": Entry(
        WARNING,
        "A file of a vector store is not in the rebuilt one: its bytes are missing, it is too large or was refused.",
        "Put its bytes into the export's `files/` folder and run `apply` again, or add it to the store by hand.",
    ),
    "vector-store-file-failed": Entry(
        WARNING,
        "The target took a file of a vector store and could not index it, so that searches do not find what is in it.",
        "Save the file in a format that file search takes, and add it to the rebuilt store.",
    ),
    "vector-store-field-lost": Entry(
        WARNING,
        "A rebuilt vector store has no room for a metadata pair or the expiry of the original.",
        "Nothing, unless your code reads it.",
    ),
    "vector-store-answer-lost": Entry(
        INFO,
        "The answers to requests that make vector stores were lost. An empty copy that was certainly left over is "
        "deleted; others that may be at the target are counted.",
        "Nothing; a store without files costs nothing. The next run looks again.",
    ),
    "source-grown": Entry(
        WARNING,
        "New messages stand at the end of a thread that was loaded before.",
        "Load them with `apply --append`.",
    ),
    "state-restored": Entry(
        INFO,
        "The state file was lost or older than what was done, and was made again from its backup and its list of ids.",
        "Nothing; what was lost with it beside the ids was asked of the target. `verify` compares everything.",
    ),
    "source-not-reread": Entry(
        INFO,
        "The run goes on with one that ended early; what that one had loaded was not read from the host again.",
        "Run `apply` once more to learn what the source has changed since.",
    ),
    "source-changed": Entry(
        WARNING,
        "A thread that was loaded before has changed in the source, or lost messages; the conversation stays as it is.",
        "Compare with `verify`; to load it anew, `undo` it by its `--thread`, then `apply`.",
    ),
    "read-differently": Entry(
        WARNING,
        "A thread was loaded by a version of migrate-cli that read it otherwise; the conversation stays as it is, and "
        "is compared with what was sent then.",
        "Nothing, if the conversation serves; else load it again: `resolve` it with `--restart`, then `apply`.",
    ),
    "source-thread-missing": Entry(
        WARNING,
        "A thread that was loaded before is no longer in the source; its conversation stays.",
        "Nothing, if the source was meant to shrink; else look for the missing part of the export.",
    ),
    "conversation-continued": Entry(
        WARNING,
        "Somebody has written into the conversation since it was loaded, so nothing was appended or deleted.",
        "Carry the new messages over by hand, or leave it.",
    ),
}

_ASSISTANTS = {
    "assistant-inferred": Entry(
        WARNING,
        "The source holds no object of the assistant; what runs and messages tell of it was taken.",
        "Save the assistant's object into the export, or complete the configuration by hand.",
    ),
    "thread-resources-joined": Entry(
        INFO,
        "Several threads have vector stores or files of their own; the configuration names them all.",
        "Name only those of its own conversation in each request; `--output json` lists them by thread.",
    ),
    "model-going": Entry(
        WARNING, "The model is gone or going on the date named; its successor was written.", "Try it with `replay`."
    ),
    "model-is-deployment": Entry(
        INFO,
        "On Azure and Foundry a model's name is the name of a deployment; it was kept.",
        "Put the target's own model or deployment in its place where that has another name.",
    ),
    "model-missing": Entry(WARNING, "The assistant names no model.", "Write one into the configuration."),
    "sampling-not-taken": Entry(
        WARNING, "Reasoning models refuse `temperature` and `top_p`; they were left out.", "Nothing."
    ),
    "tool-not-carried": Entry(
        WARNING, "A tool of the assistant has no counterpart that can be written for you.", "Add its successor by hand."
    ),
    "markdown-not-asked": Entry(
        INFO,
        "Markdown was asked for with `--markdown`, and was left out, since the assistant answers in JSON.",
        "Nothing.",
    ),
    "connection-not-mapped": Entry(
        WARNING,
        "A tool uses a connection of the source's project, and the map of connections lacks it; the tool was left out.",
        "Put it into the file of `--connections` with its id at the target, and run the same command again.",
    ),
    "tool-renamed": Entry(
        INFO, "A tool has another name for the newer agents of Foundry; it was written so.", "Nothing."
    ),
    "agent-differs": Entry(
        WARNING,
        "The target shows an agent's definition otherwise than it was sent.",
        "Look at the agent there; `undo --run` takes it back.",
    ),
    "agent-name-changed": Entry(
        INFO,
        "An agent's name is its alone, of letters, digits and hyphens; the assistant's own is in its metadata.",
        "Nothing.",
    ),
    "mcp-headers-lost": Entry(
        WARNING,
        "A server was called with headers, which hold keys; their values were not written.",
        "Set them again by environment variables: `authorization_env` and `headers_env` of the suite's tool.",
    ),
    "assistant-repeated": Entry(
        WARNING,
        "The source holds objects of one assistant that differ; one was taken, the host's own before a description.",
        "Compare them in the source, and remove the wrong one.",
    ),
    "assistants-incomplete": Entry(
        WARNING,
        "A saved list of assistants says that there are more, and no later page is there.",
        "Save the other pages too, if the host still answers.",
    ),
    "run-differs": Entry(
        INFO,
        "The newest run of an assistant had settings of its own; the configuration has those of the assistant.",
        "Compare both, if the answers of that run matter.",
    ),
    "vector-store-missing": Entry(
        WARNING,
        "The assistant searches files, but names no vector store; the target refuses such a tool, so it was left out.",
        "Create a vector store, and add the tool `file_search` with its id.",
    ),
    "response-format-unknown": Entry(
        WARNING,
        "The response format is of a form that has no counterpart; it was left out.",
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
        "The file is of another program: a data export of ChatGPT, of Slack, of the Batch API and so on.",
        "Read threads from where they were kept; leave the file out.",
    ),
    "map-fits-nothing": Unread(
        "A path of `source.map` fits nothing in the file.", "Take the closest path that exists, which is named."
    ),
    "file-empty": Unread("The file is empty.", "Export it again, or remove it."),
    "file-cut-off": Unread(
        "The file ends too early: in its JSON, a row of its table, its compressed data or its archive. What is whole "
        "before that is read.",
        "Copy or export it again.",
    ),
    "file-damaged": Unread("The compressed file is damaged.", "Copy it again."),
    "file-unreadable": Unread("The system refuses to read the file.", "Check the file and its permissions."),
    "entry-refused": Unread(
        "A link leads out of the export, to nothing or in a circle, or a pipe, device or socket stands where a file "
        "should; it was not read.",
        "Copy the file itself into the export, or remove the entry.",
    ),
    "not-json": Unread("The text is not JSON; the place is named.", "Correct or export it again."),
    "not-yaml": Unread("The recording is not YAML; the place is named.", "Correct or record it again."),
    "json-too-deep": Unread(
        "An entry, a line or a file is nested deeper than `limits.json_depth` allows; the others are read.",
        "Raise the setting, if you trust the export.",
    ),
    "string-too-long": Unread(
        "A string, a line or a cell is longer than `limits.string_bytes` allows; the others are read.",
        "Raise the setting, if you trust the export.",
    ),
    "yaml-too-large": Unread(
        "The recording has more values than `limits.yaml_nodes` allows, its aliases written out.",
        "Raise the setting, if you trust the recording.",
    ),
    "unknown-shape": Unread(
        "The file holds no shape of export that is known.", "Name the shape with `--format`, or remove the file."
    ),
    "entry-unknown": Unread(
        "An entry among assistants or files is no object that is known.", "Look at the file; the others are read."
    ),
    "unknown-line": Unread(
        "A line is not of the shape that the file's first lines have; it is left out.",
        "Look at the line that is named.",
    ),
    "csv-header": Unread(
        "The columns do not tell thread, role and text.", "Name them: `source.columns: {thread_id: COLUMN}`."
    ),
    "csv-broken": Unread("A row of CSV cannot be taken apart.", "Look at the row that is named, often a lone quote."),
    "csv-encoding": Unread("The CSV is not UTF-8 from a row on.", "Save it as UTF-8."),
    "object-without-thread": Unread("An object names no thread, so it belongs nowhere.", "Look for a damaged export."),
    "answer-not-decoded": Unread(
        "A recorded body cannot be decoded, and nothing else names its thread.",
        "Record it again; for br and zstd, `pip install brotli backports.zstd`.",
    ),
    "request-without-thread": Unread(
        "A recorded request holds messages, but no answer tells the id of their thread.", "Record it again."
    ),
    "no-thread-in-recording": Unread("The recording holds no answer about a thread.", "Remove the file."),
    "duplicate-thread-id": Unread(
        "The source holds a thread with this id once more; the first one is read.",
        "Set `source.join: true` to make one thread of them, or remove one of the two.",
    ),
    "archive-damaged": Unread("The archive or a member of it is damaged; the others were read.", "Copy it again."),
    "archive-encrypted": Unread("The archive is encrypted.", "Unpack it by hand."),
    "archive-bomb": Unread(
        "The archive grows beyond all measure when it is unpacked.", "Unpack it by hand, if you trust it."
    ),
    "archive-member-refused": Unread(
        "A member of the archive is a link, or lies outside of it.", "Unpack it by hand, if you trust it."
    ),
    # hosts
    "thread-id-wrong": Unread("A text in the list of ids cannot be a thread's id.", "Correct the line that is named."),
    "thread-gone": Unread(
        "The host does not have the thread: it was deleted, or belongs to another project.",
        "Nothing, or use that project's key.",
    ),
    "thread-refused": Unread(
        "The host refuses the thread with the reason that is named.", "Check what the key may do."
    ),
    "thread-unreadable": Unread(
        "The host answers, but fails for this thread every time.", "Run again later; ask the host's operator."
    ),
    "answer-out-of-bounds": Unread(
        "The host's answer for the thread is larger or deeper than the settings allow.",
        "Raise the setting under `limits` that is named, if you trust the host.",
    ),
    "thread-list-incomplete": Unread(
        "The host's list of threads breaks off, so some may not have been seen.", "Name the threads by id."
    ),
    # snapshots
    "snapshot-incomplete": Unread("The snapshot was broken off.", "Run `migrate-cli snapshot` again."),
    "snapshot-part-missing": Unread("A file of the snapshot is not there.", "Restore it from a copy."),
    # databases
    "rows-without-thread": Unread(
        "Rows name no thread, so nobody can say where they belong; they are left out.",
        "Fill the column, leave such rows out with `source.select`, or name another column for thread_id.",
    ),
    "thread-rows-apart": Unread(
        "Rows of a thread stand in several groups, since the database takes different ids for one; the first is read.",
        "Give the column a collation that tells letters apart.",
    ),
}
"""Every code of a place that could not be read (`data.unreadable`, exit code 3); the sentence there says where."""

_INCOMPLETE = frozenset({"messages-missing", "page-without-end"})


def holes_in(findings: Iterable[Finding]) -> list[Finding]:
    """Return those of a thread's findings that tell that it is known not to be whole as it was read."""
    return [found for found in findings if found.code in _INCOMPLETE]


def finding(code: str, detail: str, thread_id: str | None = None, message_id: str | None = None) -> Finding:
    """Return a finding with its catalogued severity. Raises KeyError for a code that the catalogue does not hold.

    `detail` is one sentence of ids, names, counts and limits; never text of a message.
    """
    return Finding(code, CATALOGUE[code].severity, detail, thread_id, message_id)
