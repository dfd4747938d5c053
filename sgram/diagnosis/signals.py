"""What speaks for a wrong plan or for a slip in carrying it out, each with its weight.

A signal's weight is added to log-odds: above 0 it speaks for a procedural error, below 0 for a strategic one. The
weights are set by hand, in halves, and the same for every corpus; `benchmarks/error_kinds.py` measures what they are
worth, and `docs/diagnosis.md` lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sgram.diagnosis.claims import check_claims
from sgram.diagnosis.degenerate import Evidence
from sgram.diagnosis.operations import OPERATOR, Operation, Work, format_fraction, operation_key, parse_number
from sgram.diagnosis.siblings import AnnouncedPlan, Divergence
from sgram.equations import Equation
from sgram.files import excerpt

PRIOR = -0.5
"""Before any signal: a wrong answer without a wrong equation is more often a wrong plan."""
WEIGHTS = {
    "slip behind the answer": 3.0,
    "slip elsewhere": 1.0,
    "false claim": 2.0,
    "another result than a sibling": 2.5,
    "right result not final_answer": 2.5,
    "work of a sibling": 2.5,
    "one other number": 2.0,
    "answer from nowhere": 0.5,
    "plan of a sibling": 2.0,
    "another plan": -3.5,
    "other operations": -1.5,
    "equations hold": -1.5,
    "much unchecked": 1.0,
}
"""Log-odds for a procedural error."""
UNCHECKED = 6.0
"""Equations in a thousand characters that could not be checked, from which a slip may well hide in one of them."""
_FEW = 2
"""Right equations behind an answer from which they say that the arithmetic was right."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something seen in a wrong response that speaks for one kind of error."""

    name: str
    """One of `WEIGHTS`."""
    evidence: Evidence
    step: int | None

    @property
    def weight(self) -> float:
        """Log-odds that it adds."""
        return WEIGHTS[self.name]


def slips(work: Work) -> list[Equation]:
    """The wrong equations of a response that it does not put right later on."""
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


def equation_signals(work: Work, n_chars: int) -> list[Signal]:
    """What its own equations say of a wrong response of `n_chars` characters."""
    wrong, behind = slips(work), work.behind_answer()
    fed = [equation for equation in wrong if _feeds(equation, work, behind)]
    found = []
    for equation in (fed or wrong)[:1]:
        step = work.step_of(equation.start)
        told = f"{equation.reason}{_at(step)}"
        if fed:
            told += ", and the answer rests on it" if work.answer is not None else ""
        evidence = Evidence(told, equation.start, equation.end)
        found.append(Signal("slip behind the answer" if fed else "slip elsewhere", evidence, step))
    right = [operation for operation in behind if operation.verdict == "right"]
    if not wrong and len(right) >= _FEW:
        told = f"the {len(right)} equations that the answer rests on hold: {excerpt(right[-1].text, 60)} is the last"
        found.append(Signal("equations hold", Evidence(told, right[0].start, right[-1].end), None))
    unchecked = [equation for equation in work.equations if equation.verdict == "unchecked"]
    if not wrong and 1000 * len(unchecked) >= UNCHECKED * n_chars > 0:
        told = f"{len(unchecked)} of its {len(work.equations)} equations could not be checked, and may hide a slip"
        found.append(Signal("much unchecked", Evidence(told, unchecked[0].start, unchecked[-1].end), None))
    return found


def claim_signals(work: Work, text: str) -> list[Signal]:
    """Whether a claim without numbers, of an order or a state, is false (`sgram.diagnosis.claims`)."""
    for step, claims in zip(
        work.steps, check_claims([text[step.start : step.end] for step in work.steps]), strict=True
    ):
        for claim in claims:
            if not claim.right:
                evidence = Evidence(f"{claim.reason}{_at(step.index)}", step.start, step.end)
                return [Signal("false claim", evidence, step.index)]
    return []


def answer_signals(work: Work, reference: Fraction | None) -> list[Signal]:
    """Whether the answer is what was computed before it."""
    if work.answer is None or not work.operations:
        return []
    last = work.operations[-1]
    if reference is not None and last.result == reference != work.answer:
        told = f"{excerpt(last.text, 60)} is the right result, but the response answers {format_fraction(work.answer)}"
        return [Signal("right result not final_answer", Evidence(told, last.start, last.end), work.step_of(last.start))]
    if work.answer not in {operation.result for operation in work.operations}:
        said = excerpt(last.text, 60)
        told = f"the answer {format_fraction(work.answer)} is the result of none of its equations; the last is {said}"
        return [Signal("answer from nowhere", Evidence(told, last.start, last.end), work.step_of(last.end - 1))]
    return []


def sibling_signals(work: Work, found: Divergence | None, has_slip: bool) -> list[Signal]:
    """What the first divergence from the correct siblings says.

    Another operation speaks for another plan only where no slip is seen: right responses differ in their operations
    too.
    """
    if found is None:
        return []
    evidence = Evidence(found.evidence, found.start_wrong, None)
    if found.kind == "result":
        return [Signal("another result than a sibling", evidence, found.step)]
    if found.kind == "number":
        return [Signal("one other number", evidence, found.step)]
    if found.kind == "answer":
        return [Signal("work of a sibling", evidence, found.step)]
    return [] if has_slip else [Signal("other operations", evidence, found.step)]


def plan_signals(plan: AnnouncedPlan | None, plans: Sequence[AnnouncedPlan]) -> list[Signal]:
    """Whether the plan announced last is one of those of the correct siblings."""
    if plan is None or not plans:
        return []
    alike = sum(plan.name == other.name for other in plans)
    if alike:
        told = f"its plan, '{excerpt(plan.name, 80)}', is that of {_of(alike, len(plans))}"
        return [Signal("plan of a sibling", Evidence(told, plan.start, plan.end), None)]
    theirs = " or ".join(sorted({f"'{excerpt(other.name, 80)}'" for other in plans})[:3])
    told = f"{_of(len(plans), len(plans))} set out to {theirs}; this response to '{excerpt(plan.name, 80)}'"
    return [Signal("another plan", Evidence(told, plan.start, plan.end), None)]


def reference_value(reference: str | None) -> Fraction | None:
    """The number that a reference answer is, None where it is none."""
    return None if reference is None else parse_number(reference)


def _feeds(equation: Equation, work: Work, behind: Sequence[Operation]) -> bool:
    """Whether the answer rests on `equation`, or cannot be followed to anything else."""
    if not behind:
        return work.answer is None or not any(operation.result == work.answer for operation in work.operations)
    return any(operation.start == equation.start for operation in behind)


def _at(step: int | None) -> str:
    return "" if step is None else f" (step {step + 1})"


def _of(count: int, total: int) -> str:
    if total == 1:
        return "the correct sibling"
    return f"all {total} correct siblings" if count == total else f"{count} of {total} correct siblings"
