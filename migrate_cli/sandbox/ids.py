"""Ids in the format of the real service: a prefix and 48 hex digits, the last 16 shared with the conversation.

An item's id encodes its position in the conversation, so that looking it up needs no second index over millions of
long strings. Clients must treat ids as opaque: nothing outside the sandbox may rely on this.
"""

from __future__ import annotations

import random
import re
import time

_source = random.SystemRandom()
_fast = random.Random(_source.getrandbits(128))  # noqa: S311 - ids must be unique, not secret
_ITEM = re.compile(r"[a-z]+_[0-9a-f]{24}([0-9a-f]{8})([0-9a-f]{16})")
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "web_search_call": "ws",
    "image_generation_call": "ig",
    "computer_call": "cu",
    "computer_call_output": "cuo",
    "mcp_list_tools": "mcpl",
    "mcp_approval_request": "mcpr",
    "mcp_approval_response": "mcpa",
    "mcp_call": "mcp",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "local_shell_call": "lsh",
    "local_shell_call_output": "lsho",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
    "program": "prog",
    "program_output": "progo",
    "reasoning": "rs",
}


def conversation_id() -> str:
    """A new conversation id, such as `conv_` and 48 hex digits."""
    return f"conv_{int(time.time()):08x}{_fast.getrandbits(160):040x}"


def item_id(kind: str, conversation: str, position: int) -> str:
    """A new id for an item of type `kind` at `position` of a conversation."""
    prefix = _PREFIXES.get(kind, "item")
    return f"{prefix}_{int(time.time()):08x}{_fast.getrandbits(64):016x}{position:08x}{conversation[-16:]}"


def position_in(item: str, conversation: str) -> int | None:
    """The position that an item's id carries; None when it cannot be an id of this conversation."""
    match = _ITEM.fullmatch(item)
    if match is None or match[2] != conversation[-16:]:
        return None
    return int(match[1], 16)


def file_id() -> str:
    """A new file id, such as `file-RTwjAcAsBXJ8rWA2b5tfaP`."""
    return "file-" + padding(22)


def response_id() -> str:
    """A new response id, such as `resp_` and 48 hex digits."""
    return f"resp_{int(time.time()):08x}{_fast.getrandbits(160):040x}"


def call_id() -> str:
    """A new id that joins a call and its output, such as `call_0UFGPwrziw5rbinYp7rthrTb`."""
    return "call_" + padding(24)


def container_id() -> str:
    """A new id of a code interpreter's container."""
    return f"cntr_{int(time.time()):08x}{_fast.getrandbits(160):040x}"


def padding(length: int) -> str:
    """So many random letters and digits."""
    return "".join(_fast.choices(_ALPHANUMERIC, k=length))


def request_id() -> str:
    """A new value for `x-request-id`."""
    return f"req_{_fast.getrandbits(128):032x}"


def vector_store_id() -> str:
    """A new id of a vector store, such as `vs_` and 32 hex digits."""
    return f"vs_{_fast.getrandbits(128):032x}"


def file_batch_id() -> str:
    """A new id of files that were put into a vector store together."""
    return f"vsfb_{_fast.getrandbits(128):032x}"
