"""How Hypothesis judges speed: not at all. A test fails for what it finds, and not for a machine that is busy.

The first draw of a process reads the constants of every module that is loaded, which takes seconds on a fresh checkout
and would count against the test that happens to draw first.

Every run draws the same examples, so that a change lands or not by what it does, and not by luck.
`HYPOTHESIS_PROFILE=explore` draws new ones.
"""

import functools
import os
import ssl

import httpcore2
import typer.testing
from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("calm", settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "calm"))


def _read_certificates_once() -> None:
    """Let the clients of a test process share what they trust: reading the certificates takes each 25 ms of CPU."""
    read = httpcore2.default_ssl_context

    @functools.cache
    def trusted(_file: str | None, _folder: str | None, **named: bool) -> ssl.SSLContext:
        return read(**named)

    def read_or_share(**named: bool) -> ssl.SSLContext:
        # A test that names other certificates gets a context of its own.
        return trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"), **named)

    httpcore2.default_ssl_context = read_or_share


def _build_commands_once() -> None:
    """Let all tests of a process run the same command tree: building it anew takes each of them 15 ms of CPU."""
    typer.testing._get_command = functools.cache(typer.main.get_command)  # type: ignore[attr-defined]


_read_certificates_once()
_build_commands_once()
