"""Builds the input of a turn: texts, files and images from disk or by id, and audio as its transcript."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from migrate_cli.convert.limits import FILE_ID, MAX_FILE_BYTES, MAX_IMAGE_URL, WEB_URL
from migrate_cli.convert.media import MediaKind
from migrate_cli.errors import UsageError
from migrate_cli.files import audio
from migrate_cli.files.local import LocalFile, look_at
from migrate_cli.model import JsonObject
from migrate_cli.replay.suite import InputPart

_PREFIXES = ("file-", "file_", "assistant-")
Transcribe = Callable[[LocalFile], Awaitable[str]]
"""Returns the words of an audio file. Raises CaseFault when the target refuses."""


class Inputs:
    """Reads the parts of one suite's inputs. `mapped` turns an old file id into the new one, or returns it as it is."""

    def __init__(self, folder: Path, mapped: Callable[[str], str], transcribe: Transcribe) -> None:
        self._folder = folder
        self._mapped = mapped
        self._transcribe = transcribe

    async def message(self, parts: Iterable[InputPart]) -> JsonObject:
        """Return the user message that these parts make."""
        content = [await self._part(part) for part in parts]
        return {"type": "message", "role": "user", "content": content}

    def check(self, parts: Iterable[InputPart], where: str) -> None:
        """Raise UsageError for a file that is not there, cannot be read or is too large; `where` names the case."""
        for part in parts:
            named = part.file or part.image or part.audio
            if named is not None and (part.audio is not None or not _is_remote(named)):
                self._check_file(self._folder / named, part, where)

    def _check_file(self, path: Path, part: InputPart, where: str) -> None:
        try:
            local = look_at(path)
        except OSError as error:
            raise UsageError(f"{where}: {path} cannot be read: {error.strerror or error}") from None
        if part.audio is not None:
            wrong = audio.refusal(local.filename, local.bytes, local.media_type)
            if wrong is not None:
                raise UsageError(f"{where}: {path} cannot be transcribed: {wrong}")
        elif local.bytes == 0:
            raise UsageError(f"{where}: {path} is empty")
        elif local.bytes >= (MAX_IMAGE_URL * 3 // 4 if part.image else MAX_FILE_BYTES):
            raise UsageError(f"{where}: {path} is too large to be sent ({local.bytes:,} bytes)")

    async def _part(self, part: InputPart) -> JsonObject:
        if part.text is not None:
            return {"type": "input_text", "text": part.text}
        if part.audio is not None:
            return {"type": "input_text", "text": await self._transcribe(look_at(self._folder / part.audio))}
        named = str(part.image or part.file)
        image = part.image is not None
        if _is_remote(named):
            return _remote(named, self._mapped, image=image, detail=part.detail)
        local = look_at(self._folder / named)
        data = await asyncio.to_thread(_data_url, local)
        if image or local.kind is MediaKind.IMAGE:
            return {"type": "input_image", "image_url": data, "detail": part.detail or "auto"}
        return {"type": "input_file", "filename": local.filename, "file_data": data}


def _is_remote(named: str) -> bool:
    return bool(WEB_URL.fullmatch(named)) or (named.startswith(_PREFIXES) and FILE_ID.fullmatch(named) is not None)


def _remote(named: str, mapped: Callable[[str], str], *, image: bool, detail: str | None) -> JsonObject:
    kind = "input_image" if image else "input_file"
    link = "image_url" if image else "file_url"
    source = {link: named} if WEB_URL.fullmatch(named) else {"file_id": mapped(named)}
    return {"type": kind, **source, **({"detail": detail or "auto"} if image else {})}


def _data_url(local: LocalFile) -> str:
    encoded = base64.b64encode(local.path.read_bytes()).decode("ascii")
    return f"data:{local.content_type};base64,{encoded}"
