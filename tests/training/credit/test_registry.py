"""The registry: every method does what its name says, and nothing where there is nothing to do."""

import dataclasses
import math

import pytest
import torch

from sgram.errors import UsageError
from sgram.training.credit.covariance import kl_cov_penalty
from sgram.training.credit.method import CreditBatch, MethodSettings
from sgram.training.credit.registry import METHODS, find_method
from sgram.training.credit.shaping import rollout_advantages, update_advantages
from tests.builders.paths import ROOT

NAMES = [
    "grpo",
    "dr-grpo",
    "hicra",
    "hicra-scale",
    "hicra-push",
    "hicra-correct",
    "hicra-symmetric",
    "hicra-centered",
    "hicra-gated",
    "placebo",
    "placebo-execution",
    "execution-scale",
    "execution-symmetric",
    "grpo-matched",
    "high-entropy",
    "entropy-advantage",
    "clip-cov",
    "kl-cov",
    "entropy",
    "siren",
    "ktae",
]
A = torch.tensor([1.5, -0.5, -0.5, -0.5])
PLANNING = torch.tensor([[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 0, 0]], dtype=torch.bool)
MASK = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 0]], dtype=torch.bool)
GROUPS = torch.tensor([0, 0, 0, 0])
ENTROPIES = torch.tensor([[0.1, 0.9, 0.2], [0.5, 0.4, 9.0], [0.3, 0.8, 0.0], [0.2, 0.6, 9.0]])
LOGPS = torch.tensor([[-0.1, -2.0, -0.2], [-0.5, -3.0, -9.0], [-0.1, -0.7, -1.0], [-0.2, -4.0, -9.0]])
LONG = torch.tensor([True, False, True, False])
IDS = torch.tensor([[7, 8, 9], [7, 9, 8], [7, 9, 9], [9, 7, 8]])
REWARDS = torch.tensor([1.0, 0.0, 0.0, 0.0])
ROLLOUT = CreditBatch(A, PLANNING, MASK, GROUPS, IDS, REWARDS)
PLAIN = A[:, None].expand(4, 3)
SETTINGS = MethodSettings(clip_cov_ratio=1.0, clip_cov_low=0.3)


def in_loss(rollout, **fields):
    batch = {
        "entropies": ENTROPIES,
        "logps": LOGPS,
        "old_logps": LOGPS,
        "is_long": LONG,
        "generator": torch.Generator().manual_seed(0),
    }
    return dataclasses.replace(rollout, **batch | fields)


def shaped(name, settings=SETTINGS, rollout=ROLLOUT, **fields):
    """(B, T) advantages as a trainer gets them: once at sampling, once in the loss."""
    method = find_method(name)
    advantages = rollout_advantages(method, rollout, settings)
    return update_advantages(method, in_loss(rollout, advantages=advantages, **fields), settings)


def test_the_methods_are_these():
    assert list(METHODS) == NAMES
    for name, method in METHODS.items():
        assert method.name == name
        assert method.summary
        assert "\n" not in method.summary
        assert len(method.summary) < 80
        assert method.source
    with pytest.raises(TypeError):
        METHODS["mine"] = METHODS["grpo"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # HICRA, alpha 0.2: 1.5 -> 1.8, -0.5 -> -0.4; token (1, 2) plans outside the response
        ("hicra", [[1.8, 1.5, 1.8], [-0.5, -0.4, -0.5], [-0.5] * 3, [-0.4, -0.5, -0.5]]),
        ("placebo", [[1.8, 1.5, 1.8], [-0.5, -0.4, -0.5], [-0.5] * 3, [-0.4, -0.5, -0.5]]),
        ("placebo-execution", [[1.8, 1.5, 1.8], [-0.5, -0.4, -0.5], [-0.5] * 3, [-0.4, -0.5, -0.5]]),
        # one of four correct, p 1/4: factor 1 + 0.2 (1 - 2/4) = 1.1
        ("hicra-scale", [[1.65, 1.5, 1.65], [-0.5, -0.55, -0.5], [-0.5] * 3, [-0.55, -0.5, -0.5]]),
        # mean |A| = (1.5 + 3 * 0.5) / 4 = 0.75: push 0.15
        ("hicra-push", [[1.65, 1.5, 1.65], [-0.5, -0.35, -0.5], [-0.5] * 3, [-0.35, -0.5, -0.5]]),
        ("hicra-correct", [[1.8, 1.5, 1.8], [-0.5] * 3, [-0.5] * 3, [-0.5] * 3]),
        ("hicra-symmetric", [[1.8, 1.5, 1.8], [-0.5, -0.6, -0.5], [-0.5] * 3, [-0.6, -0.5, -0.5]]),
        # the rules of hicra-scale and hicra-symmetric; the trainer's mask says that the tokens are execution tokens
        ("execution-scale", [[1.65, 1.5, 1.65], [-0.5, -0.55, -0.5], [-0.5] * 3, [-0.55, -0.5, -0.5]]),
        ("execution-symmetric", [[1.8, 1.5, 1.8], [-0.5, -0.6, -0.5], [-0.5] * 3, [-0.6, -0.5, -0.5]]),
        # bonuses 0.3, 0.3, 0.1, 0.1, mean 0.2: pushes 0.1 and -0.1
        ("hicra-centered", [[1.6, 1.5, 1.6], [-0.5, -0.6, -0.5], [-0.5] * 3, [-0.6, -0.5, -0.5]]),
        # row 0 alone is correct and long; the 0.7 quantile of 0.1, 0.2, 0.9 is 0.48: token 1 is high, 0 and 2 plan
        ("hicra-gated", [[1.8, 1.8, 1.8], [-0.5] * 3, [-0.5] * 3, [-0.5] * 3]),
        # 10 response tokens 0 .1 .2 .2 .3 .4 .5 .6 .8 .9: place 7.2 is 0.64, so 0.9 and 0.8
        ("high-entropy", [[0, 1.5, 0], [0, 0, -0.5], [0, -0.5, 0], [0, 0, -0.5]]),
        # 0.4 H, at most |A| / 2
        ("entropy-advantage", [[1.54, 1.86, 1.58], [-0.3, -0.34, -0.5], [-0.38, -0.25, -0.5], [-0.42, -0.26, -0.5]]),
        # mean A = (4.5 - 3.5) / 10 = 0.1, mean log pi = -11.8 / 10 = -1.18; covariances 1.4 (1.08, -0.82, 0.98) and
        # -0.6 (0.68, -1.82 | 1.08, 0.48, 0.18 | 0.98, -2.82): above 0.3 and below 5 are tokens 0 and 2 of row 0 (1.512,
        # 1.372), (1, 1) with 1.092 and (3, 1) with 1.692; a ratio of 1 takes all
        ("clip-cov", [[0, 1.5, 0], [-0.5, 0, -0.5], [-0.5] * 3, [-0.5, 0, -0.5]]),
    ],
)
def test_a_method_shapes_advantages_as_worked_out_by_hand(name, expected):
    torch.testing.assert_close(shaped(name), torch.tensor(expected))


def test_the_matched_control_scales_all_of_the_response():
    # ||A||^2 = 3 * 2.25 + 7 * 0.25 = 8.5; HICRA's: 2 * 3.24 + 2.25 + 2 * 0.16 + 5 * 0.25 = 10.3
    scale = math.sqrt(10.3 / 8.5)
    torch.testing.assert_close(shaped("grpo-matched")[MASK], (PLAIN * scale)[MASK])
    assert torch.equal(shaped("grpo-matched")[~MASK], PLAIN[~MASK])


@pytest.mark.parametrize("name", ["grpo", "dr-grpo", "kl-cov", "entropy", "siren"])
def test_what_works_in_the_loss_leaves_advantages_alone(name):
    assert find_method(name).at_rollout is None
    assert find_method(name).at_update is None
    assert find_method(name).mask == "none"


def test_what_a_trainer_must_know_of_each():
    assert {name: method.penalty for name, method in METHODS.items() if method.penalty != "none"} == {
        "kl-cov": kl_cov_penalty,
        "entropy": "entropy",
        "siren": "siren",
    }
    assert {name: method.mask for name, method in METHODS.items() if method.mask != "none"} == {
        "hicra": "planning",
        "hicra-scale": "planning",
        "hicra-push": "planning",
        "hicra-correct": "planning",
        "hicra-symmetric": "planning",
        "hicra-centered": "planning",
        "hicra-gated": "planning",
        "grpo-matched": "planning",
        "placebo": "placebo",
        "placebo-execution": "placebo-execution",
        "execution-scale": "placebo-execution",
        "execution-symmetric": "placebo-execution",
    }
    assert {name for name, method in METHODS.items() if method.scale_rewards or method.loss} == {"dr-grpo"}
    assert (METHODS["dr-grpo"].scale_rewards, METHODS["dr-grpo"].loss) == ("none", "dr_grpo")


@pytest.mark.parametrize("name", NAMES)
def test_a_method_reads_what_it_says_that_it_needs_and_nothing_else(name):
    optional = {"token_ids", "rewards", "entropies", "logps", "old_logps"}
    needs = METHODS[name].needs
    shaped(
        name,
        rollout=dataclasses.replace(ROLLOUT, **dict.fromkeys({"token_ids", "rewards"} - set(needs))),
        **dict.fromkeys({"entropies", "logps", "old_logps"} - set(needs)),
    )
    assert set(needs) <= optional
    for missing in needs if METHODS[name].penalty == "none" else ():
        rollout = dataclasses.replace(ROLLOUT, **{missing: None}) if missing in ("token_ids", "rewards") else ROLLOUT
        with pytest.raises((TypeError, AttributeError, UsageError)):
            shaped(name, rollout=rollout, **({missing: None} if rollout is ROLLOUT else {}))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_where_all_advantages_are_0(name):
    nothing = dataclasses.replace(ROLLOUT, advantages=torch.zeros(4), rewards=torch.zeros(4))
    assert (shaped(name, rollout=nothing) == 0).all()


@pytest.mark.parametrize("name", [name for name in NAMES if METHODS[name].mask != "none"])
def test_nothing_changes_at_alpha_0(name):
    assert torch.equal(shaped(name, MethodSettings(alpha=0.0)), PLAIN)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_outside_the_response_nor_in_place(name):
    before = [tensor.clone() for tensor in (A, PLANNING, MASK, ENTROPIES, LOGPS)]
    assert torch.equal(shaped(name)[~MASK], PLAIN[~MASK])
    for tensor, original in zip((A, PLANNING, MASK, ENTROPIES, LOGPS), before, strict=True):
        assert torch.equal(tensor, original)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_does_not_matter(name):
    order = torch.tensor([2, 0, 3, 1])
    rollout = CreditBatch(A[order], PLANNING[order], MASK[order], GROUPS[order], IDS[order], REWARDS[order])
    actual = shaped(
        name,
        rollout=rollout,
        entropies=ENTROPIES[order],
        logps=LOGPS[order],
        old_logps=LOGPS[order],
        is_long=LONG[order],
    )
    torch.testing.assert_close(actual, shaped(name)[order])


def test_high_entropy_can_be_that_of_all_processes():
    # with ten tokens of 0.85 elsewhere the 0.8 quantile of 20 is at place 15.2: 0.85
    actual = shaped("high-entropy", gather_entropies=lambda local: torch.cat([local, torch.full((10,), 0.85)]))
    assert actual[MASK].nonzero().flatten().tolist() == [1]


def test_clip_cov_needs_something_to_draw_with():
    with pytest.raises(UsageError, match=r"give the batch a torch\.Generator or a seed"):
        shaped("clip-cov", generator=None)
    settings = MethodSettings(clip_cov_ratio=0.1, clip_cov_low=0.3)
    dropped_tokens = {
        tuple((shaped("clip-cov", settings, generator=seed) == 0).flatten().tolist()) for seed in range(20)
    }
    assert len(dropped_tokens) == 4


def test_each_setting_is_read_by_a_method():
    files = (ROOT / "sgram/training/credit/methods").glob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    for name in MethodSettings.__dataclass_fields__:
        if not name.startswith(("entropy_coef", "siren_", "kl_cov_")):  # those are read where the loss is made
            assert f"settings.{name}" in text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("alpha", -0.1, r"alpha must be a finite number >= 0 \(got -0.1\)"),
        ("alpha", math.nan, "alpha must be a finite number"),
        ("high_entropy_share", 0, "high_entropy_share must be a finite number > 0 and <= 1"),
        ("gate_quantile", 1.5, "and <= 1"),
        ("entropy_kappa", 0.5, "entropy_kappa must be a finite number >= 1"),
        ("siren_top_p", 0, "siren_top_p must be a finite number > 0"),
        ("siren_coef", "1", "siren_coef must be a finite number"),
        ("clip_cov_low", 5.0, r"clip_cov_low must be < clip_cov_high \(got 5 and 5\)"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(name, value, expected):
    with pytest.raises(UsageError, match=expected):
        MethodSettings(**{name: value})


def test_the_defaults_are_those_of_the_papers():
    assert dataclasses.asdict(MethodSettings()) == {
        "alpha": 0.2,
        "high_entropy_share": 0.2,
        "gate_quantile": 0.7,
        "entropy_alpha": 0.4,
        "entropy_kappa": 2.0,
        "entropy_coef": 0.001,
        "siren_coef": 0.005,
        "siren_top_p": 0.8,
        "siren_peak_share": 0.2,
        "clip_cov_ratio": 2e-4,
        "clip_cov_low": 1.0,
        "clip_cov_high": 5.0,
        "epsilon_low": 0.2,
        "epsilon_high": 0.2,
        "kl_cov_ratio": 2e-4,
        "kl_cov_coef": 1.0,
        "ktae_weight": 1.0,
    }


def test_a_wrong_name_meets_the_nearest_ones():
    with pytest.raises(UsageError, match=r"unknown method 'hicra-centred' \(did you mean hicra-centered"):
        find_method("hicra-centred")
    with pytest.raises(UsageError, match=r"did you mean .*dr-grpo.*; the methods are grpo, dr-grpo, hicra"):
        find_method("dr-grp")
    assert find_method("DR_GRPO").name == "dr-grpo"
    with pytest.raises(UsageError, match="unknown method 'zzz'; the methods are"):
        find_method("zzz")
    with pytest.raises(UsageError, match="unknown method"):
        find_method(None)
