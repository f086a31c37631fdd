"""`make stalls`: every command against every stall, several at a time. Exit code 1 where the rule does not hold."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stalls import page
from stalls.commands import COMMANDS, Measured
from stalls.measure import Row, measure
from stalls.scene import Scene, prepare


def main() -> int:
    """Measure, show the table, and keep it where asked."""
    parser = argparse.ArgumentParser(prog="stalls", description=__doc__)
    parser.add_argument("--command", action="append", help="only this command; may be repeated")
    parser.add_argument("--stall", action="append", help="only this stall; may be repeated")
    parser.add_argument("--at-once", type=int, default=8, metavar="N", help="so many measurements at a time")
    parser.add_argument("--keep", type=Path, metavar="PAGE", help="put the table into this page")
    asked = parser.parse_args()
    # Where it is ignored, as in the background of a shell, the commands would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wanted = [
        (command, stall)
        for command in COMMANDS
        for stall in command.stalls()
        if (not asked.command or command.name in asked.command) and (not asked.stall or stall in asked.stall)
    ]
    with tempfile.TemporaryDirectory(prefix="stalls-") as folder, ThreadPoolExecutor(asked.at_once) as pool:
        prepared = prepare(Path(folder, "prepared"))
        rows = list(pool.map(lambda each: _row(each[0], each[1], prepared), wanted))
    kept, of = page.held(rows)
    sys.stdout.write(f"{page.table(rows)}\n\n{kept} of {of} hold\n")
    if asked.keep is not None:
        page.write(asked.keep, rows)
    return 0 if kept == of else 1


def _row(command: Measured, stall: str, prepared: Scene) -> Row:
    with tempfile.TemporaryDirectory(prefix="stall-") as folder:
        row = measure(command, stall, prepared, Path(folder))
    sys.stderr.write(f"{row.command} · {row.stall}: {row.end.told} · {row.word.told} · {row.stop.told}\n")
    sys.stderr.flush()
    return row


if __name__ == "__main__":
    sys.exit(main())
