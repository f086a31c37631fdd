"""JSON encoding for storage and responses. The encoders are kept because `json.dumps` would build one per item."""

from __future__ import annotations

import json
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ascii = json.JSONEncoder(separators=(",", ":"))


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON. Raises UnicodeEncodeError for half of a surrogate pair."""
    return _encoder.encode(value).encode()


def encode_any(value: Any) -> bytes:
    """Compact JSON of whatever a host may hold: half of a surrogate pair, which has no UTF-8 form, as an escape."""
    try:
        return encode(value)
    except UnicodeEncodeError:
        return _ascii.encode(value).encode()
