"""An OpenAI-compatible endpoint on the loopback interface, for tests of the judge."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers and body of a response."""


@dataclass
class Endpoint:
    """The requests so far, and the function from (body, number of the request) to the response."""

    reply: Callable[[dict[str, Any], int], Reply]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    drips: bool = False
    """Whether a byte of a body is sent every 20 ms."""

    @property
    def piece_size(self) -> int:
        """Bytes of a body that are sent at a time."""
        return 1 if self.drips else 1 << 20


def completion(content: str | None, tokens: tuple[int, int] | None = (100, 20)) -> Reply:
    """Return a chat completion with this content."""
    document: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": content}}]}
    if tokens is not None:
        document["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return 200, {}, json.dumps(document).encode()


def verdict(kind: str, reason: str = "because", quote: str = "") -> Reply:
    """Return a completion in the JSON form that the judge asks for."""
    return completion(json.dumps({"reason": reason, "quote": quote, "kind": kind}))


@contextmanager
def serving(reply: Callable[[dict[str, Any], int], Reply], drips: bool = False, port: int = 0) -> Iterator[Endpoint]:
    """Serve an endpoint at `url` while the block runs; at `port`, if one is given."""
    endpoint = Endpoint(reply, drips=drips)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with endpoint.lock:
                number = len(endpoint.bodies)
                endpoint.bodies.append(body)
                endpoint.headers.append(dict(self.headers))
                endpoint.paths.append(self.path)
            status, headers, response_bytes = endpoint.reply(body, number)
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(response_bytes))}.items():
                self.send_header(name, text)
            self.end_headers()
            with suppress(OSError):  # the client may end the connection
                for start in range(0, len(response_bytes), endpoint.piece_size):
                    self.wfile.write(response_bytes[start : start + endpoint.piece_size])
                    if endpoint.drips:
                        time.sleep(0.02)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving_bytes(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """Yield the URL of a server that reads the beginning of a request and then lets `answer` write what it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):  # the listener or the connection is closed
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    answer(connection, connection.recv(1 << 16))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
