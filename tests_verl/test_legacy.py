"""``compute_advantage`` of verl's deprecated trainer, which has the responses and no tokenizer."""

import random

import pytest
import torch
from verl.experimental.separation import ray_trainer as separation
from verl.protocol import DataProto
from verl.trainer.ppo import ray_trainer

from sgram.errors import UsageError
from tests_verl.rows import LEXICON, Rows, planning_mask

HICRA = (
    *("+algorithm.sgram.method=hicra", f"+algorithm.sgram.lexicon={LEXICON}"),
    "+algorithm.sgram.tokenizer=${actor_rollout_ref.model.path}",
)


@pytest.fixture
def batch() -> DataProto:
    """A padded batch as the trainer makes it: prompts of four and five responses."""
    rows = Rows.draw(random.Random(11), sessions_of_prompts=[4, 5, 4], rows_of_session=1)

    def pad(name: str) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence([row[name] for row in rows.by_key.values()], batch_first=True)

    tensors = {name: pad(name) for name in ("responses", "response_mask")}
    tensors |= {"token_level_scores": pad("rm_scores"), "token_level_rewards": pad("rm_scores")}
    data = DataProto.from_dict(tensors, {"uid": [row["uid"] for row in rows.by_key.values()]})
    data.meta_info["marked"] = torch.nn.utils.rnn.pad_sequence(
        [planning_mask(row) for row in rows.by_key.values()], batch_first=True
    )
    return data


def compute(batch: DataProto, config) -> torch.Tensor:
    algorithm = config.algorithm
    return ray_trainer.compute_advantage(batch, adv_estimator="grpo", config=algorithm).batch["advantages"]


def test_advantages_are_a_plus_alpha_abs_a_on_planning_tokens(batch, configure, capsys):
    plain = compute(batch, configure()).clone()
    shaped = compute(batch, configure(*HICRA, "+algorithm.sgram.alpha=0.3"))
    marked = batch.meta_info["marked"]
    expected = torch.where(marked, plain + 0.3 * plain.abs(), plain)
    mask = batch.batch["response_mask"].bool()
    n_different = int((shaped != expected)[mask].sum())
    with capsys.disabled():
        print(f"\nverl's compute_advantage: {int(mask.sum())} tokens, {n_different} differ")
    assert n_different == 0
    assert int((shaped != plain).sum()) > 20


def test_the_trainers_made_from_it_call_the_same_function():
    assert separation.compute_advantage is ray_trainer.compute_advantage


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (HICRA[:2], r"does not hand over its tokenizer: add \+algorithm.sgram.tokenizer='\$\{actor_rollout_ref"),
        (("+algorithm.sgram.method=high-entropy",), r"method high-entropy reads entropies, which this trainer drops"),
        (
            (*HICRA, "actor_rollout_ref.actor.policy_loss.loss_mode=geo_mean"),
            r"loss_mode=geo_mean averages the advantages of a response",
        ),
        (("+algorithm.sgram.method=siren",), r"cannot carry method siren"),
    ],
)
def test_what_it_cannot_carry_is_refused_by_name(batch, configure, overrides, message):
    with pytest.raises(UsageError, match=message):
        compute(batch, configure(*overrides))
