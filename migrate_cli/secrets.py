"""Keep keys out of everything that is written: logs, reports, error messages, the state file.

Two nets: values that the program knows to be secret are registered and replaced wherever they occur, and patterns catch
the ones it was never told about (keys in a server's error message, headers in a traceback, passwords in a URL).
Nothing here reads settings or does I/O.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

MASK = "***"
"""Shorter than any secret that is accepted, so that scrubbing twice changes nothing."""

SHORTEST_SECRET = 6
"""Shorter values are not registered: replacing every `abc` would make reports unreadable and protect nothing."""

_CUT = "…"

_registered: set[str] = set()
_longest_first: tuple[str, ...] = ()
"""What is registered, in the order in which it is replaced: a secret may be a part of another."""
_unmistakable: tuple[str, ...] = ()
"""What is long enough to be nothing else, wherever it occurs."""

_NAMES = r"(?:proxy-)?authorization|x-auth-token|(?:set-)?cookie|client[-_]secret|password"
_BETWEEN = r"""(?:["']?\s*[:=]\s*b?["']?|["']\s*,\s*b?["'])"""
_SCHEMES = r"(?:(?:bearer|basic|token|digest)\s+)?"
_VALUE = r"""[^\s"',;)}\]*][^\s"',;)}\]]{5,}"""

_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # A header or setting and its value, as in `Authorization: Bearer x`, `'api-key': 'x'` or `OPENAI_API_KEY=x`.
    (
        ("authorization", "key", "token", "cookie", "secret", "password"),
        re.compile(rf"(?i)((?:(?<![a-z0-9])(?:{_NAMES})|api[-_]?key){_BETWEEN}{_SCHEMES}){_VALUE}"),
        rf"\1{MASK}",
    ),
    (("bearer",), re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{MASK}"),
    # Keys of OpenAI and of the hosts that took over its form.
    (("sk-", "sess-", "ek-"), re.compile(r"(?<![A-Za-z0-9])(sk|sess|ek)-[A-Za-z0-9_-]{6,}"), rf"\1-{MASK}"),
    # JSON Web Tokens, which gateways use.
    (("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    # https://user:password@host
    (("@",), re.compile(r"(://)[^\s/@:]*:[^\s/@]+@"), rf"\1{MASK}@"),
    # Signed URLs: ?sig=…, &token=…
    (
        ("=",),
        re.compile(r"(?i)([?&](?:sig(?:nature)?|(?:access_)?token|key|code|x-amz-[a-z-]+)=)[^\s&\"'#*]{6,}"),
        rf"\1{MASK}",
    ),
)
"""Lower-case words of which one must be there (most texts hold none, which is quick to see), the pattern, the mask."""


def register_secret(value: str | None) -> None:
    """Have `scrub` replace this value, and the forms it takes inside URLs and JSON, from now on."""
    if value is None or len(value.strip()) < SHORTEST_SECRET:
        return
    plain = value.strip()
    _registered.update({plain, quote(plain, safe="", errors="replace"), json.dumps(plain)[1:-1], repr(plain)[1:-1]})
    _sort()


def _sort() -> None:
    # Texts and ids are many and secrets are few: what is asked of each text is worked out once for each secret.
    global _longest_first, _unmistakable  # noqa: PLW0603 - they belong to the set above
    _longest_first = tuple(sorted(_registered, key=len, reverse=True))
    _unmistakable = tuple(secret for secret in _longest_first if len(secret) >= _UNMISTAKABLE_LENGTH)


def holds_secret(identifier: str) -> bool:
    """Whether an id holds a secret that is long enough to be nothing else: a host that gives out such ids echoes.

    Ids are stored and shown as they are, so such a one is none.
    """
    for secret in _unmistakable:  # noqa: SIM110 - `any` takes five times as long, and every id that is read is asked
        if secret in identifier:
            return True
    return False


_UNMISTAKABLE_LENGTH = 16


def forget_secrets() -> None:
    """Drop every registered value; for programs that run several commands in one process."""
    _registered.clear()
    _sort()


def register_named(pairs: Mapping[str, str]) -> None:
    """Register those values that are secrets by their names, or look like keys; others are ordinary words."""
    for name, value in pairs.items():
        if _SECRET_NAME.search(name) or _KEY_LIKE.fullmatch(value):
            register_secret(value)


_SECRET_NAME = re.compile(r"(?i)key|token|secret|sig|auth|passw|cookie|credential|session|\bcode\b")
_KEY_LIKE = re.compile(r"(?!\d{4}-\d\d-\d\d)(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]{16,}")
"""Words of some length with letters and digits; a date with something after it is a version."""


_ANY_WORD = re.compile("|".join(sorted({re.escape(word) for words, _, _ in _PATTERNS for word in words})), re.I)


def scrub(text: str) -> str:
    """Return the text with every secret that is known or looks like one replaced by `***`."""
    for secret in _longest_first:
        text = text.replace(secret, MASK)
        if _CUT in text:
            text = _without_beginning(text, secret)
    if _ANY_WORD.search(text) is None:
        return text
    lower = text.lower()
    for words, pattern, replacement in _PATTERNS:
        if any(word in lower for word in words):
            text = pattern.sub(replacement, text)
    return text


def _without_beginning(text: str, secret: str) -> str:
    """Mask the beginning of a secret where a text was cut in the middle of it."""
    *pieces, last = text.split(_CUT)
    for place, piece in enumerate(pieces):
        for length in range(min(len(secret), len(piece)), SHORTEST_SECRET - 1, -1):
            if piece.endswith(secret[:length]):
                pieces[place] = piece[:-length] + MASK
                break
    return _CUT.join([*pieces, last])


def scrub_all(value: Any) -> Any:
    """Return a JSON value with every text in it scrubbed, keys of objects too."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub(str(key)): scrub_all(child) for key, child in value.items()}
    return [scrub_all(child) for child in value] if isinstance(value, list | tuple) else value
