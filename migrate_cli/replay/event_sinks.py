"""Observers of running cases: the file of events, and the folder of images. `console.py` shows cases on a terminal."""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, TextIO

from migrate_cli.disk.output import open_for_writing, write
from migrate_cli.disk.stderr import lasting_stream
from migrate_cli.errors import UsageError
from migrate_cli.model import JsonObject
from migrate_cli.replay.outcome import CaseRun
from migrate_cli.replay.response import Image
from migrate_cli.replay.tools import ToolOutcome
from migrate_cli.replay.turns import TurnObserver
from migrate_cli.report.escape import visible
from migrate_cli.secrets import scrub_all


class CaseObserver(TurnObserver, Protocol):
    """Looks on at one run of one case."""

    def turn(self, number: int, of: int) -> None:
        """A turn begins (from 1)."""

    def done(self, run: CaseRun) -> None:
        """The case has ended."""


class NullObserver:
    """Shows nothing; a base for those who only care about some of it."""

    def event(self, event: JsonObject) -> None:
        """Do nothing."""

    def tools(self, names: Sequence[str]) -> None:
        """Do nothing."""

    def tool_done(self, outcome: ToolOutcome) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def turn(self, number: int, of: int) -> None:
        """Do nothing."""

    def done(self, run: CaseRun) -> None:
        """Do nothing."""


class ObserverGroup(NullObserver):
    """Passes everything on to each of several."""

    def __init__(self, observers: Iterable[CaseObserver]) -> None:
        self._observers = tuple(observers)

    def event(self, event: JsonObject) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.event(event)

    def tools(self, names: Sequence[str]) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.tools(names)

    def tool_done(self, outcome: ToolOutcome) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.tool_done(outcome)

    def note(self, text: str) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.note(text)

    def turn(self, number: int, of: int) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.turn(number, of)

    def done(self, run: CaseRun) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.done(run)


class EventFile:
    """A file with every event, as JSON Lines, readable by its owner alone: it holds the text of the conversations."""

    def __init__(self, path: Path) -> None:
        try:
            descriptor = open_for_writing(path)
        except OSError as error:
            raise UsageError(f"the events cannot be written to {path}: {error.strerror or error}") from None
        self._path = path
        self._file: TextIO = lasting_stream(descriptor, self._ended)

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _ended(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        sys.stderr.write(
            f"The events can no longer be written to {visible(self._path)} ({reason}); the replay continues "
            "without them.\n"
        )

    def observe(self, case_id: str, number: int) -> CaseObserver:
        """Return a watcher that writes the events of one run of a case."""
        return _EventWriter(self._file, case_id, number)


class _EventWriter(NullObserver):
    def __init__(self, file: TextIO, case_id: str, number: int) -> None:
        self._file = file
        self._where: JsonObject = {"case_id": case_id, "repeat": number, "turn": 1}

    def turn(self, number: int, of: int) -> None:  # noqa: ARG002 - the file names the turn only
        self._where["turn"] = number

    def event(self, event: JsonObject) -> None:
        self._file.write(json.dumps({**self._where, "event": scrub_all(event)}, ensure_ascii=False) + "\n")


class ImageFolder:
    """Where images go, the sketches before them included. `saved` names the files.

    An image that cannot be saved is said, and fails no case: its answer is here and paid for.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.saved: list[Path] = []

    def observe(self, case_id: str, number: int) -> CaseObserver:
        """Return a watcher that saves the images of one run of a case."""
        return _ImageWriter(self, f"{_plain(case_id)}-{number}")

    def save(self, prefix: str, image: Image) -> None:
        """Write one image; what is no base64 is left out."""
        try:
            data = base64.b64decode(image.data, validate=True)
        except (binascii.Error, ValueError):
            return
        which = "image" if image.partial is None else f"partial-{image.partial}"
        path = self._folder / f"{prefix}-{_plain(image.item_id)}-{which}.{_plain(image.format)}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write(path, data)
        except OSError as error:
            sys.stderr.write(
                f"The image {visible(path)} cannot be saved ({error.strerror or error}); check --images.\n"
            )
            return
        self.saved.append(path)


class _ImageWriter(NullObserver):
    def __init__(self, folder: ImageFolder, prefix: str) -> None:
        self._folder, self._prefix = folder, prefix

    def done(self, run: CaseRun) -> None:
        for turn in run.turns:
            for response in turn.responses:
                for image in response.images:
                    self._folder.save(self._prefix, image)


def _plain(name: str) -> str:
    """A name that is safe as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80] or "x"
