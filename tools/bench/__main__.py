"""`make bench` and `make bench-quick`: measure, show the table and keep it. Exit code 1 where a bar is missed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench import page
from bench.bars import bars
from bench.session import FULL, SHORT, measured


def main() -> int:
    """Run a bench."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small bench, under two minutes")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write performance.json and performance.svg there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        figures = measured(SHORT if asked.quick else FULL, Path(folder), _say)
    held = bars(figures)
    found = figures.as_dict() | {"bars": [asdict(bar) for bar in held]}
    sys.stdout.write(f"{page.moves_tables(found)}\n\n{page.bars_table(found)}\n")
    if asked.keep is not None:
        asked.keep.joinpath("performance.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        asked.keep.joinpath("performance.svg").write_bytes(page.chart(found))
    return 1 if any(bar.held is False for bar in held) else 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
