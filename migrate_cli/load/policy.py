"""The loader's numbers, as one frozen value that is filled from the settings, where their defaults are."""

from __future__ import annotations

from dataclasses import dataclass

from migrate_cli.model import OnRefused
from migrate_cli.settings.model import LoadSettings

_SETTINGS = LoadSettings()


@dataclass(frozen=True, slots=True)
class LoadPolicy:
    """Times in seconds, sizes in bytes."""

    host: str = "the target"
    """Who is asked, for sentences."""
    workers: int = _SETTINGS.workers
    settle: float = _SETTINGS.settle
    """How long a request whose answer was lost may still take effect; grows with each repetition."""
    timeout: float = _SETTINGS.timeout
    """How long a request may take; one that took so long may still be at work, so it gets as long again to settle."""
    late: float | None = _SETTINGS.late
    """How long after an unclear answer a request may still take effect, at most; None: as long as `timeout`."""
    drain: float = 6.0
    """How long requests under way may go on when the run is asked to stop; then they are cut off."""
    on_refused: OnRefused = _SETTINGS.on_refused
    patience: float = _SETTINGS.patience
    """How long one request may go on being throttled or locked out before the run gives up."""
    connect_patience: float = _SETTINGS.connect_patience
    """How long a host that refuses connections is tried."""
    unclear_patience: int = 8
    """How many unclear answers in a row one request may have before the run gives up."""
    batch_items: int = _SETTINGS.batch_items
    batch_bytes: int = _SETTINGS.batch_bytes
    pilot: int = _SETTINGS.pilot
    """Threads that are loaded first and read back whole; a difference stops the run."""
    max_errors: int | None = _SETTINGS.max_errors
    """Failed threads after which a run is hopeless."""

    @property
    def latest(self) -> float:
        """Seconds after an unclear answer when the request has taken effect, or never will."""
        return self.timeout if self.late is None else self.late


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What is asked of one run."""

    retry_failed: bool = False
    """Try threads again that failed before."""
    append: bool = False
    """Append what has grown at the end of threads that were loaded before."""
    pilot: bool = True
    """Begin with the pilot, where the policy has one."""
    live: bool = False
    """The source may block while it is read."""
