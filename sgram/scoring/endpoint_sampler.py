"""Sample from a model behind an OpenAI-compatible endpoint, such as vLLM.

The API key is read from the environment when a request is sent; it is in no file and no message.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from sgram.diagnosis.judge_client import Endpoint, RefusedError, UnansweredError, read_key, request_document
from sgram.diagnosis.key_removal import WITHHELD, remove_secret
from sgram.errors import SgramError, UsageError
from sgram.files import excerpt
from sgram.grading.outcome import Problem
from sgram.scoring.sampling import SampleRequest, SamplingConfig, make_messages, make_text, make_trace
from sgram.traces import Trace
from sgram.traces.api_objects import find_error
from sgram.traces.from_python import as_traces
from sgram.training.trainer.rollouts import prompt_text

CHAT_PATH, TEXT_PATH = "/chat/completions", "/completions"
KEY_ENV = "SGRAM_API_KEY"
MAX_REPLY = 1 << 26
"""Most bytes of a reply: log-probabilities take about 100 bytes a token."""
MAX_FAILURES = 3
"""Requests without a reply, before any with one, after which sampling stops."""
CHARS_PER_TOKEN = 3.3
"""Typical number of characters of mathematical text in a token, for estimates."""
_OPTIONAL_FIELDS = ("return_token_ids", "logprobs", "seed")
"""Fields that are left out where a server does not know them, in this order."""


def make_endpoint(url: str, chat: bool, key_env: str = KEY_ENV, seconds: float = 600.0, retries: int = 5) -> Endpoint:
    """Return the address of a model. Raise `UsageError` if a setting is invalid.

    >>> make_endpoint("http://localhost:8000/v1", chat=False).path
    '/completions'
    """
    return Endpoint(
        url,
        key_env,
        timeout=seconds,
        total=seconds,
        retries=retries,
        path=CHAT_PATH if chat else TEXT_PATH,
        max_reply=MAX_REPLY,
        role="model",
        flags="--model and --model-name",
    )


@dataclass(frozen=True, slots=True)
class _RequestForm:
    """The form of requests that the endpoint accepts."""

    optional_fields: tuple[str, ...] = _OPTIONAL_FIELDS
    limit_field: str = "max_tokens"

    def without(self, server_text: str) -> "_RequestForm | None":
        """Return the form without a field that the server's error names, else the next field; None if none is left."""
        if self.limit_field == "max_tokens" and "max_completion_tokens" in server_text:
            return replace(self, limit_field="max_completion_tokens")
        names = [name for name in self.optional_fields if name in server_text] or self.optional_fields
        if not names:
            return None
        return replace(self, optional_fields=tuple(name for name in self.optional_fields if name != names[0]))


class _Outbox:
    """What the requests of a job came to, in order; it stops the job once the first ones have had no reply."""

    def __init__(self, stop: threading.Event) -> None:
        self._outcomes: SimpleQueue[Trace | Exception] = SimpleQueue()
        self._lock = threading.Lock()
        self._stop = stop
        self._n_failures, self._has_reply = 0, False

    def put(self, outcome: Trace | Exception) -> None:
        """Add an outcome. No thread asks again after `MAX_FAILURES` failures without a reply: each may be paid for."""
        with self._lock:
            self._outcomes.put(outcome)
            self._has_reply |= isinstance(outcome, Trace)
            self._n_failures += isinstance(outcome, UnansweredError)
            if self._n_failures >= MAX_FAILURES and not self._has_reply:
                self._stop.set()

    def get(self) -> Trace | Exception:
        """Return the next outcome, when it is there."""
        return self._outcomes.get()


@dataclass(slots=True, eq=False)
class EndpointSampler:
    """A model behind an endpoint as a `Sampler`."""

    endpoint: Endpoint
    name: str
    """Name of the model at the endpoint."""
    config: SamplingConfig
    parallel: int = 8
    """Requests that are open at a time."""
    sleep: Callable[[float], None] | None = None
    """Waits before the next try; by default until the job stops at the latest."""
    n_missing: int = 0
    first_fault: str = ""
    _form: _RequestForm = _RequestForm()

    def __post_init__(self) -> None:
        if not self.name:
            raise UsageError(
                "the name of the model at the endpoint is missing; give --model-name, such as Qwen/Qwen3-8B"
            )
        if self.parallel < 1:
            raise UsageError(f"parallel must be >= 1 (got {self.parallel})")

    @property
    def uses_chat(self) -> bool:
        """Whether requests are chats, which the server puts into the model's template."""
        return self.endpoint.path == CHAT_PATH

    def describe(self) -> str:
        """Return in words how prompts reach the model."""
        if self.uses_chat:
            return "prompts are sent as chats, which the server puts into the model's template (--no-chat sends text)"
        return "prompts are sent as text, without a chat template (--no-chat)"

    def suggest(self) -> str:
        """Return what to do if responses are empty."""
        if self.uses_chat:
            return "look at the chat template of the server; use --no-chat if the model was never trained on chats"
        return "leave out --no-chat if the model is a chat model"

    def identity(self) -> dict[str, Any]:
        """Return what a response depends on, besides the request and the server."""
        return {"model": self.name, "endpoint": self.endpoint.base_url, "path": self.endpoint.path}

    def tokenizer_json(self) -> None:
        """Return None: an endpoint does not send its tokenizer."""

    def estimate_prompt_tokens(self, problems: Sequence[Problem]) -> int:
        """Return about how many tokens the prompts have. Nothing is sent."""
        return round(sum(len(self._prompt(problem)[1]) for problem in problems) / CHARS_PER_TOKEN)

    def _prompt(self, problem: Problem) -> tuple[dict[str, Any], str]:
        """Return the prompt as a field of the request's body, and as text."""
        if self.uses_chat:
            messages = make_messages(problem, self.config)
            return {"messages": [dict(message) for message in messages]}, prompt_text(messages)
        text = make_text(problem, self.config, "--no-chat")
        return {"prompt": text}, text

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Trace]]:
        """Yield responses one by one as they come. A request without a reply is counted and left out.

        Raise `UsageError` if the endpoint refuses the key or the address, `SgramError` if it answers none of the first
        requests.
        """
        for request in requests:  # an invalid prompt stops the job before anything is paid
            self._prompt(request.problem)
        inbox: SimpleQueue[SampleRequest] = SimpleQueue()
        for request in requests:
            inbox.put(request)
        stop = threading.Event()
        outbox = _Outbox(stop)
        for _ in range(min(self.parallel, len(requests))):
            # daemons: an interrupted job does not wait for replies that may take minutes
            threading.Thread(target=self._work, args=(inbox, outbox, stop), daemon=True).start()
        n_replies = 0
        try:
            for _ in requests:
                outcome = outbox.get()
                if isinstance(outcome, Trace):
                    n_replies += 1
                    yield [outcome]
                elif isinstance(outcome, UnansweredError):
                    self.n_missing += 1
                    self.first_fault = self.first_fault or str(outcome)
                    if self.n_missing >= MAX_FAILURES and not n_replies:
                        raise SgramError(f"{self.first_fault}; run the same command again when it answers")
                else:
                    raise outcome
        finally:
            stop.set()

    def _work(self, inbox: "SimpleQueue[SampleRequest]", outbox: _Outbox, stop: threading.Event) -> None:
        """Answer requests of `inbox` until it is empty or the job stops."""
        while not stop.is_set():
            try:
                request = inbox.get_nowait()
            except Empty:
                return
            try:
                outbox.put(self._answer(request, self.sleep or _waiting(stop)))
            except UnansweredError as error:
                outbox.put(error)
            except Exception as error:  # raised again by the thread that reads the outbox
                stop.set()  # before another thread asks: no request can succeed, and each may be paid for
                outbox.put(error)

    def _answer(self, request: SampleRequest, sleep: Callable[[float], None]) -> Trace:
        """Return the response to a request. Raise `UnansweredError` if there is none, `UsageError` if none can come."""
        fields, prompt = self._prompt(request.problem)
        form = self._form
        while True:
            try:
                document, _ = request_document(self.endpoint, {**fields, **self._settings(request, form)}, sleep)
            except RefusedError as error:
                reduced_form = form.without(error.server_text)
                if reduced_form is None:
                    raise UnansweredError(f"{error}; check --max-tokens, --top-k and --model-name") from error
                form = reduced_form
            else:
                self._form = form
                return self._read(document, request, prompt)

    def _settings(self, request: SampleRequest, form: _RequestForm) -> dict[str, Any]:
        config = self.config
        settings: dict[str, Any] = {
            "model": self.name,
            "temperature": config.temperature,
            form.limit_field: config.max_tokens,
        }
        if config.top_p < 1:
            settings["top_p"] = config.top_p
        if config.top_k:
            settings["top_k"] = config.top_k
        optional = {
            "return_token_ids": True,
            "logprobs": True if self.uses_chat else 1,
            "seed": request.seed(config.seed) % (1 << 31),
        }
        return {**settings, **{name: optional[name] for name in form.optional_fields}}

    def _read(self, document: dict[str, Any], request: SampleRequest, prompt: str) -> Trace:
        """Return the response in a reply, as the reader of rollouts reads it."""
        url = excerpt(self.endpoint.base_url, 80)
        key = read_key(self.endpoint)
        choices = document.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping) or not (isinstance(choice.get("message"), Mapping) or "text" in choice):
            reason = remove_secret(find_error(document) or str(document)[:400], key)
            raise UnansweredError(f"the model at {url} sends no completion ({excerpt(reason, 120)}); check --model")
        stop_reason = choice.get("finish_reason")
        finish_reason = stop_reason if isinstance(stop_reason, str) and stop_reason.isidentifier() else None
        if _has_words(choice):
            traces = list(as_traces([{"choices": [choice]}], dialect="chat-completions"))
            if not traces:
                raise UnansweredError(f"the model at {url} sends a response that cannot be read; check the server")
            response = traces[0]
        else:  # the model ended at once: a response, and a wrong one
            response = Trace(id=request.id, text="")
        text = remove_secret(response.text, key)
        if text == WITHHELD:
            raise UnansweredError(f"the model at {url} repeats the key in a response, which is not kept")
        trace = make_trace(request, self.name, prompt, text, finish_reason)
        meta = dict(trace.meta)
        if text == response.text and "parts" in response.meta:
            meta["parts"] = response.meta["parts"]
        return replace(trace, token_ids=response.token_ids, logprobs=response.logprobs, meta=meta)


def _waiting(stop: threading.Event) -> Callable[[float], None]:
    """Return a function that waits some seconds, or until the job stops."""

    def wait(seconds: float) -> None:
        stop.wait(seconds)

    return wait


def _has_words(choice: Mapping[str, Any]) -> bool:
    """Return whether a choice has text, in its answer or its reasoning."""
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return isinstance(choice["text"], str) and bool(choice["text"].strip())
    cells = [message.get(name) for name in ("content", "reasoning_content", "reasoning", "reasoning_details")]
    return any(bool(cell.strip()) if isinstance(cell, str) else bool(cell) for cell in cells)
