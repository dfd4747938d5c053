"""Arms as they are written on a command line."""

import pytest

from sgram.errors import UsageError
from sgram.training.experiments.arms import Arm, choose_controls, parse_arms
from tests.builders.run_examples import METHODS, SETTINGS, config


def arms(text):
    return parse_arms(text, METHODS, SETTINGS)


def test_an_arm_is_a_method_with_settings_after_colons():
    parsed = arms("grpo, hicra,hicra:alpha=0.5,placebo:placebo-draw=3:alpha=1,grpo:learning_rate=7e-4")
    assert parsed == [
        Arm("grpo"),
        Arm("hicra"),
        Arm("hicra", (("alpha", 0.5),)),
        Arm("placebo", (("alpha", 1), ("placebo_draw", 3))),
        Arm("grpo", (("learning_rate", 7e-4),)),
    ]
    assert [arm.name for arm in parsed] == [
        "grpo",
        "hicra",
        "hicra:alpha=0.5",
        "placebo:alpha=1:placebo_draw=3",
        "grpo:learning_rate=0.0007",
    ]


def test_a_name_reads_back_as_the_same_arm():
    parsed = arms("hicra:alpha=.50,siren:siren_coef=5e-3:learning_rate=some/where,entropy:alpha=true")
    assert arms(",".join(arm.name for arm in parsed)) == parsed
    assert dict(parsed[0].overrides) == {"alpha": 0.5}
    assert dict(parsed[1].overrides) == {"siren_coef": 0.005, "learning_rate": "some/where"}
    assert dict(parsed[2].overrides) == {"alpha": True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hicra,hicr", "unknown method hicr; did you mean hicra"),
        ("zzzz", "unknown method zzzz; the names are entropy, grpo, grpo-matched"),
        ("hicra:alhpa=1", "arm hicra:alhpa=1: unknown setting alhpa; did you mean alpha?"),
        ("hicra:alpha", "invalid setting 'alpha' of arm hicra:alpha; write hicra:alpha=0.5"),
        ("hicra:alpha=", "invalid setting 'alpha='"),
        ("hicra:alpha=1:alpha=2", "sets alpha twice"),
        ("hicra:alpha=NaN", "NaN is not a finite number"),
        ("hicra:steps=5", "sets steps, which all arms share; set it for all of them"),
        ("grpo:seed=5", "sets seed, which all arms share"),
        ("grpo:method=hicra", "sets method, which all arms share"),
        ("grpo:task=gym", "sets task, which all arms share"),
        ("hicra:alpha=.5,hicra:alpha=.5", "the arm hicra:alpha=0.5 is named twice"),
        ("grpo,grpo", "the arm grpo is named twice"),
        ("hicra:alpha=0.5,hicra:alpha=0.50", "the arm hicra:alpha=0.5 is named twice"),
        ("grpo,,hicra", "an arm has no method"),
        ("", "an arm has no method"),
        ("gr\x1b[31mpo", r"unknown method gr\x1b[31mpo"),
    ],
)
def test_what_cannot_be_meant_is_said(text, message):
    with pytest.raises(UsageError) as raised:
        arms(text)
    assert message in str(raised.value)


def test_an_arm_changes_its_own_settings_and_those_of_the_run_only():
    base = config(alpha=0.3, placebo_draw=None, task_options={"methods": 5})
    arm = arms("placebo:alpha=0.5")[0]
    applied = arm.apply(base, seed=4, warmup_seed=1)
    assert applied == config(method="placebo", alpha=0.5, seed=4, warmup_seed=1, task_options={"methods": 5})
    assert base.method == "hicra"  # untouched
    with pytest.raises(UsageError, match=r"arm hicra:alpha=big: alpha must be a number \(got 'big'\)"):
        arms("hicra:alpha=big")[0].apply(base)


def test_controls_are_the_methods_that_are_controls_else_the_first_arm_else_those_named():
    parsed = arms("hicra,grpo,siren,placebo:placebo_draw=2,hicra-centered")
    assert [arm.name for arm in choose_controls(parsed)] == ["grpo", "placebo:placebo_draw=2", "hicra-centered"]
    assert choose_controls(arms("hicra,siren")) == arms("hicra")
    assert choose_controls(parsed, ["siren", "siren"]) == arms("siren")
    with pytest.raises(UsageError, match="the control entropy is not among the arms, hicra, grpo"):
        choose_controls(parsed, ["entropy"])


def test_methods_settings_and_choices_are_taken_in_any_case():
    assert [arm.name for arm in parse_arms("GRPO,Hicra_Push:Alpha=0.5")] == ["grpo", "hicra-push:alpha=0.5"]
    assert [arm.name for arm in choose_controls(parse_arms("hicra,grpo"), ["GRPO"])] == ["grpo"]
