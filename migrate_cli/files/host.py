"""The Files and transcription endpoints of a host, as calls that answer with values.

It must not decide what to do next.
"""

from __future__ import annotations

from migrate_cli.endpoint import segment
from migrate_cli.errors import TemporaryError
from migrate_cli.files import audio
from migrate_cli.files.local import LocalFile
from migrate_cli.openai_client import ApiClient, Form
from migrate_cli.replies import Ambiguous, Applied, Refused, Reply


class FileHost:
    """Files and transcripts at one host. Every call may raise AuthError and TemporaryError."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def retrieve(self, file_id: str) -> Applied | Refused:
        """Return what the host tells of a file: filename, bytes, purpose; reads are retried inside."""
        reply = await self._client.read(f"/files/{segment(file_id)}")
        if isinstance(reply, Applied) and reply.body.get("id") is None:
            raise TemporaryError("the target answered the question for a file with something else; is it a proxy?")
        return reply

    async def has_files(self) -> bool:
        """Whether the host has files at all: one without them answers 404 to every question for one."""
        return isinstance(await self._client.read("/files", {"limit": 1}), Applied)

    async def upload(self, local: LocalFile, purpose: str) -> Reply:
        """Send a file, once; `Applied` only when the answer holds an id. Raises OSError where it cannot be read."""
        reply = await self._send("/files", local, local.filename, {"purpose": purpose})
        identifier = reply.body.get("id") if isinstance(reply, Applied) else None
        if isinstance(reply, Applied) and not (isinstance(identifier, str) and identifier):
            return Ambiguous("the answer held no file id", reply.request_id)
        return reply

    async def transcribe(self, local: LocalFile, model: str) -> Reply:
        """Send a file to be transcribed; `Applied` only when the answer holds a text."""
        name = audio.sent_name(local.filename, local.media_type) or local.filename
        reply = await self._send("/audio/transcriptions", local, name, {"model": model, "response_format": "json"})
        if isinstance(reply, Applied) and not isinstance(reply.body.get("text"), str):
            return Ambiguous("the answer held no text", reply.request_id)
        return reply

    async def _send(self, path: str, local: LocalFile, name: str, fields: dict[str, str]) -> Reply:
        with local.path.open("rb") as stream:
            form = Form(fields, stream, name, local.content_type, local.bytes)
            return await self._client.write("POST", path, form)
