"""Keep keys out of everything that is written: logs, reports, error messages, the state file.

Two nets: values that the program knows to be secret are registered and replaced wherever they occur, and patterns catch
the ones it was never told about (keys in a server's error message, headers in a traceback, passwords in a URL).
Nothing here reads settings or does I/O.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

MASK = "***"
"""Shorter than any secret that is accepted, so that scrubbing twice changes nothing."""

SHORTEST_SECRET = 6
"""Shorter values are not registered: replacing every `abc` would make reports unreadable and protect nothing."""

_registered: set[str] = set()

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


def forget_secrets() -> None:
    """Drop every registered value; for programs that run several commands in one process."""
    _registered.clear()


_ANY_WORD = re.compile("|".join(sorted({re.escape(word) for words, _, _ in _PATTERNS for word in words})), re.I)


def scrub(text: str) -> str:
    """Return the text with every secret that is known or looks like one replaced by `***`."""
    for secret in sorted(_registered, key=len, reverse=True):
        text = text.replace(secret, MASK)
    if _ANY_WORD.search(text) is None:
        return text
    lower = text.lower()
    for words, pattern, replacement in _PATTERNS:
        if any(word in lower for word in words):
            text = pattern.sub(replacement, text)
    return text
