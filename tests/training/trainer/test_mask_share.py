"""A mask that marks next to nothing: warned of after the first steps, and not trained with if it marks nothing."""

import warnings
from types import SimpleNamespace

import pytest

from sgram.errors import UsageError
from sgram.training.trainer.mask_share import MaskShareCheck


def end_steps(check: MaskShareCheck, marked: list[int], max_steps: int = 80) -> list[str]:
    """Sample 1,000 tokens a step, of which so many are marked; return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step, n_marked in enumerate(marked):
            check.add(n_marked, 1000, step)
            state = SimpleNamespace(global_step=step + 1, max_steps=max_steps, is_world_process_zero=True)
            check.on_step_end(None, state, None)
    return [str(warning.message) for warning in caught]


def make(least_share: float = 0.01) -> MaskShareCheck:
    return MaskShareCheck("the mask", least_share)


def test_a_small_share_of_the_first_five_steps_warns_once():
    # 49 of 5,000 tokens are .98 %; the sixth step does not count
    (message,) = end_steps(make(), [9, 9, 9, 9, 13, 900])
    assert message.startswith("the mask marks 0.98% of the 5,000 response tokens of the first 5 steps, less than 0.01")
    # 50 are 1 %, which is not below it; one step without marks is none of five
    assert end_steps(make(), [0, 0, 50, 0, 0, 0]) == []
    assert len(end_steps(make(0.5), [499] * 5)) == 1


def test_no_marked_token_in_the_first_steps_stops_the_run():
    with pytest.raises(UsageError, match=r"the mask marks none of the 5,000 response tokens of the first 5 steps"):
        end_steps(make(), [0] * 5)
    assert end_steps(make(), [0] * 4) == []


def test_a_short_run_is_checked_at_its_end():
    with pytest.raises(UsageError, match="of the first 2 steps"):
        end_steps(make(), [0, 0], max_steps=2)


def test_zero_turns_the_check_off():
    assert end_steps(make(0.0), [0] * 6) == []
