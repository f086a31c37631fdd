"""What becomes of texts, refusals and images: one function for each type of part, which `message_parts.py` lists.

A converter writes into the message's builder and returns the part's fate; annotations are counted by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate_cli.convert.citations import MARKER_OPENS, cite
from migrate_cli.convert.limits import DETAILS, FILE_ID, IMAGE_DATA_URL, MAX_FILE_BYTES, MAX_IMAGE_URL, WEB_URL
from migrate_cli.convert.message_builder import MessageBuilder
from migrate_cli.convert.text import plain, short, tidy
from migrate_cli.model import Fate, JsonObject


def write_text(builder: MessageBuilder, text: str, annotations: list[Any] | None = None) -> Fate:
    """Write a text and count the fates of its annotations; return the text's fate."""
    text, codes = tidy(text)
    for code in codes:
        builder.find(code, "Characters of a text were replaced.")
    native: list[JsonObject] = []
    edited = False
    if annotations or (builder.role == "assistant" and MARKER_OPENS in text):
        before = text
        text, native = cite(builder, text, annotations or [])
        edited = text is not before and text != before
    if not text:
        builder.find("empty-text", "A text part is empty.")
        return Fate.DROPPED
    split = builder.write(text, native)
    if split:
        builder.find("text-too-long", f"A text of {len(text):,} characters was split.")
    return Fate.CONVERTED if split or codes or edited else Fate.KEPT


def text(builder: MessageBuilder, part: JsonObject) -> Fate:
    """`{"type": "text", "text": {"value", "annotations"}}`, or with the text as a plain string."""
    inner = part.get("text")
    holder = inner if isinstance(inner, Mapping) else part
    value = inner.get("value") if isinstance(inner, Mapping) else inner
    annotations = holder.get("annotations")
    listed = annotations if isinstance(annotations, list) else []
    if isinstance(value, str):
        return write_text(builder, value, listed)
    if value is None and not listed and ("value" in holder or "text" in part):
        return write_text(builder, "")
    builder.draft.count(Fate.NOTED, len(listed))
    return unsupported_part(builder, part)


def refusal(builder: MessageBuilder, part: JsonObject) -> Fate:
    """An assistant's refusal stays one; other roles may not hold refusals, so there it is a text."""
    value = part.get("refusal")
    if not isinstance(value, str):
        return unsupported_part(builder, part)
    if builder.role != "assistant" or len(value) > min(MAX_IMAGE_URL // 2, builder.draft.most_text):
        fate = write_text(builder, value)
        return fate if fate is Fate.DROPPED else Fate.CONVERTED
    value, codes = tidy(value)
    for code in codes:
        builder.find(code, "Characters of a refusal were replaced.")
    if not value:
        builder.find("empty-text", "A refusal is empty.")
        return Fate.DROPPED
    builder.parts.append({"type": "refusal", "refusal": value})
    return Fate.CONVERTED if codes else Fate.KEPT


def image_url(builder: MessageBuilder, part: JsonObject) -> Fate:
    """An image on the web or in a data URL; every other kind of URL becomes a text."""
    spec = part.get("image_url")
    spec = spec if isinstance(spec, Mapping) else {"url": spec, "detail": part.get("detail")}
    url = spec.get("url")
    if not isinstance(url, str):
        return unsupported_part(builder, part)
    inline = IMAGE_DATA_URL.match(url) is not None
    if len(url) > MAX_IMAGE_URL:
        builder.find("image-too-large", f"A URL of {len(url):,} characters is over the limit of {MAX_IMAGE_URL:,}.")
        builder.write(f"[Image that was too large to carry: a URL of {len(url):,} characters.]")
        return Fate.NOTED
    if not (inline or WEB_URL.fullmatch(url)) or plain(url) != url:
        builder.find("image-url-refused", f"An image's URL begins with {_scheme(url)}.")
        builder.write(f"[Image that could not be carried: {_spoken_url(url)}]")
        return Fate.NOTED
    image = {"type": "input_image", "image_url": url, "detail": _detail(spec)}
    return builder.image(image, "an inline image" if inline else short(url))


def input_image(builder: MessageBuilder, part: JsonObject) -> Fate:
    """An image as items have it, by file id or by URL."""
    return image_file(builder, part) if isinstance(part.get("file_id"), str) else image_url(builder, part)


def image_file(builder: MessageBuilder, part: JsonObject) -> Fate:
    """An image among the files, by its id."""
    spec = part.get("image_file")
    spec = spec if isinstance(spec, Mapping) else part
    file_id = spec.get("file_id")
    if not isinstance(file_id, str):
        return unsupported_part(builder, part)
    builder.files.add(file_id)
    return write_image_file(builder, file_id, _detail(spec))


def write_image_file(builder: MessageBuilder, file_id: str, detail: str = "auto") -> Fate:
    """Write an image by file id, or a text where the id is none or the file is gone."""
    fact = builder.draft.fact(file_id)
    target_id = fact.target_id or file_id
    name = builder.draft.filename(file_id)
    named = f"{short(name)} ({short(file_id)})" if name else short(file_id)
    if FILE_ID.fullmatch(target_id) is None:
        builder.find("file-id-invalid", "An image's file id is not one that a server could know.")
        builder.write(f"[Image whose file id is not valid: {short(file_id)}]")
        return Fate.NOTED
    if fact.status == "missing":
        builder.find("attachment-file-missing", f"The image file {file_id} is missing{_because(fact.reason)}.")
        builder.write(f"[Image that no longer exists: {named}]")
        return Fate.NOTED
    if fact.bytes is not None and fact.bytes >= MAX_FILE_BYTES:
        builder.find("attachment-too-large", f"The image file {file_id} has {fact.bytes:,} bytes.")
        builder.write(f"[Image that was too large to carry: {named}]")
        return Fate.NOTED
    return builder.image({"type": "input_image", "file_id": target_id, "detail": detail}, named)


def unsupported_part(builder: MessageBuilder, part: Any) -> Fate:
    """A part of no known type or form: a text says so, and the state file holds the part."""
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    named = short(str(kind), 60)
    builder.find("unsupported-part", f"A content part of type {named} is not known in this form.")
    builder.unsupported.append(part)
    builder.write(f"[Part of type {named} that could not be carried.]")
    return Fate.NOTED


def _detail(spec: Mapping[str, Any]) -> str:
    detail = spec.get("detail")
    return detail if isinstance(detail, str) and detail in DETAILS else "auto"


def _scheme(url: str) -> str:
    scheme, colon, _ = url.partition(":")
    return f"{short(scheme, 20)}:" if colon else "no scheme"


def _spoken_url(url: str) -> str:
    return f"a data URL of {len(url):,} characters" if url[:5].lower() == "data:" else short(url)


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""
