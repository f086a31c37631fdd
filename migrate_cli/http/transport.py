"""Raw requests and responses over one aiohttp session: the bulk path, where CPU time per call matters most.

It sends what it is given exactly once and says what is known when no answer came. The official client, built for
convenience, would take several times as much CPU. It must not know what an answer means, nor when to send again.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

from migrate_cli.bounds import bounds, too_large
from migrate_cli.errors import UsageError
from migrate_cli.http.deadlines import Deadline, Deadlines
from migrate_cli.http.line_speed import LineSpeed
from migrate_cli.http.origins import MOST_REDIRECTS, circling, goes_on_at
from migrate_cli.http.outcomes import Ambiguous, NotApplied, NotAppliedKind, OutOfBounds
from migrate_cli.work.waiting import WAITS

if TYPE_CHECKING:
    import aiohttp

LONGEST_ANSWER = 10
"""How many times the timeout, which counts the silence, a whole exchange may take: an answer that trickles on forever
would never time out by itself."""

OFTEN = 20
"""How many times during a timeout it is looked whether one has passed, so that none is late by more than a part."""

LISTS = ("/items", "/conversations")
"""How the paths of lists end that a host may have to gather first; see `Endpoint.slow_lists`."""

LONGEST_LIST = 8
"""How many timeouts such a list may take at most, so that a silent host is found out in twelve."""

SLOWEST = 4_000
"""Bytes a second: whatever carries less cannot be waited for, although bytes still move."""

UNHURRIED = 3
"""How many timeouts an answer may take that comes more slowly than that."""

SLOWEST_UPLOAD = 250_000
"""Bytes a second that a line is given credit for where nobody tells what has left: what the system has taken over to
send counts as sent."""

IDLE = 4.0
"""Seconds that a connection may lie unused. Common servers close theirs after five, and a request that meets the
closing end has an unclear fate, which costs a wait and a look."""


PART = 4 << 20
"""Bytes of an answer that are taken in at once: what is packed is unpacked no further ahead."""


class TooLargeError(ConnectionError):
    """An answer has more bytes than `limits.answer_bytes` allows, so its connection is given up."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What came back: any status, with a body that is whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class HttpTransport:
    """One host's connections, kept open between requests. To be closed in the event loop that used it."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        timeout: float,
        trust: ssl.SSLContext | None,
        *,
        slow_lists: float = 0.0,
    ) -> None:
        import aiohttp  # noqa: PLC0415 - comes with the official client
        from yarl import URL  # noqa: PLC0415 - comes with aiohttp

        from migrate_cli.http.upload import TOLD, Upload  # noqa: PLC0415 - needs aiohttp

        self.line = LineSpeed(timeout)
        """What this host's line was found to carry."""
        self._upload, self._told = Upload, TOLD
        self._base = base_url.rstrip("/")
        self._timeout = timeout
        self._of_lists = max(timeout, min(slow_lists, LONGEST_LIST * timeout))
        self._proxy = proxy_for(self._base)
        self._deadlines = Deadlines(timeout / OFTEN)
        self._url = partial(URL, encoded=True)
        self._failures = (aiohttp.ClientError, OSError, ValueError)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE, ssl=True if trust is None else trust)
        # A connection that is not made fails before the exchange does: what was never sent is not in doubt.
        connecting = aiohttp.ClientTimeout(sock_connect=timeout / 2)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=connecting, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def exchange(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        content: bytes | None = None,
        own: Mapping[str, str] | None = None,
        *,
        redirects: int = 0,
    ) -> RawResponse | NotApplied | Ambiguous:
        """Send one request, once. `own` headers go before the session's, such as a token. Raises UsageError.

        `path` follows the base URL, or is a whole address: that of a redirect that is followed (see `origins.py`).
        A list in `query` is spelt as the official client spells it: its name with brackets, once for each entry.
        """
        whole_path = path if "://" in path else self._base + path
        url = f"{whole_path}?{_encoded(query)}" if query else whole_path
        silence, whole = self._timeout, LONGEST_ANSWER * self._timeout
        if method == "GET" and path.endswith(LISTS):
            silence = self._of_lists
        upload = None
        if content is not None:
            upload = self._upload(content)
            whole += len(content) / SLOWEST
            silence += 0.0 if self._told else len(content) / SLOWEST_UPLOAD
        wait, moved = WAITS.begin(f"a response from {self._base} to {method} {path}"), False
        try:
            with self._deadlines.within(silence, whole, None if upload is None else upload.gone) as deadline:
                response = await self._session.request(
                    method,
                    self._url(url),
                    data=upload,
                    headers=own,
                    # It would go to any host, with all headers but one.
                    allow_redirects=False,
                    proxy=self._proxy,
                )
                deadline.flows(UNHURRIED * self._timeout, SLOWEST)
                answer = RawResponse(response.status, response.headers, await _whole(response, deadline))
            moved = answer.status < 429
            if upload is not None and answer.status < 300:
                upload.arrived()
        except self._failures as error:
            return transport_failure(error)
        finally:
            WAITS.end(wait, moved=moved)
            if upload is not None:
                self.line.took(upload.gone(), upload.seconds())
        if 300 <= answer.status < 400:
            onward = goes_on_at(whole_path, method, answer.status, answer.headers.get("location"))
            if onward is not None:
                if redirects == MOST_REDIRECTS:
                    raise circling(self._base)
                return await self.exchange(method, onward, {}, content, own, redirects=redirects + 1)
        return answer


async def _whole(response: aiohttp.ClientResponse, deadline: Deadline) -> bytes:
    """Read all of an answer, every part of which is a sign of life, and give the connection back.

    Raises TooLargeError as soon as it is.
    """
    content = response.content
    # Nothing is gained from reading it in small parts: all of it is kept.
    content.set_read_chunk_size(PART)
    try:
        body = await content.readany()
        parts, left = [body], bounds().answer_bytes - len(body)
        while left >= 0 and not content.at_eof():
            deadline.heard(len(parts[-1]))
            parts.append(await content.readany())
            left -= len(parts[-1])
        if left < 0:
            raise TooLargeError
        body = body if len(parts) == 1 else b"".join(parts)
    except BaseException:
        response.close()
        raise
    response.release()
    return body


def proxy_for(base_url: str) -> str | None:
    """Return the proxy that the environment names for this host (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY)."""
    parts = urlsplit(base_url)
    if not parts.hostname or urllib.request.proxy_bypass(parts.hostname):
        return None
    proxies = urllib.request.getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    return named if named is None or "://" in named else f"http://{named}"


_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""What the TLS library says of an answer that is plain text."""


def transport_failure(error: BaseException) -> NotApplied | Ambiguous:
    """Tell a connection that was never made from one that broke. Raises UsageError for what only a person can fix.

    The official client's aiohttp transport reports both "connection refused" and "answered, then dropped" as a connect
    timeout, so only the aiohttp error underneath decides: `ClientConnectorError` and `ConnectionTimeoutError` are
    raised before a byte of the request is written.
    """
    import aiohttp  # noqa: PLC0415 - comes with the official client

    reason, late = type(error).__name__, False
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UsageError):
            raise seen
        if isinstance(seen, TooLargeError):
            return OutOfBounds(too_large())
        if isinstance(seen, aiohttp.ClientSSLError):
            if _tls_reason(seen) in _NO_TLS:
                raise UsageError(
                    f"{seen.host} speaks no TLS at port {seen.port}; check the address: does it begin with http://?",
                    code="tls",
                )
            raise UsageError(
                f"the TLS certificate of {seen.host} is not accepted ({_tls_reason(seen)}); if a proxy or a company "
                "re-signs it, set SSL_CERT_FILE to its certificates",
                code="tls",
            )
        if isinstance(seen, aiohttp.ClientHttpProxyError):
            if seen.status == 407:
                raise proxy_wants_name()
            return NotApplied(NotAppliedKind.PROXY, f"the proxy answered {seen.status}")
        if isinstance(seen, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            silent = isinstance(seen, TimeoutError)
            return NotApplied(NotAppliedKind.UNREACHABLE, "could not connect", silent=silent)
        reason, late = type(seen).__name__, late or isinstance(seen, TimeoutError)
        seen = seen.__cause__ or seen.__context__
    return Ambiguous("no answer in time" if late else f"no answer ({reason})", silent=late)


def proxy_wants_name() -> UsageError:
    """The error for a proxy that asks who is there."""
    return UsageError(
        "a proxy on the way requires a user name and password (407); put both into HTTPS_PROXY, before the "
        "proxy's host",
        code="proxy",
    )


def _encoded(query: Mapping[str, Any]) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        if isinstance(value, list | tuple):
            pairs += [(f"{name}[]", str(each)) for each in value]
        elif value is not None:
            pairs.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


_quoted = lru_cache(maxsize=256)(quote_plus)
"""Nearly all requests ask with the same few words, and only ids differ."""


def _tls_reason(error: Any) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(inner, "verify_message", None) or getattr(inner, "reason", None) or type(inner).__name__
