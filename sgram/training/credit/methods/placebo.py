"""HICRA on tokens that do not plan, as many as those that do."""

from sgram.training.credit.method import Method
from sgram.training.credit.methods.hicra import hicra_rule

PLACEBO = Method("placebo", "HICRA on random grams of equal token share", "control of hicra", "placebo", hicra_rule)
PLACEBO_EXECUTION = Method(
    "placebo-execution",
    "HICRA on random grams drawn from execution tokens",
    "control of hicra",
    "placebo-execution",
    hicra_rule,
)
