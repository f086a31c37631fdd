"""`apply --processes N` over a host that still answers: listed by each shard, loaded by one, and killed on the way."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from migrate_cli.sandbox.assistants_quirks import SourcePreset
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.divide import folder_of
from migrate_cli.state.lock import holder

from support.exports import write_export
from support.hosts import KEY, host

from .conftest import Cli, begin, conversations, slowed, told  # noqa: TID252 - the folder's own


def test_a_host_is_migrated_by_processes_and_goes_on_with_another_number_after_a_kill(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = write_export(tmp_path / "export", [number % 23 + 1 for number in range(60)])
    monkeypatch.setenv("SOURCE_API_KEY", KEY)
    with host(tmp_path, export, SourcePreset.FOUNDRY) as running:
        source = {"kind": "api", "base_url": running.url, "preset": running.preset.value}
        (tmp_path / "migration.yaml").write_text(json.dumps({"source": source}), encoding="utf-8")
        with slowed(target):
            run = begin(target, "--discover", "--processes", 3, "--workers", 3)
            run.kill()
            run.communicate()
            while any(holder(path) for path in folder_of(tmp_path / "migration.db").glob("*of*.db")):
                time.sleep(0.02)
        ended = cli("apply", "--discover", "--processes", 2, "-o", "json")
        assert ended.code == 0, ended.out
        assert ended.json["data"]["threads"]["loaded"] == 60
        assert cli("verify", "--discover").code == 0
    assert conversations(target.data) == told(export, 60)
