"""Who may ask the web UI: its own pages, and programs; no page of another origin, and nobody by a name of their own.

Whoever can send a request here can run what the start form names. A browser sends requests for any page that it shows,
with the user's own access to this machine and its network. So:

- ``Host`` must be the address the UI listens at, or a name it was given. A page that lets its own name point here (DNS
  rebinding) is of the same origin for the browser, and shows in nothing else.
- A request that changes something must come from a page of the UI itself, by ``Origin``, else by ``Sec-Fetch-Site``,
  else by ``Referer``. A program that sends none of them is no page, and may ask.
- No other page gets an answer to read, or a frame to lay below its own buttons: Locust allows every origin everything
  (``CORS(app)`` in locust/web.py, locust 2.47).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, make_response, request
from flask.typing import ResponseReturnValue

ALL_INTERFACES = frozenset({"", "*", "0.0.0.0", "::"})  # what they are called, not what is bound

WARNING = (
    "the web UI listens on {where} without a login: whoever reaches port {port} can run and read what its form names; "
    "--web-host 127.0.0.1 keeps it on this machine, --web-login asks for a password"
)

READING = frozenset({"GET", "HEAD", "OPTIONS"})
CHANGING = frozenset({"locust.swarm", "locust.stop", "locust.reset_stats", "locust.update_user"})
"""Locust's views that change something, by whatever method: before 2.47 two of them took GET."""

_OTHER_PAGES = frozenset({"cross-site", "same-site"})
_FRAMES = frozenset({"frame", "iframe", "object", "embed", "fencedframe"})


def shut(app: Flask, bound: str, *named: str) -> None:
    """Shut an app to what other pages can make a browser send.

    Args:
        app: one that has not started yet.
        bound: the address it will listen at; empty for all.
        named: further names it may be asked for under: each one or several, with commas, also as URLs.

    """
    names = known_names(bound, named)

    def refuse() -> ResponseReturnValue | None:
        changes = request.method not in READING or request.endpoint in CHANGING
        reason = objection(dict(request.headers), names, changes=changes)
        return None if reason is None else make_response((reason, 403, {"Content-Type": "text/plain; charset=utf-8"}))

    # First of all, before what a locustfile may have added.
    app.before_request_funcs.setdefault(None, []).insert(0, refuse)
    # Of the login, if there is one: not sent along with what other pages ask. Lax, so that one may come back from
    # where one logs in. What a locustfile has set stays.
    for cookie in ("SESSION", "REMEMBER"):
        if app.config.get(f"{cookie}_COOKIE_SAMESITE") is None:
            app.config[f"{cookie}_COOKIE_SAMESITE"] = "Lax"
    app.wsgi_app = _without_cors(app.wsgi_app)  # type: ignore[method-assign]  # Flask's documented way


def is_open(bound: str) -> bool:
    """Whether others than this machine can reach what listens at an address."""
    address = _address(bound)
    return bound.lower() != "localhost" and (address is None or not address.is_loopback)


def place(bound: str) -> str:
    """Return in words where an address is."""
    return "all interfaces" if bound in ALL_INTERFACES else bound


def known_names(bound: str, named: Iterable[str] = ()) -> Callable[[str], bool]:
    """Return what says whether a host name is one of those that lead to ``bound``, or one of those ``named``."""
    ours = {name for text in named for part in text.split(",") if (name := _host(part.strip()))}
    everywhere, here = bound in ALL_INTERFACES, _address(bound)
    if everywhere or not is_open(bound):
        ours.add("localhost")
    if everywhere:
        ours |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    else:
        ours.add(bound.lower().strip("[]"))

    def known(name: str) -> bool:
        if name in ours:
            return True
        address = _address(name)  # one cannot let an address point elsewhere
        if address is None:
            return False
        return everywhere or (address.is_loopback and not is_open(bound)) or address == here

    return known


def objection(headers: Mapping[str, str], known: Callable[[str], bool], *, changes: bool) -> str | None:
    """Return why a request with these headers is refused, None where it is not; ``changes`` says whether it does."""
    asked = headers.get("Host", "")
    name = _host(asked)
    if name is None or not known(name):
        return "refused: this web UI does not go by that name; --web-name gives it one"
    site, mode = headers.get("Sec-Fetch-Site", ""), headers.get("Sec-Fetch-Mode", "")
    if site in _OTHER_PAGES and (mode not in ("", "navigate") or headers.get("Sec-Fetch-Dest") in _FRAMES):
        return "refused: asked for by a page of another origin"
    if changes and not _is_own(headers, asked, site):
        return "refused: only a page of this web UI itself may change anything"
    return None


def _is_own(headers: Mapping[str, str], asked: str, site: str) -> bool:
    """Whether a request comes from a page of the UI itself, or from no page at all."""
    origin = headers.get("Origin")
    if origin is not None:
        return _netloc(origin) == asked.lower()  # "null" is that of a sandboxed page
    if site:
        return site in ("same-origin", "none")
    referrer = headers.get("Referer")
    return referrer is None or _netloc(referrer) == asked.lower()


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _host(text: str) -> str | None:
    """Return the host of ``host``, ``host:port`` or a URL, in small letters; None where there is none."""
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None


def _without_cors(app: Callable[..., Any]) -> Callable[..., Any]:
    """Return a WSGI app that allows no other origin anything, and no other page to lay it into a frame."""

    def answer(environ: Mapping[str, Any], start: Callable[..., Any]) -> Any:
        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            if not any(name.lower() == "content-security-policy" for name, _ in kept):
                kept.append(("Content-Security-Policy", "frame-ancestors 'self'"))
            return start(status, [*kept, ("X-Frame-Options", "SAMEORIGIN")], *more)

        return app(environ, begin)

    return answer
