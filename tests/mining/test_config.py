"""What a config refuses, and what it stands for."""

from dataclasses import FrozenInstanceError, fields

import pytest

from sgram.errors import UsageError
from sgram.files import canonical_json
from sgram.mining.config import MiningConfig, Resources


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "hicra"}, "unknown method 'hicra'; expected sgram or paper"),
        ({"scorer": "guess"}, "unknown scorer 'guess'; expected labels or contrast"),
        ({"setting": "p70"}, "unknown setting 'p70'; expected one of default, f1, clean"),
        (
            {"scorer": "contrast", "setting": "f1"},
            "setting 'f1' is a threshold of the scorer labels; leave it out, or use that scorer",
        ),
        (
            {"method": "paper", "setting": "clean"},
            "setting 'clean' is a threshold of the scorer labels; leave it out, or use that scorer",
        ),
        ({"top": 0}, r"top must be a share in \(0, 1\] or a whole number >= 1 \(got 0\)"),
        ({"top": -3}, r"top must be a share .* \(got -3\)"),
        ({"top": 0.0}, r"top must be a share .* \(got 0.0\)"),
        ({"top": 1.5}, r"top must be a share .* \(got 1.5\)"),
        ({"top": float("nan")}, r"top must be a share .* \(got nan\)"),
        ({"min_df": 0}, r"min_df must be >= 1 \(got 0\)"),
        ({"min_problems": 0}, r"min_problems must be >= 1 \(got 0\)"),
        ({"min_words": 0}, r"min_words must be >= 1 \(got 0\)"),
        ({"max_words": 0}, r"max_words must be >= 1 \(got 0\)"),
        ({"max_words": 7}, r"max_words must be <= 6 \(got 7\)"),
        ({"max_chars": 0}, r"max_chars must be >= 1 \(got 0\)"),
        ({"min_words": 3, "max_words": 2}, r"min_words must be <= max_words \(got 3 and 2\)"),
        ({"min_words": 7}, r"min_words must be <= max_words \(got 7 and 6\)"),
        ({"similarity": 0.0}, r"similarity must be in \(0, 1\] \(got 0.0\)"),
        ({"similarity": 1.01}, r"similarity must be in \(0, 1\] \(got 1.01\)"),
        ({"explained": 0.0}, r"explained must be in \(0, 2\] \(got 0.0\)"),
        ({"explained": float("nan")}, r"explained must be in \(0, 2\] \(got nan\)"),
    ],
)
def test_an_invalid_setting_is_refused_with_a_message(settings, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        MiningConfig(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"top": 1},
        {"top": 1.0},
        {"top": 500},
        {"min_words": 6},
        {"min_words": 2, "max_words": 2},
        {"similarity": 1.0},
        {"explained": 1.0},
        {"max_chars": 1},
    ],
)
def test_the_edges_of_a_range_are_taken(settings):
    assert MiningConfig(**settings).resolve_settings(10)[next(iter(settings))] == next(iter(settings.values()))


def test_a_length_that_the_method_cannot_have_is_refused_when_it_is_resolved():
    for settings in ({"max_words": 2}, {"min_words": 6}):
        config = MiningConfig(method="paper", **settings)
        with pytest.raises(UsageError, match=r"min_words must be <= max_words \(got \d and \d\)"):
            config.resolve_settings(10)


def test_the_values_of_method_sgram():
    expected = {
        "method": "sgram",
        "scorer": "labels",
        "setting": "default",
        "top": 1.0,  # all that reach the classifier's threshold
        "min_df": 50,  # 0.5 % of the traces
        "min_problems": 25,  # 0.5 % of the problems
        "min_words": 1,
        "max_words": 6,
        "correct_only": False,
        "explained": 0.9,
        "max_chars": 16_000,
        "embedder": "auto",
        "similarity": 0.70,
        "contrast_models": [],
        "seed": 0,
    }
    assert MiningConfig().resolve_settings(10_000, 5_000) == expected
    del expected["setting"]  # without labels there is no threshold
    by_contrast = MiningConfig(scorer="contrast").resolve_settings(10_000, 5_000)
    assert by_contrast == expected | {"scorer": "contrast", "top": 0.20}


def test_the_values_of_method_paper_are_those_of_the_paper():
    # HICRA §2.1: n from 3 to 5, successful solutions, the top 20 % of the clusters; nothing on fragments or problems
    assert MiningConfig(method="paper").resolve_settings(10_000, 5_000) == {
        "method": "paper",
        "top": 0.20,
        "min_df": 50,
        "min_problems": 1,
        "min_words": 3,
        "max_words": 5,
        "correct_only": True,
        "explained": None,
        "max_chars": 16_000,
        "embedder": "auto",
        "similarity": 0.60,
        "contrast_models": [],
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("traces", "min_df"), [(0, 4), (1, 4), (800, 4), (801, 5), (1000, 5), (1001, 6), (20_000, 100)]
)
def test_min_df_is_half_a_percent_of_the_traces_and_at_least_four(traces, min_df):
    for method in ("sgram", "paper"):
        assert MiningConfig(method=method).resolve_settings(traces)["min_df"] == min_df


@pytest.mark.parametrize(
    ("n_problems", "min_problems"),
    [(0, 1), (1, 1), (2, 1), (3, 1), (5, 2), (7, 3), (8, 4), (9, 4), (800, 4), (801, 5), (2000, 10)],
)
def test_min_problems_is_half_a_percent_at_least_four_but_no_more_than_half_of_them(n_problems, min_problems):
    assert MiningConfig().resolve_settings(10_000, n_problems)["min_problems"] == min_problems
    assert MiningConfig(method="paper").resolve_settings(10_000, n_problems)["min_problems"] == 1


def test_an_explicit_setting_does_not_depend_on_the_method_whatever_the_method():
    settings = {
        "top": 7,
        "min_df": 9,
        "min_problems": 3,
        "min_words": 2,
        "max_words": 4,
        "correct_only": False,
        "explained": 0.5,
        "max_chars": 100,
        "embedder": "hash",
        "similarity": 0.8,
        "seed": 5,
    }
    for method in ("sgram", "paper"):
        resolved = MiningConfig(method=method, **settings).resolve_settings(10_000, 500)
        assert {name: resolved[name] for name in settings} == settings


def test_resolved_settings_are_json_of_every_field_but_the_name():
    config = MiningConfig(contrast_models=("QwQ", "R1"), name="mine", part="answer")
    resolved = config.resolve_settings(100)
    canonical_json(resolved)
    assert resolved["contrast_models"] == ["QwQ", "R1"]
    assert resolved.keys() == {field.name for field in fields(config)} - {"name"}


def test_a_config_is_a_value():
    assert MiningConfig(top=5) == MiningConfig(top=5)
    assert hash(MiningConfig()) == hash(MiningConfig())
    with pytest.raises(FrozenInstanceError):
        MiningConfig().top = 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"workers": 0}, r"workers must be >= 1 \(got 0\)"), ({"memory": 100}, "memory must be >= 512MiB: .*")],
)
def test_invalid_resources_are_refused_with_a_message(settings, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        Resources(**settings)


@pytest.mark.parametrize("memory", [512 << 20, 1 << 30, 2 << 30, 64 << 30])
def test_a_corpus_may_hold_a_part_of_the_memory(memory):
    assert 32 << 20 <= Resources(memory=memory).array_memory() < memory / 2
