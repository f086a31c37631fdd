"""The target's limits and patterns, in one place. Source: the official specification and recorded answers."""

from __future__ import annotations

import re

MAX_BATCH_ITEMS = 20
"""Items in one request."""
MAX_TEXT = 10_485_760
"""Characters in one text part, and in one function output."""
MESSAGE_CHARACTERS = {"foundry": 1_500_000}
"""Characters of text in one message, by the preset of targets that have such a limit. Source: the vendor's quotas."""
MAX_IMAGE_URL = 20_971_520
"""Characters in an image's URL, data URLs included."""
MAX_FILE_BYTES = 50_000_000
"""An `input_file` must be smaller than this."""
MAX_CALL_ID = 64
MAX_NAME = 128
"""Characters in a function's name."""
MAX_METADATA_PAIRS = 16
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512
MIN_OUTPUT_TOKENS = 16
"""The least that `max_output_tokens` may be."""

FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a file id looks like; use `fullmatch`."""
FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What a function's name looks like; use `fullmatch`."""
WEB_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
"""What an image's web address looks like; use `fullmatch`."""
IMAGE_DATA_URL = re.compile(r"data:image/[^\s,]+,", re.IGNORECASE)
"""How an image's data URL begins; use `match`."""
DETAILS = frozenset({"low", "high", "auto", "original"})
"""How closely the model looks at an image."""
