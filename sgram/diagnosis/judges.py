"""Judges of wrong responses that other packages and scripts add.

A judge is a function of (problem, response, reference) that says why the response is wrong. It is an open door: a
package names its `ErrorJudge`, or a list of them, as an entry point of the group `sgram.judges`; a script calls
`register_judge`. `sgram diagnose --judge NAME` then asks it. Models behind URLs need none: see `sgram.diagnosis.judge`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sgram.declarations import add_declaration, installed, with_distinct_names
from sgram.diagnosis.judge import MAX_FAILURES, JudgeReport, Judgment, majority_judgment
from sgram.diagnosis.judge_prompt import Opinion, parse_kind
from sgram.errors import SgramError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.run_directory import RunDirectory
from sgram.traces import Trace

ENTRY_POINTS = "sgram.judges"
"""Group of entry points by which a package adds judges; each names an `ErrorJudge` or a sequence of them."""
_registered: list["ErrorJudge"] = []


@dataclass(frozen=True, slots=True)
class ErrorVerdict:
    """Why a response is wrong."""

    kind: str
    """A kind of `sgram.diagnosis.kinds.KINDS`."""
    quote: str = ""
    """Words of the response where it goes wrong, verbatim; dropped if they do not stand there."""
    reason: str = ""


JudgeFunction = Callable[[str, str, str], ErrorVerdict | None]
"""Function of (problem, response, reference), "" for what is missing; None if it cannot say."""


@dataclass(frozen=True, slots=True)
class ErrorJudge:
    """A judge by name.

    >>> judge = ErrorJudge("short", lambda problem, response, reference: ErrorVerdict("unfinished", "", "short"))
    >>> judge.judge("1 + 1?", "It", "2").kind
    'unfinished'
    """

    name: str
    judge: JudgeFunction
    version: str = "1"
    """Verdicts of another version are not taken from the cache."""


def register_judge(judge: ErrorJudge) -> ErrorJudge:
    """Add a judge for this process, and return it. Raise `UsageError` if another judge has its name.

    >>> judge = register_judge(ErrorJudge("short", lambda problem, response, reference: None))
    >>> find_judge("short") is judge
    True
    >>> unregister_judge("short")
    """
    return add_declaration(judge, _registered, all_judges(), "judge")


def unregister_judge(name: str) -> None:
    """Remove a judge that `register_judge` added; nothing happens if there is none of that name."""
    _registered[:] = [judge for judge in _registered if judge.name != name]


def all_judges() -> tuple[ErrorJudge, ...]:
    """Return the judges of installed packages by name, then the registered ones.

    Raise `UsageError` if a package's judge cannot be loaded or two judges have the same name.
    """
    return with_distinct_names([*installed(ENTRY_POINTS, ErrorJudge), *_registered], "judge")


def find_judge(name: str) -> ErrorJudge:
    """Return the judge of that name. Raise `UsageError` if there is none."""
    judges = all_judges()
    for judge in judges:
        if judge.name == name:
            return judge
    judges_note = f"; judges of installed packages are {', '.join(judge.name for judge in judges)}" if judges else ""
    raise UsageError(
        f"unknown judge {excerpt(name, 80)!r}; give the URL of an OpenAI-compatible endpoint, such as "
        f"http://localhost:8000/v1{judges_note}"
    )


@dataclass(slots=True, eq=False)
class NamedJudge:
    """A judge of this process with a cache of verdicts in `folder`."""

    judge: ErrorJudge
    folder: str | Path
    report: JudgeReport = field(default_factory=JudgeReport)

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Judgment]:
        """Yield a judgment of each trace, in their order.

        Raise `SgramError` if the judge fails on the first traces, or gives no verdict on any.
        """
        run = RunDirectory.open(self.folder, "judge", {"judge": self.judge.name, "version": self.judge.version})
        for trace in traces:
            yield majority_judgment(trace, [self._opinion(run, trace)])
        self.report.check_answered()

    def _opinion(self, run: RunDirectory, trace: Trace) -> Opinion:
        """Return the judge's opinion, from the cache or the judge."""
        question = (trace.prompt or "", trace.text, trace.reference or "")
        name = digest(canonical_json(list(question)))
        part = f"{name[:2]}/{name}.json"
        if run.has(part):
            verdict = json.loads(run.part(part).read_bytes())
            self.report.n_cached += 1
        else:
            try:
                verdict = _to_json(self.judge.judge(*question))
            except Exception as error:  # any error of foreign code
                self._count_failure(trace, error)
                return Opinion(None)
            self.report.n_replies += 1
            with run.write(part) as file:
                file.write(canonical_json(verdict))
        opinion = Opinion(parse_kind(verdict["kind"]), verdict["quote"], excerpt(verdict["reason"], 500))
        return self.report.keep_own_words(trace, opinion)

    def _count_failure(self, trace: Trace, error: Exception) -> None:
        report = self.report
        report.n_unanswered += 1
        fault = f"the judge {self.judge.name} fails on trace '{excerpt(trace.id, 60)}': {excerpt(str(error), 160)}"
        report.first_fault = report.first_fault or fault
        if report.n_unanswered >= MAX_FAILURES and not report.n_replies:
            raise SgramError(f"{report.first_fault}; mend the judge") from error


def _to_json(verdict: ErrorVerdict | None) -> dict[str, str]:
    """Return a verdict as JSON values; raise `TypeError` if it is none."""
    if verdict is None:
        return {"kind": "", "quote": "", "reason": ""}
    if not isinstance(verdict, ErrorVerdict):
        raise TypeError(f"it returned {type(verdict).__name__}, not an ErrorVerdict")
    return {"kind": str(verdict.kind), "quote": str(verdict.quote), "reason": str(verdict.reason)}
