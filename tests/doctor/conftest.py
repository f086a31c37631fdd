"""Settings that nothing of the machine has a part in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from migrate_cli.secrets import forget_secrets


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, without keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "SOURCE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    forget_secrets()
