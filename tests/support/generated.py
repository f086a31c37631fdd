"""Code that `assistants --code` has written, as an application would use it, and what is around it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

LOOKUP: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "lookup_order",
        "description": "Status of an order",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
    },
}
SHOP: dict[str, Any] = {
    "id": "asst_shop",
    "object": "assistant",
    "name": "Shop",
    "model": "gpt-5.4-mini",
    "instructions": "Be brief.",
    "tools": [LOOKUP],
    "metadata": {"team": "blue"},
}
NPM = Path(__file__).parents[1] / "npm"


def saved(path: Path, value: object) -> Path:
    """Write a value as JSON, and return where it is."""
    path.write_text(json.dumps(value), "utf-8")
    return path


def imported(path: Path) -> Any:
    """Import a program without running it."""
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def node_project(folder: Path) -> Path:
    """Return a folder in which node finds the packages of `make npm`; skip the test where they are not at hand."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    if not all((NPM / "node_modules" / name).is_dir() for name in ("typescript", "openai", "express")):
        pytest.skip("needs the packages of `make npm`")
    folder.mkdir(exist_ok=True)
    (folder / "node_modules").symlink_to(NPM / "node_modules")
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    return folder


def compiled(folder: Path, *files: Path) -> None:
    """Check the types of TypeScript as strictly as it goes, and leave JavaScript in `folder/js`."""
    options = {
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "noImplicitReturns": True,
        "noFallthroughCasesInSwitch": True,
        "target": "es2022",
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "lib": ["es2023", "dom", "dom.iterable"],
        "types": ["node"],
        "skipLibCheck": True,
        "isolatedModules": True,
        "outDir": "js",
    }
    project = {"compilerOptions": options, "files": [str(file) for file in files]}
    (folder / "tsconfig.json").write_text(json.dumps(project))
    compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
    run = subprocess.run(["node", str(compiler), "-p", "."], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def environment(base_url: str) -> dict[str, str]:
    """The variables that the official clients read."""
    return {**os.environ, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "any-key", "NO_PROXY": "127.0.0.1"}
