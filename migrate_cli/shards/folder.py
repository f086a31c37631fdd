"""The state files of the shards of one migration, in a folder next to its state file: made, joined, removed.

A state file is divided when a run begins and joined when it ends, so that between runs one file knows everything. A run
that was killed leaves its shards behind; whatever `apply` comes next joins them before it looks at a thread. So the
next run may have another number of shards, or none: it starts from what is loaded, and loads nothing twice.

    migration.db.shards/1of4.db   the shard of one child, begun with what migration.db knows of its threads
    migration.db.shards.lock      held from before the files are joined until they are gone

Two locks make that safe. Nobody divides or joins without that of the folder, and nobody loads without that of the state
file, which the parent holds while its children load. A child that outlived its parent holds its shard's own lock, and
then the shards are not joined but the process is named.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate_cli.commands.merge import merge
from migrate_cli.settings.model import Settings
from migrate_cli.state import opening
from migrate_cli.state.divide import divide, folder_of
from migrate_cli.state.lock import StateLock

COMMAND = "migrate-cli apply"
"""What other processes are told is running."""


class ShardFolder:
    """The folder of one state file, locked. Make it with `locked`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.path = folder_of(settings.state).absolute()

    @classmethod
    @contextmanager
    def locked(cls, settings: Settings) -> Iterator[ShardFolder]:
        """Hold the folder. Raises StateLocked where another process divides or joins the same state file."""
        lock = StateLock(folder_of(settings.state), COMMAND)
        try:
            yield cls(settings)
        finally:
            lock.release()

    def begin(self, shards: int) -> list[Path]:
        """Make the state files of all shards, from a state file that is whole; return them in order."""
        try:
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise opening.translate(error, self._settings.state) from error
        width = len(str(shards))
        parts = [self.path / f"{number:0{width}}of{shards}.db" for number in range(1, shards + 1)]
        whole = self._settings.state.with_name(self._settings.state.name + ".sandbox")
        divide(self._settings.state, parts)
        if whole.is_file():
            for part in parts:
                # A rehearsal that goes on needs the conversations that are begun.
                shutil.copy2(whole, part.with_name(part.name + ".sandbox"))
        return parts

    def join(self) -> int:
        """Put what the shards know into the state file and remove them; return how many there were.

        Raises StateLocked while one of them is at work, and whatever `merge` refuses; then everything stays as it is.
        """
        parts = sorted(path for path in self.path.glob("*of*.db") if path.stat().st_size)
        if parts:
            merge(self._settings, parts)
        # With the folder locked nobody has begun new shards since.
        shutil.rmtree(self.path, ignore_errors=True)
        return len(parts)


def join_leftovers(settings: Settings) -> int:
    """Join the shards that a run left behind, if one did; return how many."""
    if not folder_of(settings.state).is_dir():
        return 0
    with ShardFolder.locked(settings) as folder:
        return folder.join()
