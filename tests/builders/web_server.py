"""A web server on the loopback interface with files in memory."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Served(NamedTuple):
    """A web server that runs."""

    address: str
    """Host and port."""
    requests: list[tuple[str, str, str]]
    """(method, path with query, user and password as sent) of every request so far."""

    @property
    def url(self) -> str:
        """Address as a URL."""
        return f"http://{self.address}"


@contextmanager
def serving_files(files: Mapping[str, bytes | int], cut: int = 0) -> Iterator[Served]:
    """Serve the content of each path, or an HTTP status for it; other paths are not found.

    What begins with ``<`` is a page, which may hold links. The last `cut` bytes are promised, but not sent.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(has_body=True)

        def do_HEAD(self) -> None:
            self.answer(has_body=False)

        def answer(self, has_body: bool) -> None:
            served.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            content = files.get(self.path.partition("?")[0], 404)
            status = content if isinstance(content, int) else 200
            body = b"" if isinstance(content, int) else content
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "text/html" if body[:1] == b"<" else "application/octet-stream")
            self.end_headers()
            if has_body:
                self.wfile.write(body[: len(body) - cut])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Served(f"127.0.0.1:{server.server_port}", [])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
