"""A stand-in for the package azure-identity: it is put on the path as a package, whatever is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCOPE = "https://ai.azure.com/.default"
CHAIN = "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n"
"""How the package begins to tell that it has no token; a line for each place where it looked follows."""
_PACKAGE = '''
class DefaultAzureCredential:
    """Keeps its token for good, as the package does while it believes in it."""

    made = 0

    def __init__(self):
        DefaultAzureCredential.made += 1
        self.token = f"identity-token-{DefaultAzureCredential.made}"

    def get_token(self, scope):
        assert scope == @SCOPE@
        if @FAILURE@:
            raise RuntimeError(@FAILURE@)
        return type("AccessToken", (), {"token": self.token})()
'''


@contextmanager
def identity_package(folder: Path, monkeypatch: pytest.MonkeyPatch, failure: str = "") -> Iterator[None]:
    """Let `azure.identity` be a package that gives tokens, or fails with these words."""
    package = folder / "packages" / "azure" / "identity"
    package.mkdir(parents=True)
    text = _PACKAGE.replace("@SCOPE@", repr(SCOPE)).replace("@FAILURE@", repr(failure))
    (package / "__init__.py").write_text(text, encoding="utf-8")
    for name in _loaded():
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(folder / "packages"))
    try:
        yield
    finally:
        for name in _loaded():
            del sys.modules[name]


def _loaded() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "azure"]
