"""What an evaluation measures of a policy in its three roles, as values that are written as JSON.

Shares are of what was judged. A measure that is undefined is None, with its reason in `undefined`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LEVELS = ("easy", "middle", "hard")
CLAIMS_CHECK = "testbed/claims_check"
"""Detail of a testbed's outcome: the answer says that a check was passed."""
Tally = tuple[int, int]
"""(answers, right answers)."""


@dataclass(frozen=True, slots=True)
class JudgeMeasures:
    """A judge against truth. A measure that is undefined is None, with its reason in `undefined`."""

    n: int
    """Judged texts whose truth is known."""
    auc: float | None = None
    """Share of all (right, wrong) pairs in which the right text has the higher score."""
    auc_within: float | None = None
    """The same over the pairs of one question."""
    right: float | None = None
    """Mean score of right texts."""
    wrong: float | None = None
    """Mean score of wrong texts: the judge's leniency."""
    unparsable: float | None = None
    """Share of texts without a score."""
    undefined: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProposalMeasures:
    """Fresh proposals of the policy. A measure that is undefined is None, with its reason in `undefined`."""

    n: int
    readable: float | None = None
    """Share in which the parser finds a question."""
    valid: float | None = None
    """Share that is a question with one right answer; None if the task does not know."""
    true_difficulty: float | None = None
    """Mean failure rate of the start solver on the kinds of the valid ones."""
    classes: float | None = None
    """Effective number of kinds among the valid ones."""
    new: float | None = None
    """Share that is a question which the pool lacks, repeats counted once."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Valid proposals by kind."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Other proposals by fault, the parser's and the task's."""
    undefined: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AcceptedMeasures:
    """Questions that entered the pool since the last evaluation: their difficulty as judged and as the truth has it."""

    n: int
    valid: float | None = None
    judged_difficulty: float | None = None
    """Mean of 1 - mean score of the trial answers."""
    true_difficulty: float | None = None
    """Mean failure rate of the start solver on the kinds of the valid ones."""
    correlation: float | None = None
    """Pearson's, of both difficulties over the valid questions."""
    classes: float | None = None
    undefined: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvolveEvaluation:
    """Measurements of a policy in its three roles.

    >>> evaluation = EvolveEvaluation(4, 0.5, {"double/0": (4, 2)}, {"double/0": "easy"})
    >>> evaluation.by_level()
    {'easy': (4, 2)}
    >>> EvolveEvaluation.from_json(evaluation.to_json()) == evaluation
    True
    """

    n: int
    """Answers to held-out problems that were judged."""
    accuracy: float | None
    by_kind: Mapping[str, Tally] = field(default_factory=dict)
    """(answers, right answers) by kind of question; empty if the task does not know kinds."""
    levels: Mapping[str, str] = field(default_factory=dict)
    """Level of each kind: easy, middle or hard by the start policy's failures."""
    errors: Mapping[str, float | None] = field(default_factory=dict)
    """Share of answers with a strategic, procedural and format error."""
    wrong_details: Mapping[str, float] = field(default_factory=dict)
    """Share of wrong answers for which a detail of their outcome is true, such as a claim of a passed check."""
    length: float | None = None
    """Mean number of tokens of an answer."""
    own: Mapping[str, JudgeMeasures] = field(default_factory=dict)
    """Judges, by name, on these answers."""
    fixed: Mapping[str, JudgeMeasures] = field(default_factory=dict)
    """Judges on the fixed pairs."""
    questions: Mapping[str, JudgeMeasures] = field(default_factory=dict)
    """Judges on fresh proposals; right is valid."""
    proposals: ProposalMeasures | None = None
    accepted: AcceptedMeasures | None = None
    proposed_kinds: tuple[str, ...] = ()
    """Kinds of the valid questions that training has proposed so far, sorted."""

    def by_level(self) -> dict[str, Tally]:
        """Return (answers, right answers) by level, the easiest first."""
        tallies = {
            level: self.tally(kind for kind in self.by_kind if self.levels.get(kind) == level) for level in LEVELS
        }
        return {level: tally for level, tally in tallies.items() if tally[0]}

    def tally(self, kinds: Iterable[str]) -> Tally:
        """Return (answers, right answers) over these kinds of questions."""
        tallies = [self.by_kind[kind] for kind in kinds if kind in self.by_kind]
        return sum(n for n, _ in tallies), sum(n_right for _, n_right in tallies)

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "EvolveEvaluation":
        """Return the evaluation that `to_json` wrote. Raise `TypeError` or `ValueError` if it is of another form."""
        judges = {
            name: {judge: JudgeMeasures(**measures) for judge, measures in document[name].items()}
            for name in ("own", "fixed", "questions")
        }
        proposals, accepted = document["proposals"], document["accepted"]
        settings = {
            **document,
            **judges,
            "by_kind": {kind: (int(n), int(n_right)) for kind, (n, n_right) in document["by_kind"].items()},
            "proposals": None if proposals is None else ProposalMeasures(**proposals),
            "accepted": None if accepted is None else AcceptedMeasures(**accepted),
            "proposed_kinds": tuple(document["proposed_kinds"]),
        }
        return cls(**settings)
