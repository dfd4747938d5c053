"""The server of ``sgram view``: one page and its traces, read-only, for this computer alone.

It listens on 127.0.0.1. An address begins with a random token, so that other users and web pages cannot guess it. The
headers Host, Origin and Sec-Fetch-Site are checked: a web page that points its own host name at this computer (DNS
rebinding), or that asks from elsewhere, is refused.
"""

import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sgram.errors import UsageError
from sgram.reports.trace_store import TraceStore

HOST = "127.0.0.1"
_MAX_QUERY = 8000
"""Characters of the query of an address."""
_SECONDS = 30
"""Time that a connection may stay silent."""
_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Policy of answers that are no page; the page has its own besides, and both hold."""


class ViewServer(ThreadingHTTPServer):
    """A server for the page `page` and the traces in `store`, on `port` of this computer (0: a free one).

    Raise `UsageError` if the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, page: bytes, store: TraceStore, port: int = 0, token: str | None = None) -> None:
        self.page, self.store = page, store
        self.token = token or secrets.token_urlsafe(16)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"port {port} of this computer cannot be used ({error}); --port 0 takes a free one"
            ) from None

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that the browser drops."""


class _Handler(BaseHTTPRequestHandler):
    """Answers GET requests; every other method is refused."""

    server: ViewServer
    timeout = _SECONDS
    protocol_version = "HTTP/1.0"

    def parse_request(self) -> bool:
        """Return whether the request is a GET request; answer any other here."""
        if not super().parse_request():
            return False
        if self.command != "GET":
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
            return False
        return True

    def do_GET(self) -> None:
        """Answer with the page, a list of traces or a trace."""
        if not self._is_own():
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        address = urlsplit(self.path)
        _, token, *rest = [*address.path.split("/"), ""]
        answers: dict[str, Callable[[dict[str, str]], None]] = {
            "": self._send_page,
            "traces": self._send_list,
            "trace": self._send_trace,
        }
        path = "/".join(rest[:-1])
        is_known = hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        if not is_known or not rest[:-1] or path not in answers or len(address.query) > _MAX_QUERY:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        answers[path](dict(parse_qsl(address.query, max_num_fields=20)))

    def _is_own(self) -> bool:
        """Return whether the request comes from this server's own page, or from the address bar."""
        hosts = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        host_headers, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        sites = self.headers.get_all("Sec-Fetch-Site", [])
        return (
            len(host_headers) == 1
            and host_headers[0].lower() in hosts
            and all(origin == f"http://{host_headers[0].lower()}" for origin in origins)
            and all(site in ("same-origin", "none") for site in sites)
        )

    def _send_page(self, _: dict[str, str]) -> None:
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page, "frame-ancestors 'none'")

    def _send_list(self, query: dict[str, str]) -> None:
        self._send_json(self.server.store.find(query))

    def _send_trace(self, query: dict[str, str]) -> None:
        record = self.server.store.whole(query.get("key", ""))
        if record is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            self._send_json(record)

    def _send_json(self, document: object) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(document, allow_nan=False).encode(), _POLICY)

    def _refuse(self, status: HTTPStatus) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{status.value} {status.phrase}\n".encode(), _POLICY)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, policy: str) -> None:
        self.send_response_only(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
        """Print nothing: addresses hold what was searched for."""
