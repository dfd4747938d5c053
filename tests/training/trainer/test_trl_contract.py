"""TRL has what the trainer relies on, and a change in it is reported."""

import pytest
import trl
from trl import GRPOTrainer

from sgram.errors import SgramError
from sgram.training.trainer.trl_contract import PARAMETERS, TESTED_VERSION, check_trl, find_trl_changes


def test_the_installed_trl_has_every_hook():
    assert find_trl_changes() == []
    check_trl()
    assert trl.__version__.startswith(TESTED_VERSION)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_missing_hook_is_reported(name):
    without = type("Without", (), {hook: getattr(GRPOTrainer, hook) for hook in PARAMETERS if hook != name})
    assert find_trl_changes(without) == [f"{name} is missing"]


def test_changed_parameters_are_reported():
    class Other(GRPOTrainer):
        def _compute_loss(self, inputs, model):
            """In another order."""

        def _calculate_rewards(self, inputs, prompts, completions):
            """One fewer."""

        def log(self, logs, start_time=None, extra=None):
            """One more is no harm."""

    assert find_trl_changes(Other) == [
        "_calculate_rewards has the parameters (inputs, prompts, completions)",
        "_compute_loss has the parameters (inputs, model)",
    ]


def test_missing_phrases_are_reported():
    class Other(GRPOTrainer):
        def _compute_loss(self, model, inputs):
            advantages = inputs["advantages"]
            advantages = advantages.unsqueeze(1)
            return advantages, self._get_logps(model)

        def _prepare_inputs(self, generation_batch):
            return generation_batch

    assert find_trl_changes(Other) == [
        "the source of _compute_loss lacks _get_per_token_logps_and_entropies(",
        'the source of _compute_loss lacks inputs.get("old_per_token_logps")',
        "the source of _compute_loss lacks log_ratio = per_token_logps - old_per_token_logps",
        'the source of _compute_loss lacks self.importance_sampling_level == "token"',
        "the source of _prepare_inputs lacks shuffle_sequence_dict",
        "the source of _prepare_inputs lacks split_tensor_dict",
        "the source of _prepare_inputs lacks _buffered_inputs",
        "the source of _prepare_inputs lacks self._step",
    ]


def test_a_moved_hook_stops_before_training(monkeypatch, tmp_path):
    from tests.builders.tiny_policy import trainer

    monkeypatch.delattr(GRPOTrainer, "_get_train_sampler")
    monkeypatch.setattr("transformers.Trainer._get_train_sampler", None)
    with pytest.raises(
        SgramError, match=rf"TRL {trl.__version__} is not supported .*_get_train_sampler is missing; pip install"
    ):
        trainer(tmp_path)
