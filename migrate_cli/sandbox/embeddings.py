"""The embeddings endpoint: strict about models, inputs and sizes. Texts that share words have like vectors."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.model import JsonObject
from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.options import SandboxOptions
from migrate_cli.sandbox.requests import json_answer, read_json
from migrate_cli.sandbox.responses.tokens import tokens_in
from migrate_cli.sandbox.rules import check_fields, listed
from migrate_cli.sandbox.word_vectors import vector_of

SIZES = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
"""Numbers of a vector, by model; a deployment of another name has as many as the first."""
MAX_TOKENS = 8192
MAX_INPUTS = 2048
_OTHER_MODELS = re.compile(r"(gpt|o\d|codex|whisper|dall-e|tts|sora).*")
_FIELDS = ("input", "model", "encoding_format", "dimensions", "user")


class EmbeddingEndpoints:
    """`/embeddings`."""

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/embeddings", self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        """Answer a vector for each text, in their order."""
        fields = check_fields(await read_json(request, self._options.max_body_bytes), _FIELDS)
        model, texts = _model(fields.get("model")), _texts(fields.get("input"))
        size = _size(fields.get("dimensions"), model)
        form = fields.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise bad_request(
                f"Invalid value: '{str(form)[:32]}'. Supported values are: {listed(('float', 'base64'))}.",
                code="invalid_value",
                param="encoding_format",
            )
        data = [_entry(place, vector_of(text, size), form) for place, text in enumerate(texts)]
        tokens = sum(map(tokens_in, texts))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return json_answer({"object": "list", "data": data, "model": model, "usage": usage})


def _entry(place: int, vector: list[float], form: str) -> JsonObject:
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return {"object": "embedding", "index": place, "embedding": vector if form == "float" else packed}


def _model(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise bad_request("you must provide a model parameter")
    if value.startswith("no-such"):
        raise ApiError(
            404,
            f"The model `{value[:64]}` does not exist or you do not have access to it.",
            code="model_not_found",
        )
    if _OTHER_MODELS.fullmatch(value):
        raise ApiError(403, "You are not allowed to generate embeddings from this model")
    return value


def _texts(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise bad_request("'$.input' is invalid. Please check the API reference.")
    if len(texts) > MAX_INPUTS:
        raise bad_request(f"'$.input' is too long: at most {MAX_INPUTS} inputs.")
    longest = max(map(tokens_in, texts))
    if longest > MAX_TOKENS:
        raise bad_request(
            f"This model's maximum context length is {MAX_TOKENS} tokens, however you requested {longest} tokens "
            f"({longest} in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )
    return texts


def _size(value: Any, model: str) -> int:
    most = SIZES.get(model, SIZES["text-embedding-3-small"])
    if value is None:
        return most
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise bad_request(
            f"Invalid value for 'dimensions' = {str(value)[:32]}. Must be between 1 and {most}.", param="dimensions"
        )
    return value
