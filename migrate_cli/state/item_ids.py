"""How ids of items lie in the state file: the usual ones, `msg_` and hexadecimal digits, as the bytes of the digits.

There is a row for each message, so that this saves a sixth of the file. The public views show ids as they were given.
"""

from __future__ import annotations

_PREFIX = "msg_"

SHOWN = f"CASE typeof(item.item_id) WHEN 'blob' THEN '{_PREFIX}' || lower(hex(item.item_id)) ELSE item.item_id END"
"""The SQL of an id as the service gave it."""


def packed(item_id: str) -> str | bytes:
    """Return what is stored for an id: bytes only where they give the same id again."""
    if item_id.startswith(_PREFIX):
        digits = item_id[len(_PREFIX) :]
        try:
            data = bytes.fromhex(digits)
        except ValueError:
            return item_id
        # Capitals and blanks would be taken too, and no digits at all.
        if data and data.hex() == digits:
            return data
    return item_id


def unpacked(stored: str | bytes) -> str:
    """Return the id that was stored."""
    return _PREFIX + stored.hex() if isinstance(stored, bytes) else stored
