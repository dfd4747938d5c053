"""Settings of the hard testbed: word problems whose method is a first step with a second step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sgram.testbed.bounds import check_shares, check_whole_numbers
from sgram.testbed.methods import SolutionMethod
from sgram.testbed.two_step_methods import (
    FIRST_STEPS,
    OPENERS,
    SECOND_STEPS,
    TWO_STEP_BY_KEY,
    TWO_STEP_METHODS,
    combine_steps,
)


@dataclass(frozen=True, slots=True)
class TwoStepConfig:
    """Settings of the hard testbed. Raise `UsageError` if a setting is out of range.

    >>> len(TwoStepConfig().available_methods), len(TwoStepConfig(first_steps=3, second_steps=2).available_methods)
    (20, 6)
    """

    first_steps: int = len(FIRST_STEPS)
    """Number of first steps, 2 to 5."""
    second_steps: int = len(SECOND_STEPS)
    """Number of second steps, 2 to 4; there are first_steps * second_steps methods: how hard planning is."""
    largest: int = 9
    """Largest number of a problem, 4 to 11."""
    execution: int = 2
    """How far arithmetic is written out, 1 to 4; the share of planning tokens falls with it."""
    seed: int = 0
    """Seed of the problems and their split."""
    insight: float = 0.3
    """First stage of the warm-up: share of responses that read the clues; the others draw from all methods evenly."""
    sloppy_insight: float = 0.03
    """Second stage: share of responses that read the clues."""
    omits: float = 0.6
    """Second stage: share of responses that leave out the second step of their method."""
    slips: float = 0.02
    """Second stage: share of equations whose result is wrong by one."""
    sloppy_steps: int = 100
    """Supervised steps of the second stage; the first has as many as the warm-up's setting says."""
    sloppy_rate: float = 0.3
    """Learning rates of the second stage, as a factor of the first's."""
    warmup_batch: int = 32
    """Responses in a supervised step."""

    all_methods: ClassVar[tuple[SolutionMethod, ...]] = TWO_STEP_METHODS
    methods_by_key: ClassVar[Mapping[str, SolutionMethod]] = TWO_STEP_BY_KEY
    phrases: ClassVar[Mapping[str, tuple[str, ...]]] = OPENERS
    highest_answer: ClassVar[int | None] = 99
    """Problems with a higher answer, or one below 1, are left out."""

    def __post_init__(self) -> None:
        check_whole_numbers(
            "testbed",
            self,
            (
                ("first_steps", 2, len(FIRST_STEPS)),
                ("second_steps", 2, len(SECOND_STEPS)),
                ("largest", 4, 11),
                ("execution", 1, 4),
                ("seed", 0, 2**32 - 1),
                ("sloppy_steps", 0, 10**7),
                ("warmup_batch", 1, 10**5),
            ),
        )
        check_shares("testbed", self, ("insight", "sloppy_insight", "omits", "slips", "sloppy_rate"))

    @property
    def available_methods(self) -> tuple[SolutionMethod, ...]:
        """The methods in play."""
        return combine_steps(self.first_steps, self.second_steps)
