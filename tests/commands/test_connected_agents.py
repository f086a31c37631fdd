"""A connected agent works in a thread of its own: the call is a pair, and both conversations are linked."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from migrate_cli.sandbox.server import EmbeddedSandbox

from commands.conftest import Cli


def write(folder: Path, thread_id: str, calls: list[dict[str, Any]]) -> None:
    folder.mkdir(exist_ok=True)
    text = [{"type": "text", "text": {"value": f"Of {thread_id}", "annotations": []}}]
    step = {"id": f"step_{thread_id}", "object": "thread.run.step", "run_id": "run_1", "type": "tool_calls"}
    thread = {
        "id": thread_id,
        "object": "thread",
        "messages": [{"id": f"msg_{thread_id}", "role": "user", "content": text, "object": "thread.message"}],
        "runs": [{"id": "run_1", "object": "thread.run", "status": "completed"}],
        "run_steps": [{**step, "step_details": {"type": "tool_calls", "tool_calls": calls}}] if calls else [],
    }
    (folder / f"{thread_id}.json").write_text(json.dumps(thread))


def asks(agent: str, call_id: str, child: str) -> dict[str, Any]:
    held = {"name": agent, "arguments": '{"q": 1}', "output": "5", "thread_id": child, "run_id": "run_child"}
    return {"id": call_id, "type": "connected_agent", "connected_agent": held}


def test_map_and_the_view_show_the_conversation_of_the_child(cli: Cli, tmp_path: Path, target: EmbeddedSandbox) -> None:
    calls = [asks("stocks", "call_a", "thread_child"), asks("news", "call_b", "thread_elsewhere")]
    write(tmp_path / "export", "thread_parent", calls)
    write(tmp_path / "export", "thread_child", [])
    applied = cli("apply", "export", "--output", "json")
    assert applied.code == 0, applied.out
    assert applied.json["data"]["findings"]["child-thread"] == 2

    [parent] = cli("map", "thread_parent", "--output", "json").json["data"]["rows"]
    [child] = cli("map", "thread_child", "--output", "json").json["data"]["rows"]
    assert "children" not in child
    linked = {one["call_id"]: (one["child_thread_id"], one["child_conversation_id"]) for one in parent["children"]}
    assert linked == {
        "call_a": ("thread_child", child["conversation_id"]),
        "call_b": ("thread_elsewhere", None),
    }
    shown = cli("map", parent["conversation_id"]).out
    assert "Connected agents" in shown and "not migrated" in shown
    with closing(sqlite3.connect(tmp_path / "migration.db")) as state:
        rows = state.execute("SELECT thread_id, child_conversation_id FROM child_thread ORDER BY call_id").fetchall()
    assert rows == [("thread_parent", child["conversation_id"]), ("thread_parent", None)]
