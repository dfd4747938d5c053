"""What kind of error a wrong response makes, and what says so.

In this order: a response that loops is degenerate; one that was cut off is unfinished; one whose answer equals the
reference is not wrong; one that answers nothing or says nothing of the problem is undecided; what is left is strategic
(the plan was wrong) or procedural (a slip in carrying it out), by the signals of `sgram.diagnosis.signals`. The paper
lets a model choose (HICRA §4.2.1); here every choice can be read off its evidence.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from sgram.diagnosis.degenerate import Evidence, find_cutoff, find_loop, has_answer
from sgram.diagnosis.error_locator import locate_error
from sgram.diagnosis.operations import EquationFinder, Work, extract_work
from sgram.diagnosis.siblings import MAX_SIBLINGS, AnnouncedPlan, find_divergence, find_plans
from sgram.diagnosis.signals import (
    PRIOR,
    Signal,
    answer_signals,
    claim_signals,
    equation_signals,
    plan_signals,
    reference_value,
    sibling_signals,
)
from sgram.files import digest, excerpt
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon
from sgram.tagging.spans import Span
from sgram.text import find_words
from sgram.traces import Trace

Kind = Literal["strategic", "procedural", "unfinished", "degenerate", "format", "not-wrong", "undecided"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SURE = 0.95
"""Confidence in what the form of a response shows: that it loops, or ends too early."""
FAIRLY = 0.7
"""Confidence that a response makes neither kind of error, where it gives no answer."""
FEWEST_WORDS = 3
"""Words and equations without which there is nothing in a response that could be planned or carried out."""
MAX_SPAN_CHARS = 40_000
"""Longest text whose announced plans are compared, or whose likeliest step is looked for: a longer one has too many."""

Spans = Callable[[str], Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with one response."""

    trace_id: str
    kind: Kind
    step: int | None
    """Index of the step at which it goes wrong, from 0: that of a sign for `kind`, or else where a first error is
    likeliest (`sgram.diagnosis.error_locator`), which its evidence tells. None where it has one step only, or too
    many."""
    start: int | None
    """Character offsets of what the first evidence points at."""
    end: int | None
    evidence: tuple[Evidence, ...]
    """What speaks for `kind`, strongest first, then what speaks against it; never empty."""
    confidence: float
    """Probability of `kind` by its signals; not fitted to anything, see docs/diagnosis.md."""
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
            "evidence": [{"what": each.sentence, "start": each.start, "end": each.end} for each in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """What diagnosing needs of a trace; of a correct sibling this is all that is kept."""

    work: Work
    plan: AnnouncedPlan | None
    """The plan announced last by a name of the lexicon."""


def seen(trace: Trace, find: Spans | None = None, check: EquationFinder | None = None) -> Seen:
    """The work of a trace and the plan it announces last; `find` gives its planning spans, `check` its equations."""
    plans = []
    if find is not None and len(trace.text) <= MAX_SPAN_CHARS:
        plans = find_plans(trace.text, find(trace.text))
    return Seen(extract_work(trace, check), plans[-1] if plans else None)


def finder(lexicon: LexiconLike | Spans | None) -> Spans | None:
    """What finds the spans of `lexicon`: a `Lexicon`, its path, the name of a preset, or a finder."""
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
    find = finder(lexicon)
    corrects = [seen(each, find, check) for each in chosen_siblings(siblings)]
    return diagnose_seen(trace, seen(trace, find, check), corrects)


def diagnose_group(
    traces: Iterable[Trace], lexicon: LexiconLike | Spans | None = None, check: EquationFinder | None = None
) -> list[Diagnosis]:
    """Diagnoses of those of a group that are wrong, in their order."""
    traces, find = list(traces), finder(lexicon)
    wrong = [trace for trace in traces if trace.correct is False]
    corrects = [seen(each, find, check) for each in chosen_siblings(traces)] if wrong else []
    return [diagnose_seen(trace, seen(trace, find, check), corrects) for trace in wrong]


def chosen_siblings(traces: Iterable[Trace]) -> list[Trace]:
    """The correct ones of `traces` that others are compared with, at most `MAX_SIBLINGS`, by digests of their ids."""
    corrects = sorted((trace for trace in traces if trace.correct), key=lambda trace: sibling_rank(trace.id))
    return corrects[:MAX_SIBLINGS]


def sibling_rank(trace_id: str) -> str:
    """What siblings are chosen by, smallest first: no order of input or of ids matters."""
    return digest(trace_id.encode())


def diagnose_seen(trace: Trace, mine: Seen, corrects: Sequence[Seen]) -> Diagnosis:
    """What is wrong with `trace`, of which `mine` was seen, and `corrects` of its correct siblings."""
    forms: tuple[tuple[Kind, Evidence | None], ...] = (
        ("degenerate", find_loop(trace.text)),
        ("unfinished", find_cutoff(trace)),
    )
    for kind, evidence in forms:
        if evidence is not None:
            return _formal(trace, mine.work, kind, evidence, SURE)
    if mine.work.answer is not None and mine.work.answer == reference_value(trace.reference):
        equal = Evidence("its answer equals the reference; perhaps it was misjudged", None, None)
        return _formal(trace, mine.work, "not-wrong", equal, FAIRLY)
    found = _neither(trace, mine, corrects)
    if found is not None:
        return _formal(trace, mine.work, "undecided", found, FAIRLY)
    signals = equation_signals(mine.work, len(trace.text))
    works = [each.work for each in corrects]
    signals += claim_signals(mine.work, trace.text)
    has_slip = any(signal.weight > 0 for signal in signals)
    signals += answer_signals(mine.work, reference_value(trace.reference))
    signals += sibling_signals(mine.work, find_divergence(mine.work, works), has_slip)
    signals += plan_signals(mine.plan, [each.plan for each in corrects if each.plan is not None])
    return _weighed(trace, mine.work, signals)


def _neither(trace: Trace, mine: Seen, corrects: Sequence[Seen]) -> Evidence | None:
    """Why a response that is whole makes neither kind of error."""
    work, whole = mine.work, len(trace.text)
    if not work.operations and len(find_words(trace.text[:400])) < FEWEST_WORDS:
        return Evidence("it says nothing but an answer" if trace.text.strip() else "it is empty", 0, whole)
    if not has_answer(trace) and not any(map(str.isdigit, trace.text.rstrip().rpartition("\n")[2])):
        return Evidence("it ends without an answer that could be found", max(0, whole - 80), whole)
    plans = [each.plan for each in corrects if each.plan is not None]
    if corrects and mine.plan is None and len(plans) == len(corrects):
        told = f"it announces no plan by its name, as all correct siblings do: '{excerpt(plans[0].name, 80)}'"
        return Evidence(told, 0, min(whole, 200))
    return None


def _formal(trace: Trace, work: Work, kind: Kind, found: Evidence, confidence: float) -> Diagnosis:
    rest = (1 - confidence) / (len(KINDS) - 1)
    scores: dict[str, float] = {each: confidence if each == kind else rest for each in KINDS}
    step = work.step_of(found.start)
    return Diagnosis(trace.id, kind, step, found.start, found.end, (found,), confidence, MappingProxyType(scores))


def _weighed(trace: Trace, work: Work, signals: Sequence[Signal]) -> Diagnosis:
    """Strategic or procedural by the sum of the weights."""
    odds = PRIOR + sum(signal.weight for signal in signals)
    procedural = 1 / (1 + math.exp(-odds))
    kind: Kind = "procedural" if odds > 0 else "strategic"
    sign = 1 if odds > 0 else -1
    ranked = sorted(signals, key=lambda signal: -sign * signal.weight)
    evidence = tuple(signal.evidence for signal in ranked)
    speaking = [signal for signal in ranked if sign * signal.weight > 0]
    if not speaking:
        evidence = (_nothing(work), *evidence)
    step = next((signal.step for signal in speaking if signal.step is not None), None)
    if step is None and len(work.steps) > 1 and len(trace.text) <= MAX_SPAN_CHARS:
        step, likely = _likeliest(trace, work)
        evidence = (*evidence, likely)
    scores: dict[str, float] = dict.fromkeys(KINDS, 0.0)
    scores |= {"strategic": 1 - procedural, "procedural": procedural}
    first = evidence[0]
    return Diagnosis(
        trace.id,
        kind,
        step,
        first.start,
        first.end,
        evidence,
        max(procedural, 1 - procedural),
        MappingProxyType(scores),
    )


def _likeliest(trace: Trace, work: Work) -> tuple[int, Evidence]:
    """The step of the first error by what people marked elsewhere: right in about a third of the cases."""
    found = locate_error(trace.prompt, [trace.text[step.start : step.end] for step in work.steps], known_wrong=True)
    step = found.step or 0  # never None here, as it is known to be wrong
    at = work.steps[step]
    place = f"step {step + 1} of {len(work.steps)}"
    by = f"{found.confidence:.0%}, by a model of people's marks: {found.reason}"
    told = f"its first error is likeliest in {place} ({by})"
    return step, Evidence(told, at.start, at.end)


def _nothing(work: Work) -> Evidence:
    right = sum(equation.verdict == "right" for equation in work.equations)
    total = len(work.equations)
    if not total:
        told = "it holds no equation"
    elif right == total:
        told = "its equation holds" if total == 1 else f"all of its {total} equations hold"
    else:
        told = f"{right} of its {total} equations hold, the rest could not be checked"
    return Evidence(f"no slip was found ({told}), so a wrong plan is likelier", None, None)
