"""How the program reaches people: the action, the example workflows, the image. Its name alone installs nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from migrate_cli.cli.app import app
from typer.main import get_command

from support.printed import arguments

REPO = Path(__file__).parents[1]


def test_the_action_hands_its_inputs_over_as_variables_only() -> None:
    action = yaml.safe_load((REPO / "action.yml").read_text("utf-8"))
    used = set(re.findall(r"inputs\.([\w-]+)", (REPO / "action.yml").read_text("utf-8")))
    assert used == set(action["inputs"])
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", ""), "an input in a script could become a command"
        assert "run" not in step or step["shell"] == "bash"


def run_of_the_action(tmp_path: Path, options: str) -> subprocess.CompletedProcess[str]:
    """What the step of the action does with these `arguments`."""
    action = yaml.safe_load((REPO / "action.yml").read_text("utf-8"))
    script = next(step["run"] for step in action["runs"]["steps"] if step.get("id") == "run")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COMMAND": "plan",
        "SOURCE": str(REPO / "fixtures" / "thread-files"),
        "ARGUMENTS": options,
        "REPORT": "report.html",
        "GITHUB_OUTPUT": "output.txt",
        "GITHUB_STEP_SUMMARY": "summary.md",
        "RUNNER_TEMP": str(tmp_path),
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", ["", "\n--limit\n3 --log-file 'of this run.log'\n"])
def test_the_step_of_the_action_plans_and_keeps_the_report(tmp_path: Path, options: str) -> None:
    done = run_of_the_action(tmp_path, options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output.txt").read_text() == "exit-code=0\n"
    assert "<html" in (tmp_path / "report.html").read_text()
    assert "threads" in (tmp_path / "summary.md").read_text()
    assert (tmp_path / "of this run.log").exists() == ("of this run.log" in options)


def test_the_step_of_the_action_executes_nothing_and_says_which_input_is_wrong(tmp_path: Path) -> None:
    done = run_of_the_action(tmp_path, "--limit 3 --log-file 'open")
    assert done.returncode == 2
    assert "::error::The input 'arguments' cannot be parsed" in done.stdout
    assert run_of_the_action(tmp_path, '--log-file "$(touch ran)" `touch ran` ; touch ran').returncode == 2
    assert not (tmp_path / "ran").exists()


def test_the_example_workflow_uses_the_action_rightly() -> None:
    action = yaml.safe_load((REPO / "action.yml").read_text("utf-8"))
    workflow = yaml.safe_load((REPO / "examples" / "github-workflow.yml").read_text("utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    own = [step for step in steps if step.get("uses") == "./.migrate-cli"]
    assert own
    for job in workflow["jobs"].values():
        fetched = [step["with"] for step in job["steps"] if step.get("with", {}).get("path") == ".migrate-cli"]
        assert [one["repository"] for one in fetched] == ["${{ vars.MIGRATE_CLI || github.repository }}"]
    assert all(set(step["with"]) <= set(action["inputs"]) for step in own)
    assert workflow["permissions"] == {"contents": "read"}
    root: Any = get_command(app)
    for step in steps:
        if step.get("run", "").startswith("migrate-cli "):
            name, *words = arguments(step["run"])
            root.commands[name].make_context(name, words)


INSTALLS = re.compile(r"pip3? install (?P<rest>[^\n`]*)")
OWN_NAME = re.compile(r"(?<![\w/.-])migrate-cli\b")


def test_nothing_installs_this_program_by_its_name() -> None:
    """An index may offer something else under it."""
    found = subprocess.run(["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=True).stdout.split()
    named: list[str] = []
    for name in found:
        if Path(name).suffix not in (".md", ".yml", ".yaml", ".py", ".sbatch", "") or name.startswith("tests/"):
            continue
        text = (REPO / name).read_text("utf-8", errors="replace")
        named += [f"{name}: {one[0]}" for one in INSTALLS.finditer(text) if OWN_NAME.search(one["rest"])]
    assert named == []


def test_examples_install_from_the_repository_that_they_check_out() -> None:
    for name in ("github-workflow.yml", "github/matrix.yml"):
        workflow = yaml.safe_load((REPO / "examples" / name).read_text("utf-8"))
        for job in workflow["jobs"].values():
            runs = " ".join(step.get("run", "") for step in job["steps"])
            uses = [step for step in job["steps"] if step.get("with", {}).get("path") == ".migrate-cli"]
            assert uses[0]["with"]["repository"] == "${{ vars.MIGRATE_CLI || github.repository }}"
            if "migrate-cli " in runs:
                assert "pip install ./.migrate-cli" in runs


def instructions(stage: int) -> list[tuple[str, str]]:
    """The instructions of a stage of the Dockerfile, each with its arguments; continuation lines are joined."""
    text = re.sub(r"\\\n\s*", "", (REPO / "Dockerfile").read_text("utf-8"))
    lines = [line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    starts = [place for place, (word, _, _) in enumerate(lines) if word == "FROM"]
    ends = [*starts[1:], len(lines)]
    return [(word, rest) for word, _, rest in lines[starts[stage] : ends[stage]]]


def test_the_image_is_built_from_what_is_there() -> None:
    copied = {word for name, rest in instructions(0) if name == "COPY" for word in rest.split()[:-1]}
    assert all((REPO / name).exists() for name in copied)
    allowed = (REPO / ".dockerignore").read_text("utf-8").splitlines()
    assert all(f"!{name}" in allowed for name in copied)
    pins = [rest for stage in (0, 1) for name, rest in instructions(stage) if name == "FROM"]
    assert all(re.match(r"python:3\.\d+-slim", pin) for pin in pins)


def test_the_image_is_not_root_and_its_volume_belongs_to_its_user() -> None:
    last = instructions(-1)
    names = [name for name, _ in last]
    user = dict(last)["USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "by number: Kubernetes cannot tell of a name that it is not root"
    uid, gid = user.split(":")
    made = dict(last)["RUN"]
    assert f"groupadd --gid {gid} migrate" in made
    assert f"useradd --uid {uid} --gid migrate" in made
    assert "install --directory --owner=migrate --group=migrate --mode=0700 /data" in made
    # What is done to a folder after VOLUME is lost, and what is done after USER lacks the rights.
    assert names.index("RUN") < names.index("USER") < names.index("VOLUME")
    assert json.loads(dict(last)["VOLUME"]) == ["/data"]
    assert dict(last)["WORKDIR"] == "/data"
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["migrate-cli"], "as a list, so that signals reach it"
    assert "--no-cache-dir" in made


def test_folders_of_yours_are_mounted_as_yourself() -> None:
    texts = [(REPO / name).read_text("utf-8") for name in ("Dockerfile", "docs/how-to.md")]
    runs = [line for text in texts for line in text.splitlines() if "docker run" in line and '-v "$PWD' in line]
    assert len(runs) == 2
    assert all('--user "$(id -u):$(id -g)"' in line for line in runs)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="needs hadolint")
def test_the_dockerfile_pleases_its_linter() -> None:
    run = subprocess.run(["hadolint", "Dockerfile"], cwd=REPO, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
