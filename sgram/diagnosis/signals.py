"""What speaks for a wrong plan or for a failure in carrying it out.

A signal is something seen in the response, such as an equation that does not hold. That nothing was seen is no signal.
What each is worth is in `data/error_kinds.json` (`sgram.diagnosis.kind_model`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sgram.diagnosis.claims import check_claims
from sgram.diagnosis.counterfactuals import find_counterfactuals
from sgram.diagnosis.degenerate import Evidence
from sgram.diagnosis.derivations import Derivation, computations, derive
from sgram.diagnosis.operations import OPERATOR, Operation, Work, format_fraction, operation_key, parse_number
from sgram.diagnosis.siblings import AnnouncedPlan, Divergence
from sgram.equations import HAS_SYMBOLS, SIDES_DIFFER, Equation
from sgram.equations.congruences import find_false_congruences
from sgram.files import excerpt
from sgram.traces import Trace

SIGNALS = (
    "slip put right",
    "slip behind the answer",
    "slip elsewhere",
    "false congruence",
    "false claim",
    "right result changed",
    "right result not answered",
    "sign turned",
    "near the reference",
    "another result than a sibling",
    "one other number",
    "work of a sibling",
    "plan of a sibling",
    "computation holds",
    "other operation",
    "other operations",
    "another plan",
)
"""Names of all signals."""
NEAR_REFERENCE = Fraction(1, 100)
"""Largest difference, relative to the reference, of an answer that may come from rounding or a small slip."""
_FEWEST_SOURCES = 3
"""Fewest numbers of the problem and computations that show the whole way to an answer."""
_LARGEST_SYMBOLIC_SHARE = 0.4
"""Largest share of equations with symbols in a response whose computations show the whole way."""
_MAX_NAMED = 4
_DOUBT_CHARS = 160
_DOUBT = re.compile(
    r"\b(?:wait|hmm|mistake|incorrect|not right|seems off|recalculat\w*|let me (?:re|check)|double[- ]check|that's not|"
    r"that can't|actually|oops|correction)|(?:n't|not) seem",
    re.IGNORECASE,
)
"""Words soon after an equation from which it may be put right."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something seen in a wrong response that speaks for one kind of error."""

    name: str
    """One of `SIGNALS`."""
    evidence: Evidence
    step: int | None


def trace_signals(trace: Trace, work: Work, reference: Fraction | None) -> list[Signal]:
    """Return what the response itself says; `reference` is None if the reference answer is no number."""
    derivation = derive(work, trace)
    changes = find_counterfactuals(work, derivation, reference)
    signals = [
        Signal(change.change, Evidence(change.sentence, change.start, change.end), work.step_of(change.start))
        for change in changes
    ]
    names = {signal.name for signal in signals}
    if "slip put right" not in names:
        signals += slip_signals(work, trace.text)
    signals += congruence_signals(work, trace.text)
    signals += claim_signals(work, trace.text)
    signals += answer_signals(work, reference)
    is_number = reference is not None or trace.reference is None
    failed = names & _CARRIED_OUT_WRONGLY or any(slip.is_plain for slip in slips(work))
    if derivation is not None and is_number and not failed:
        signals += derivation_signals(derivation, work)
    return signals


_CARRIED_OUT_WRONGLY = {"slip put right", "right result changed"}


def slips(work: Work) -> list[Equation]:
    """Return the wrong equations of a response that it does not put right later on."""
    last_right: dict[str, int] = {}
    for equation in work.equations:
        if equation.verdict == "right":
            last_right |= dict.fromkeys(_operation_keys(equation), equation.start)
    wrong = [equation for equation in work.equations if equation.verdict == "wrong"]
    return [
        equation
        for equation in wrong
        if not any(last_right.get(key, -1) > equation.start for key in _operation_keys(equation))
    ]


def _operation_keys(equation: Equation) -> list[str]:
    """Return the keys of the sides of an equation that are operations."""
    keys = [operation_key(side) for side in equation.text.split("=")]
    return [key for key in keys if OPERATOR.search(key)]


def slip_signals(work: Work, text: str) -> list[Signal]:
    """Return the first slip in plain numbers, one behind the answer if there is one; doubted ones do not count."""
    plain = [slip for slip in slips(work) if slip.is_plain and not _is_doubted(text, slip.end)]
    behind = work.behind_answer()
    fed = [slip for slip in plain if _feeds(slip, work, behind)]
    for slip in (fed or plain)[:1]:
        step = work.step_of(slip.start)
        sentence = f"{slip.reason}{_at(step)}"
        if fed and work.answer is not None:
            sentence += ", and the answer rests on it"
        name = "slip behind the answer" if fed else "slip elsewhere"
        return [Signal(name, Evidence(sentence, slip.start, slip.end), step)]
    return []


def _is_doubted(text: str, end: int) -> bool:
    return _DOUBT.search(text[end : end + _DOUBT_CHARS]) is not None


def congruence_signals(work: Work, text: str) -> list[Signal]:
    """Return the first false congruence of numbers that is not doubted."""
    for congruence in find_false_congruences(text):
        if not _is_doubted(text, congruence.end):
            step = work.step_of(congruence.start)
            evidence = Evidence(f"{congruence.reason}{_at(step)}", congruence.start, congruence.end)
            return [Signal("false congruence", evidence, step)]
    return []


def claim_signals(work: Work, text: str) -> list[Signal]:
    """Return the first false claim of an order or a state (`sgram.diagnosis.claims`)."""
    steps = [text[step.start : step.end] for step in work.steps]
    for step, claims in zip(work.steps, check_claims(steps), strict=True):
        for claim in claims:
            if not claim.right:
                evidence = Evidence(f"{claim.reason}{_at(step.index)}", step.start, step.end)
                return [Signal("false claim", evidence, step.index)]
    return []


def answer_signals(work: Work, reference: Fraction | None) -> list[Signal]:
    """Return whether the last result is the reference though the answer is not, or the answer just misses it."""
    own_computations = computations(work)
    if work.answer is None or reference is None or work.answer == reference or not own_computations:
        return []
    last = own_computations[-1]
    step, last_range = work.step_of(last.start), (last.start, last.end)
    if last.result == reference and work.answer not in {computation.result for computation in own_computations}:
        sentence = f"{excerpt(last.key, 60)} = {format_fraction(reference)} is the right result, but the response "
        sentence += f"answers {format_fraction(work.answer)}"
        return [Signal("right result not answered", Evidence(sentence, *last_range), step)]
    has_decimals = any(computation.result.denominator > 1 for computation in own_computations)
    if has_decimals and 0 < abs(work.answer - reference) < NEAR_REFERENCE * abs(reference):
        sentence = f"the answer {format_fraction(work.answer)} is within {float(NEAR_REFERENCE):.0%} of the reference "
        sentence += f"{format_fraction(reference)}, which rounding or a small slip explains"
        return [Signal("near the reference", Evidence(sentence, *last_range), None)]
    return []


def derivation_signals(derivation: Derivation, work: Work) -> list[Signal]:
    """Return that the answer follows, by computations that hold, from numbers of the problem."""
    if not (derivation.is_closed and derivation.is_right) or _is_notation(derivation) or _is_tail(derivation, work):
        return []
    last = derivation.steps[-1]
    numbers = sorted(derivation.from_problem)
    named = ", ".join(map(format_fraction, numbers[:_MAX_NAMED])) + (", ..." if len(numbers) > _MAX_NAMED else "")
    n_steps = len(derivation.steps)
    whole = "its computation holds and leads" if n_steps == 1 else f"its {n_steps} computations hold and lead"
    sentence = f"{whole} from numbers of the problem ({named}) to the answer: {excerpt(last.key, 60)} = "
    sentence += f"{format_fraction(last.result)}{' is the last' if n_steps > 1 else ''}"
    return [Signal("computation holds", Evidence(sentence, derivation.steps[0].start, last.end), None)]


def _is_notation(derivation: Derivation) -> bool:
    """Return whether the only computation is a proper fraction in lowest terms: a number rather than a step."""
    last = derivation.steps[-1]
    is_fraction = last.tree[0] == "divide" and all(part[0] == "number" for part in last.tree[1:])
    is_single = len(derivation.steps) == 1 and is_fraction
    return is_single and last.tree[1][1] < last.tree[2][1] == last.value.denominator


def _is_tail(derivation: Derivation, work: Work) -> bool:
    """Return whether the computations may be the end of a longer solution: few numbers of the problem, much algebra."""
    n_sources = len(derivation.from_problem) + len(derivation.steps)
    n_symbolic = sum(equation.reason in (HAS_SYMBOLS, SIDES_DIFFER) for equation in work.equations)
    return n_sources < _FEWEST_SOURCES or n_symbolic > _LARGEST_SYMBOLIC_SHARE * len(work.equations)


def sibling_signals(divergence: Divergence | None) -> list[Signal]:
    """Return what the first divergence from the correct siblings says."""
    if divergence is None:
        return []
    name = {
        "result": "another result than a sibling",
        "number": "one other number",
        "answer": "work of a sibling",
        "operation": "other operations",
    }[divergence.kind]
    return [Signal(name, Evidence(divergence.evidence, divergence.start_wrong, None), divergence.step)]


def plan_signals(plan: AnnouncedPlan | None, plans: Sequence[AnnouncedPlan]) -> list[Signal]:
    """Return whether the plan announced last is one of those of the correct siblings."""
    if plan is None or not plans:
        return []
    alike = sum(plan.name == sibling_plan.name for sibling_plan in plans)
    if alike:
        sentence = f"its plan, '{excerpt(plan.name, 80)}', is that of {_of(alike, len(plans))}"
        return [Signal("plan of a sibling", Evidence(sentence, plan.start, plan.end), None)]
    plan_names = " or ".join(sorted({f"'{excerpt(sibling_plan.name, 80)}'" for sibling_plan in plans})[:3])
    sentence = f"{_of(len(plans), len(plans))} set out to {plan_names}; this response to '{excerpt(plan.name, 80)}'"
    return [Signal("another plan", Evidence(sentence, plan.start, plan.end), None)]


def signal_names(signals: Iterable[Signal]) -> frozenset[str]:
    """Return the names of signals."""
    return frozenset(signal.name for signal in signals)


def reference_value(reference: str | None) -> Fraction | None:
    """Return the number that a reference answer is; None if it is anything else, such as "f(x) = 1".

    >>> reference_value("1,234"), reference_value("f(x)=1")
    (Fraction(1234, 1), None)
    """
    if reference is None or any(sign in reference for sign in "=<>≤≥"):
        return None
    return parse_number(reference)


def _feeds(equation: Equation, work: Work, behind: Sequence[Operation]) -> bool:
    """Return whether the answer rests on `equation`, or cannot be followed to anything else."""
    if not behind:
        return work.answer is None or not any(operation.result == work.answer for operation in work.operations)
    return any(operation.start == equation.start for operation in behind)


def _at(step: int | None) -> str:
    return "" if step is None else f" (step {step + 1})"


def _of(count: int, total: int) -> str:
    if total == 1:
        return "the correct sibling"
    return f"all {total} correct siblings" if count == total else f"{count} of {total} correct siblings"
