"""One question to an OpenAI-compatible endpoint, asked again where that may help. Knows nothing about what is asked.

The key is read from the environment when it is sent, and stands nowhere else: not in an error, not in a file.
"""

import http.client
import json
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sgram.errors import SgramError, UsageError
from sgram.files import excerpt

MAX_REPLY = 1 << 20
"""Most bytes of a reply that are read."""
LONGEST_WAIT = 120.0
"""Most seconds that are waited before asking again, whatever the server wants."""
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked, and how patiently."""

    base_url: str
    """Such as http://localhost:8000/v1; what is asked is its /chat/completions."""
    api_key_env: str = "SGRAM_JUDGE_KEY"
    """Environment variable that holds the key; without it none is sent."""
    timeout: float = 120.0
    """Seconds without a sign of life after which a try is given up."""
    retries: int = 5
    """Further tries after one that may work the next time: too many requests, server errors, no connection."""

    def __post_init__(self) -> None:
        parts = _split(self.base_url)
        if parts.username is not None or parts.password is not None:
            raise UsageError(f"the judge's URL holds a user or password; put the key into ${self.api_key_env} instead")
        if parts.query or parts.fragment:
            raise UsageError(
                "the judge's URL ends in ?... or #..., which would be lost; give the part before its /chat/completions"
            )
        if not (self.timeout > 0 and self.retries >= 0):
            raise UsageError("the judge's time limit is above 0 seconds, its retries a number from 0")


class UnansweredError(SgramError):
    """The endpoint gave no usable answer to one question, however often it was asked."""


class RefusedError(SgramError):
    """The endpoint says that the request itself is wrong (400, 422); `told` are its words."""

    def __init__(self, message: str, told: str):
        super().__init__(message)
        self.told = told


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the reply's text, its tokens as the server counts them, and how often it was asked again."""

    content: str
    tokens_in: int
    tokens_out: int
    n_again: int


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise UsageError(f"{excerpt(url, 80)} is no http(s) URL of a judge; give one as http://localhost:8000/v1")
    return parts


def ask(endpoint: Endpoint, body: Mapping[str, Any], sleep: Callable[[float], None] = time.sleep) -> Answer:
    """The answer to the chat completion request `body`.

    `UsageError` where the key or the address is refused, `RefusedError` where the request is, `UnansweredError` after
    the last try.
    """
    data, why = json.dumps(body).encode(), ""
    for attempt in range(endpoint.retries + 1):
        try:
            status, headers, raw = _post(endpoint, data)
        except (OSError, http.client.HTTPException) as error:
            status, headers, raw = 0, {}, b""
            why = f"{type(error).__name__}: {excerpt(str(error), 120)}"
        if status == 200:
            answer = _read(raw, attempt)
            if answer is None:
                raise UnansweredError(
                    f"what the judge at {excerpt(endpoint.base_url, 80)} sends is no chat completion "
                    f"({excerpt(raw, 120)}); check its URL"
                )
            return answer
        if status:
            why = f"status {status}: {excerpt(raw, 160)}"
            _check(endpoint, status, raw, why)
        if attempt < endpoint.retries:
            sleep(_wait(headers.get("retry-after"), attempt))
    tries = endpoint.retries + 1
    raise UnansweredError(f"the judge at {excerpt(endpoint.base_url, 80)} gave no answer in {tries} tries ({why})")


def _check(endpoint: Endpoint, status: int, raw: bytes, why: str) -> None:
    """Raise where asking again is of no use."""
    if status in _AGAIN:
        return
    place = excerpt(endpoint.base_url, 80)
    if status in (401, 403):
        raise UsageError(
            f"the judge at {place} refuses the key ({status}); put a valid one into ${endpoint.api_key_env}"
        )
    if status in (400, 422):
        raise RefusedError(f"the judge at {place} refuses the request ({why})", raw.decode(errors="replace"))
    raise UsageError(f"the judge at {place} cannot be asked ({why}); check --judge and --judge-model")


def _wait(wanted: str | None, attempt: int) -> float:
    """Seconds before the next try: what the server asks for, else 1, 2, 4, ..."""
    try:
        seconds = float(wanted) if wanted is not None else 2.0**attempt
    except ValueError:
        seconds = 2.0**attempt  # a date, which would need a clock that agrees with the server's
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else 2.0**attempt


def _post(endpoint: Endpoint, data: bytes) -> tuple[int, dict[str, str], bytes]:
    parts = _split(endpoint.base_url)
    if parts.scheme == "https":
        link = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=endpoint.timeout, context=ssl.create_default_context()
        )
    else:
        link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=endpoint.timeout)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    key = os.environ.get(endpoint.api_key_env, "").strip()
    if key:
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"${endpoint.api_key_env} holds no key: it has characters that no header may hold")
        headers["Authorization"] = f"Bearer {key}"
    try:
        link.request("POST", parts.path.rstrip("/") + "/chat/completions", data, headers)
        response = link.getresponse()
        raw = response.read(MAX_REPLY)
        if key:
            raw = raw.replace(key.encode(), b"[key]")  # some servers repeat it in what they say
        return response.status, {name.lower(): value for name, value in response.getheaders()}, raw
    finally:
        link.close()


def _read(raw: bytes, n_again: int) -> Answer | None:
    """The answer in the body of a reply, empty where its message holds no text; None for another kind of body."""
    try:
        told = json.loads(raw)
        content = told["choices"][0]["message"].get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    usage = told.get("usage") if isinstance(told.get("usage"), dict) else {}
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    tokens = [count if type(count) is int and count >= 0 else 0 for count in counts]
    text = content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""  # no lone surrogates
    return Answer(text, *tokens, n_again)
