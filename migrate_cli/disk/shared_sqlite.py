"""SQLite connections that more than one thread uses. It must not know any table.

SQLite itself takes one call at a time. Python's module keeps prepared statements for reuse, though, and since Python
3.12 two threads that run the same SQL at the same moment may be given the same one: then one of them reads the other's
row, or fails with "bad parameter or other API misuse" (seen with 3.12.1 and 3.13.0: some 10 of 40,000 reads). Without
kept statements each call has its own, which costs 3 µs.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


def connect_shared(path: Path | str, *, uri: bool = False, timeout: float = 5.0) -> sqlite3.Connection:
    """Open a database in autocommit mode for use by several threads. `timeout`: seconds to wait for a lock.

    An empty path is a temporary database on disk. Raises sqlite3.Error.
    """
    return sqlite3.connect(
        path, uri=uri, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=0
    )
