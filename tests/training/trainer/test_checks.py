"""Checks that stop a run before it trains silently on wrong data."""

import json
import math
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from sgram.errors import InputError, SgramError, UsageError
from sgram.training.credit.registry import find_method
from sgram.training.trainer.checks import (
    FiniteGradientCheck,
    TrainerFeatures,
    check_combination,
    check_groups,
    check_processing_class,
    resolve_config,
    resolve_lexicon,
)
from sgram.training.trainer.config import HICRAConfig
from sgram.training.trainer.processes import gather_list
from tests.builders.tiny_policy import config, lexicon, model, tokenizer, trainer

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def test_the_settings_are_the_papers_where_none_are_given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HICRAConfig, "__init__", lambda self, output_dir: setattr(self, "output_dir", output_dir))
    assert resolve_config(None, "someone/a-model/").output_dir == "a-model-HICRA"
    assert resolve_config(None, model()).output_dir == "model-HICRA"


def test_settings_that_are_no_settings_are_refused():
    with pytest.raises(UsageError, match=r"args must be a HICRAConfig \(got dict\)"):
        resolve_config({}, "m")


def test_a_lexicon_is_needed_where_planning_tokens_are_and_nowhere_else(tmp_path):
    path = tmp_path / "lexicon.json"
    lexicon().save(path)
    assert resolve_lexicon(None, find_method("grpo")) is None
    assert resolve_lexicon(str(path), find_method("grpo")).digest == lexicon().digest
    assert resolve_lexicon("wang2025", find_method("hicra")).grams
    assert [gram.text for gram in resolve_lexicon(["Hold on!"], find_method("hicra")).grams] == ["hold on"]
    with pytest.raises(UsageError, match="text 1 of the list is not a gram"):
        resolve_lexicon([""], find_method("hicra"))
    with pytest.raises(UsageError, match="method hicra-centered gives credit to planning tokens, so it needs lexicon="):
        resolve_lexicon(None, find_method("hicra-centered"))


def test_a_lexicon_of_another_normal_form_is_refused(tmp_path):
    path = tmp_path / "lexicon.json"
    lexicon().save(path)
    data = path.read_bytes()
    assert data.count(b'"words":') == 1
    document = json.loads(data)
    document["words"] = "another form"
    path.write_text(json.dumps(document))
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
        check_groups(list(prompts), process, 4)
        return
    with pytest.raises(SgramError, match=rf"rows \d and \d of process {process} are in one group of 4"):
        check_groups(list(prompts), process, 4)


def test_a_batch_of_more_problems_than_there_are_is_refused(tmp_path):
    # TRL would drop the batch that cannot be filled, and train nothing
    with pytest.raises(UsageError, match="responses to 6 problems are sampled at once, but there are 4"):
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


@pytest.mark.parametrize(("norm", "is_right"), [(2.5, True), (None, True), (math.nan, False), (math.inf, False)])
def test_deepspeed_has_updated_when_its_gradient_is_known(tmp_path, norm, is_right):
    # DeepSpeed is no dependency: this is the only function of its engine that the check calls
    engine = SimpleNamespace(get_global_grad_norm=lambda: norm)
    accelerator = SimpleNamespace(num_processes=1, deepspeed_engine_wrapped=engine)
    check = FiniteGradientCheck(lambda rows: [f"trace-{row}" for row in range(20)], accelerator)
    step = partial(check.on_pre_optimizer_step, config(tmp_path), SimpleNamespace(global_step=2), None)
    if is_right:
        step()
        return
    applied = "DeepSpeed has already applied it, so only earlier checkpoints hold good weights"
    with pytest.raises(SgramError, match=rf"the gradient of step 3 .*; {applied}. Traces: trace-0 to trace-19\."):
        step()


PLAIN = TrainerFeatures(n_problems=4, has_lexicon=True, has_tools=False, is_sharded=False)


@pytest.mark.parametrize("feature", ["has_tools", "is_sharded"])
def test_dropping_rows_is_for_models_of_its_own(tmp_path, feature):
    args = config(tmp_path, drop_finished_rows=True)
    check_combination(args, PLAIN)
    with pytest.raises(UsageError, match="drop_finished_rows samples with the model itself"):
        check_combination(args, replace(PLAIN, **{feature: True}))


def test_padding_of_a_sharded_model_is_not_trimmed(tmp_path):
    args = config(tmp_path, trim_padding=True)
    check_combination(args, PLAIN)
    with pytest.raises(UsageError, match="trim_padding does not work with a sharded model"):
        check_combination(args, replace(PLAIN, is_sharded=True))


def test_a_trainer_with_tools_cannot_drop_rows(tmp_path):
    ours = trainer(tmp_path)
    ours.args.drop_finished_rows = True
    ours.tools = [print]
    with pytest.raises(UsageError, match="drop_finished_rows samples with the model itself"):
        check_combination(ours.args, ours._features(is_sharded=False))


def test_liger_is_refused(tmp_path):
    args = config(tmp_path)
    args.use_liger_kernel = True
    with pytest.raises(UsageError, match="use_liger_kernel"):
        check_combination(args, PLAIN)


def test_values_of_one_process_stay_as_they_are():
    assert gather_list(SimpleNamespace(num_processes=1), [1, "a"]) == [1, "a"]


def test_a_tokenizer_is_found_by_the_name_of_the_model_or_given(tmp_path):
    tokenizer().save_pretrained(tmp_path)
    check_processing_class(str(tmp_path), (), {})
    check_processing_class("no/such", (None, None, tokenizer()), {})
    with pytest.raises(UsageError, match="pass processing_class="):
        check_processing_class(SimpleNamespace(config=SimpleNamespace()), (), {})
    assert config(tmp_path).micro_batches_per_generation == 2
