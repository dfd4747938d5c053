"""What kind of error a wrong response makes, and what says so.

In this order: a response that the grader calls right is not wrong, or right in another form (format); one that loops is
degenerate; one that was cut off is unfinished; one that answers nothing or says nothing of the problem is undecided.
What is left is strategic (the plan was wrong) or procedural (carrying it out failed) where signals say so surely enough
(`sgram.diagnosis.signals`, `sgram.diagnosis.kind_model`), and else undecided. The paper lets a model choose (HICRA
§4.2.1); here every choice can be read off its evidence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sgram.diagnosis.degenerate import Evidence, find_cutoff, find_loop, find_no_response, has_answer
from sgram.diagnosis.error_locator import locate_error
from sgram.diagnosis.kind_model import packaged_model
from sgram.diagnosis.operations import EquationFinder, Work, extract_work
from sgram.diagnosis.siblings import MAX_SIBLINGS, AnnouncedPlan, find_divergence, find_plans, names_computation
from sgram.diagnosis.signals import (
    Signal,
    plan_signals,
    reference_value,
    sibling_signals,
    signal_names,
    slips,
    trace_signals,
)
from sgram.errors import MissingExtraError
from sgram.files import digest, excerpt
from sgram.grading import Grade, grade
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon
from sgram.notebook_html import render_notebook_html
from sgram.tagging.spans import Span
from sgram.text import find_words
from sgram.traces import Trace

Kind = Literal["strategic", "procedural", "unfinished", "degenerate", "format", "not-wrong", "undecided"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SURE = 0.95
"""Confidence in what the form of a response shows: that it loops, or ends too early."""
FEWEST_WORDS = 3
"""Words and equations without which there is nothing in a response that could be planned or carried out."""
MAX_SPAN_CHARS = 40_000
"""Longest text whose announced plans are compared, or whose likeliest step is looked for: a longer one has too many."""

Spans = Callable[[str], Sequence[Span]]


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis:
    """What is wrong with one response. Notebooks show its kind, its evidence and the probability of each kind.

    >>> diagnose(Trace(id="1", text="We get 6 + 9 = 14. The answer is 14.", correct=False))
    Diagnosis('1', procedural, confidence 0...: '6 + 9 is 15, not 14 (step 1)...')
    """

    trace_id: str
    kind: Kind
    step: int | None
    """Index of the step at which it first goes wrong, from 0: where a change would lead to the reference, or where a
    first error is likeliest (`sgram.diagnosis.error_locator`), which its evidence tells. None where neither is sure
    enough."""
    start: int | None
    """Character offsets of what the first evidence points at."""
    end: int | None
    evidence: tuple[Evidence, ...]
    """What speaks for `kind`, strongest first, then what speaks against it; never empty."""
    confidence: float
    """Probability of `kind`, by shares of rated traces; 1 if it is undecided. See docs/diagnosis.md."""
    scores: Mapping[str, float]
    """Probability of each kind; they sum to 1."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values, numbers kept to 6 decimals."""
        return {
            "id": self.trace_id,
            "kind": self.kind,
            "step": self.step,
            "start": self.start,
            "end": self.end,
            "confidence": round(self.confidence, 6),
            "scores": {kind: round(score, 6) for kind, score in self.scores.items()},
            "evidence": [
                {"what": evidence.sentence, "start": evidence.start, "end": evidence.end} for evidence in self.evidence
            ],
        }

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __repr__(self) -> str:
        step = "" if self.step is None else f", step {self.step}"
        reason = f": {excerpt(self.evidence[0].sentence, 100)!r}" if self.evidence else ""
        return f"Diagnosis({excerpt(self.trace_id, 60)!r}, {self.kind}, confidence {self.confidence:.2f}{step}{reason})"


@dataclass(frozen=True, slots=True)
class Solution:
    """What a diagnosis reads of a trace; of a correct sibling nothing else is kept."""

    work: Work
    plan: AnnouncedPlan | None
    """The method announced last by a name of the lexicon."""


def read_solution(trace: Trace, find: Spans | None = None, check: EquationFinder | None = None) -> Solution:
    """Return the work of a trace and the plan that it announces last.

    `find` returns its planning spans, `check` its equations.
    """
    plans = []
    if find is not None and len(trace.text) <= MAX_SPAN_CHARS:
        plans = [plan for plan in find_plans(trace.text, find(trace.text)) if names_computation(plan.name)]
    return Solution(extract_work(trace, check), plans[-1] if plans else None)


def make_span_finder(lexicon: LexiconLike | Spans | None) -> Spans | None:
    """Return a function that finds the spans of `lexicon`: a `Lexicon`, its path or preset name, or such a function."""
    if lexicon is None or (callable(lexicon) and not isinstance(lexicon, Lexicon)):
        return lexicon
    from sgram.tagging.span_finder import SpanFinder

    return SpanFinder(as_lexicon(lexicon))


def diagnose(
    trace: Trace,
    siblings: Sequence[Trace] = (),
    lexicon: LexiconLike | Spans | None = None,
    check: EquationFinder | None = None,
) -> Diagnosis:
    """What is wrong with `trace`, which is wrong; `siblings` are responses to the same problem, the correct ones count.

    `lexicon` (or what finds its spans) tells the plans that are announced; `check` is another way to find equations.
    """
    find = make_span_finder(lexicon)
    peers = [read_solution(sibling, find, check) for sibling in select_siblings(siblings)]
    return diagnose_solution(trace, read_solution(trace, find, check), peers)


def diagnose_group(
    traces: Iterable[Trace], lexicon: LexiconLike | Spans | None = None, check: EquationFinder | None = None
) -> list[Diagnosis]:
    """Return the diagnoses of the wrong traces of a group, in their order."""
    traces, find = list(traces), make_span_finder(lexicon)
    wrong = [trace for trace in traces if trace.correct is False]
    peers = [read_solution(sibling, find, check) for sibling in select_siblings(traces)] if wrong else []
    return [diagnose_solution(trace, read_solution(trace, find, check), peers) for trace in wrong]


def select_siblings(traces: Iterable[Trace]) -> list[Trace]:
    """Return the correct traces that wrong ones are compared with: at most `MAX_SIBLINGS`, by digests of their ids."""
    correct = sorted((trace for trace in traces if trace.correct), key=lambda trace: sibling_rank(trace.id))
    return correct[:MAX_SIBLINGS]


def sibling_rank(trace_id: str) -> str:
    """Return the key by which siblings are chosen, smallest first: no order of input or of ids matters."""
    return digest(trace_id.encode())


def diagnose_solution(
    trace: Trace, solution: Solution, peers: Sequence[Solution], verdict: Grade | None = None
) -> Diagnosis:
    """Return what is wrong with `trace`, whose `solution` is read; `peers` are the solutions of correct siblings.

    `verdict` is the grade of its answer, which is computed if it is None and the trace has a reference.
    """
    verdict = verdict or _grade_trace(trace)
    if verdict is not None and verdict.correct:
        equal = Evidence(f"its answer equals the reference {excerpt(trace.reference or '', 40)}".rstrip())
        return _diagnose_by_form(trace, solution.work, "not-wrong", equal)
    reference = reference_value(trace.reference)
    if verdict is not None and verdict.equal_after is not None and "thinking" not in verdict.equal_after:
        if "rounded" in verdict.equal_after:
            sentence = f"its answer misses the reference by rounding only: {excerpt(verdict.equal_after, 120)}"
            return _diagnose_by_form(trace, solution.work, "undecided", Evidence(sentence))
        sentence = f"its answer equals the reference after a change of form: {excerpt(verdict.equal_after, 120)}"
        return _diagnose_by_form(trace, solution.work, "format", Evidence(sentence))
    no_response = find_no_response(trace)
    forms: tuple[tuple[Kind, Evidence | None], ...] = (
        ("undecided", no_response),
        ("degenerate", find_loop(trace.text)),
        ("unfinished", find_cutoff(trace)),
        ("undecided", _find_no_attempt(trace, solution, peers)),
    )
    for kind, evidence in forms:
        if evidence is not None:
            return _diagnose_by_form(trace, solution.work, kind, evidence)
    signals = trace_signals(trace, solution.work, reference)
    signals += sibling_signals(find_divergence(solution.work, [peer.work for peer in peers]))
    signals += plan_signals(solution.plan, [peer.plan for peer in peers if peer.plan is not None])
    return _diagnose_by_signals(trace, solution.work, signals)


def _grade_trace(trace: Trace) -> Grade | None:
    """Return the grade of a trace; None without a reference, or if a formula cannot be compared here."""
    if trace.reference is None or not trace.text.strip():
        return None
    try:
        return grade(trace.text, trace.reference, trace.prompt)
    except MissingExtraError:
        return None


def _find_no_attempt(trace: Trace, solution: Solution, peers: Sequence[Solution]) -> Evidence | None:
    """Return what shows that a whole response is no attempt of which a kind could be said; None if it is one."""
    work, whole = solution.work, len(trace.text)
    if not work.operations and len(find_words(trace.text[:400])) < FEWEST_WORDS:
        return Evidence("it says nothing but an answer" if trace.text.strip() else "it is empty", 0, whole)
    if not has_answer(trace) and not any(map(str.isdigit, trace.text.rstrip().rpartition("\n")[2])):
        return Evidence("it ends without an answer that could be found", max(0, whole - 80), whole)
    plans = [peer.plan for peer in peers if peer.plan is not None]
    if peers and solution.plan is None and len(plans) == len(peers):
        reason = f"it announces no plan by its name, as all correct siblings do: '{excerpt(plans[0].name, 80)}'"
        return Evidence(reason, 0, min(whole, 200))
    return None


def _diagnose_by_form(trace: Trace, work: Work, kind: Kind, evidence: Evidence) -> Diagnosis:
    confidence = 1.0 if kind == "undecided" else SURE
    remainder = (1 - confidence) / (len(KINDS) - 1)
    scores: dict[str, float] = {name: confidence if name == kind else remainder for name in KINDS}
    step = None if kind == "undecided" else work.step_of(evidence.start)
    return Diagnosis(trace.id, kind, step, evidence.start, evidence.end, (evidence,), confidence, scores)


def _diagnose_by_signals(trace: Trace, work: Work, signals: Sequence[Signal]) -> Diagnosis:
    """Return strategic or procedural if the signals are sure enough, else undecided."""
    model = packaged_model()
    decided, probability = model.decide(signal_names(signals))
    sign = -1 if decided == "strategic" else 1
    ranked = sorted(signals, key=lambda signal: -sign * model.weights[signal.name])
    speaking = [signal for signal in ranked if sign * model.weights[signal.name] > 0] if decided else []
    evidence = tuple(signal.evidence for signal in ranked)
    if decided is None:
        evidence = (_explain_undecided(work, signals), *evidence)
    step = next((signal.step for signal in speaking if signal.name in _PROVEN), None)
    if step is None and len(work.steps) > 1 and len(trace.text) <= MAX_SPAN_CHARS:
        step, likely = _locate_first_error(trace, work)
        evidence = evidence if likely is None else (*evidence, likely)
    scores: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    if decided is None:
        scores["undecided"] = 1.0
    else:
        rival = "procedural" if decided == "strategic" else "strategic"
        scores |= {decided: probability, rival: 1 - probability}
    kind: Kind = "undecided" if decided is None else "strategic" if decided == "strategic" else "procedural"
    first = evidence[0]
    return Diagnosis(trace.id, kind, step, first.start, first.end, evidence, scores[kind], scores)


_PROVEN = ("slip put right", "right result changed")
"""Signals whose step is where it goes wrong, because without them the answer would be the reference."""


def _locate_first_error(trace: Trace, work: Work) -> tuple[int | None, Evidence | None]:
    """Return the step of the first error by a model of people's marks, with its evidence, if it is sure enough."""
    location = locate_error(trace.prompt, [trace.text[step.start : step.end] for step in work.steps], known_wrong=True)
    if location.step is None:
        return None, None
    step = work.steps[location.step]
    step_name = f"step {location.step + 1} of {len(work.steps)}"
    by = f"{location.confidence:.0%}, by a model of people's marks: {location.reason}"
    return location.step, Evidence(f"its first error is likeliest in {step_name} ({by})", step.start, step.end)


def _explain_undecided(work: Work, signals: Sequence[Signal]) -> Evidence:
    right = sum(equation.verdict == "right" for equation in work.equations)
    total = len(work.equations)
    if not total:
        reason = "it holds no equation"
    elif right == total:
        reason = "its equation holds" if total == 1 else f"all of its {total} equations hold"
    else:
        reason = f"{right} of its {total} equations hold, the rest could not be checked"
        if slips(work):
            reason = f"{right} of its {total} equations hold"
    if signals:
        return Evidence(f"what was seen does not tell a wrong plan from a slip ({reason})")
    return Evidence(f"nothing shows a wrong plan or a slip ({reason})")
