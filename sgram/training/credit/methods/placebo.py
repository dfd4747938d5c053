"""HICRA, and its neutral parts, on tokens that do not plan, as many as those that do."""

from sgram.training.credit.method import Method
from sgram.training.credit.methods.hicra import hicra_rule, scale_rule, symmetric_rule

PLACEBO = Method("placebo", "HICRA on random grams of equal token share", "control of hicra", "placebo", hicra_rule)
PLACEBO_EXECUTION = Method(
    "placebo-execution",
    "HICRA on random grams drawn from execution tokens",
    "control of hicra",
    "placebo-execution",
    hicra_rule,
)
EXECUTION_SCALE = Method(
    "execution-scale",
    "hicra-scale on random execution tokens: the outcome counts more, penalties stay",
    "control of hicra",
    "placebo-execution",
    scale_rule,
)
EXECUTION_SYMMETRIC = Method(
    "execution-symmetric",
    "(1 + alpha) A on random execution tokens: penalties grow, too",
    "control of hicra",
    "placebo-execution",
    symmetric_rule,
)
