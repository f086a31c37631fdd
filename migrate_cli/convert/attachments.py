"""What becomes of attachments: an image, a file, a transcript or a text, by policy and by kind of file.

If the kind is unknown, the default is a text. A file id sent as the wrong kind is refused at every later answer
and so spoils the whole conversation, while a text loses nothing: the file was not in the model's prompt before (it was
attached for search or code), its id stays in the text and in the state file, and its tools come back through the
response configuration.
"""

from __future__ import annotations

from collections.abc import Callable

from migrate_cli.convert.content import unsupported_part, write_image_file
from migrate_cli.convert.limits import FILE_ID, MAX_FILE_BYTES, WEB_URL
from migrate_cli.convert.media import MediaKind, kind_of
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.options import Attachments, FileFact
from migrate_cli.convert.text import short, tidy
from migrate_cli.model import Attachment, Fate, JsonObject

MAX_URI = 2000
"""Characters of a data source's URI that its note holds; the state file has all."""


def convert_attachments(builder: MessageBuilder) -> None:
    """Write the attachments of the builder's message, count their fates and keep the originals for the state file."""
    attachments = builder.message.attachments
    for attachment in attachments:
        builder.draft.count(_convert(builder, attachment))
    builder.draft.set_aside("attachments", [_original(attachment) for attachment in attachments], builder.message.id)


def input_file(builder: MessageBuilder, part: JsonObject) -> Fate:
    """Write a file that stands among the parts, as items have it: by its id, its address, or with its bytes."""
    file_id = part.get("file_id")
    if isinstance(file_id, str) and file_id:
        return _convert(builder, Attachment(file_id, raw=part))
    for key in ("file_url", "file_data"):
        held = part.get(key)
        if isinstance(held, str) and held:
            return _held_file(builder, part, key, held)
    return unsupported_part(builder, part)


def _held_file(builder: MessageBuilder, part: JsonObject, key: str, held: str) -> Fate:
    """A file without an id: by its address, or its bytes under a name, which the target wants with them."""
    given = part.get("filename")
    name = tidy(given)[0] if isinstance(given, str) and given else None
    if builder.draft.options.attachments is Attachments.DROP:
        builder.find("attachment-dropped", "A file without an id was left out.")
        return Fate.DROPPED
    sendable = WEB_URL.fullmatch(held) is not None if key == "file_url" else held.isascii()
    too_large = len(held) >= MAX_FILE_BYTES
    if builder.role == "user" and sendable and not too_large and "\x00" not in held:
        named = {"filename": name or "file"} if key == "file_data" else {}
        builder.parts.append({"type": "input_file", **named, key: held})
        return Fate.KEPT if name or key == "file_url" else Fate.CONVERTED
    code = "attachment-too-large" if too_large else "attachment-as-note"
    builder.find(code, f"A file without an id, of {len(held):,} characters, became a text.")
    builder.write(f"[Attached file: {short(name or (held if sendable and key == 'file_url' else 'no name'))}]")
    return Fate.NOTED


def _convert(builder: MessageBuilder, attachment: Attachment) -> Fate:
    if builder.draft.options.attachments is Attachments.DROP:
        builder.find("attachment-dropped", f"The attachment {short(attachment.file_id or 'without id')} was left out.")
        return Fate.DROPPED
    file_id = attachment.file_id
    if file_id is None:
        if uri := _data_source(attachment):
            builder.find("attachment-data-source", "An attachment names a data source of the host in place of a file.")
            return _data_source_note(builder, attachment, uri)
        builder.find("attachment-without-id", "An attachment names no file.")
        return _note(builder, attachment)
    if file_id in builder.files:
        builder.find("attachment-repeated", f"The file {short(file_id)} is named more than once.")
        return Fate.CONVERTED
    builder.files.add(file_id)
    return _convert_file(builder, attachment, file_id)


def _convert_file(builder: MessageBuilder, attachment: Attachment, file_id: str) -> Fate:
    fact = builder.draft.fact(file_id)
    if FILE_ID.fullmatch(fact.target_id or file_id) is None:
        builder.find("file-id-invalid", "An attachment's file id is not one that a server could know.")
        return _note(builder, attachment, "its file id is not valid")
    if fact.status == "missing":
        reason = f" ({fact.reason})" if fact.reason else ""
        builder.find("attachment-file-missing", f"The file {file_id} is missing{reason}.")
        return _note(builder, attachment, "the file no longer exists")
    if builder.draft.options.attachments is Attachments.NOTE or builder.role not in {"user", "assistant"}:
        builder.find("attachment-as-note", f"The attachment {file_id} became a text.")
        return _note(builder, attachment)
    if fact.transcript:
        return _audio(builder, attachment, file_id)
    return _BY_KIND[_kind(builder, attachment, fact)](builder, attachment, file_id)


def _kind(builder: MessageBuilder, attachment: Attachment, fact: FileFact) -> MediaKind:
    kind = kind_of(_name(builder, attachment), fact.media_type)
    if kind is MediaKind.UNKNOWN and (
        _is_part(attachment) or builder.draft.options.attachments is Attachments.INPUT_FILE
    ):
        return MediaKind.DOCUMENT
    return kind


def _image(builder: MessageBuilder, attachment: Attachment, file_id: str) -> Fate:
    fate = write_image_file(builder, file_id)
    if fate in {Fate.KEPT, Fate.CONVERTED}:
        _say_now_in_prompt(builder, attachment, file_id)
    return fate


def _document(builder: MessageBuilder, attachment: Attachment, file_id: str) -> Fate:
    fact = builder.draft.fact(file_id)
    if builder.role == "assistant":
        builder.find("attachment-as-note", f"An assistant's message takes no files; {file_id} became a text.")
        return _note(builder, attachment)
    if fact.bytes is not None and fact.bytes >= MAX_FILE_BYTES:
        builder.find("attachment-too-large", f"The file {file_id} has {fact.bytes:,} bytes.")
        return _note(builder, attachment, "the file was too large to carry")
    builder.parts.append({"type": "input_file", "file_id": fact.target_id or file_id})
    _say_now_in_prompt(builder, attachment, file_id)
    return Fate.KEPT if _is_part(attachment) else Fate.CONVERTED


def _is_part(attachment: Attachment) -> bool:
    """Whether it stood among the parts as the target has files, and was no attachment."""
    return (attachment.raw or {}).get("type") == "input_file"


def _audio(builder: MessageBuilder, attachment: Attachment, file_id: str) -> Fate:
    fact = builder.draft.fact(file_id)
    transcript, _ = tidy(fact.transcript or "")
    if not transcript:
        reason = f" ({fact.reason})" if fact.reason else ""
        builder.find("audio-not-transcribed", f"The audio file {file_id} has no transcript{reason}.")
        return _note(builder, attachment, "audio, not transcribed")
    builder.find("audio-transcribed", f"The audio file {file_id} became its transcript.")
    builder.write(f"[Transcript of {short(_name(builder, attachment) or file_id)}:]\n{transcript}")
    return Fate.CONVERTED


def _refused(builder: MessageBuilder, attachment: Attachment, file_id: str) -> Fate:
    builder.find("attachment-type-refused", f"The file {file_id} is of a kind that the target does not take.")
    return _note(builder, attachment)


def _unknown(builder: MessageBuilder, attachment: Attachment, file_id: str) -> Fate:
    builder.find("attachment-type-unknown", f"The type of file {file_id} is unknown.")
    return _note(builder, attachment)


_BY_KIND: dict[MediaKind, Callable[[MessageBuilder, Attachment, str], Fate]] = {
    MediaKind.IMAGE: _image,
    MediaKind.DOCUMENT: _document,
    MediaKind.AUDIO: _audio,
    MediaKind.REFUSED: _refused,
    MediaKind.UNKNOWN: _unknown,
}


def _note(builder: MessageBuilder, attachment: Attachment, remark: str | None = None) -> Fate:
    file_id = attachment.file_id
    name = _name(builder, attachment)
    named = short(name or file_id or "no id") + (f" ({short(file_id)})" if name and file_id else "")
    tools = f", attached for {short(', '.join(attachment.tools))}" if attachment.tools else ""
    builder.write(f"[Attached file: {named}{tools}{f'; {remark}' if remark else ''}]")
    return Fate.NOTED


def _data_source(attachment: Attachment) -> str | None:
    """Return the URI of data that lies where the host could reach it, as Foundry's agents have them."""
    source = (attachment.raw or {}).get("data_source")
    uri = source.get("uri") or source.get("asset_identifier") if isinstance(source, dict) else None
    return uri if isinstance(uri, str) and uri else None


def _data_source_note(builder: MessageBuilder, attachment: Attachment, uri: str) -> Fate:
    """Name the data by its URI, without its query: a signature there would be a key in every later prompt."""
    source = (attachment.raw or {})["data_source"]
    kind = source.get("type") or source.get("asset_type")
    of_type = f" ({short(kind, 60)})" if isinstance(kind, str) and kind else ""
    tools = f", attached for {short(', '.join(attachment.tools))}" if attachment.tools else ""
    place, query, _ = uri.partition("?")
    builder.write(f"[Attached data source: {short(place, MAX_URI)}{'?…' if query else ''}{of_type}{tools}]")
    return Fate.NOTED


def _say_now_in_prompt(builder: MessageBuilder, attachment: Attachment, file_id: str) -> None:
    if attachment.tools and builder.role == "user":
        tools = short(", ".join(attachment.tools))
        builder.find(
            "attachment-now-in-prompt",
            f"The file {file_id} was attached for {tools}; now its whole content is in the prompt.",
        )


def _name(builder: MessageBuilder, attachment: Attachment) -> str | None:
    known = builder.draft.filename(attachment.file_id) if attachment.file_id else None
    if known:
        return known
    for key in ("filename", "file_name", "name"):
        value = (attachment.raw or {}).get(key)
        if isinstance(value, str) and value:
            return value
    return None


def _original(attachment: Attachment) -> JsonObject:
    if attachment.raw is not None:
        return attachment.raw
    return {"file_id": attachment.file_id, "tools": [{"type": tool} for tool in attachment.tools]}
