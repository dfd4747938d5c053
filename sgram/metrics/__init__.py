"""Measures of rollouts as pure functions of arrays: entropies, perplexities, success rates, dynamics over training.

The functions take counts, arrays or tensors, not traces. An undefined number is None, with a reason where a result has
the field `undefined`. Intervals over problems come from `sgram.statistics`.

>>> from sgram.metrics import pass_at_k, semantic_entropy
>>> semantic_entropy({"wait": 2, "let me": 1, "so": 1}, base=2), pass_at_k(4, 1, 2)
(1.5, 0.5)
"""

from sgram.metrics.architecture import Architecture, architecture
from sgram.metrics.change_point import ChangePoint, change_point
from sgram.metrics.conditional import ConditionalEntropy, conditional_entropy, conditional_entropy_at_size
from sgram.metrics.curve import Curve, build_curve, curve_band, curve_draws, trend_draws
from sgram.metrics.dynamics import PhaseOrder, phase_order
from sgram.metrics.entropy import (
    SemanticEntropy,
    TokenEntropy,
    measure_semantic_entropy,
    perplexity,
    semantic_entropy,
    token_entropy,
)
from sgram.metrics.equal_size import entropy_at_size
from sgram.metrics.growth import Growth, growth
from sgram.metrics.jackknife import conditional_entropy_by_problem, entropy_by_problem
from sgram.metrics.overlap import Overlap, high_entropy_weights, overlap
from sgram.metrics.settling import Settling, settle
from sgram.metrics.success import avg_at_k, maj_at_k, pass_at_k
from sgram.statistics import (
    Estimate,
    mean_by_problem,
    ratio_by_problem,
    ratios_by_problem,
    stratified_differences_by_problem,
)

__all__ = [
    "Architecture",
    "ChangePoint",
    "ConditionalEntropy",
    "Curve",
    "Estimate",
    "Growth",
    "Overlap",
    "PhaseOrder",
    "SemanticEntropy",
    "Settling",
    "TokenEntropy",
    "architecture",
    "avg_at_k",
    "build_curve",
    "change_point",
    "conditional_entropy",
    "conditional_entropy_at_size",
    "conditional_entropy_by_problem",
    "curve_band",
    "curve_draws",
    "entropy_at_size",
    "entropy_by_problem",
    "growth",
    "high_entropy_weights",
    "maj_at_k",
    "mean_by_problem",
    "measure_semantic_entropy",
    "overlap",
    "pass_at_k",
    "perplexity",
    "phase_order",
    "ratio_by_problem",
    "ratios_by_problem",
    "semantic_entropy",
    "settle",
    "stratified_differences_by_problem",
    "token_entropy",
    "trend_draws",
]
