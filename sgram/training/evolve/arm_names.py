"""Short names of the arms of a comparison of `sgram evolve`, and the settings that they stand for."""

from collections.abc import Mapping
from types import MappingProxyType

from sgram.declarations import match_name

METHOD = "evolve"
"""The arm that the claims are about."""
ARMS: Mapping[str, str] = MappingProxyType(
    {
        METHOD: "evolve",
        "judge=oracle": "evolve:judge=oracle",
        "gate=none": "evolve:gate=none",
        "fixed-questions": "evolve:judge=oracle:proposer=none",
        "judge=random": "evolve:judge=random",
        "judge=frozen": "evolve:judge=frozen",
        "frozen-proposer": "evolve:proposer=frozen",
        "no-difficulty": "evolve:difficulty=off",
        "calibrated": "evolve:judge_reward=calibrated",
        "narrow-questions": "evolve:fixed_questions=start:judge=oracle:proposer=none",
        "trusting-judge": "evolve:judge_mark_trust=0.8",
    }
)
"""Short name -> arm in the notation of `sgram.training.experiments.arms.parse_arms`, its settings sorted by name.

The trusting judge is warmed up on verdicts that take a concluding phrase in a wrong answer for a sign that it is right.
"""


def expand_arm(name: str) -> str:
    """Return the arm that a short name stands for, in whatever case; any other text as it is.

    >>> expand_arm("fixed-questions"), expand_arm("evolve:steps=5")
    ('evolve:judge=oracle:proposer=none', 'evolve:steps=5')
    """
    return ARMS.get(match_name(name, ARMS), name)


def arm_title(arm: str) -> str:
    """Return the short name of an arm; an arm that has none loses its leading ``evolve:``.

    >>> arm_title("evolve:judge=oracle:proposer=none"), arm_title("evolve:judge=oracle:trials=4")
    ('fixed-questions', 'judge=oracle:trials=4')
    """
    return next((name for name, text in ARMS.items() if text == arm), arm.removeprefix("evolve:"))
