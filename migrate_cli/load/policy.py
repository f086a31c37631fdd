"""The loader's numbers, as one frozen value that the settings fill."""

from __future__ import annotations

from dataclasses import dataclass

from migrate_cli.model import OnRefused


@dataclass(frozen=True, slots=True)
class LoadPolicy:
    """Times in seconds, sizes in bytes."""

    workers: int = 16
    settle: float = 5.0
    """How long a request whose answer was lost may still take effect; grows with each repetition."""
    timeout: float = 60.0
    """How long a request may take; one that took so long may still be at work, so it gets as long again to settle."""
    late: float | None = None
    """How long after an unclear answer a request may still take effect, at the most; None: as long as `timeout`."""
    drain: float = 8.0
    """How long requests under way may go on when the run is asked to stop; then they are cut off."""
    on_refused: OnRefused = OnRefused.FAIL
    patience: float = 600.0
    """How long one request may go on being throttled or locked out before the run gives up."""
    connect_patience: float = 20.0
    """How long a host that refuses connections is tried."""
    unclear_patience: int = 8
    """How many unclear answers in a row one request may have before the run gives up."""
    batch_items: int = 20
    batch_bytes: int = 8_000_000
    pilot: int = 5
    """Threads that are loaded first and read back whole; a difference stops the run."""
    max_errors: int | None = 50
    """Failed threads after which a run is hopeless."""

    @property
    def latest(self) -> float:
        """Seconds after an unclear answer when the request has taken effect, or never will."""
        return self.timeout if self.late is None else self.late
