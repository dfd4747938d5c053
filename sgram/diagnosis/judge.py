"""A model as judge of wrong responses: several requests for each response, a cache of replies, and the cost.

The judge is optional. Each reply is a file in a run directory, named by the digest of model, settings, prompt and
repeat: an interrupted run continues where it stopped, and no reply is paid for twice.
"""

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sgram.diagnosis.judge_client import Endpoint, JudgeReply, RefusedError, UnansweredError, request_reply
from sgram.diagnosis.judge_prompt import (
    PROMPT_NAME,
    SCHEMA,
    Opinion,
    build_messages,
    count_characters,
    find_quote,
    parse_reply,
)
from sgram.diagnosis.kinds import Kind
from sgram.errors import SgramError, UsageError
from sgram.files import canonical_json, digest
from sgram.run_directory import RunDirectory
from sgram.traces import Trace

CHARS_PER_TOKEN = 3.3
"""Typical number of characters of mathematical text in a token, for estimates."""
REPLY_TOKENS = 150
"""Typical number of tokens of a reply."""
MAX_FAILURES = 3
"""Requests without a reply, before any with one, after which the judge is given up."""
MIN_REPLY_TOKENS = 16
MAX_TEMPERATURE = 2
_BLOCK_SIZE = 64
"""Requests that are prepared at a time."""


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Settings of a judge. Raise `UsageError` if a setting is invalid."""

    endpoint: Endpoint
    model: str
    """Name of the model at the endpoint."""
    repeats: int = 1
    """Requests for each response; the majority counts."""
    temperature: float = 0.0
    """Sampling temperature of the judge; repeats are useful only above 0."""
    max_tokens: int = 600
    """Most tokens of a reply."""
    parallel: int = 4
    """Requests that are open at a time."""
    price_in: float | None = None
    """Price of a million tokens that the judge reads, in any currency."""
    price_out: float | None = None
    """Price of a million tokens that it writes."""

    def __post_init__(self) -> None:
        if not self.model:
            raise UsageError("the name of the judge's model is missing; give --judge-model")
        for name, minimum in (("repeats", 1), ("parallel", 1), ("max_tokens", MIN_REPLY_TOKENS)):
            if getattr(self, name) < minimum:
                raise UsageError(f"{name} of a judge must be >= {minimum} (got {getattr(self, name)})")
        if not 0 <= self.temperature <= MAX_TEMPERATURE:
            raise UsageError(f"temperature must be between 0 and {MAX_TEMPERATURE} (got {self.temperature})")
        for price in (self.price_in, self.price_out):
            if price is not None and not 0 <= price < math.inf:
                raise UsageError(f"the price of a million tokens must be >= 0 (got {price})")

    def identity(self) -> dict[str, Any]:
        """Return the settings that a reply depends on, besides the response that is judged."""
        return {
            "model": self.model,
            "prompt": PROMPT_NAME,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }


@dataclass(frozen=True, slots=True)
class Judgment:
    """The judge's opinion of one response."""

    trace_id: str
    kind: Kind | None
    """Kind of the majority; None if there is no majority, or no reply names a kind."""
    share: float | None
    """Share of the replies with a kind that name `kind`, a measure of the judge's agreement with itself."""
    kinds: tuple[Kind | None, ...]
    """Kind in each reply, None for a reply without one."""
    quote: str
    """Words of the response where it goes wrong, from the first reply of the majority whose quote stands there; ""
    if there is none."""
    start: int | None
    """Character offsets of the quote in the response."""
    end: int | None
    reason: str
    """Reason in the reply with the quote, else in the first one of the majority."""

    def to_json(self) -> dict[str, Any]:
        """Return the judgment as JSON values."""
        return {
            "id": self.trace_id,
            "kind": self.kind,
            "share": self.share,
            "kinds": list(self.kinds),
            "quote": self.quote,
            "start": self.start,
            "end": self.end,
            "reason": self.reason,
        }


@dataclass(slots=True)
class JudgeReport:
    """Counts of the requests of a judge."""

    n_replies: int = 0
    """Requests with a reply."""
    n_cached: int = 0
    """Replies that an earlier run stored."""
    n_retries: int = 0
    """Tries beyond the first."""
    n_malformed: int = 0
    """Replies without a kind."""
    n_foreign_quotes: int = 0
    """Quotes that do not stand in the response; they are dropped."""
    n_unanswered: int = 0
    first_fault: str = ""
    tokens_in: int = 0
    tokens_out: int = 0

    def check_answered(self) -> None:
        """Raise `SgramError` if questions were asked, and no reply to them names a kind."""
        n_replies = self.n_replies + self.n_cached
        if n_replies > self.n_malformed or not n_replies + self.n_unanswered:
            return
        if self.n_unanswered:
            raise SgramError(f"the judge answered no question: {self.first_fault}; run again when it answers")
        raise SgramError(
            f"the judge named no kind in {self.n_malformed:,} replies; its replies may be cut off (--judge-tokens), or "
            "its model may be too small for the question"
        )

    def keep_own_words(self, trace: Trace, opinion: Opinion) -> Opinion:
        """Return the opinion without a quote that does not stand in the response, and count what is wrong with it."""
        self.n_malformed += opinion.kind is None
        if not opinion.quote or find_quote(trace.text, opinion.quote) is not None:
            return opinion
        self.n_foreign_quotes += 1
        return opinion._replace(quote="")

    def cost(self, config: JudgeConfig) -> float | None:
        """Return the price of the tokens of this run; None if `config` has no prices.

        >>> config = JudgeConfig(Endpoint("http://localhost:8000/v1"), "m", price_in=3.0, price_out=10.0)
        >>> JudgeReport(tokens_in=1_000_000, tokens_out=100_000).cost(config)
        4.0
        """
        if config.price_in is None and config.price_out is None:
            return None
        return (self.tokens_in * (config.price_in or 0.0) + self.tokens_out * (config.price_out or 0.0)) / 1e6


@dataclass(slots=True)
class _RequestForm:
    """The form of requests that the endpoint accepts."""

    has_schema: bool = True
    limit_field: str = "max_tokens"


def estimate_cost(traces: Iterable[Trace], config: JudgeConfig) -> JudgeReport:
    """Return about how many requests and tokens judging `traces` takes without a cache. Nothing is sent."""
    report = JudgeReport()
    for trace in traces:
        report.n_replies += config.repeats
        report.tokens_in += config.repeats * _estimate_tokens(count_characters(build_messages(trace)))
    report.tokens_out = report.n_replies * min(config.max_tokens, REPLY_TOKENS)
    return report


def _estimate_tokens(n_characters: int) -> int:
    return math.ceil(n_characters / CHARS_PER_TOKEN)


@dataclass(slots=True, eq=False)
class Judge:
    """A judge with a cache of replies in `folder`."""

    config: JudgeConfig
    folder: str | Path
    report: JudgeReport = field(default_factory=JudgeReport)
    sleep: Callable[[float], None] | None = None
    """Waits before the next try, in place of `time.sleep`."""
    _form: _RequestForm = field(default_factory=_RequestForm)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refusal: UsageError | None = None
    """The error after which no request can succeed."""

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Judgment]:
        """Yield a judgment of each trace, in their order; replies that are not cached are requested.

        Raise `UsageError` if the endpoint refuses the key or the request, `SgramError` if it answers no request from
        the start. Replies so far stay in the cache.
        """
        run = RunDirectory.open(self.folder, "judge", self.config.identity())
        repeats = self.config.repeats
        remaining = iter(traces)
        with ThreadPoolExecutor(self.config.parallel) as threads:
            while block := list(islice(remaining, max(1, _BLOCK_SIZE // repeats))):
                requests = [(trace, repeat) for trace in block for repeat in range(repeats)]
                opinions = list(threads.map(lambda request: self._opinion(run, *request), requests))
                for row, trace in enumerate(block):
                    yield majority_judgment(trace, opinions[row * repeats : (row + 1) * repeats])
        self.report.check_answered()

    def _opinion(self, run: RunDirectory, trace: Trace, repeat: int) -> Opinion:
        """Return the opinion of one repeat, from the cache or the endpoint."""
        messages = build_messages(trace)
        name = digest(canonical_json({**self.config.identity(), "messages": messages, "repeat": repeat}))
        part = f"{name[:2]}/{name}.json"
        is_cached = run.has(part)
        if is_cached:
            content = json.loads(run.part(part).read_bytes())["content"]
        else:
            reply = self._request(messages)
            if reply is None:
                return Opinion(None)
            content = reply.content
            document = {"content": content, "tokens_in": reply.tokens_in, "tokens_out": reply.tokens_out}
            with run.write(part) as file:
                file.write(canonical_json(document))
        with self._lock:
            self.report.n_cached += is_cached
            return self.report.keep_own_words(trace, parse_reply(content))

    def _request(self, messages: Sequence[dict[str, str]]) -> JudgeReply | None:
        """Return the endpoint's reply and count it; None if it gives none to this request."""
        report = self.report
        if self._refusal is not None:
            raise self._refusal
        try:
            reply = self._request_in_accepted_form(messages)
        except UsageError as error:
            self._refusal = error
            raise
        except UnansweredError as error:
            with self._lock:
                report.n_unanswered += 1
                report.first_fault = report.first_fault or str(error)
            if report.n_unanswered >= MAX_FAILURES and not report.n_replies:
                raise SgramError(f"{report.first_fault}; replies so far are kept, run again when it answers") from error
            return None
        with self._lock:
            report.n_replies += 1
            report.n_retries += reply.n_retries
            report.tokens_in += reply.tokens_in or _estimate_tokens(count_characters(messages))
            report.tokens_out += reply.tokens_out or _estimate_tokens(len(reply.content))
        return reply

    def _request_in_accepted_form(self, messages: Sequence[dict[str, str]]) -> JudgeReply:
        """Return the reply, after leaving out of the request what the endpoint does not support."""
        form = replace(self._form)
        while True:
            body = self._request_body(messages, form)
            try:
                if self.sleep is None:
                    reply = request_reply(self.config.endpoint, body)
                else:
                    reply = request_reply(self.config.endpoint, body, self.sleep)
            except RefusedError as error:
                if form.limit_field == "max_tokens" and "max_completion_tokens" in error.server_text:
                    form.limit_field = "max_completion_tokens"
                elif form.has_schema:
                    form.has_schema = False
                elif self.report.n_replies:
                    raise UnansweredError(str(error)) from error
                else:
                    raise UsageError(str(error)) from error
            else:
                self._form = form
                return reply

    def _request_body(self, messages: Sequence[dict[str, str]], form: _RequestForm) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": list(messages),
            "temperature": self.config.temperature,
            form.limit_field: self.config.max_tokens,
        }
        if form.has_schema:
            schema = {"name": "verdict", "strict": True, "schema": dict(SCHEMA)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def judge_traces(
    traces: Iterable[Trace], config: JudgeConfig, folder: str | Path
) -> tuple[list[Judgment], JudgeReport]:
    """Return a judgment of each trace, and the counts of requests. See `Judge` for the errors raised."""
    judge = Judge(config, folder)
    return list(judge(traces)), judge.report


def majority_judgment(trace: Trace, opinions: Sequence[Opinion]) -> Judgment:
    """Return the judgment with the kind that more opinions have than any other."""
    kinds = tuple(opinion.kind for opinion in opinions)
    votes = Counter(kind for kind in kinds if kind is not None)
    if not votes:
        return Judgment(trace.id, None, None, kinds, "", None, None, "")
    (winner, n_votes), *runners_up = votes.most_common()
    if runners_up and runners_up[0][1] == n_votes:
        return Judgment(trace.id, None, n_votes / votes.total(), kinds, "", None, None, "no majority")
    winners = [opinion for opinion in opinions if opinion.kind == winner]
    chosen = next((opinion for opinion in winners if opinion.quote), winners[0])
    start, end = find_quote(trace.text, chosen.quote) or (None, None)
    return Judgment(trace.id, winner, n_votes / votes.total(), kinds, chosen.quote, start, end, chosen.reason)
