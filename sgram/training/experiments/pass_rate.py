"""pass@1 of a policy on held-out problems, with an interval over problems."""

from collections.abc import Sequence

import numpy as np

from sgram.statistics import Estimate, Resamples, Statistic


def pass_rate_by_problem(problem_counts: Sequence[tuple[int, int]]) -> Estimate:
    """Return pass@1 from (responses, correct responses) of each problem, with its 95 % bootstrap interval.

    The bootstrap draws problems, because responses to one problem are not independent of each other.

    >>> estimate = pass_rate_by_problem([(4, 1), (2, 2), (2, 0)])
    >>> estimate.value, estimate.n
    (0.375, 3)
    """
    rows = np.array(sorted(problem_counts), float).reshape(-1, 2)
    if not rows[:, 0].sum():
        return Estimate(None, n=0, undefined="no response was judged")
    resamples = Resamples(rows)
    return resamples.estimate(Statistic(rows[resamples.representatives], lambda sums: sums[:, 1] / sums[:, 0]))
