"""The settings of a run reach the trainer and the policy that samples."""

import pytest
import torch

from sgram.errors import MissingExtraError, UsageError
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.setup import make_policy, trainer_config
from tests.builders.tiny_policy import model, tokenizer, trained, weights

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


INSTALLED = "transformers.integrations.integration_utils.get_available_reporting_integrations"


def test_every_setting_of_training_reaches_the_trainer(tmp_path, monkeypatch):
    monkeypatch.setattr(INSTALLED, lambda: ["tensorboard"])
    settings = {
        "warmup_steps": 7,
        "weight_decay": 0.1,
        "top_p": 0.9,
        "top_k": 20,
        "beta": 0.04,
        "gradient_checkpointing": True,
        "steps": 9,
    }
    config = RunConfig(importance_sampling="sequence", scale="none", loss="luspo", report_to="tensorboard", **settings)
    args = trainer_config(config, tmp_path, on_gpu=False)
    assert {name: getattr(args, name) for name in settings if name != "steps"} == {
        name: setting for name, setting in settings.items() if name != "steps"
    }
    assert (args.importance_sampling_level, args.scale_rewards, args.loss_type) == ("sequence", "none", "luspo")
    assert args.report_to == ["tensorboard"]
    plain = trainer_config(RunConfig(method="dr-grpo"), tmp_path, on_gpu=False)
    assert (plain.warmup_steps, plain.beta, plain.report_to, plain.loss_type) == (5, 0.0, [], "dr_grpo")


def test_a_tracker_that_is_not_there_is_refused_before_training(tmp_path, monkeypatch):
    with pytest.raises(
        UsageError, match=r"report_to names the unknown tracker tensorbord; transformers knows .*trackio"
    ):
        trainer_config(RunConfig(report_to="tensorbord"), tmp_path, on_gpu=False)
    monkeypatch.setattr(INSTALLED, list)
    with pytest.raises(MissingExtraError, match="report_to trackio needs its package: pip install trackio"):
        trainer_config(RunConfig(report_to="trackio"), tmp_path, on_gpu=False)


def test_a_policy_samples_under_the_restrictions_of_the_run():
    class Problem:
        prompt, id = "How many?", "p"

    config = RunConfig(top_k=1, temperature=3.0, max_tokens=8)
    policy = make_policy(model(width=32), tokenizer(), config)
    first, second = policy.sample([Problem()], 2, seed=0).ids
    assert first == second  # the likeliest token is the only one
    free = make_policy(model(width=32), tokenizer(), RunConfig(temperature=3.0, max_tokens=8))
    first, second = free.sample([Problem()], 2, seed=0).ids
    assert first != second


def test_checkpointed_gradients_are_the_same_gradients(tmp_path):
    # sampling keeps its cache: a model in training mode would drop it
    settings = {"max_steps": 1, "drop_finished_rows": True, "min_mask_share": 0.0}  # whatever is drawn
    plain = weights(trained(tmp_path / "plain", **settings))
    checkpointed = weights(trained(tmp_path / "checkpointed", gradient_checkpointing=True, **settings))
    for name, weight in plain.items():
        assert torch.allclose(weight, checkpointed[name], rtol=0, atol=1e-6), name
