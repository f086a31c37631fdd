"""Model names: which are retired, and which are reasoning models. Pure.

The retired ones are those of the service's deprecation list. Unknown names are accepted, because deployments have names
of their own; a name that begins with `no-such` is refused, to rehearse that error.
"""

from __future__ import annotations

import re

from migrate_cli.sandbox.api_error import ApiError

_GONE = re.compile(
    r"gpt-4|gpt-4-(turbo|vision|0\d|1\d|32k).*|gpt-3\.5.*|o1([-_].*)?|o3-mini.*|o4-mini.*|text-davinci.*"
)
_REASONING = re.compile(r"(o\d|gpt-5|gpt-6).*")
_CHAT = re.compile(r"gpt-5[\d.]*-chat.*")


def check_model(name: str, *, deployed: bool = False) -> str:
    """Return the name, or raise ApiError for a model that is gone (404) or that does not exist (400).

    A `deployed` model is named as its user likes, so none of them counts as gone.
    """
    if not deployed and _GONE.fullmatch(name):
        raise ApiError(
            404,
            f"The model `{name}` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
            code="model_not_found",
        )
    if name.startswith("no-such"):
        raise ApiError(400, f"The requested model '{name[:64]}' does not exist.", code="model_not_found", param="model")
    return name


def reasons(name: str) -> bool:
    """Whether this is a reasoning model, which takes `reasoning.effort` and refuses `temperature` and `top_p`."""
    return _REASONING.fullmatch(name) is not None and _CHAT.fullmatch(name) is None
