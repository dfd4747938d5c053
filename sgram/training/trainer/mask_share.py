"""Share of the tokens that a mask marks in the first steps of a run: a mask that marks next to nothing is no HICRA."""

import warnings
from typing import Any

from transformers import TrainerCallback

from sgram.errors import UsageError

FIRST_STEPS = 5
"""Steps over which the share is measured."""


class MaskShareCheck(TrainerCallback):
    """A callback that warns of a small share after the first steps, and stops a run whose mask has marked nothing.

    `description` names the mask. The share is that of all response tokens of the first five steps, or of all steps if
    there are fewer. It warns below `least_share`; with 0 it does nothing.
    """

    def __init__(self, description: str, least_share: float) -> None:
        self._description, self._least_share = description, least_share
        self.n_marked = self.n_tokens = 0

    def add(self, n_marked: int, n_tokens: int, step: int) -> None:
        """Count the tokens of all processes that were sampled at `step`, counted from 0."""
        if step < FIRST_STEPS:
            self.n_marked, self.n_tokens = self.n_marked + n_marked, self.n_tokens + n_tokens

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Check the share after the last of the first steps. Raise `UsageError` if it is 0."""
        n_steps = min(FIRST_STEPS, state.max_steps)
        if not self._least_share or state.global_step != n_steps or not self.n_tokens:
            return
        steps = "the first step" if n_steps == 1 else f"the first {n_steps} steps"
        measured = f"of the {self.n_tokens:,} response tokens of {steps}"
        if not self.n_marked:
            raise UsageError(
                f"{self._description} marks none {measured}, so training is GRPO: check that the lexicon and the "
                "responses are of one language and style (sgram tag shows what is marked), mine a lexicon from these "
                "responses, or choose another mask; --min-mask-share 0 (min_mask_share=0) trains anyway"
            )
        if self.n_marked < self._least_share * self.n_tokens and state.is_world_process_zero:
            warnings.warn(
                f"{self._description} marks {self.n_marked / self.n_tokens:.2%} {measured}, less than "
                f"{self._least_share:.3g} of them: training differs little from GRPO; sgram tag shows what is marked, "
                "--min-mask-share (min_mask_share) sets this limit",
                RuntimeWarning,
                stacklevel=2,
            )
