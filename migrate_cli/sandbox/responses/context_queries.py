"""The context as the model sees it, and the plain questions about it that the model can answer. Pure.

The answers quote, count and name what really was in the context, so that a replay can prove what the model saw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.responses.cues import without_cues

MOST_QUOTED = 4000
"""Characters that one quotation may have."""

Reader = Callable[[JsonObject], str | None]
"""Returns the beginning of an `input_file` part's text, or None where it cannot be read."""


@dataclass(frozen=True, slots=True)
class ModelContext:
    """The context that the model is given."""

    items: Sequence[JsonObject]
    """Every item, oldest first, the new input at the end."""
    instructions: str | None = None
    tools: Sequence[JsonObject] = ()
    read: Reader = field(default=lambda _: None)

    def messages(self, role: str | None = None) -> list[JsonObject]:
        """The messages, of one role if given."""
        return [item for item in self.items if item["type"] == "message" and role in (None, item["role"])]

    def parts(self, kind: str) -> list[JsonObject]:
        """All content parts of a kind, oldest first."""
        return [part for item in self.items for part in parts_of(item) if part.get("type") == kind]

    def last_user_text(self) -> str:
        """The text of the last user message; empty where there is none."""
        messages = self.messages("user")
        return text_of(messages[-1]) if messages else ""


def parts_of(item: JsonObject) -> list[JsonObject]:
    """The content parts of a message, or of a function's output."""
    content = item.get("content" if item["type"] == "message" else "output")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def text_of(item: JsonObject) -> str:
    """The text of a message."""
    return "\n".join(str(part.get("text") or part.get("refusal") or "") for part in parts_of(item)).strip()


def answer(context: ModelContext) -> str:
    """Answer the last user message: what it asks about the context, or one sentence that shows what was seen."""
    said = without_cues(context.last_user_text())
    answers = [reply(context) for pattern, reply in _QUESTIONS if pattern.search(said)]
    return " ".join(answers) or _summary(context, said)


def _summary(context: ModelContext, said: str) -> str:
    count = len(context.messages())
    seen = f"I see {count} message{'' if count == 1 else 's'} in this conversation."
    users = context.messages("user")
    named = names_in(users[-1:]) if users else []
    came = f" It came with {', '.join(named)}." if named else ""
    return f"You said: {quoted(said)}.{came} {seen}" if users else f"Nobody has said anything yet. {seen}"


def names_in(items: Sequence[JsonObject]) -> list[str]:
    """The ids, addresses and names of the files and images in some items, each once."""
    found = [_name(part) for item in items for part in parts_of(item)]
    return list(dict.fromkeys(name for name in found if name))


def _name(part: JsonObject) -> str | None:
    if part.get("type") not in ("input_file", "input_image"):
        return None
    for key in ("file_id", "file_url", "image_url", "filename"):
        value = part.get(key)
        if isinstance(value, str):
            return value if not value.startswith("data:") else f"{value[:32]}…"
    return None


def quoted(text: Any) -> str:
    """A text in quotation marks, cut where it is very long."""
    shown = str(text)
    return f'"{shown}"' if len(shown) <= MOST_QUOTED else f'"{shown[:MOST_QUOTED]}…"'


def _last_time(context: ModelContext) -> str:
    earlier = context.messages("user")[:-1]
    return f"Last time you asked: {quoted(text_of(earlier[-1]))}." if earlier else "You have not asked anything before."


def _first(context: ModelContext) -> str:
    return f"Your first message was: {quoted(text_of(context.messages('user')[0]))}."


def _last_answer(context: ModelContext) -> str:
    own = context.messages("assistant")
    return f"My last answer was: {quoted(text_of(own[-1]))}." if own else "I have not answered anything before."


def _count_messages(context: ModelContext) -> str:
    users, own = len(context.messages("user")), len(context.messages("assistant"))
    whole = len(context.messages())
    return f"I see {whole} message{'' if whole == 1 else 's'}: {users} from you, this one included, and {own} from me."


def _count_items(context: ModelContext) -> str:
    return f"I see {len(context.items)} item{'' if len(context.items) == 1 else 's'} in all."


def _files(context: ModelContext) -> str:
    names = [name for part in context.parts("input_file") if (name := _name(part))]
    return f"I see {len(set(names))} file(s): {', '.join(dict.fromkeys(names))}." if names else "I see no files."


def _images(context: ModelContext) -> str:
    names = [name for part in context.parts("input_image") if (name := _name(part))]
    return f"I see {len(set(names))} image(s): {', '.join(dict.fromkeys(names))}." if names else "I see no images."


def _file_content(context: ModelContext) -> str:
    for part in reversed(context.parts("input_file")):
        text = context.read(part)
        if text:
            return f"The file {_name(part)} begins: {quoted(text)}."
    return "I see no file that I can read."


def _instructions(context: ModelContext) -> str:
    return (
        f"My instructions are: {quoted(context.instructions)}." if context.instructions else "I have no instructions."
    )


def _tools(context: ModelContext) -> str:
    names = [str(tool.get("name") or tool.get("server_label") or tool["type"]) for tool in context.tools]
    return f"My tools are: {', '.join(names)}." if names else "I have no tools."


def _outputs(context: ModelContext) -> str:
    outputs = [item for item in context.items if item["type"] == "function_call_output"]
    return f"I see {len(outputs)} function output(s)."


_QUESTIONS: tuple[tuple[re.Pattern[str], Callable[[ModelContext], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reply)
    for pattern, reply in (
        (r"\b(last time|(ask|say|said|want)\w*\b.*\b(before|previously)|previous (message|question))\b", _last_time),
        (r"\bfirst (message|question|thing)\b|\bask\w*\b.*\bfirst\b", _first),
        (r"\byour (last|previous) (answer|message|reply)\b|\bdid you (just )?(say|answer|tell)\b", _last_answer),
        (r"\bhow many messages\b", _count_messages),
        (r"\bhow many items\b", _count_items),
        (r"\b(which|what|how many|list)\b.*\b(files?|attachments?)\b.*\b(see|have|there|attached)\b", _files),
        (r"\b(which|what|how many|list)\b.*\b(images?|pictures?|photos?)\b", _images),
        (r"\bfiles?\b.*\b(say|says|contain|contains|begin|begins)\b|\b(read|summari[sz]e)\b.*\bfile\b", _file_content),
        (r"\byour instructions\b", _instructions),
        (r"\b(which|what)\b.*\btools\b", _tools),
        (r"\bhow many (function )?outputs\b", _outputs),
    )
)
"""What a question looks like, and the answer to it; several that match are answered one after another."""
