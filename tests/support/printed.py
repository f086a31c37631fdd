"""Commands that the program or its documentation shows to people, as words that a test can run."""

from __future__ import annotations

import shlex

_ENDS = ("|", "||", ">", ">>", "<", "&&", ";", "&", "2>")


def arguments(line: str) -> list[str]:
    """Return the arguments of the first migrate-cli in a line of shell."""
    words: list[str] = []
    for word in shlex.split(line, comments=True)[1:]:
        if word in _ENDS:
            break
        words.append(word)
    return words
