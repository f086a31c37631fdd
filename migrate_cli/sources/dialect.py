"""Brings the JSON of saved data to the wire's spelling, before anybody asks what it is. Pure.

It is applied once, where a parsed value enters. What is spelled like the wire already is given back as it is. It must
not tell shapes, order anything or drop anything: what it does not know stays as it stands.
"""

from __future__ import annotations

from typing import Any


class Translator:
    """Translates the values of one source; it holds nothing but settings."""

    def value(self, value: Any) -> Any:
        """Return a document, a line's value or a recorded body in the wire's spelling; the same object if it was."""
        return value
