"""The transcription endpoint: strict about size, format and model. The text describes the file, as nobody listens."""

from __future__ import annotations

import hashlib
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrate_cli.sandbox.api_error import ApiError, bad_request
from migrate_cli.sandbox.file_store import CHUNK
from migrate_cli.sandbox.files import FORM_OVERHEAD
from migrate_cli.sandbox.requests import json_answer, read_form
from migrate_cli.sandbox.rules import listed

EXTENSIONS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
MODELS = ("gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "whisper-1")
MAX_BYTES = 26_214_400
"""25 MB, as the real service counts them in its refusal."""


class TranscriptionEndpoints:
    """`/audio/transcriptions`."""

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/audio/transcriptions", self.transcribe, methods=["POST"])]

    async def transcribe(self, request: Request) -> Response:
        """Answer `transcript of NAME, N bytes, sha256 PREFIX`: the same for the same file, always."""
        size = int(request.headers.get("content-length") or 0)
        if size > MAX_BYTES + FORM_OVERHEAD:
            raise _too_large(size)
        async with read_form(request) as form:
            return await _answer(form)


async def _answer(form: dict[str, Any]) -> Response:
    file, model = form.get("file"), form.get("model")
    if not isinstance(file, UploadFile):
        raise bad_request("Missing required parameter: 'file'.", code="missing_required_parameter", param="file")
    if not isinstance(model, str):
        raise bad_request("Missing required parameter: 'model'.", code="missing_required_parameter", param="model")
    if model not in MODELS:
        raise ApiError(404, f"The model '{model[:64]}' does not exist.", code="model_not_found", param="model")
    name, size = file.filename or "", file.size or 0
    if size > MAX_BYTES:
        raise _too_large(size)
    if not size:
        raise bad_request("Audio file might be corrupted or unsupported", code="invalid_value", param="file")
    if name.rpartition(".")[2].lower() not in EXTENSIONS:
        raise bad_request(f"Unrecognized file format. Supported formats: {listed(EXTENSIONS)}", param="file")
    wanted = form.get("response_format", "json")
    if wanted not in ("json", "text"):
        raise bad_request(
            f"response_format '{wanted}' is not compatible with model '{model}'.", param="response_format"
        )
    text = f"transcript of {name}, {size} bytes, sha256 {await _digest(file)}"
    return Response(text + "\n", media_type="text/plain") if wanted == "text" else json_answer({"text": text})


async def _digest(file: UploadFile) -> str:
    digest = hashlib.sha256()
    while chunk := await file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()[:12]


def _too_large(size: int) -> ApiError:
    return ApiError(413, f"Maximum content size limit ({MAX_BYTES}) exceeded ({size} bytes read)")
