"""`migrate-cli init`: writes a commented settings file. It must not ask questions, or overwrite a file unasked."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path

from migrate_cli.disk.output import open_for_writing
from migrate_cli.errors import UsageError
from migrate_cli.model import Result


def init(path: Path, *, force: bool) -> Result:
    """Write the example as a settings file. Raises UsageError when there is one already, or it cannot be written."""
    try:
        descriptor = open_for_writing(path, os.O_TRUNC if force else os.O_EXCL, mode=0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(example())
    except FileExistsError:
        raise UsageError(f"{path} already exists; keep it, or overwrite it with --force.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; name another file.") from None
    message = f"{path} is written. It lists every setting with its default, so it changes nothing yet."
    steps = [
        "Set source.path in it, and the key in the environment: export OPENAI_API_KEY=…",
        "Check the setup: migrate-cli doctor",
    ]
    return Result("init", {"message": message, "file": str(path), "next": steps})


def example() -> str:
    """The text of migration.yaml.example: inside an installed package, or at the top of a checkout."""
    with as_file(files("migrate_cli") / "_migration.yaml.example") as bundled:
        found = bundled if bundled.is_file() else Path(__file__).parents[2] / "migration.yaml.example"
        return found.read_text("utf-8")
