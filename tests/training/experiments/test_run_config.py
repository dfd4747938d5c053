"""A run as a value: written down, read back, and refused in a message where it contradicts itself."""

import json
import math
import tomllib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.tagging.spans import MASK_KINDS
from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.run_config import RunConfig


def test_the_defaults_are_a_run():
    config = RunConfig()
    assert config.task == config.model == "testbed"
    assert set(config.identity()) == {setting.name for setting in fields(RunConfig)}


@given(
    st.integers(0, 99),
    st.integers(1, 99),
    st.floats(0, 9),
    st.sampled_from(["none", "std"]),
    st.booleans(),
    st.dictionaries(st.sampled_from(["methods", "largest"]), st.integers(1, 9)),
    st.none() | st.integers(1, 500),
)
def test_what_is_written_down_is_read_back(seed, steps, alpha, scale, bf16, options, warmup):
    config = RunConfig(
        seed=seed, steps=steps, alpha=alpha, scale=scale, bf16=bf16, task_options=options, sft_steps=warmup
    )
    again = RunConfig.from_mapping(json.loads(json.dumps(config.identity())))
    assert again.identity() == config.identity()
    assert list(again.task_options) == sorted(options)  # in whatever order they were given


def test_a_file_of_settings_is_read():
    text = 'method = "grpo"\nlearning-rate = 1\nsteps = 5.0\nplacebo_draw = 3\n'
    text += "[task-options]\nmethods = 5\nlargest = 9\n"
    config = RunConfig.from_mapping(tomllib.loads(text), "config.toml")
    assert config == RunConfig(
        method="grpo", learning_rate=1.0, steps=5, placebo_draw=3, task_options={"largest": 9, "methods": 5}
    )
    assert isinstance(config.learning_rate, float)
    assert isinstance(config.steps, int)


def test_nothing_given_is_the_default():
    assert RunConfig.from_mapping({"seed": None, "entropy_coef": None}) == RunConfig()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stepz": 3}, r"^config\.toml: unknown setting stepz; did you mean .*steps"),
        ({"qqqqqq": 3}, "unknown setting qqqqqq; the settings are task,"),
        ({"bad\x1b[2J": 3}, r"unknown setting bad\\x1b"),
        ({"steps": "3"}, r"^config\.toml: steps must be an integer \(got '3'\)"),
        ({"steps": True}, "steps must be an integer \\(got True\\)"),
        ({"steps": 2.5}, "steps must be an integer \\(got 2.5\\)"),
        ({"alpha": "x"}, "alpha must be a number"),
        ({"method_options": {"ktae_wight": 1}}, "method_options: unknown option 'ktae_wight'; the options are alpha, "),
        ({"method_options": {"gate_quantile": 2}}, "gate_quantile must be a finite number >= 0 and <= 1"),
        ({"bf16": 1}, "bf16 must be true or false"),
        ({"method": 3}, "method must be a string"),
        ({"task_options": [1]}, "task_options must be a table"),
        ({"scale": 3}, "scale must be a string"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(settings, message):
    with pytest.raises(UsageError, match=message):
        RunConfig.from_mapping(settings, "config.toml")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 1}, "samples must be >= 2"),
        ({"steps": 0}, "steps must be a finite number >= 1 \\(got 0\\)"),
        ({"alpha": -0.1}, "alpha must be a finite number >= 0"),
        ({"alpha": math.nan}, "alpha must be a finite number >= 0 \\(got nan\\)"),
        ({"learning_rate": math.inf}, "learning_rate"),
        ({"learning_rate": 0.0}, "must be > 0"),
        ({"temperature": 0.0}, "must be > 0"),
        ({"scale": "batch"}, "scale must be one of none, std \\(got batch\\)"),
        ({"schedule": "warm"}, "schedule must be one of linear, constant, cosine"),
        ({"prompts": 3, "samples": 4, "accumulation": 5}, "accumulation 5 does not divide the 12 responses of a step"),
        ({"placebo_draw": -1}, "placebo_draw"),
        ({"entropy_coef": -1.0}, "entropy_coef"),
        ({"top_p": 0.0}, r"top_p must be > 0 and <= 1 \(got 0.0\)"),
        ({"top_p": 1.1}, "top_p must be > 0 and <= 1"),
        ({"loss": "dpo"}, r"loss must be one of grpo, bnpo, dr_grpo, dapo, luspo, cispo, sapo, vespo \(got dpo\)"),
        ({"importance_sampling": "group"}, r"importance_sampling must be one of token, sequence \(got group\)"),
        ({"steps": 60, "warmup_steps": 80}, r"warmup_steps must be <= steps \(got 80 and 60\): .* are sft_steps"),
        (
            {"loss": "cispo"},
            "clip_high is the bound of the ratio itself, so 0.28 would bound every ratio: give clip_high",
        ),
        ({"method": "clip-cov", "importance_sampling": "sequence"}, "clip-cov reads which tokens the loss clips"),
        ({"method": "dr-grpo", "loss": "dapo"}, "method dr-grpo prescribes loss dr_grpo, but loss dapo was given"),
        ({"method": "dr-grpo", "scale": "std"}, "method dr-grpo prescribes scale none, but scale std was given"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        RunConfig(**settings)


def test_what_is_not_given_is_the_methods_and_is_written_down():
    assert (RunConfig().loss_type, RunConfig().advantage_scale) == ("dapo", "std")
    drawn = RunConfig(method="dr-grpo")
    assert (drawn.identity()["loss"], drawn.identity()["scale"]) == ("dr_grpo", "none")
    assert RunConfig(method="dr-grpo", loss="dr_grpo", scale="none").identity() == drawn.identity()
    # the arms of a comparison have what their methods prescribe; what is given holds for all, or is an error
    arm = parse_arms("dr-grpo")[0]
    assert arm.apply(RunConfig()).identity() == drawn.identity()
    assert arm.apply(RunConfig(scale="none")).loss_type == "dr_grpo"
    with pytest.raises(UsageError, match="prescribes loss dr_grpo, but loss grpo was given"):
        arm.apply(RunConfig(loss="grpo"))
    assert RunConfig(report_to="tensorboard, trackio").trackers == ["tensorboard", "trackio"]
    assert RunConfig().trackers == RunConfig(report_to="").trackers == []


def test_the_testbed_keeps_the_published_mask_and_other_tasks_get_grams_in_sentences():
    assert RunConfig().mask == RunConfig(method="placebo").mask == "grams"
    assert RunConfig(task="problems.jsonl").mask == RunConfig(task="gym:countdown").mask == "grams-in-sentences"
    assert RunConfig(task="problems.jsonl", mask="grams").identity()["mask"] == "grams"
    assert [RunConfig(mask=mask).uses_scorer for mask in MASK_KINDS] == [False, True, True]
    with pytest.raises(UsageError, match=r"mask must be one of grams, sentences, grams-in-sentences \(got words\)"):
        RunConfig.from_mapping({"mask": "words"})
    with pytest.raises(UsageError, match="min_mask_share must be <= 1"):
        RunConfig(min_mask_share=1.5)


def test_every_number_has_a_bound():
    numbers = {
        setting.name for setting in fields(RunConfig) if any(word in str(setting.type) for word in ("int", "float"))
    }
    for name in numbers:
        with pytest.raises(UsageError, match=name):
            RunConfig(**{name: -1})


def test_a_real_model_is_trained_with_a_small_rate_and_room_for_its_responses():
    testbed, real = RunConfig(), RunConfig(task="problems.jsonl", model="smollm2")
    assert (testbed.learning_rate, testbed.max_tokens) == (5e-4, 112)
    assert (real.learning_rate, real.max_tokens) == (1e-6, 512)
    assert RunConfig(task="problems.jsonl", model="smollm2", lora_rank=8).learning_rate == 1e-5
    assert RunConfig(task="problems.jsonl", learning_rate=2e-4, max_tokens=64).identity()["learning_rate"] == 2e-4


def test_names_of_methods_and_choices_are_taken_in_any_case_and_kept_as_they_are_declared():
    read = RunConfig(method="HICRA_Push", mask="Grams_in_Sentences", scale="STD", schedule="Cosine")
    assert read == RunConfig(method="hicra-push", mask="grams-in-sentences", scale="std", schedule="cosine")
