"""Rewards that say which responses are correct."""

import pytest

from sgram.traces.outcomes import RunRewards, describe


def rewards(*values, columns=("score",), is_judged=False):
    run = RunRewards(columns=set(columns), is_judged=is_judged)
    for value in values:
        run.add(value)
    return run


@pytest.mark.parametrize(
    ("run", "threshold"),
    [
        (rewards(0.0, 1.0, 1.0), 0.5),
        (rewards(-1.0, 1.0), 0.0),
        (rewards(0.0, 0.5, 1.0), None),
        (rewards(0.0, 1.0, -1.0), None),  # three values
        (rewards(1.0, 1.0), None),  # one value says nothing
        (rewards(0.0, 1.0, columns=("format_reward",)), None),
        (rewards(0.0, 1.0, columns=("accuracy", "other")), None),
        (rewards(0.0, 1.0, is_judged=True), None),
        (rewards(), None),
    ],
)
def test_two_values_of_one_column_that_is_not_about_form_say_what_is_correct(run, threshold):
    assert run.threshold == threshold


def test_what_was_decided_is_said_with_the_way_to_overrule_it():
    runs = {"a": rewards(0.0, 1.0, 0.0), "b": rewards(-1.0, 1.0), "c": rewards(0.25, 2.25), "d": rewards(1.0)}
    said = "read as wrong or right; --no-infer-correct (infer_correct=False in Python) turns this off"
    assert describe(runs) == [
        f"score is 0 or 1 in all 3 rows of a: {said}",
        f"score is -1 or 1 in all 2 rows of b: {said}",
        "score of c goes from 0.25 to 2.25 and is not read as correctness; "
        "for example, --correct-above 1.25 (correct_above=1.25 in Python) would",
    ]
