"""JSON as the sandbox stores and answers it. One encoder is kept: `json.dumps` would build a new one for every item."""

from __future__ import annotations

import json
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(value: Any) -> bytes:
    """Compact UTF-8 JSON. Raises UnicodeEncodeError for half of a surrogate pair."""
    return _encoder.encode(value).encode()
