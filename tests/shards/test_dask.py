"""`apply --engine dask` on a local cluster: the same conversations, also when a worker is killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from migrate_cli.sandbox.server import EmbeddedSandbox
from migrate_cli.state.divide import folder_of

from support.exports import write_export

from .conftest import SIZES, Cli, begin, conversations, hashes, slowed, told  # noqa: TID252 - the folder's own

pytest.importorskip("distributed", reason="an extra: dask")
psutil = pytest.importorskip("psutil", reason="comes with the extra")


@dataclass
class Cluster:
    """A scheduler and workers, as processes of their own."""

    folder: Path
    stack: ExitStack
    address: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start the scheduler; it says by a file where it listens."""
        known = self.folder / "scheduler.json"
        self._run("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(known))
        while not self.address:
            time.sleep(0.02)
            # It is there before it is whole.
            with suppress(FileNotFoundError, json.JSONDecodeError):
                self.address = json.loads(known.read_text())["address"]

    def add_worker(self) -> None:
        """Start a worker that does one task at a time."""
        log = self.folder / f"worker{len(self.workers)}.log"
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder))
        self.workers.append(self._run("worker", self.address, *options, log=log))
        while b"Registered to" not in log.read_bytes():
            time.sleep(0.02)

    def logs(self) -> str:
        """All that scheduler and workers wrote."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _run(self, *words: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        with (log or self.folder / "scheduler.log").open("wb") as out:
            process = subprocess.Popen([sys.executable, "-m", "dask", *words], stdout=out, stderr=out)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process


@pytest.fixture
def cluster(tmp_path: Path, target: EmbeddedSandbox) -> Iterator[Cluster]:
    """Two workers. They are started after the target, so that its key stands in their environment."""
    (tmp_path / "cluster").mkdir()
    with ExitStack() as stack:
        found = Cluster(tmp_path / "cluster", stack)
        found.start()
        for _ in range(2):
            found.add_worker()
        yield found


def kill_at_work(worker: subprocess.Popen[bytes]) -> None:
    """Kill a worker while the process of a shard is under way on it, which then outlives it for a moment."""
    while not (found := psutil.Process(worker.pid).children()):
        time.sleep(0.01)
    found[0].suspend()
    worker.kill()
    worker.wait()
    found[0].resume()


def test_an_interrupt_and_a_worker_that_is_killed_cost_no_thread_and_double_none(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, cluster: Cluster
) -> None:
    export = write_export(tmp_path / "export", SIZES[:24])
    assert cli("apply", export, "--state", "alone.db", "--target", "sandbox").code == 0
    command = (export, "--engine", "dask", "--scheduler", cluster.address, "-o", "json")
    with slowed(target, "append:latency:ms=100"):
        run = begin(target, *command, batches=4)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=90)
        assert run.returncode == 130, out + err
        assert not folder_of(tmp_path / "migration.db").exists()
        run = begin(target, *command, batches=4)
        kill_at_work(cluster.workers[0])
    out, err = run.communicate(timeout=90)
    assert run.returncode == 0, out + err
    result = json.loads(out)["data"]
    assert result["threads"]["loaded"] == 24
    assert [row["threads"] > 0 for row in result["shards"]] == [True] * 8
    assert sum(row["attempts"] for row in result["shards"]) == 9
    assert "its worker was lost, and another takes over" in err
    assert conversations(target.data) == told(export, 24)
    assert hashes(tmp_path / "migration.db") == hashes(tmp_path / "alone.db")
    assert "sk-test-key" not in cluster.logs() + out + err


def test_what_the_engine_lacks_is_said_in_one_sentence(
    cli: Cli, tmp_path: Path, target: EmbeddedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate_cli.shards.dask._PATIENCE", 1)
    export = write_export(tmp_path / "export", [1])
    for options, code, why in (
        (["--engine", "dask"], 2, "needs the address of its scheduler"),
        (["--engine", "dask", "--scheduler", "here", "--target", "sandbox"], 2, "cannot be combined with --engine"),
        (["--engine", "dask", "--scheduler", "nonsense://x"], 2, "is not an address of a Dask scheduler"),
        (["--engine", "dask", "--scheduler", "tcp://127.0.0.1:1"], 5, "no Dask scheduler answers"),
    ):
        refused = cli("apply", export, *options)
        assert (refused.code, len(refused.err.splitlines())) == (code, 1), refused.err
        assert why in refused.err
