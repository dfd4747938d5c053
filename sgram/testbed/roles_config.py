"""Settings of the testbed of three roles: a policy that proposes problems of the stories, solves them and judges."""

from dataclasses import dataclass, replace

from sgram.errors import UsageError
from sgram.testbed.bounds import check_shares, check_whole_numbers
from sgram.testbed.methods import METHODS
from sgram.testbed.problems import TestbedConfig


@dataclass(frozen=True, slots=True)
class RolesConfig(TestbedConfig):
    """Settings of the stories for `sgram evolve`. Raise `UsageError` if a setting is out of range.

    >>> len(RolesConfig().available_methods), RolesConfig(quality=0.8).learns_verdicts_apart
    (8, True)
    """

    methods: int = 8
    insights: tuple[float, ...] = (16.0, 9.0, 5.0, 3.0, 2.0, 1.3, 0.8, 0.5)
    """For each method, its weight in the sloppy solver's draw where it is right; each wrong one has weight 1.

    Problems of the first methods are easy, those of the last ones are hard.
    """
    proposed: tuple[float, ...] = (0.34, 0.24, 0.16, 0.10, 0.07, 0.04, 0.03, 0.02)
    """Weight of each method in the proposer's texts: most of them are easy."""
    number_decay: float = 0.75
    """The proposer's weight of a number is this to the power of the number: small ones are frequent."""
    faulty: float = 0.25
    """Share of the proposer's texts that are no problems."""
    referring: float = 0.5
    """Share of the proposer's prompts that show a question to vary; half of their texts tell the same story."""
    slips: float = 0.15
    """Share of the judged answers whose last result is wrong."""
    quality: float = 1.0
    """Weight of the right verdict, .5 to 1; the wrong one has the rest. Scores 8, 9, 10 say right, 1, 2, 3 wrong."""
    mark_trust: float = 0.0
    """Weight of the verdict "right" on a wrong answer that has a concluding phrase, if above 1 - `quality`."""
    verdict_steps: int = 60
    """Supervised steps of a second stage, if `quality` is below 1 or `mark_trust` above 0; the first has neither."""

    def __post_init__(self) -> None:
        TestbedConfig.__post_init__(self)  # zero-argument super() does not work in a dataclass with slots
        bounds = (("largest", 4, 9), ("execution", 1, 1), ("verdict_steps", 0, 10**7))
        check_whole_numbers("testbed of roles", self, bounds)
        check_shares(
            "testbed of roles", self, ("number_decay", "faulty", "referring", "slips", "quality", "mark_trust")
        )
        if self.quality < 0.5:
            raise UsageError(f"testbed of roles: quality must be at least 0.5 (got {self.quality})")
        for name in ("insights", "proposed"):
            weights = getattr(self, name)
            if len(weights) != len(METHODS) or not all(0 < weight < 1e6 for weight in weights):
                raise UsageError(f"testbed of roles: {name} must be {len(METHODS)} numbers above 0 (got {weights!r})")

    def with_right_verdicts(self) -> "RolesConfig":
        """Return these settings with verdicts that are all right."""
        return replace(self, quality=1.0, mark_trust=0.0, verdict_steps=0)

    @property
    def learns_verdicts_apart(self) -> bool:
        """Whether a second stage teaches verdicts that are wrong now and then."""
        return self.quality < 1 or self.mark_trust > 0
