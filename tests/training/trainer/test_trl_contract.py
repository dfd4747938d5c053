"""What the trainer asks of TRL is there; what has moved is told and not passed over."""

import pytest
import trl
from trl import GRPOTrainer

from sgram.errors import SgramError
from sgram.training.trainer import trl_contract as hooks
from sgram.training.trainer.trl_contract import check_hooks, moved_hooks


def test_the_installed_trl_has_every_hook():
    assert moved_hooks() == []
    check_hooks()
    assert trl.__version__.startswith(hooks.TESTED)


@pytest.mark.parametrize("name", sorted(hooks._PARAMETERS))
def test_a_hook_that_is_gone_is_told(name):
    without = type("Without", (), {each: getattr(GRPOTrainer, each) for each in hooks._PARAMETERS if each != name})
    assert moved_hooks(without) == [f"{name} is gone"]


def test_other_parameters_are_told():
    class Other(GRPOTrainer):
        def _compute_loss(self, inputs, model):
            """In another order."""

        def _calculate_rewards(self, inputs, prompts, completions):
            """One fewer."""

        def log(self, logs, start_time=None, more=None):
            """One more is no harm."""

    assert moved_hooks(Other) == [
        "_calculate_rewards takes (inputs, prompts, completions)",
        "_compute_loss takes (inputs, model)",
    ]


def test_words_that_are_relied_on_are_looked_for():
    class Other(GRPOTrainer):
        def _compute_loss(self, model, inputs):
            advantages = inputs["advantages"]
            advantages = advantages.unsqueeze(1)
            return advantages, self._get_logps(model)

        def _prepare_inputs(self, generation_batch):
            return generation_batch

    assert moved_hooks(Other) == [
        "_compute_loss no longer says _get_per_token_logps_and_entropies(",
        "_prepare_inputs no longer says shuffle_sequence_dict",
        "_prepare_inputs no longer says split_tensor_dict",
        "_prepare_inputs no longer says _buffered_inputs",
        "_prepare_inputs no longer says self._step",
    ]


def test_a_moved_hook_stops_before_training(monkeypatch, tmp_path):
    from tests.builders.tiny_policy import trainer

    monkeypatch.delattr(GRPOTrainer, "_get_train_sampler")
    monkeypatch.setattr("transformers.Trainer._get_train_sampler", None)
    with pytest.raises(
        SgramError, match=rf"TRL {trl.__version__} is not the TRL .*_get_train_sampler is gone; pip install"
    ):
        trainer(tmp_path)
