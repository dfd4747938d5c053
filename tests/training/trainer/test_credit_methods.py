"""`HICRATrainer` and credit methods: one path for all of them, methods of one's own, of packages, and refusals."""

import copy
import json
import os
import pickle
import subprocess
import sys

import pytest
import torch

from sgram.errors import UsageError
from sgram.training import Method, shape_advantages
from sgram.training.credit.registry import ENTRY_POINTS
from tests.builders.paths import ROOT
from tests.builders.tiny_policy import binary_reward, config, model, reward, same, trained, trainer, weights

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def watch(ours):
    """Train, and return what each micro-batch of the loss was given."""
    watched = []
    original = ours._compute_loss
    ours._compute_loss = lambda policy, inputs: watched.append(dict(inputs)) or original(policy, inputs)
    ours.train()
    assert watched
    return {
        name: torch.cat([inputs[name] for inputs in watched])
        for name in ("advantages", "completion_ids", "completion_mask", "credit_mask", "row", "reward", "group")
    }


@pytest.mark.parametrize("method", ["hicra", "hicra-push", "hicra-centered", "ktae"])
def test_the_trainer_computes_what_shape_advantages_computes(tmp_path, method):
    plain = watch(trainer(tmp_path / "0", rewards=binary_reward, method="grpo", max_steps=1))
    ours = trainer(tmp_path / "1", rewards=binary_reward, method=method, alpha=0.5, max_steps=1)
    seen = watch(ours)
    assert torch.equal(seen["completion_ids"], plain["completion_ids"])
    assert set(seen["reward"].tolist()) == {0.0, 1.0}
    mask = seen["completion_mask"].bool()
    expected, metrics = shape_advantages(
        plain["advantages"],
        seen["completion_ids"],
        mask,
        seen["group"],
        ours.tagger,
        method,
        alpha=0.5,
        rewards=seen["reward"],
    )
    assert torch.equal(seen["advantages"], expected)
    assert not torch.equal(expected, plain["advantages"][:, None].expand(expected.shape))
    row = ours.state.log_history[0]
    for name in ("credit/changed", "credit/norm_ratio"):
        assert row[name] == pytest.approx(metrics[name])


def test_rewards_and_groups_stay_with_their_rows(tmp_path):
    ours = trainer(tmp_path, max_steps=1)
    seen = watch(ours)
    texts = ours.processing_class.batch_decode(
        [ids[mask.bool()] for ids, mask in zip(seen["completion_ids"], seen["completion_mask"], strict=True)],
        skip_special_tokens=True,
    )
    assert seen["reward"].tolist() == pytest.approx(reward(texts))
    assert (seen["group"] == seen["row"] // 4).all()


DROPPED = Method("dropped", "no credit", "example", at_rollout=lambda batch, _: batch.advantages * 0)
LATE = Method(
    "late", "A / 2 in the loss", "example", at_update=lambda batch, _: batch.advantages / 2, needs=("entropies",)
)
HELD = Method(
    "held",
    "a penalty on log-probabilities",
    "example",
    penalty=lambda batch, settings: settings.kl_cov_coef * batch.logps,
    needs=("logps",),
)


def test_a_method_of_ones_own_trains(tmp_path):
    plain = trained(tmp_path / "0", method="grpo", max_steps=1)
    dropped = trained(tmp_path / "1", method=DROPPED, max_steps=1)
    assert same(weights(dropped), model().state_dict())
    late = trained(tmp_path / "2", method=LATE, max_steps=1)
    # half of each advantage is half of the gradient
    assert late.state.log_history[0]["grad_norm"] == pytest.approx(
        plain.state.log_history[0]["grad_norm"] / 2, rel=1e-4
    )
    held = trained(tmp_path / "3", method=HELD, max_steps=1)
    assert not same(weights(held), weights(plain))


def test_a_configuration_with_a_method_of_ones_own_is_written_and_pickled_by_its_name(tmp_path):
    ours = config(tmp_path, method=DROPPED)
    assert ours.credit_method is DROPPED
    assert ours.to_dict()["method"] == "dropped"
    assert json.loads(ours.to_json_string())["method"] == "dropped"
    for again in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):  # noqa: S301  made here
        with pytest.raises(UsageError, match="unknown method 'dropped'"):
            again.credit_method  # noqa: B018
    trained(tmp_path, method=DROPPED, max_steps=1, save_strategy="steps", save_steps=1)
    assert (tmp_path / "checkpoint-1" / "training_args.bin").exists()


def test_a_method_that_needs_what_the_trainer_does_not_know_is_refused_with_both_names(tmp_path):
    early = Method("early", "reads entropies", "example", at_rollout=lambda b, _: b.entropies, needs=("entropies",))
    message = "method early needs entropies in at_rollout, which HICRATrainer knows in the loss alone"
    with pytest.raises(UsageError, match=message):
        trainer(tmp_path, method=early)
    with pytest.raises(UsageError, match="'hicra' is the name of a method of sgram"):
        config(tmp_path, method=Method("hicra", "another rule", "example"))
    with pytest.raises(UsageError, match=r"method held adds to per-token losses \(grpo, bnpo, dr_grpo, dapo\), not to"):
        trainer(tmp_path, method=HELD, loss_type="cispo")


def test_rewards_that_a_method_cannot_read_stop_the_run(tmp_path):
    with pytest.raises(UsageError, match=r"different rewards .* but hicra-scale, hicra-push and ktae need at most two"):
        trainer(tmp_path, method="hicra-scale").train()  # shares of vowels


PACKAGE = """
from sgram.training import Method


def first_tokens(batch, settings):
    # credit to the first three tokens of each response
    shaped = batch.advantages[:, None].expand(batch.response_mask.shape).clone()
    shaped[:, :3] *= 1 + settings.alpha
    return shaped


FIRST = Method("first-tokens", "(1 + alpha) A on the first three tokens", "a package", at_rollout=first_tokens)
"""
CODE = """
import json, sys
from sgram.cli import main
from sgram.training.experiments.arms import parse_arms
from tests.builders.tiny_policy import trained

parse_arms("grpo,first-tokens")
ours = trained(sys.argv[1], method="first-tokens", alpha=1.0, max_steps=2)
print(json.dumps([row for row in ours.state.log_history if "loss" in row]), flush=True)
main(["train", sys.argv[1] + ".toml", "--method", "first-tokens", "--json", "-o", sys.argv[1] + "-cli"])
"""
SMALL = """
steps = 1
sft_steps = 2
prompts = 2
samples = 2
max_tokens = 8
eval_samples = 2
task_options = {methods = 2, largest = 4}
"""


def test_a_method_of_an_installed_package_trains_with_the_trainer_and_with_the_command(tmp_path):
    site = tmp_path / "site"
    metadata = site / "sgram_first-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "sgram_first.py").write_text(PACKAGE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sgram-first\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nfirst = sgram_first:FIRST\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    (tmp_path / "run.toml").write_text(SMALL)
    command = [sys.executable, "-c", CODE, str(tmp_path / "run")]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    of_trainer, of_command = process.stdout.splitlines()[-2:]
    rows, document = json.loads(of_trainer), json.loads(of_command)
    assert [row["step"] for row in rows] == [1, 2]
    # at most 3 of at most 12 tokens of each response whose group has unequal rewards
    assert 0 < rows[0]["credit/changed"] <= 1
    assert rows[0]["credit/norm_ratio"] > 1
    assert (document["config"]["method"], document["steps"]) == ("first-tokens", 1)
