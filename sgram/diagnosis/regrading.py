"""Accuracy by the verdicts of the input beside accuracy by the grader.

`Trace.correct` of the input is never changed. Where a trace has a reference answer, the grader judges it, too: traces
that the input calls wrong and the grader right are of the kind not-wrong, and traces that it calls right and the grader
wrong are counted. An answer that the grader cannot compare keeps the verdict of the input.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sgram.errors import MissingExtraError
from sgram.grading import Grade
from sgram.statistics import Estimate, ratio_by_problem
from sgram.traces import Trace
from sgram.traces.trace_keys import problem_name, stable_key

Regrade = Callable[[Sequence[Trace]], list[Grade]]
"""Grades traces by their references, whatever their `correct` is: `AnswerGrader.grade`."""


def regrade(traces: Sequence[Trace], grade: Regrade) -> list[Grade | None]:
    """Return the grade of each trace; None where it has no reference.

    If math-verify is not installed and one of the answers needs it, no trace has a grade: grading again what has a
    verdict is no reason to fail.

    >>> from sgram.grading.fill_correct import AnswerGrader
    >>> traces = [Trace(id="1", text="It is 5.", reference="4"), Trace(id="2", text="It is 5.")]
    >>> with AnswerGrader() as grader:
    ...     [None if verdict is None else verdict.correct for verdict in regrade(traces, grader.grade)]
    [False, None]
    """
    rows = [row for row, trace in enumerate(traces) if trace.reference]
    grades: list[Grade | None] = [None] * len(traces)
    try:
        graded = grade([traces[row] for row in rows]) if rows else []
    except MissingExtraError:
        return grades
    for row, verdict in zip(rows, graded, strict=True):
        grades[row] = verdict
    return grades


@dataclass(slots=True)
class AccuracyCounts:
    """Judged traces by problem: how many are right by the input and by the grader; about 200 bytes a problem.

    >>> counts = AccuracyCounts()
    >>> for number, (correct, regraded) in enumerate(((True, True), (False, True), (True, None), (False, False))):
    ...     counts.add(Trace(id=str(number), text="", correct=correct), regraded)
    >>> counts.accuracy().value, counts.regraded().value, counts.n_not_wrong, counts.n_not_right
    (0.5, 0.75, 1, 0)
    """

    n_regraded: int = 0
    """Traces of which the grader has a verdict beside that of the input."""
    n_not_wrong: float = 0
    """Traces that the input calls wrong and the grader right; estimated from a sample if not all are diagnosed."""
    n_not_right: int = 0
    """Traces that the input calls right and the grader wrong."""
    _by_problem: dict[int, list[float]] = field(default_factory=dict)
    """Problem -> judged traces, those that are right by the input, by the grader."""

    def add(self, trace: Trace, regraded: bool | None = None) -> None:
        """Count one trace with a verdict, `trace.correct`, and the grader's, None if it has none."""
        verdict = bool(trace.correct)
        sums = self._by_problem.setdefault(stable_key(problem_name(trace)), [0.0, 0.0, 0.0])
        sums[0] += 1
        sums[1] += verdict
        sums[2] += verdict if regraded is None else regraded
        self.n_regraded += regraded is not None
        self.n_not_right += verdict and regraded is False
        self.n_not_wrong += not verdict and regraded is True

    def merge(self, counts: "AccuracyCounts") -> None:
        """Add the counts of other traces."""
        for problem, sums in counts._by_problem.items():
            own_sums = self._by_problem.setdefault(problem, [0.0, 0.0, 0.0])
            for index, number in enumerate(sums):
                own_sums[index] += number
        self.n_regraded += counts.n_regraded
        self.n_not_wrong += counts.n_not_wrong
        self.n_not_right += counts.n_not_right

    def add_not_wrong(self, trace: Trace, weight: float) -> None:
        """Call one counted wrong trace right by the grader; it stands for `weight` traces."""
        self._by_problem[stable_key(problem_name(trace))][2] += weight
        self.n_not_wrong += weight

    def accuracy(self, seed: int = 0) -> Estimate:
        """Return the share of correct traces by the input, with its interval over problems."""
        return self._share(1, seed)

    def regraded(self, seed: int = 0) -> Estimate:
        """Return the share of correct traces by the grader, with its interval over problems."""
        return self._share(2, seed)

    def _share(self, column: int, seed: int) -> Estimate:
        sums = [self._by_problem[problem] for problem in sorted(self._by_problem)]
        problems = list(range(len(sums)))
        return ratio_by_problem(problems, [row[column] for row in sums], [row[0] for row in sums], seed=seed)
