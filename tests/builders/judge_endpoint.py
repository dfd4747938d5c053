"""An OpenAI-compatible endpoint on this machine, for tests of the judge."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Endpoint:
    """What it was asked, and how it replies: `reply` gets the body and the number of the request."""

    reply: Callable[[dict[str, Any], int], Reply]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def completion(content: str | None, tokens: tuple[int, int] | None = (100, 20)) -> Reply:
    """A chat completion that says `content`."""
    told: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": content}}]}
    if tokens is not None:
        told["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return 200, {}, json.dumps(told).encode()


def verdict(choice: str, reason: str = "because") -> Reply:
    """A completion in the form that was asked for."""
    return completion(json.dumps({"reason": reason, "choice": choice}))


@contextmanager
def serving(reply: Callable[[dict[str, Any], int], Reply]) -> Iterator[Endpoint]:
    """An endpoint at `url`, for as long as the block runs."""
    endpoint = Endpoint(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with endpoint.lock:
                number = len(endpoint.bodies)
                endpoint.bodies.append(body)
                endpoint.headers.append(dict(self.headers))
                endpoint.paths.append(self.path)
            status, headers, data = endpoint.reply(body, number)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
