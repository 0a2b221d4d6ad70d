"""The page and its events over HTTP, to this machine alone.

A page from elsewhere may have a name of its own resolve to this machine, and its scripts then ask us (DNS rebinding):
requests that do not name this machine in their `Host` are refused.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from graphspec.page.bundle import page_of
from graphspec.watch.state import State

HERE = "127.0.0.1"
HEARTBEAT = 10.0
"""Seconds after which a quiet connection is tried, so that one without a reader ends."""


class PortTaken(Exception):
    """Another program listens there, or this one may not."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def serving(port: int, state: State) -> Server:
    """A server that listens on a port (0: a free one), but does not answer yet. Raises `PortTaken`."""
    try:
        return Server((HERE, port), partial(_Handler, state))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise PortTaken("another program uses it" if taken else str(error.strerror).lower()) from error


class _Handler(BaseHTTPRequestHandler):
    """Answers `/` with the page and `/events` with what changes."""

    protocol_version = "HTTP/1.1"
    server_version = "graphspec"
    sys_version = ""

    def __init__(self, state: State, *arguments: object) -> None:
        self.state = state
        super().__init__(*arguments)  # pyright: ignore[reportArgumentType]

    def do_GET(self) -> None:
        if not self._is_for_us():
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "ask for 127.0.0.1 or localhost")
        elif self.path == "/":
            self._page()
        elif self.path == "/events":
            self._events()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _is_for_us(self) -> bool:
        assert isinstance(self.server, Server)
        port = self.server.server_port
        return self.headers.get("Host", "") in {f"{name}:{port}" for name in (HERE, "localhost")}

    def _page(self) -> None:
        data = page_of({"live": True}).encode()
        self._head("text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(data)

    def _events(self) -> None:
        self._head("text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for text in self._news():
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:
            pass  # nobody reads any more

    def _news(self) -> Iterator[str]:
        """First the last good picture, then whatever comes."""
        number, shown = 0, ""
        while not self.state.closed:
            before = number
            number, latest, good = self.state.after(number, HEARTBEAT)
            if number == before:
                yield ": still here\n\n"
                continue
            if good.facts and (good.facts != shown or latest.facts):
                shown = good.facts
                yield _event("facts", good.facts)
            if latest.broken:
                yield _event("broken", latest.broken)

    def _head(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not told of: the terminal is for what is wrong with the spec."""


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
