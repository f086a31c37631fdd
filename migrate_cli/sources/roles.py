"""What the roles of messages mean, in whatever case and word a tool wrote them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WIRE_ROLES = frozenset({"user", "assistant"})
_KNOWN = {
    "human": "user",
    "customer": "user",
    "visitor": "user",
    "end_user": "user",
    "enduser": "user",
    "ai": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "agent": "assistant",
    "model": "assistant",
}
_ENUMERATIONS = ("messagerole.", "role.", "threadmessagerole.")
"""How the members of SDKs' enumerations begin when they were written as text."""


class Roles:
    """What roles mean; `named` (a role of the source → the role to write) wins over what is recognised."""

    def __init__(self, named: Mapping[str, str] | None = None) -> None:
        self._meanings = _KNOWN | {name.strip().lower(): role for name, role in (named or {}).items()}
        self.plain = frozenset(role for role in WIRE_ROLES if self._meanings.get(role, role) == role)
        """The wire's roles that mean themselves."""

    def meaning(self, value: Any) -> Any:
        """Return the role to write; an unknown one stays as it is, in lower case, and conversion reports it.

        What is not text, such as the number of a role, has a meaning only where it is named.
        """
        if isinstance(value, str):
            name = value.strip().lower()
            for beginning in _ENUMERATIONS:
                name = name.removeprefix(beginning)
            return self._meanings.get(name, name)
        return value if value is None else self._meanings.get(str(value).strip().lower(), value)
