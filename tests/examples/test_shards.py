"""The examples that run shards: they fit their schemas, agree in their numbers, and what they start does the work."""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from migrate_cli.sandbox.server import EmbeddedSandbox

from commands.conftest import Cli, cli, conversations, target  # noqa: F401 - fixtures
from support.exports import texts_of, thread_id, write_export

EXAMPLES = Path(__file__).parents[2] / "examples"
KUBERNETES = sorted((EXAMPLES / "kubernetes").glob("*.yaml"))
SLURM = EXAMPLES / "slurm" / "migrate.sbatch"
MATRIX = EXAMPLES / "github" / "matrix.yml"
SIZES = [2, 21, 1, 5, 3, 40, 2, 1, 4, 6, 2, 3, 1, 22, 2, 2, 5, 1, 3, 2]


def manifests(path: Path, kind: str) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(path.read_text()) if found["kind"] == kind]


def container(path: Path, place: str = "containers") -> dict[str, Any]:
    found: dict[str, Any] = manifests(path, "Job")[0]["spec"]["template"]["spec"][place][0]
    return found


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_manifests_fit_the_schemas_of_kubernetes_with_no_unknown_field(path: Path) -> None:
    for manifest in yaml.safe_load_all(path.read_text()):
        # The first in which all that the example needs is stable, and the newest that is known.
        for version in ("1.33", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_pods_run_without_rights_and_take_the_key_from_a_secret(path: Path) -> None:
    for job in manifests(path, "Job"):
        pod = job["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        for each in (*pod["containers"], *pod.get("initContainers", ())):
            assert each["securityContext"]["readOnlyRootFilesystem"]
            assert not each["securityContext"]["allowPrivilegeEscalation"]
            keys = [variable for variable in each.get("env", ()) if variable["name"] == "OPENAI_API_KEY"]
            assert [set(key) for key in keys] == [{"name", "valueFrom"}] * len(keys)


def test_the_indexed_job_and_its_merge_move_every_thread_once(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
    target: EmbeddedSandbox,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    export = write_export(tmp_path / "export", SIZES)
    (tmp_path / "state").mkdir()
    job, pod = manifests(EXAMPLES / "kubernetes" / "job.yaml", "Job")[0]["spec"], container(KUBERNETES[0])
    for variable in pod["env"]:
        if "value" in variable:
            monkeypatch.setenv(variable["name"], variable["value"].replace("/data", str(tmp_path)))
    for index in range(job["completions"]):
        monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
        ended = cli(*(word.replace("/data", str(tmp_path)) for word in pod["args"]))
        assert ended.code == 0, ended.err
        shard = ended.json["data"]["shard"]
        assert shard["of"] == job["completions"]
        assert shard["requests_per_minute"] == 3000 // job["parallelism"]
    assert job["parallelism"] == job["completions"]
    monkeypatch.delenv("JOB_COMPLETION_INDEX")
    merge = container(EXAMPLES / "kubernetes" / "merge.yaml", "initContainers")["command"][-1]
    words = shlex.split(merge.replace("/data", str(tmp_path)))
    states = sorted(Path(words[2]).parent.glob(Path(words[2]).name))
    assert cli(*words[1:2], *states, *words[3:]).code == 0
    verify = container(EXAMPLES / "kubernetes" / "merge.yaml")["args"]
    assert cli(*(word.replace("/data", str(tmp_path)) for word in verify)).code == 0
    numbers = range(1, len(SIZES) + 1)
    assert conversations(target.data) == {thread_id(n): texts_of(export, thread_id(n)) for n in numbers}


# ---- Slurm


def tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def task(tmp_path: Path, script: str) -> subprocess.Popen[str]:
    """Start one task of the array, with tools that only note what they are asked for."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    tool(bin_, "migrate-cli", f'echo "$@" "$MIGRATE_STATE" > called; {script}')
    tool(bin_, "scontrol", 'echo "$@" > requeued')
    variables = {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_ID": "2", "EXPORT": "ex port", "STATE": "m.db"}
    path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["bash", str(SLURM)], cwd=tmp_path, env={**os.environ, **variables, "PATH": path}, text=True
    )


def test_the_array_has_as_many_tasks_as_shards_and_its_directives_stand_before_the_first_command() -> None:
    assert subprocess.run(["bash", "-n", str(SLURM)], check=False).returncode == 0
    lines = SLURM.read_text().splitlines()
    commands = next(place for place, line in enumerate(lines) if line and not line.startswith("#"))
    given = [line for line in lines if line.startswith("#SBATCH")]
    read = [re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(\S+))?", line) for line in given]
    directives = {found[1]: found[2] for found in read if found}
    assert len(directives) == len(given)
    assert all(not line.startswith("#SBATCH") for line in lines[commands:])
    first, last = directives["array"].split("-")
    assert f"SHARDS={int(last) - int(first) + 1}" in lines
    assert {"requeue", "signal", "time"} <= directives.keys()


@pytest.mark.parametrize(("code", "requeued"), [(0, False), (3, False), (6, False), (5, True), (130, True)], ids=str)
def test_a_task_is_queued_again_only_where_that_helps(tmp_path: Path, code: int, requeued: bool) -> None:
    ended = task(tmp_path, f"exit {code}")
    assert ended.wait() == (0 if requeued else code)
    assert (tmp_path / "called").read_text().startswith("apply ex port --shard auto/8 ")
    assert (tmp_path / "called").read_text().rstrip().endswith("m.db")
    assert (tmp_path / "requeued").exists() == requeued
    if requeued:
        assert (tmp_path / "requeued").read_text() == "requeue 77_2\n"


def test_a_task_whose_time_is_up_lets_its_shard_end_first(tmp_path: Path) -> None:
    running = task(tmp_path, "trap 'echo drained > drained; exit 130' TERM; echo > ready; while :; do sleep 0.05; done")
    while not (tmp_path / "ready").exists():
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 0
    assert (tmp_path / "drained").exists()
    assert (tmp_path / "requeued").read_text() == "requeue 77_2\n"


# ---- GitHub


def steps(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(action)]


def test_the_matrix_names_every_shard_and_each_takes_up_the_state_that_it_kept() -> None:
    jobs = yaml.safe_load(MATRIX.read_text())["jobs"]
    shard, verify = jobs["shard"], jobs["verify"]
    numbers = shard["strategy"]["matrix"]["shard"]
    run = next(step for step in shard["steps"] if "migrate-cli apply" in step.get("run", ""))
    assert numbers == list(range(1, len(numbers) + 1))
    assert f'--shard "$SHARD/{len(numbers)}"' in run["run"]
    kept = steps(shard, "actions/upload-artifact")[0]
    assert kept["if"] == "always()"
    taken = steps(shard, "actions/download-artifact")
    assert {step["with"]["name"] for step in taken} == {kept["with"]["name"]} == {"state-${{ matrix.shard }}"}
    # A state that cannot be taken up must end the job: going on would migrate everything twice.
    assert not any("continue-on-error" in step for step in shard["steps"])
    assert verify["needs"] == "shard"
    assert steps(verify, "actions/download-artifact")[0]["with"]["pattern"] == "state-*"
    join = next(step["run"] for step in verify["steps"] if "migrate-cli merge" in step.get("run", ""))
    assert f"migration-*of{len(numbers)}.db" in join


def test_only_one_run_of_the_matrix_is_at_work_at_a_time() -> None:
    workflow = yaml.safe_load(MATRIX.read_text())
    assert workflow["concurrency"] == {"group": "migrate", "cancel-in-progress": False}
    assert workflow["permissions"]["contents"] == "read"
