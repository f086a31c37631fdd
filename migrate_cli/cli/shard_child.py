"""The process of one shard: an ordinary `migrate-cli apply` that drains when its parent is gone.

It is started as `python -m migrate_cli.cli.shard_child apply …`, with a pipe as stdin that stays open while its parent
lives. However the parent ends, the system closes the pipe; otherwise an orphaned shard could run on for hours unseen.
"""

from __future__ import annotations

import os
import signal
import threading

from migrate_cli.cli.main import main


def _follow_parent() -> None:
    while os.read(0, 4096):
        pass
    # Nobody reads what is said from now on, and a write into a broken pipe must not end the drain.
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path of ours
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_follow_parent, daemon=True).start()
    main()
