"""How a failure is told after `migrate-cli: `: as one clause with a small first letter. Pure.

Errors are raised all over the program, and some of them begin with a capital because they also stand alone elsewhere.
"""

from __future__ import annotations

import re

_OPENERS = re.compile(
    r"(?:The|There|This|That|These|It|A|An|No|Nothing|Cannot|Several|Some|Not|More|Each|Every|Another|Only|In|Of|Would)\b"
)
"""Words that have a capital only because they begin a sentence; names and units keep theirs."""


def as_clause(sentence: str) -> str:
    """Return the sentence as it stands after a colon: a single one without its full stop, several with the last one."""
    if _OPENERS.match(sentence):
        sentence = sentence[0].lower() + sentence[1:]
    several = re.search(r"[.?!] [A-Z]", sentence) is not None
    if several:
        return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."
    return sentence.removesuffix(".")
