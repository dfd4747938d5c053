"""What would make a run wrong without a word, and the sums that a penalty shares with TRL's loss."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from sgram.errors import InputError, SgramError, UsageError
from sgram.training.credit.registry import method
from sgram.training.trainer import checks as guards
from sgram.training.trainer.config import HICRAConfig
from tests.builders.tiny_policy import config, lexicon, losses, model, tokenizer, trained, trainer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

# Row 0 holds 1 + 2 + 3 over three tokens, row 1 holds 8 over one; what is masked out is 100
PER_TOKEN = torch.tensor([[1.0, 2.0, 3.0], [8.0, 100.0, 100.0]])
MASK = torch.tensor([[True, True, True], [True, False, False]])


def summed(loss_type: str, *, accumulation=2, per_generation=4, processes=1, n_items=20.0, mask=MASK) -> float:
    of = SimpleNamespace(
        loss_type=loss_type,
        current_gradient_accumulation_steps=accumulation,
        max_completion_length=5,
        accelerator=SimpleNamespace(num_processes=processes),
        args=SimpleNamespace(steps_per_generation=per_generation),
    )
    return float(guards.aggregated(of, PER_TOKEN, mask, {"num_items_in_batch": torch.tensor(n_items)}))


@pytest.mark.parametrize(
    ("loss_type", "expected"),
    [
        ("grpo", ((1 + 2 + 3) / 3 + 8 / 1) / 2 / 2),  # mean over rows of their means
        ("bnpo", (1 + 2 + 3 + 8) / 4 / 2),  # mean over tokens of the micro-batch
        ("dr_grpo", (1 + 2 + 3 + 8) / (2 * 5) / 2),  # a constant: rows times the longest possible
        ("dapo", (1 + 2 + 3 + 8) / (20 * 2 / 4)),  # tokens of the generation, as far as one update sees them
    ],
)
def test_a_term_is_summed_up_as_the_loss_of_its_type(loss_type, expected):
    assert summed(loss_type) == pytest.approx(expected)


def test_a_term_of_several_processes_is_averaged_later():
    # 20 tokens in two processes: this one divides by 10, gradients are averaged: as if all had been divided by 20
    assert summed("dapo", processes=2) == pytest.approx(2 * summed("dapo"))


@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo", "dapo"])
def test_nothing_to_learn_from_is_zero(loss_type):
    assert summed(loss_type, mask=torch.zeros_like(MASK), n_items=0.0) == 0


@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo", "dapo"])
def test_a_term_weighs_as_much_as_the_same_term_in_the_loss_of_trl(tmp_path, monkeypatch, loss_type):
    # The penalty of every token is its own loss at the first update: -A times the ratio, which is 1. Added through
    # `aggregated` it doubles TRL's loss, micro-batch by micro-batch; with "kl-cov" the hook for it is there.
    def same_term(logps, batch, settings):
        return -batch.advantages[:, None] * (logps - logps.detach()).exp() if batch.advantages.dim() == 1 else None

    given = {"loss_type": loss_type, "max_steps": 1, "optim": "sgd", "max_grad_norm": 0.0}
    plain = trained(tmp_path / "plain", method="grpo", **given)
    monkeypatch.setattr("sgram.training.trainer.trainer.kl_cov_penalty", same_term)
    double = trained(tmp_path / "double", method="kl-cov", **given)
    (loss, norm), (twice, norm_twice) = losses(plain)[0], losses(double)[0]
    assert norm > 1e-3
    assert norm_twice == pytest.approx(2 * norm, rel=1e-4)
    assert twice == pytest.approx(2 * loss, rel=1e-3, abs=1e-6)


def test_the_settings_are_the_papers_where_none_are_given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HICRAConfig, "__init__", lambda self, output_dir: setattr(self, "output_dir", output_dir))
    assert guards.checked_config(None, "someone/a-model/").output_dir == "a-model-HICRA"
    assert guards.checked_config(None, model()).output_dir == "model-HICRA"


def test_settings_that_are_no_settings_are_refused():
    with pytest.raises(UsageError, match="takes a HICRAConfig, not dict"):
        guards.checked_config({}, "m")


def test_a_lexicon_is_needed_where_planning_tokens_are_and_nowhere_else(tmp_path):
    path = tmp_path / "lexicon.json"
    lexicon().save(path)
    assert guards.checked_lexicon(None, method("grpo")) is None
    assert guards.checked_lexicon(str(path), method("grpo")).digest == lexicon().digest
    assert guards.checked_lexicon("wang2025", method("hicra")).grams
    with pytest.raises(UsageError, match="method hicra-centered gives credit to planning tokens, so it needs lexicon="):
        guards.checked_lexicon(None, method("hicra-centered"))


def test_a_lexicon_of_another_normal_form_is_refused(tmp_path):
    path = tmp_path / "lexicon.json"
    lexicon().save(path)
    data = path.read_bytes()
    assert data.count(b'"words":') == 1
    held = json.loads(data)
    held["words"] = "another form"
    path.write_text(json.dumps(held))
    with pytest.raises(InputError, match="another form"):
        trainer(tmp_path, grams=str(path))


@pytest.mark.parametrize(
    ("process", "prompts", "fails"),
    [
        (0, "aaaabbbb", False),
        (0, "aaabbbbb", True),
        (0, "abbb", True),
        (1, "aabbbb", False),  # its six rows begin in the middle of the second group of four
        (1, "aaabbb", True),
    ],
)
def test_groups_may_span_processes_but_not_prompts(process, prompts, fails):
    if not fails:
        guards.check_groups(list(prompts), process, 4)
        return
    with pytest.raises(SgramError, match=rf"rows \d and \d of process {process} are one group of 4"):
        guards.check_groups(list(prompts), process, 4)


def test_a_batch_of_more_problems_than_there_are_is_refused(tmp_path):
    # TRL would drop the batch that cannot be filled, and train nothing
    with pytest.raises(UsageError, match="responses to 6 problems are sampled at once, and there are 4"):
        trainer(tmp_path, steps_per_generation=6)


def test_gradients_that_are_no_numbers_stop_before_the_update(tmp_path):
    policy = model()
    ours = trainer(tmp_path, policy=policy)
    before = {name: value.detach().clone() for name, value in policy.named_parameters()}
    next(policy.parameters()).register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(SgramError, match=r"the gradient of step 1 is not finite; .*rollouts"):
        ours.train()
    for name, value in policy.named_parameters():
        assert torch.equal(value, before[name])


def test_dropping_rows_is_for_models_of_its_own(tmp_path):
    ours = trainer(tmp_path)
    ours.args.drop_finished_rows = True
    ours.tools = [print]
    with pytest.raises(UsageError, match="drop_finished_rows samples with the model itself"):
        guards.check_combination(ours)


def test_liger_is_refused(tmp_path):
    ours = trainer(tmp_path)
    ours.args.use_liger_kernel = True
    with pytest.raises(UsageError, match="use_liger_kernel"):
        guards.check_combination(ours)


def test_values_of_one_process_stay_as_they_are():
    assert guards.gathered(SimpleNamespace(num_processes=1), [1, "a"]) == [1, "a"]


def test_a_tokenizer_is_found_by_the_name_of_the_model_or_given(tmp_path):
    tokenizer().save_pretrained(tmp_path)
    guards.check_processing_class(str(tmp_path), (), {})
    guards.check_processing_class("no/such", (None, None, tokenizer()), {})
    with pytest.raises(UsageError, match="pass processing_class="):
        guards.check_processing_class(SimpleNamespace(config=SimpleNamespace()), (), {})
    assert config(tmp_path).generate_every == 2
