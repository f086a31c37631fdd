"""One attempt at a request, whichever way it is sent: authenticate, send, renew a token once it is refused, and say
what came of it (`outcomes.py`).

It must not wait, and sends nothing twice except what a host refused because of its token. It ends the run for what only
a person can fix: a bad key, a spent quota, a redirect to somewhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, overload

from migrate_cli.errors import AuthError, QuotaSpent, TemporaryError
from migrate_cli.http.endpoint import Endpoint
from migrate_cli.http.origins import redirected
from migrate_cli.http.outcomes import Ambiguous, NotApplied, Refused, Reply, error_of, of_error, of_success, rate_told
from migrate_cli.http.rate_limiter import RateLimiter
from migrate_cli.http.transport import RawResponse, proxy_wants_name

if TYPE_CHECKING:
    import httpx2

MOST_RENEWALS = 3
"""How often one request is sent again with another token; more than once, since others may use a token up."""

Send = Callable[[Mapping[str, str] | None], Awaitable[RawResponse | Reply]]
"""Sends the request with these headers of authentication (None: the endpoint's key does it) and returns the answer, or
an outcome where there is nothing to read."""
Open = Callable[[Mapping[str, str] | None], "Awaitable[RawResponse | Reply | httpx2.Response]"]
"""The same, for an answer that is read later, as it comes."""


@overload
async def attempt(endpoint: Endpoint, limiter: RateLimiter, send: Send) -> Reply: ...


@overload
async def attempt(endpoint: Endpoint, limiter: RateLimiter, send: Open) -> Reply | httpx2.Response: ...


async def attempt(endpoint: Endpoint, limiter: RateLimiter, send: Open) -> Reply | httpx2.Response:
    """Make one attempt. Raises AuthError, TemporaryError and UsageError for what no further attempt would fix."""
    credentials, renewals = endpoint.credentials, 0
    while True:
        own = await credentials.headers() if credentials is not None else None
        answer = await send(own)
        if not isinstance(answer, RawResponse):
            return answer
        if answer.status < 300:
            reply = of_success(answer.content, answer.headers)
            _learn(limiter, answer.headers)
            return reply
        if answer.status != 401 or credentials is None or renewals == MOST_RENEWALS:
            break
        renewals += 1
        if not await credentials.renew(own or {}):
            break
    return _failure(endpoint, limiter, answer)


def _failure(endpoint: Endpoint, limiter: RateLimiter, answer: RawResponse) -> NotApplied | Refused | Ambiguous:
    status, headers, content = answer.status, answer.headers, answer.content
    if status < 400:
        raise redirected(endpoint.base_url, headers.get("location"))
    code, message = error_of(status, content)
    if status == 407:
        raise proxy_wants_name()
    if status == 401 or (status == 403 and code in ("invalid_api_key", "account_deactivated")):
        said = message.rstrip(".")
        raise AuthError(f"{endpoint.base_url} refused the key: {said}; {endpoint.when_refused}")
    if code == "insufficient_quota":
        raise QuotaSpent(f"the quota at {endpoint.base_url} is used up; add credit, then run the same command again")
    if status == 429:
        _learn(limiter, headers)
    outcome = of_error(status, headers, content)
    if isinstance(outcome, NotApplied) and (outcome.wait or 0.0) > endpoint.patience:
        raise TemporaryError(
            f"{endpoint.base_url} asks to wait {outcome.wait:,.0f} s ({outcome.reason}), longer than this run "
            "will wait "
            f"(load.patience: {endpoint.patience:g}); nothing is lost, run the same command again then"
        )
    return outcome


def _learn(limiter: RateLimiter, headers: Mapping[str, str]) -> None:
    """Let the limiter know what the rate headers tell, while it does not know better itself."""
    if limiter.wants_hint and (told := rate_told(headers)) is not None:
        limiter.hint(*told)
