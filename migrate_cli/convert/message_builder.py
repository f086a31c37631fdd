"""One message while it is being written: the parts of its item, and the images that must be in a note after it.

It knows which parts a role may hold; the converters of parts and attachments say what to write.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from migrate_cli.convert.draft_builder import DraftBuilder
from migrate_cli.convert.options import AssistantImages
from migrate_cli.convert.text import pieces
from migrate_cli.model import Fate, JsonObject, Message

IMAGE_NOTE = "[Image from the assistant's answer above.]"
"""Opens the user-role note that carries an assistant's images."""


_IMAGE_FATES = {
    "user_note": "was moved to a user note after the answer",
    "text": "became a text that names it",
    "drop": "was left out",
}
"""What becomes of an assistant's image, by the setting `convert.assistant_images`."""


class MessageBuilder:
    """The target form of one message. `role` is the role that will be sent."""

    __slots__ = ("draft", "files", "images", "is_told", "message", "parts", "place", "role", "unsupported")

    def __init__(self, draft: DraftBuilder, message: Message, role: str) -> None:
        self.draft = draft
        self.message = message
        self.role = role
        self.parts: list[JsonObject] = []
        self.images: list[JsonObject] = []
        """Image parts for the note after an assistant's message."""
        self.files: set[str] = set()
        """Source ids of the files that the message has named so far."""
        self.unsupported: list[Any] = []
        self.place = 0
        """The number of the part that is being written, from 0."""
        self.is_told = False
        """Whether something of the message is in items of its own, or is reported, so that it is not empty."""

    def start_anew(self) -> None:
        """Begin the next item of the message: the last one is in the draft."""
        self.is_told = self.is_told or bool(self.parts or self.images)
        self.parts, self.images = [], []

    def find(self, code: str, detail: str) -> None:
        """Report a departure in this message."""
        self.draft.find(code, detail, self.message.id)

    def write(self, text: str, annotations: list[JsonObject] | None = None) -> bool:
        """Add a tidied text, split where it is too long; return whether it was split. Never called with empty text."""
        chunks = pieces(text, self.draft.most_text)
        for chunk in chunks:
            self.parts.append(text_part(self.role, chunk))
        if annotations and len(chunks) == 1:
            self.parts[-1]["annotations"] = annotations
        return len(chunks) > 1

    def image(self, part: JsonObject, label: str) -> Fate:
        """Add an image where the role may hold it, else what the policy says; `label` names it in a text."""
        if self.role == "user":
            self.parts.append(part)
            return Fate.KEPT
        if self.role != "assistant":
            self.find("part-not-allowed-for-role", f"There was an image in a message of role {self.role}.")
            self.write(f"[Image: {label}]")
            return Fate.NOTED
        policy = self.draft.options.assistant_images
        self.find("image-in-assistant-message", f"An image ({_place(part)}) {_IMAGE_FATES[policy.value]}.")
        if policy is AssistantImages.USER_NOTE:
            self.images.append(part)
            return Fate.CONVERTED
        if policy is AssistantImages.DROP:
            return Fate.DROPPED
        self.write(f"[Image: {label}]")
        return Fate.NOTED


def portions(draft: DraftBuilder, parts: list[JsonObject]) -> list[list[JsonObject]]:
    """Return the parts of one message as those of as many as the target wants them in; no part is cut."""
    if draft.options.message_characters is None:
        return [parts]
    cut: list[list[JsonObject]] = [[]]
    room = draft.most_text
    for part in parts:
        length = len(part.get("text") or part.get("refusal") or "")
        if length > room and cut[-1]:
            cut.append([])
            room = draft.most_text
        cut[-1].append(part)
        room -= length
    return cut


def text_part(role: str, text: str) -> JsonObject:
    """Return a text part in the form that the role takes."""
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": []}
    return {"type": "input_text", "text": text}


def message_body(
    draft: DraftBuilder, role: str, parts: list[JsonObject], seed: str, status: str = "completed"
) -> JsonObject:
    """Return a message item; strict targets want an assistant's with `id` (made of `seed`), `status` and `logprobs`."""
    body: JsonObject = {"type": "message", "role": role, "content": parts}
    if role == "assistant" and draft.options.strict_assistant:
        whole = f"{draft.thread_id}\n{seed}\n{len(draft.items)}"
        body["id"] = f"msg_{blake2b(whole.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
        body["status"] = status
        for part in parts:
            if part["type"] == "output_text":
                part["logprobs"] = []
    return body


def _place(part: JsonObject) -> str:
    return f"file {part['file_id']}" if "file_id" in part else "by URL"
