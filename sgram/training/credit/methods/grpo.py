"""GRPO and Dr.GRPO: the same advantage for every token of a response."""

from sgram.training.credit.method import Method

GRPO = Method("grpo", "group-relative advantages, the same for every token", "2402.03300")
DR_GRPO = Method(
    "dr-grpo",
    "GRPO without division by the group's deviation or the response's length",
    "2503.20783",
    scale_rewards="none",
    loss="dr_grpo",
)
