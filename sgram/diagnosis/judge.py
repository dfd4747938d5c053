"""A model as judge of wrong responses: asked several times, remembered, counted. Knows nothing about the offline kinds.

Used only when it is asked for. Every reply is a file of its own in a run directory, named by the digest of model,
settings, prompt and repeat: a run that was killed goes on where it stopped, and nothing is paid for twice.
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

from sgram.diagnosis.judge_client import Answer, Endpoint, RefusedError, UnansweredError, ask
from sgram.diagnosis.judge_prompt import KIND_OF, PROMPT_NAME, SCHEMA, characters, choice_of, messages_of
from sgram.errors import SgramError, UsageError
from sgram.files import RunDirectory, canonical_json, digest
from sgram.traces import Trace

CHARS_PER_TOKEN = 3.3
"""Characters of mathematical text a token, about: for estimates before anything is asked."""
REPLY_TOKENS = 150
"""Tokens of a reply, about."""
MOST_FAILURES = 3
"""Questions without an answer, before any with one, after which the judge is given up."""
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Who judges, and how."""

    endpoint: Endpoint
    model: str
    """As the endpoint calls it."""
    repeats: int = 1
    """Times that each response is judged; the majority counts."""
    temperature: float = 0.0
    """Of the judge's sampling; repeats say something only above 0."""
    max_tokens: int = 600
    """Most tokens of a reply."""
    parallel: int = 4
    """Questions that are open at a time."""
    price_in: float | None = None
    """Price of a million tokens that the judge reads, in any currency."""
    price_out: float | None = None
    """Price of a million tokens that it writes."""

    def __post_init__(self) -> None:
        if not self.model:
            raise UsageError("a judge needs the name of its model; give --judge-model")
        if not (self.repeats >= 1 and self.parallel >= 1 and self.max_tokens >= 16):
            raise UsageError("a judge is asked 1 time or more, 1 question or more at once, for 16 tokens or more")
        if not 0 <= self.temperature <= 2:
            raise UsageError(f"temperature is from 0 to 2, not {self.temperature}")
        for price in (self.price_in, self.price_out):
            if price is not None and not 0 <= price < math.inf:
                raise UsageError("a price is a number from 0, of a million tokens")

    def identity(self) -> dict[str, Any]:
        """What a reply depends on, besides the response that is judged."""
        return {
            "model": self.model,
            "prompt": PROMPT_NAME,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }


@dataclass(frozen=True, slots=True)
class Judgment:
    """What the judge says of one response."""

    trace_id: str
    choice: str | None
    """The letter of the majority; None where there is none, or no reply gave a letter."""
    share: float | None
    """Share of the letters given that are `choice`: how far the judge agrees with itself."""
    letters: tuple[str | None, ...]
    """One a repeat, None where a reply gave none."""
    reason: str
    """Of the first reply that gave the letter of the majority."""

    @property
    def kind(self) -> str | None:
        """The kind of error that the choice stands for."""
        return None if self.choice is None else KIND_OF[self.choice]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "id": self.trace_id,
            "choice": self.choice,
            "kind": self.kind,
            "share": self.share,
            "letters": list(self.letters),
            "reason": self.reason,
        }


@dataclass(slots=True)
class JudgeReport:
    """What judging took."""

    asked: int = 0
    remembered: int = 0
    """Replies that were there from an earlier run."""
    again: int = 0
    """Tries beyond the first."""
    malformed: int = 0
    """Replies without a choice."""
    unanswered: int = 0
    first_fault: str = ""
    tokens_in: int = 0
    tokens_out: int = 0

    def cost(self, config: JudgeConfig) -> float | None:
        """What the tokens asked for in this run cost; None without prices."""
        if config.price_in is None and config.price_out is None:
            return None
        million = (self.tokens_in * (config.price_in or 0.0), self.tokens_out * (config.price_out or 0.0))
        return sum(million) / 1e6


@dataclass(slots=True)
class _Dialect:
    """What the endpoint is known not to understand."""

    schema: bool = True
    limit: str = "max_tokens"


def estimate(traces: Iterable[Trace], config: JudgeConfig) -> JudgeReport:
    """About what judging `traces` would take, all replies new; nothing is asked."""
    report = JudgeReport()
    for trace in traces:
        report.asked += config.repeats
        report.tokens_in += config.repeats * math.ceil(characters(messages_of(trace)) / CHARS_PER_TOKEN)
    report.tokens_out = report.asked * min(config.max_tokens, REPLY_TOKENS)
    return report


@dataclass(slots=True, eq=False)
class Judge:
    """A judge with its memory in `folder`."""

    config: JudgeConfig
    folder: str | Path
    report: JudgeReport = field(default_factory=JudgeReport)
    sleep: Callable[[float], None] | None = None
    """How to wait before asking again, where not by the clock."""
    _dialect: _Dialect = field(default_factory=_Dialect)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _refused: UsageError | None = None
    """What no question after it can be asked for."""

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Judgment]:
        """One judgment a trace, in their order, asking for what is not remembered.

        `UsageError` where the endpoint refuses the key or the request; `SgramError` where it answers nothing from
        the start. What was answered is kept in every case.
        """
        run = RunDirectory.open(self.folder, "judge", self.config.identity())
        traces = iter(traces)
        with ThreadPoolExecutor(self.config.parallel) as threads:
            while block := list(islice(traces, max(1, _AT_ONCE // self.config.repeats))):
                asked = [(trace, repeat) for trace in block for repeat in range(self.config.repeats)]
                replies = list(threads.map(lambda each: self._reply(run, *each), asked))
                for place, trace in enumerate(block):
                    first = place * self.config.repeats
                    yield _majority(trace.id, replies[first : first + self.config.repeats])

    def _reply(self, run: RunDirectory, trace: Trace, repeat: int) -> tuple[str | None, str]:
        """(letter, reason) of one repeat."""
        messages = messages_of(trace)
        name = digest(canonical_json({**self.config.identity(), "messages": messages, "repeat": repeat}))
        part = f"{name[:2]}/{name}.json"
        remembered = run.has(part)
        if remembered:
            told = json.loads(run.part(part).read_bytes())
        else:
            answer = self._answer(messages)
            if answer is None:
                return None, ""
            told = {"content": answer.content, "tokens_in": answer.tokens_in, "tokens_out": answer.tokens_out}
            with run.write(part) as file:
                file.write(canonical_json(told))
        letter, reason = choice_of(told["content"])
        with self._counting:
            self.report.remembered += remembered
            self.report.malformed += letter is None
        return letter, reason

    def _answer(self, messages: Sequence[dict[str, str]]) -> Answer | None:
        report = self.report
        if self._refused is not None:
            raise self._refused
        try:
            answer = self._asked(messages)
        except UsageError as error:
            self._refused = error
            raise
        except UnansweredError as error:
            with self._counting:
                report.unanswered += 1
                report.first_fault = report.first_fault or str(error)
            if report.unanswered >= MOST_FAILURES and not report.asked:
                raise SgramError(f"{report.first_fault}; nothing is lost, run again when it answers") from error
            return None
        with self._counting:
            report.asked += 1
            report.again += answer.n_again
            report.tokens_in += answer.tokens_in or math.ceil(characters(messages) / CHARS_PER_TOKEN)
            report.tokens_out += answer.tokens_out or math.ceil(len(answer.content) / CHARS_PER_TOKEN)
        return answer

    def _asked(self, messages: Sequence[dict[str, str]]) -> Answer:
        """The answer, leaving out of the request what the endpoint does not understand."""
        waiting = {} if self.sleep is None else {"sleep": self.sleep}
        dialect = replace(self._dialect)
        while True:
            try:
                answer = ask(self.config.endpoint, self._body(messages, dialect), **waiting)
            except RefusedError as error:
                if dialect.limit == "max_tokens" and "max_completion_tokens" in error.told:
                    dialect.limit = "max_completion_tokens"
                elif dialect.schema:
                    dialect.schema = False
                elif self.report.asked:
                    raise UnansweredError(str(error)) from error
                else:
                    raise UsageError(str(error)) from error
            else:
                self._dialect = dialect
                return answer

    def _body(self, messages: Sequence[dict[str, str]], dialect: _Dialect) -> dict[str, Any]:
        body = {
            "model": self.config.model,
            "messages": list(messages),
            "temperature": self.config.temperature,
            dialect.limit: self.config.max_tokens,
        }
        if dialect.schema:
            schema = {"name": "verdict", "strict": True, "schema": dict(SCHEMA)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body


def judge(traces: Iterable[Trace], config: JudgeConfig, folder: str | Path) -> tuple[list[Judgment], JudgeReport]:
    """(one judgment a trace, what it took): see `Judge`."""
    asked = Judge(config, folder)
    return list(asked(traces)), asked.report


def _majority(trace_id: str, replies: Sequence[tuple[str | None, str]]) -> Judgment:
    """The letter that more replies give than any other."""
    letters = tuple(letter for letter, _ in replies)
    votes = Counter(letter for letter in letters if letter is not None)
    if not votes:
        return Judgment(trace_id, None, None, letters, "")
    (letter, most), *others = votes.most_common()
    if others and others[0][1] == most:
        return Judgment(trace_id, None, most / votes.total(), letters, "no majority")
    reason = next(reason for given, reason in replies if given == letter)
    return Judgment(trace_id, letter, most / votes.total(), letters, reason)
