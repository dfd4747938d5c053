"""Client of an OpenAI-compatible endpoint that repeats a request if that may help.

The API key is read from the environment when a request is sent. It appears in no error and in no file: it is taken out
of whatever the server says, and a text that holds it in an encoded form is withheld (`sgram.diagnosis.key_removal`).
"""

import http.client
import json
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sgram.diagnosis.key_removal import WITHHELD, remove_secret
from sgram.errors import SgramError, UsageError
from sgram.files import excerpt

MAX_REPLY = 1 << 20
"""Most bytes of a reply that are read."""
MAX_WAIT = 120.0
"""Most seconds before the next try, whatever the server asks for."""
MAX_TOTAL = 86_400.0
MAX_CONTENT = 1 << 16
"""Most characters of a reply that is read; a judge writes a few hundred."""
_MAX_ERROR = 4096
"""Bytes of an error's body that are read."""
_RETRY_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_NO_CONNECTION = 0
"""Stands for the status of a request without a response."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of a model, and how often a request is tried. Raise `UsageError` if a setting is invalid.

    >>> Endpoint("localhost:8000")
    Traceback (most recent call last):
    sgram.errors.UsageError: invalid http(s) URL of a judge: localhost:8000; give one such as http://localhost:8000/v1
    """

    base_url: str
    """URL such as http://localhost:8000/v1; requests go to its `path`."""
    api_key_env: str = "SGRAM_JUDGE_KEY"
    """Environment variable with the API key; if it is unset, no key is sent."""
    timeout: float = 120.0
    """Seconds without data from the server after which a try ends."""
    total: float = 600.0
    """Seconds after which a try ends, however much the server has sent."""
    retries: int = 5
    """Further tries after a failure that may be temporary: too many requests, server errors, no connection."""
    path: str = "/chat/completions"
    """What requests ask for below `base_url`."""
    max_reply: int = MAX_REPLY
    """Most bytes of a reply that are read."""
    role: str = "judge"
    """What messages call the model."""
    flags: str = "--judge and --judge-model"
    """Flags that messages tell to check."""

    def __post_init__(self) -> None:
        parts = _split_url(self.base_url, self.role)
        if parts.username is not None or parts.password is not None:
            raise UsageError(
                f"the {self.role}'s URL contains a user or password; put the key into ${self.api_key_env} instead"
            )
        if parts.query or parts.fragment:
            raise UsageError(
                f"the {self.role}'s URL ends in ?... or #..., which would be lost; give the part before its {self.path}"
            )
        for limit in (self.timeout, self.total):
            if not 0 < limit <= MAX_TOTAL:
                raise UsageError(
                    f"the {self.role}'s time limit must be > 0 and at most {MAX_TOTAL:,} seconds (got {limit})"
                )
        if self.retries < 0:
            raise UsageError(f"the {self.role}'s retries must be >= 0 (got {self.retries})")


class UnansweredError(SgramError):
    """The endpoint gave no usable reply to a request in all tries."""


class RefusedError(SgramError):
    """The endpoint says that the request itself is invalid (status 400 or 422)."""

    def __init__(self, message: str, server_text: str) -> None:
        super().__init__(message)
        self.server_text = server_text
        """The beginning of the body of the response, without the key."""


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """The reply to one request."""

    content: str
    tokens_in: int
    """Tokens of the request as the server counts them; 0 if it does not."""
    tokens_out: int
    n_retries: int
    """Tries beyond the first."""


@dataclass(frozen=True, slots=True)
class _Response:
    """An HTTP response."""

    status: int
    retry_after: str | None
    body: bytes
    key: str
    """The key that was sent; "" if there is none."""

    @property
    def text(self) -> str:
        """The beginning of the body, without the key."""
        return remove_secret(self.body[:_MAX_ERROR].decode(errors="replace"), self.key)


def _split_url(url: str, role: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise UsageError(
            f"invalid http(s) URL of a {role}: {excerpt(url, 80)}; give one such as http://localhost:8000/v1"
        )
    return parts


def request_reply(
    endpoint: Endpoint, body: Mapping[str, Any], sleep: Callable[[float], None] = time.sleep
) -> JudgeReply:
    """Send the chat completion request `body` and return the reply. `sleep` waits before the next try.

    Raise `UsageError` if the key or the address is refused, `RefusedError` if the request is, `UnansweredError` if the
    last try fails.
    """
    response, n_retries = _request(endpoint, body, sleep)
    reply = _parse_completion(response, n_retries)
    if reply is None:
        raise _no_completion(endpoint, response)
    if reply.content == WITHHELD:
        raise UnansweredError(
            f"the {endpoint.role} at {excerpt(endpoint.base_url, 80)} repeats the key in a reply, which is not kept; "
            f"check the {endpoint.role}"
        )
    return reply


def request_document(
    endpoint: Endpoint, body: Mapping[str, Any], sleep: Callable[[float], None] = time.sleep
) -> tuple[dict[str, Any], int]:
    """Send the request `body` and return (the JSON object of the reply as sent, tries beyond the first).

    The caller removes the key from what it keeps (`read_key`, `remove_secret`). Errors are those of `request_reply`.
    """
    response, n_retries = _request(endpoint, body, sleep)
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _no_completion(endpoint, response)
    return document, n_retries


def _no_completion(endpoint: Endpoint, response: _Response) -> UnansweredError:
    url = excerpt(endpoint.base_url, 80)
    return UnansweredError(
        f"the {endpoint.role} at {url} sends no chat completion ({excerpt(response.text, 120)}); check its URL"
    )


def _request(endpoint: Endpoint, body: Mapping[str, Any], sleep: Callable[[float], None]) -> tuple[_Response, int]:
    """Return (the response with status 200, tries beyond the first)."""
    request_bytes, failure = json.dumps(body).encode(), ""
    for attempt in range(endpoint.retries + 1):
        try:
            response = _post(endpoint, request_bytes)
        except (OSError, http.client.HTTPException) as error:
            response = _Response(_NO_CONNECTION, None, b"", "")
            failure = f"{type(error).__name__}: {excerpt(remove_secret(str(error), read_key(endpoint)), 120)}"
        if response.status == 200:
            return response, attempt
        if response.status != _NO_CONNECTION:
            failure = f"status {response.status}: {excerpt(response.text, 160)}"
            _raise_if_permanent(endpoint, response, failure)
        if attempt < endpoint.retries:
            sleep(_seconds_to_wait(response.retry_after, attempt))
    url = excerpt(endpoint.base_url, 80)
    raise UnansweredError(f"the {endpoint.role} at {url} gave no reply in {endpoint.retries + 1} tries ({failure})")


def _raise_if_permanent(endpoint: Endpoint, response: _Response, failure: str) -> None:
    """Raise an error if another try cannot help."""
    status = response.status
    if status in _RETRY_STATUSES:
        return
    subject = f"the {endpoint.role} at {excerpt(endpoint.base_url, 80)}"
    if status in (401, 403):
        raise UsageError(f"{subject} refuses the key ({status}); put a valid key into ${endpoint.api_key_env}")
    if status in (400, 422):
        raise RefusedError(f"{subject} refuses the request ({failure})", response.text)
    raise UsageError(f"{subject} cannot be asked ({failure}); check {endpoint.flags}")


def _seconds_to_wait(retry_after: str | None, attempt: int) -> float:
    """Return the seconds before the next try: what the server asks for, else 1, 2, 4, ..."""
    default = 2.0**attempt
    try:
        seconds = float(retry_after) if retry_after is not None else default
    except ValueError:
        seconds = default  # a date, which would need a clock that agrees with the server's
    return default if math.isnan(seconds) else min(max(seconds, 0.0), MAX_WAIT)


def read_key(endpoint: Endpoint) -> str:
    """Return the API key; "" if there is none. Raise `UsageError` if no header can contain it."""
    key = os.environ.get(endpoint.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"invalid key in ${endpoint.api_key_env}: it has characters that no header can contain")
    return key


class _TimeLimit:
    """Shuts a connection down after some seconds: limits of a socket start anew with every byte that it gets."""

    def __init__(self, connection: http.client.HTTPConnection, seconds: float):
        self._connection, self._seconds, self.is_over = connection, seconds, False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.is_over = True
        open_socket = self._socket or self._connection.sock
        if open_socket is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "_TimeLimit":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._connection.close()

    def connect(self) -> None:
        """Connect, and keep the socket: the connection forgets it where the server closes after its reply."""
        self._connection.connect()
        self._socket = self._connection.sock
        self.check()

    def check(self) -> None:
        """Raise `TimeoutError` if the time is over."""
        if self.is_over:
            raise TimeoutError(f"no complete reply in {self._seconds:g} s")


def _post(endpoint: Endpoint, request_bytes: bytes) -> _Response:
    """Send one request. Raise `OSError` or `HTTPException` if there is no response, `UsageError` for an invalid key."""
    parts = _split_url(endpoint.base_url, endpoint.role)
    host = parts.hostname or ""  # never empty, see `_split_url`
    seconds = min(endpoint.timeout, endpoint.total)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=seconds)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key := read_key(endpoint):
        headers["Authorization"] = f"Bearer {key}"
    with _TimeLimit(connection, endpoint.total) as limit:
        try:
            limit.connect()
            connection.request("POST", parts.path.rstrip("/") + endpoint.path, request_bytes, headers)
            response = connection.getresponse()
            body = response.read(endpoint.max_reply)
        except (OSError, http.client.HTTPException, ValueError):  # what a connection raises that was shut down
            limit.check()
            raise
        limit.check()
        return _Response(response.status, response.getheader("Retry-After"), body, key)


def _parse_completion(response: _Response, n_retries: int) -> JudgeReply | None:
    """Return the reply in a response without the key; its content is "" if the message has no text, or too long a one.

    None if the body is not a chat completion.
    """
    try:
        document = json.loads(response.body)
        content = document["choices"][0]["message"].get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    usage = document.get("usage") if isinstance(document.get("usage"), dict) else {}
    text = content if isinstance(content, str) and len(content) <= MAX_CONTENT else ""
    text = remove_secret(text.encode("utf-8", "replace").decode(), response.key)  # no lone surrogates
    return JudgeReply(
        text, _token_count(usage.get("prompt_tokens")), _token_count(usage.get("completion_tokens")), n_retries
    )


def _token_count(count: object) -> int:
    return count if type(count) is int and count >= 0 else 0
