"""Large exports of threads as a busy application leaves them: tools, files, images, citations, runs that failed.

Everything is drawn from a seed, so that the same call writes the same export. Every time of a thread differs, so that
no source has to guess an order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from support.exports import thread_id

FILES = 40
"""How many files the threads share."""
LONGEST = 260
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
_PURPOSES = (("assistants", "manual-{}.txt"), ("assistants_output", "table-{}.csv"), ("vision", "photo-{}.png"))
_WORDS = ("lamp", "ja", "„nein“", "🏮", "two\nlines", "a, comma", "returns", "Grüße", "9 July", '"quoted"')

Json = dict[str, Any]


def write_rich_export(folder: Path, threads: int, *, seed: int = 1) -> int:
    """Write a file for each thread, and the objects and bytes of the files; return how many messages there are."""
    chance = Random(seed)
    folder.mkdir(parents=True)
    _write_files(folder)
    messages = 0
    for number in range(1, threads + 1):
        value = rich_thread(number, chance)
        messages += len(value["messages"])
        (folder / f"{thread_id(number)}.json").write_text(json.dumps(value), encoding="utf-8")
    return messages


def rich_thread(number: int, chance: Random) -> Json:
    """Return one such thread as a file holds it."""
    return _Thread(number, chance).value()


def _write_files(folder: Path) -> None:
    objects = []
    (folder / "files").mkdir()
    for number in range(FILES):
        purpose, name = _PURPOSES[number % 3]
        content = _PNG if purpose == "vision" else f"row,{number}\n".encode() * (number + 1)
        facts = {"id": _file(number), "object": "file", "bytes": len(content), "created_at": 1_690_000_000}
        objects.append({**facts, "filename": name.format(number), "purpose": purpose, "status": "processed"})
        (folder / "files" / _file(number)).write_bytes(content)
    (folder / "files.json").write_text(json.dumps({"object": "list", "data": objects}), encoding="utf-8")
    assistants = [{"id": "asst_shop", "object": "assistant", "created_at": 1_690_000_000, "name": "Shop", "tools": []}]
    (folder / "assistants.json").write_text(json.dumps({"object": "list", "data": assistants}), encoding="utf-8")


def _file(number: int) -> str:
    return f"file-rich{number:020d}"


class _Thread:
    """One thread in the making."""

    def __init__(self, number: int, chance: Random) -> None:
        self._id, self._chance = thread_id(number), chance
        self._clock = 1_700_000_000 + number * 100_000
        self._number = number
        self._messages: list[Json] = []
        self._runs: list[Json] = []
        self._steps: list[Json] = []

    def value(self) -> Json:
        """The thread as a file holds it."""
        chance, created = self._chance, self._clock
        size = 0 if chance.random() < 0.02 else min(LONGEST, round(chance.lognormvariate(1.9, 1.0)) + 1)
        while len(self._messages) < size:
            self._ask()
            if len(self._messages) < size:
                self._answer()
        resources = {"file_search": {"vector_store_ids": [f"vs_{self._number}"]}} if self._number % 9 == 0 else {}
        facts = {"id": self._id, "object": "thread", "created_at": created, "tool_resources": resources}
        metadata = {"order": f"LS-{self._number}"} if self._number % 4 == 0 else {}
        return {
            "thread": {**facts, "metadata": metadata},
            "messages": self._messages,
            "runs": self._runs,
            "run_steps": self._steps,
        }

    def _ask(self) -> None:
        chance = self._chance
        content, attachments = [_text(self._words())], []
        if chance.random() < 0.08:
            image = {"file_id": _file(2 + 3 * chance.randrange(FILES // 3)), "detail": "low"}
            content.append({"type": "image_file", "image_file": image})
        if chance.random() < 0.08:
            tool = chance.choice(["file_search", "code_interpreter"])
            attachments.append({"file_id": _file(3 * chance.randrange(FILES // 3)), "tools": [{"type": tool}]})
        metadata = {"origin": "web"} if chance.random() < 0.1 else {}
        self._say("user", content, attachments=attachments, metadata=metadata)
        if chance.random() < 0.02:
            self._run("failed")

    def _answer(self) -> None:
        chance = self._chance
        run_id = self._run("completed")
        if chance.random() < 0.03:
            listed = [{"type": "mcp_list_tools", "id": "list_1", "server_label": "docs", "tools": {}}]
            self._step(run_id, {"type": "activities", "activities": listed})
            on_the_way = [_text(self._words())]
            self._say("assistant", on_the_way, run_id=run_id, assistant_id="asst_shop", metadata={"cot_summary": "1"})
        content: list[Json] = []
        for make, share in _TOOLS:
            if chance.random() < share:
                calls, part = make(self._name("call"), chance)
                content += part
                self._step(run_id, {"type": "tool_calls", "tool_calls": calls})
        content = content or [_text(self._words())]
        whole = chance.random() > 0.01
        status = {"status": "completed" if whole else "incomplete"}
        why = {"incomplete_details": None if whole else {"reason": "max_tokens"}}
        message_id = self._say("assistant", content, run_id=run_id, assistant_id="asst_shop", **status, **why)
        self._step(run_id, {"type": "message_creation", "message_creation": {"message_id": message_id}})

    def _say(self, role: str, content: list[Json], **more: Any) -> str:
        name = self._name("msg")
        own = {"id": name, "object": "thread.message", "created_at": self._later(), "thread_id": self._id}
        bare: Json = {"attachments": [], "metadata": {}, "assistant_id": None, "run_id": None}
        self._messages.append({**own, "role": role, "content": content, **bare, **more})
        return name

    def _run(self, status: str) -> str:
        name = self._name("run")
        own = {"id": name, "object": "thread.run", "created_at": self._later(), "thread_id": self._id}
        self._runs.append({**own, "assistant_id": "asst_shop", "status": status, "model": "gpt-4o", "tools": []})
        return name

    def _step(self, run_id: str, details: Json) -> None:
        own = {"id": self._name("step"), "object": "thread.run.step", "created_at": self._later()}
        place = {"thread_id": self._id, "run_id": run_id, "assistant_id": "asst_shop"}
        self._steps.append(
            {**own, **place, "type": details["type"], "status": "completed", "step_details": details}
        )  # fmt: skip

    def _words(self) -> str:
        return f"{len(self._messages)} " + " ".join(self._chance.choices(_WORDS, k=self._chance.randint(1, 30)))

    def _name(self, kind: str) -> str:
        return f"{kind}_{self._number:07d}x{len(self._messages):06d}x{len(self._runs):05d}x{len(self._steps):05d}"

    def _later(self) -> int:
        self._clock += 1
        return self._clock


def _text(value: str, *annotations: Json) -> Json:
    return {"type": "text", "text": {"value": value, "annotations": list(annotations)}}


def _functions(name: str, chance: Random) -> tuple[list[Json], list[Json]]:
    """One to three calls at once, some without an output."""
    made = []
    for place in range(chance.randint(1, 3)):
        output = None if chance.random() < 0.03 else json.dumps({"state": chance.choice(_WORDS)})
        function = {"name": "lookup_order", "arguments": json.dumps({"order": place}), "output": output}
        made.append({"id": f"{name}f{place}", "type": "function", "function": function})
    return made, []


def _code(name: str, chance: Random) -> tuple[list[Json], list[Json]]:
    """Code with its output; at times the answer shows the image and links the table that it made."""
    image, table = _file(2 + 3 * chance.randrange(FILES // 3)), _file(1 + 3 * chance.randrange(FILES // 3))
    outputs: list[Json] = [{"type": "logs", "logs": "Sat    133\n"}]
    parts: list[Json] = []
    if chance.random() < 0.5:
        outputs.append({"type": "image", "image": {"file_id": image}})
        link = "sandbox:/mnt/data/a.csv"
        path = {"type": "file_path", "text": link, "start_index": 4, "end_index": 27, "file_path": {"file_id": table}}
        parts = [{"type": "image_file", "image_file": {"file_id": image}}, _text(f"See {link}", path)]
    code = {"input": "frame.plot()", "outputs": outputs}
    return [{"id": f"{name}c", "type": "code_interpreter", "code_interpreter": code}], parts


def _search(name: str, chance: Random) -> tuple[list[Json], list[Json]]:
    """A search whose result the answer cites."""
    number = 3 * chance.randrange(FILES // 3)
    found = {"file_id": _file(number), "file_name": f"manual-{number}.txt", "score": 0.5}
    result = {**found, "content": [{"type": "text", "text": "Never use water."}]}
    marker = f"【4:0†manual-{number}.txt】"
    cited = {"type": "file_citation", "text": marker, "start_index": 9, "end_index": 9 + len(marker)}
    search = {"ranking_options": {"ranker": "auto", "score_threshold": 0.0}, "results": [result]}
    part = _text(f"No water.{marker}", {**cited, "file_citation": {"file_id": _file(number)}})
    return [{"id": f"{name}s", "type": "file_search", "file_search": search}], [part]


def _grounding(name: str, _: Random) -> tuple[list[Json], list[Json]]:
    """What only Foundry has: a step of Bing, and an annotation with a URL."""
    url = "https://weather.example/today"
    cited = {"type": "url_citation", "text": "【3:0†source】", "start_index": 5, "end_index": 17}
    part = _text("Rain.【3:0†source】", {**cited, "url_citation": {"url": url, "title": "Today"}})
    bing = {"requesturl": "https://search.example/?q=rain", "response_metadata": "{}"}
    return [{"id": f"{name}b", "type": "bing_grounding", "bing_grounding": bing}], [part]


def _hosted(name: str, chance: Random) -> tuple[list[Json], list[Json]]:
    """A call of a tool that only Foundry has, of one kind after the other."""
    search = {"requesturl": "https://search.example/?q=rain"}
    answered = {"input": chance.choice(_WORDS), "output": json.dumps({"found": [chance.choice(_WORDS)], "score": 0.5})}
    function = {"name": "lookup", "arguments": '{"order": 1}', "output": chance.choice(_WORDS)}
    shot = {"type": "computer_screenshot", "image_url": "data:image/png;base64," + base64.b64encode(_PNG).decode()}
    steps = [{"last_step_result": "ok", "current_state": "a page", "next_step": "none"}]
    kinds: dict[str, Json] = {
        "azure_ai_search": answered,
        "azure_function": function,
        "bing_custom_search": search,
        "browser_automation": answered | {"steps": steps},
        "computer_use_preview": {"action": {"type": "wait"}, "pending_safety_checks": [], "output": shot},
        "connected_agent": function | {"thread_id": thread_id(chance.randint(1, 50)), "run_id": "run_child"},
        "deep_research": answered,
        "fabric_dataagent": answered,
        "openapi": function,
        "sharepoint_grounding": answered,
    }
    kind = chance.choice([*kinds, "mcp"])
    held = function | {"server_label": "docs"} if kind == "mcp" else {kind: kinds[kind]}
    return [{"id": f"{name}h", "type": kind, **held}], []


_TOOLS: tuple[tuple[Callable[[str, Random], tuple[list[Json], list[Json]]], float], ...] = (
    (_functions, 0.12),
    (_code, 0.06),
    (_search, 0.08),
    (_grounding, 0.04),
    (_hosted, 0.1),
)
"""What an answer may do on its way, and how often."""
