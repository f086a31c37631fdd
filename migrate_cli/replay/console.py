"""What a replay shows on stderr while it runs: one case live, as text arrives, or one line for each finished case.

It only shows; the results hold everything it is told. Texts must go to a terminal only, never into a log.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from migrate_cli.convert.text import counted
from migrate_cli.model import JsonObject
from migrate_cli.replay.event_sinks import CaseObserver, NullObserver
from migrate_cli.replay.outcome import CaseRun, CaseStatus
from migrate_cli.replay.response import ApprovalRequest
from migrate_cli.replay.tools import ToolOutcome
from migrate_cli.report.escape import visible, visible_block
from migrate_cli.report.verdict_kinds import STATUSES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

SIGNS = {
    CaseStatus.PASSED: "✓",
    CaseStatus.FAILED: "✗",
    CaseStatus.ERROR: "!",
    CaseStatus.STOPPED: "-",
    CaseStatus.SKIPPED: "-",
}
STYLES = {CaseStatus.PASSED: "green", CaseStatus.FAILED: "red", CaseStatus.ERROR: "red"}
_HOSTED = {
    "web_search_call": "web search", "file_search_call": "file search", "code_interpreter_call": "code",
    "image_generation_call": "image", "mcp_call": "MCP", "mcp_list_tools": "MCP tools", "reasoning": "thinking",
}  # fmt: skip
_SHOWN = 4000
"""Characters of an answer that stay in view; a terminal that is full only flickers."""


def line_of(run: CaseRun) -> str:
    """The line for a case that has ended."""
    first = "" if run.ttft is None else f", first token {run.ttft:.2f} s"
    again = "" if run.number == 1 else f" (#{run.number})"
    detail = run.detail()
    numbers = f"{run.seconds:.1f} s{first}, {counted(run.usage.total, 'token')}" if run.turns else "not run"
    said = STATUSES[run.status.value]
    return f"{SIGNS[run.status]} {run.case_id}{again}  {said}  {numbers}{f'  {detail}' if detail else ''}"


class LineConsole:
    """A line for each case; `say` writes one."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def observe(self, case_id: str, number: int) -> CaseObserver:  # noqa: ARG002 - the line comes at the end
        """Return a watcher that writes the line."""
        return _LineObserver(self._say)


class _LineObserver(NullObserver):
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def done(self, run: CaseRun) -> None:
        self._say(line_of(run))


class LiveConsole:
    """The live view on a terminal. Only one case may run at a time."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console as RichConsole  # noqa: PLC0415 - only where there is a terminal

        self.console = console or RichConsole(stderr=True)
        self.live: Live | None = None
        self._question = threading.Lock()

    def observe(self, case_id: str, number: int) -> CaseObserver:
        """Return a watcher that shows one case while it runs."""
        return _LiveObserver(self, case_id if number == 1 else f"{case_id} #{number}")

    def ask(self, request: ApprovalRequest) -> bool:
        """Ask the person at the terminal; anything but a yes is a no. Blocks."""
        with self._question:
            if self.live is not None:
                self.live.stop()
            try:
                return ask_person(request)
            finally:
                if self.live is not None:
                    self.live.start()


def ask_person(request: ApprovalRequest) -> bool:
    """Ask on stderr, read from stdin."""
    sys.stderr.write(
        f"{visible(request.server)} wants to run {visible(request.name)} with {visible(request.arguments[:500])}\n"
        "Allow it? [y/N] "
    )
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class _LiveObserver(NullObserver):
    """Draws one case: what runs above, the text below."""

    def __init__(self, screen: LiveConsole, name: str) -> None:
        from rich.live import Live as RichLive  # noqa: PLC0415 - only where there is a terminal

        self._screen = screen
        self._name = name
        self._steps: list[tuple[str, str]] = []
        self._text = ""
        screen.live = RichLive(self._drawn(), console=screen.console, refresh_per_second=12, transient=True)
        screen.live.start()

    def turn(self, number: int, of: int) -> None:
        if number > 1:
            self._flush()
        if of > 1:
            self._step("·", f"turn {number} of {of}")

    def event(self, event: JsonObject) -> None:
        kind = event.get("type")
        if kind in ("response.output_text.delta", "response.refusal.delta") and isinstance(event.get("delta"), str):
            self._text += event["delta"]
        elif kind in ("response.output_item.added", "response.output_item.done"):
            item = event.get("item")
            name = _HOSTED.get(str(item.get("type"))) if isinstance(item, dict) else None
            if name is None:
                return
            self._step("…" if kind.endswith("added") else "✓", name)
        elif kind == "response.image_generation_call.partial_image":
            self._step("·", f"image, sketch {event.get('partial_image_index')}")
        else:
            return
        self._draw()

    def tools(self, names: Sequence[str]) -> None:
        for name in names:
            self._steps.append(("…", name))
        self._draw()

    def tool_done(self, outcome: ToolOutcome) -> None:
        self._step("✗" if outcome.problem else "✓", outcome.call.name, f" {outcome.seconds * 1000:.0f} ms")

    def note(self, text: str) -> None:
        self._step("·", text)

    def done(self, run: CaseRun) -> None:
        self._flush()
        live, self._screen.live = self._screen.live, None
        if live is not None:
            live.stop()
        self._screen.console.print(visible(line_of(run)), style=STYLES.get(run.status), markup=False, highlight=False)

    def _step(self, sign: str, name: str, more: str = "") -> None:
        """A step that ends takes the place of its beginning."""
        for index, (known, label) in enumerate(self._steps):
            if known == "…" and label == name and sign != "…":
                self._steps[index] = (sign, name + more)
                self._draw()
                return
        self._steps.append((sign, name + more))
        self._draw()

    def _flush(self) -> None:
        """What is in the live view becomes part of the terminal's history."""
        if self._steps or self._text:
            self._screen.console.print(self._drawn())
        self._steps, self._text = [], ""

    def _draw(self) -> None:
        if self._screen.live is not None:
            self._screen.live.update(self._drawn())

    def _drawn(self) -> Text:
        from rich.text import Text as RichText  # noqa: PLC0415 - only where there is a terminal

        drawn = RichText(visible(self._name), style="bold")
        for sign, name in self._steps:
            drawn.append(f"\n  {sign} {visible(name)}", style="cyan")
        if self._text:
            drawn.append("\n" + visible_block(self._text[-_SHOWN:]), style="default not bold")
        return drawn
