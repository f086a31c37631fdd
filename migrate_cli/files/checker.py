"""Asks the target whether it has a file, and notices where the answers mean nothing. It must not note anything."""

from __future__ import annotations

from migrate_cli.files.host import FileHost
from migrate_cli.findings import finding
from migrate_cli.http.outcomes import Applied
from migrate_cli.model import FileRecord, Finding, Status


class Checker:
    """Asks the target for files, each once; notices when that makes no sense."""

    def __init__(self, host: FileHost, findings: list[Finding]) -> None:
        self._host = host
        self._findings = findings
        self._speaks_files: bool | None = None

    async def check(self, file_id: str) -> FileRecord | None:
        """Return the record of a file; None when the target has no files to ask for."""
        if self._speaks_files is False:
            return None
        reply = await self._host.retrieve(file_id)
        if isinstance(reply, Applied):
            self._speaks_files = True
            return _present(reply)
        if reply.status not in (404, 410):
            return FileRecord(Status.UNKNOWN, detail=f"the target would not tell ({reply.status}: {reply.message})")
        if self._speaks_files is None:
            await self._find_out()
        return FileRecord(Status.MISSING, detail="the target does not have it") if self._speaks_files else None

    def give_up(self, reason: str) -> None:
        """Ask no more, and say why, once."""
        if self._speaks_files is not False:
            self._speaks_files = False
            self._findings.append(finding("files-not-checked", f"The target was not asked for files: {reason}."))

    async def _find_out(self) -> None:
        if await self._host.has_files():
            self._speaks_files = True
        else:
            self.give_up("it has no files endpoint (GET /files is refused)")


def _present(reply: Applied) -> FileRecord:
    name, size = reply.body.get("filename"), reply.body.get("bytes")
    return FileRecord(
        Status.PRESENT,
        filename=name if isinstance(name, str) else None,
        bytes=size if isinstance(size, int) else None,
    )
