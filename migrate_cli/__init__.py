"""migrate-cli moves OpenAI Assistants threads into Conversations for the Responses API, and proves it.

Data flows one way through the folders: sources → convert → load → verify → replay → report.
This module must stay free of imports that cost time: `--version` is answered from it, and applications import it for
`Migrator`, which is loaded when it is first named.
"""

from migrate_cli.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from migrate_cli.migrator import (
        Migrator,
        ThreadError,
        ThreadFailed,
        ThreadInDoubt,
        ThreadNotFound,
        ThreadSkipped,
    )

__all__ = [
    "Migrator",
    "ThreadError",
    "ThreadFailed",
    "ThreadInDoubt",
    "ThreadNotFound",
    "ThreadSkipped",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load what `__all__` promises when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from migrate_cli import migrator  # noqa: PLC0415 - importing the package itself must cost nothing

    return getattr(migrator, name)
