"""Prints the figures of the promise: `make proof`. They stand in docs/reliability.md.

Plans of faults that were enumerated, kills that were survived, and what the pace makes of a limit.
"""

from __future__ import annotations

import argparse
import sys
import time

from support import crash, enumeration, virtual


def main() -> None:
    """Run all three; exits 1 when anything was lost, doubled or left astray."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    began = time.monotonic()
    plans = enumeration.count_all()
    _show(
        f"fault plans, all ended right {plans:>9,}\nseconds                      {time.monotonic() - began:>9,.0f}\n\n"
    )
    figures = crash.run(wanted.kills, seed=wanted.seed)
    _show("\n".join(figures.lines()) + "\n\n")
    virtual.main()
    sys.exit(0 if figures.clean else 1)


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
