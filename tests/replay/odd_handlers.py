"""Handlers of every habit, for tests of what runs them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

MEETING = threading.Barrier(3)
SEEN: list[int] = []
NEVER = threading.Event()


def meet(n: int) -> str:
    MEETING.wait(10)
    return f"met {n}"


async def double(n: int) -> dict[str, int]:
    await asyncio.sleep(0)
    return {"n": 2 * n}


async def forever(n: int) -> None:
    await asyncio.Event().wait()


async def blocks_the_loop(n: int) -> None:
    NEVER.wait()


async def will_not_be_cancelled(n: int) -> None:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def hangs(n: int) -> None:
    NEVER.wait()


def keeps_python_to_itself(n: int) -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


def late(n: int) -> None:
    raise TimeoutError("the shop is slow")


def remember(n: int) -> list[int]:
    SEEN.append(n)
    return SEEN


async def recall(n: int) -> list[int]:
    return SEEN


def prints(n: int) -> str:
    sys.stdout.write("a word of the handler\n")
    os.write(1, b"and another\n")
    return "printed"


def threads(n: int) -> int:
    threading.Thread(target=NEVER.wait).start()
    return n


def leaves(n: int) -> None:
    sys.exit("enough")


def crashes(n: int) -> None:
    ctypes.string_at(0)


def exits_at_once(n: int) -> None:
    os._exit(3)


def no_json(n: int) -> Any:
    return NEVER


def circle(n: int) -> Any:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def a_date(n: int) -> date:
    return date(2026, 3, n)


def later(n: int) -> Any:
    return double(n)


def starts_a_program(n: int) -> int:
    """A program that outlives the call; it would stay for a minute."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid


def reads(n: int) -> str:
    return sys.stdin.read()


def process(n: int) -> int:
    return os.getpid()


def forks(n: int) -> int:
    """A copy of this process stays, with all pipes that were open."""
    if (child := os.fork()) == 0:
        NEVER.wait()
    return child


def imports(n: int) -> int:
    """How often this module was imported in this process."""
    return len([line for line in Path(os.environ["IMPORTS"]).read_text().split() if line == str(os.getpid())])


if "IMPORTS" in os.environ:
    with Path(os.environ["IMPORTS"]).open("a") as note:
        note.write(f"{os.getpid()}\n")


def aloud(text: str) -> str:
    """Say a text in capitals."""
    return text.upper()


async def aloud_later(text: str) -> str:
    """Say it after others had their turn."""
    await asyncio.sleep(0)
    return text.upper()
