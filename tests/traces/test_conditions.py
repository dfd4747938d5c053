import pytest

from sgram.errors import UsageError
from sgram.traces.conditions import parse_condition, parse_conditions
from sgram.traces.trace import Trace

TRACE = Trace(
    id="a",
    run="grpo",
    text="four words are here",
    reward=0.5,
    correct=True,
    step=100,
    model="deepseek-ai/DeepSeek-R1",
    meta={"dataset": "gsm8k", "epoch": 2, "looped": False},
)
BARE = Trace(id="b", text="")


@pytest.mark.parametrize(
    ("condition", "meets", "bare_meets"),
    [
        ("correct=true", True, False),
        ("correct=false", False, False),
        ("correct=none", False, True),
        ("correct!=none", True, False),
        ("correct != false", True, True),
        ("correct==TRUE", True, False),
        ("step>=100", True, False),
        ("step>100", False, False),
        ("step<100.5", True, False),
        ("step<=99", False, False),
        ("step=100", True, False),
        ("reward=0.5", True, False),
        ("reward!=1", True, True),
        ("reward=none", False, True),
        ("length=19", True, False),
        ("length<1", False, True),
        ("model=deepseek-ai/DeepSeek-R1", True, False),
        ("model~R1", True, False),
        ("run=grpo", True, False),
        ("run!=grpo", False, True),
        ("model~r1", False, False),
        ("model!=x", True, True),
        ("id=a", True, False),
        ("meta.dataset=gsm8k", True, False),
        ("meta.epoch=2", True, False),
        ("meta.epoch>=2", True, False),
        ("meta.epoch=x", False, False),
        ("meta.looped=false", True, False),
        ("meta.other=none", True, True),
        ("text~=four", False, False),
        ("text~words", True, False),
    ],
)
def test_a_condition_means_what_it_says(condition, meets, bare_meets):
    test = parse_condition(condition)
    assert (test(TRACE), test(BARE)) == (meets, bare_meets)


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "correct",
        "=true",
        "color=red",
        "step>=many",
        "step=ten",
        "correct=yes",
        "model>5x",
        "correct>=true",
        "reward~1",
        "meta.=3",
        "model~none",
        "token_ids=1",
    ],
)
def test_an_invalid_condition_raises_an_error_with_the_syntax(condition):
    with pytest.raises(UsageError, match=r"^condition '.*"):
        parse_condition(condition)


def test_all_conditions_must_hold():
    assert parse_conditions([]) is None
    assert parse_conditions(["correct=true"])(TRACE)
    assert parse_conditions(["correct=true", "step<200"])(TRACE)
    assert not parse_conditions(["correct=true", "step>200"])(TRACE)
