"""Items whose images a target returns without their URLs: recognised by everything else in them. Pure.

Such a target takes an image by URL and refuses to be asked for the URL again (`include[]`), so that only the image's
presence and place can be compared. Images by file id are shown everywhere, and are not the concern of this module.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from migrate_cli.convert.canonical import digest_of
from migrate_cli.model import Item, JsonObject

PARTS_IN = ("content", "output")
"""Fields of items that may hold lists of parts."""


def hidden_images(item: JsonObject) -> int:
    """Return how many images of an item, as a target shows it, have no source."""
    return sum(is_hidden(part) for part in _parts(item))


def forms_of(sent: Sequence[Item], shown: Sequence[JsonObject]) -> tuple[list[bytes], list[bytes]]:
    """Return the hashes of what was sent and of what a target shows; alike also where it hides an image's address."""
    forms = [digest_of(item) for item in shown]
    hidden = any(map(hidden_images, shown))
    return [_shown_digest(item) if hidden else item.digest for item in sent], forms


class Presence:
    """Gives items as a target shows them the hashes under which they were sent. Counts the images that this took."""

    def __init__(self, sent: Iterable[Item]) -> None:
        self._sent: dict[bytes, deque[bytes]] = {}
        """What was sent, by the hash of what the target shows of it, in order: several images may look alike then."""
        self.images = 0
        for item in sent:
            if _by_url(item):
                self._sent.setdefault(_shown_digest(item), deque()).append(item.digest)

    def digest_of(self, got: JsonObject) -> bytes:
        """Return the hash of an item of ours that this may be; of any other, its own."""
        digest, hidden = digest_of(got), hidden_images(got)
        candidates = self._sent.get(digest) if hidden else None
        if not candidates:
            return digest
        self.images += hidden
        return candidates.popleft() if len(candidates) > 1 else candidates[0]


def _by_url(item: Item) -> bool:
    return b'"image_url"' in item.body


def _shown_digest(item: Item) -> bytes:
    return digest_of(without_addresses(json.loads(item.body))) if _by_url(item) else item.digest


def without_addresses(item: JsonObject) -> JsonObject:
    """Return an item of ours as a target shows it that gives no image's address."""
    return item | {name: [_bare(part) for part in item[name]] for name in PARTS_IN if isinstance(item.get(name), list)}


def _bare(part: Any) -> Any:
    return {name: value for name, value in part.items() if name != "image_url"} if _is_image(part) else part


def _parts(item: JsonObject) -> Iterable[Any]:
    return (part for name in PARTS_IN if isinstance(item.get(name), list) for part in item[name])


def _is_image(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "input_image"


def is_hidden(part: Any) -> bool:
    """Whether a part is an image without any source."""
    return _is_image(part) and not part.get("file_id") and not part.get("image_url")
