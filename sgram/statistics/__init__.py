"""Estimates and intervals: bootstrap over problems, proportions, paired means, multiple comparisons.

`Estimate` is the only type of a number with an interval. Every method has one implementation, which all rooms use.

>>> from sgram.statistics import ratio_by_problem
>>> estimate = ratio_by_problem(["a", "a", "b"], [3, 1, 5], [10, 10, 20])
>>> f"{estimate.value} [{estimate.low}, {estimate.high}]"
'0.225 [0.2, 0.25]'
"""

from sgram.statistics.bootstrap import (
    N_DRAWS,
    Resamples,
    Statistic,
    draw_counts,
    draw_group_sums,
    estimate_from_draws,
    percentile_interval,
)
from sgram.statistics.by_problem import (
    mean_by_problem,
    ratio_by_problem,
    ratios_by_problem,
    stratified_differences_by_problem,
)
from sgram.statistics.corrected_shares import CorrectedShare, corrected_share
from sgram.statistics.crossed import (
    CrossedError,
    complete_pairs,
    crossed_error,
    crossed_interval,
    detectable_difference,
    pair_interval,
)
from sgram.statistics.differences import difference, mean, p_value
from sgram.statistics.estimate import NORMAL_95, Estimate, round_number
from sgram.statistics.interval import Interval, finite_number, read_interval
from sgram.statistics.multiple_comparisons import holm, select_discoveries
from sgram.statistics.proportions import share_difference, widen_share_difference, wilson_interval
from sgram.statistics.step_noise import step_variance, widen_by_steps
from sgram.statistics.student import LEVEL, Direction, MeanInterval, t_interval

__all__ = [
    "LEVEL",
    "NORMAL_95",
    "N_DRAWS",
    "CorrectedShare",
    "CrossedError",
    "Direction",
    "Estimate",
    "Interval",
    "MeanInterval",
    "Resamples",
    "Statistic",
    "complete_pairs",
    "corrected_share",
    "crossed_error",
    "crossed_interval",
    "detectable_difference",
    "difference",
    "draw_counts",
    "draw_group_sums",
    "estimate_from_draws",
    "finite_number",
    "holm",
    "mean",
    "mean_by_problem",
    "p_value",
    "pair_interval",
    "percentile_interval",
    "ratio_by_problem",
    "ratios_by_problem",
    "read_interval",
    "round_number",
    "select_discoveries",
    "share_difference",
    "step_variance",
    "stratified_differences_by_problem",
    "t_interval",
    "widen_by_steps",
    "widen_share_difference",
    "wilson_interval",
]
