"""Who may ask, and what the page may do: hosts, token, same origin, and headers that shut out everything else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'")
HEADERS = (
    (b"content-security-policy", POLICY.encode()), (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"), (b"cross-origin-resource-policy", b"same-origin"), (b"cache-control", b"no-store"),
)


class Guard:
    """Lets a request through where its host is one of ours, it bears the token if there is one, and what it sends comes from our own page.

    Without the check of the host, a foreign page could have its own name point here (DNS rebinding) and read what it likes.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = LOOPBACK, token: str = "") -> None:
        self.app, self.hosts, self.token = app, tuple(host.lower() for host in hosts), token
        # cookies know no ports: servers beside each other on one host must not take each other's
        self.cookie = "gradwell-" + hashlib.sha256(token.encode()).hexdigest()[:12]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if "*" not in self.hosts and without_port(headers.get("host", "").lower()) not in self.hosts:
            return await PlainTextResponse("this page is not served under that name", 421)(scope, receive, sealed)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self.token and scope["path"] == "/" and self.right(given):
            answer = RedirectResponse("/", 303)  # so that the token does not stay in the address
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict")
            return await answer(scope, receive, sealed)
        if self.token and not self.right(cookie(headers.get("cookie", ""), self.cookie) or headers.get("x-gradwell-token", "")):
            why = "open the address that `gradwell serve` printed: it holds the token"
            return await PlainTextResponse(why, 401)(scope, receive, sealed)
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and scope["path"] != "/":
            return await PlainTextResponse("only the page itself may ask this", 403)(scope, receive, sealed)
        if scope["method"] not in ("GET", "HEAD") and not own(headers):
            return await PlainTextResponse("only the page itself may send this", 403)(scope, receive, sealed)
        return await self.app(scope, receive, sealed)

    def right(self, token: str) -> bool:
        """Whether a token is the right one, compared in constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())


def without_port(host: str) -> str:
    """A host's name."""
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host


def cookie(text: str, wanted: str) -> str:
    """The cookie of a name that a browser sends; others of this host may hold anything."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return next((value for name, _, value in pairs if name == wanted), "")


def own(headers: dict[str, str]) -> bool:
    """Whether a request that changes something comes from our own page: no foreign page can send JSON or this header without asking."""
    origin = headers.get("origin", "")
    same = not origin or urlsplit(origin).netloc == headers.get("host", "")
    return same and headers.get("x-gradwell") == "page" and headers.get("content-type", "").startswith("application/json")
