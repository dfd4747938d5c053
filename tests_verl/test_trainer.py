"""verl's own trainers of version 1, made from verl's own configuration, with shaped advantages."""

import random

import numpy as np
import pytest
import torch
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1 import PPOTrainerSync, get_trainer_cls
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from sgram.errors import UsageError
from sgram.training import group_advantages, shape_advantages
from tests_verl.rows import LEXICON, Rows, planning_mask

HICRA = ("trainer.v1.trainer_mode=sgram_sync", "+algorithm.sgram.method=hicra", f"+algorithm.sgram.lexicon={LEXICON}")


def compute(trainer, queue, rows) -> tuple[dict[str, torch.Tensor], dict]:
    """Return the advantages in the queue after `_compute_advantage`, by key, and the metrics."""
    queue.rows = {key: dict(row) for key, row in rows.by_key.items()}
    metrics: dict = {}
    batch = KVBatchMeta(partition_id="train", keys=rows.keys, tags=[{} for _ in rows.keys])
    trainer._compute_advantage(batch, metrics)
    return {key: queue.rows[key]["advantages"] for key in rows.keys}, metrics


def with_method(method: str, *overrides: str) -> tuple[str, ...]:
    return (*HICRA[:1], f"+algorithm.sgram.method={method}", *HICRA[2:], *overrides)


def count_different(rows, advantages, expected) -> int:
    """Return the number of response tokens whose advantages differ in any bit."""
    masks = {key: row["response_mask"].bool() for key, row in rows.by_key.items()}
    return sum(int((advantages[key] != expected[key])[mask].sum()) for key, mask in masks.items())


@pytest.mark.parametrize(
    "scale",
    [
        *("algorithm.norm_adv_by_std_in_grpo=True", "algorithm.norm_adv_by_std_in_grpo=False"),
        "algorithm.adv_estimator=rloo",
    ],
)
def test_every_advantage_is_a_plus_alpha_abs_a_on_planning_tokens(make_trainer, queue, rows, scale, capsys):
    plain, _ = compute(make_trainer(scale), queue, rows)
    shaped, metrics = compute(make_trainer(*HICRA, "+algorithm.sgram.alpha=0.5", scale), queue, rows)
    marked = {key: planning_mask(row) for key, row in rows.by_key.items()}
    expected = {key: torch.where(marked[key], plain[key] + 0.5 * plain[key].abs(), plain[key]) for key in rows.keys}
    n_different = count_different(rows, shaped, expected)
    n_marked = sum(int(mask.sum()) for mask in marked.values())
    with capsys.disabled():
        print(f"\nverl's _compute_advantage, {scale}: {rows.n_tokens} tokens, {n_different} differ")
    assert n_different == 0
    assert n_marked > 50
    assert metrics["credit/share"] == metrics["planning/share"] == n_marked / rows.n_tokens
    n_changed = sum(int((shaped[key] != plain[key]).sum()) for key in rows.keys)
    assert metrics["credit/changed"] == n_changed / rows.n_tokens > 0.05
    squares = [sum(float((one[key].double() ** 2).sum()) for key in rows.keys) for one in (shaped, plain)]
    assert metrics["credit/norm_ratio"] == pytest.approx((squares[0] / squares[1]) ** 0.5, rel=1e-6)


@pytest.mark.parametrize(
    "method",
    [
        *("grpo", "hicra", "hicra-scale", "hicra-push", "hicra-correct", "hicra-symmetric", "hicra-centered"),
        *("grpo-matched", "ktae", "hicra-gated", "high-entropy", "entropy-advantage"),
    ],
)
def test_every_method_that_verl_carries_gives_what_shape_advantages_gives(make_trainer, queue, rows, method):
    plain, _ = compute(make_trainer(), queue, rows)
    shaped, _ = compute(make_trainer(*with_method(method)), queue, rows)

    def pad(tensors) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence(list(tensors), batch_first=True)

    fields = {
        name: pad(row[name] for row in rows.by_key.values()) for name in ("responses", "response_mask", "entropy")
    }
    reference, _ = shape_advantages(
        pad(plain.values()),
        fields["responses"],
        fields["response_mask"],
        [row["uid"] for row in rows.by_key.values()],
        pad(planning_mask(row) for row in rows.by_key.values()),
        method,
        rewards=[float(row["rm_scores"].sum()) for row in rows.by_key.values()],
        entropies=fields["entropy"],
    )
    expected = {key: reference[number, : len(shaped[key])] for number, key in enumerate(rows.keys)}
    assert count_different(rows, shaped, expected) == 0
    assert (count_different(rows, shaped, plain) > 10) == (method != "grpo")


def test_a_session_of_several_rows_is_one_response_of_its_group(make_trainer, queue):
    """verl scores the last row of a session alone. So A, p and the mean of |A| are those of sessions, not of rows."""
    rows = Rows.draw(random.Random(3), sessions_of_prompts=[6, 5, 4], rows_of_session=4)
    assert len(rows.keys) > 25
    shaped, metrics = compute(make_trainer(*with_method("hicra-push")), queue, rows)
    last_row = {key.rpartition("_")[0]: key for key in sorted(rows.keys)}
    reward = {session: float(rows.by_key[key]["rm_scores"].sum()) for session, key in last_row.items()}
    prompt = {session: session.partition("_")[0] for session in reward}
    advantage = dict(zip(reward, group_advantages(list(reward.values()), list(prompt.values()), "std"), strict=True))
    mean = {
        name: np.mean([abs(advantage[session]) for session in reward if prompt[session] == name])
        for name in prompt.values()
    }
    assert len(set(mean.values())) > 1
    for key, row in rows.by_key.items():
        session, mask = key.rpartition("_")[0], row["response_mask"].bool()
        expected = advantage[session] + 0.2 * mean[prompt[session]] * planning_mask(row)
        # verl adds 1e-6 to the deviation, sgram 1e-4, as TRL does
        torch.testing.assert_close(shaped[key][mask].double(), expected[mask].double(), atol=5e-4, rtol=0)
    assert metrics["credit/share"] > 0.05


def test_rows_that_verl_adds_to_fill_a_batch_change_nothing(make_trainer, queue, rows):
    trainer = make_trainer(*HICRA)
    alone, metrics = compute(trainer, queue, rows)
    padding = {
        "uid": "padding",
        "responses": torch.tensor([0]),
        "response_mask": torch.tensor([0]),
        "rm_scores": torch.zeros(1),
        "old_log_probs": torch.zeros(1),
        "entropy": torch.zeros(1),
    }
    filled = Rows({**rows.by_key, "padding_0_0": padding, "padding_1_0": dict(padding)})
    with_padding, padded_metrics = compute(trainer, queue, filled)
    assert count_different(rows, with_padding, alone) == 0
    assert padded_metrics == metrics


def test_ids_beyond_the_tokenizer_have_no_text(make_trainer, queue, rows):
    """A model's table of embeddings may be padded, and an untrained row of it may be sampled."""
    key = rows.keys[0]
    rows.by_key[key]["responses"] = rows.by_key[key]["responses"].clone()
    rows.by_key[key]["responses"][-1] = 100_000
    _, metrics = compute(make_trainer(*HICRA), queue, rows)
    n_marked = sum(int(planning_mask(row).sum()) for row in rows.by_key.values())
    assert metrics["credit/share"] == n_marked / rows.n_tokens


@pytest.mark.parametrize(
    ("mode", "buffer"), [("sync", ReplayBuffer), ("colocate_async", ReplayBufferAsync), ("separate_async", None)]
)
def test_a_trainer_of_sgram_is_the_one_of_verl_in_everything_else(configure, mode, buffer):
    """verl takes a mode that it does not know for an asynchronous one, in its replay buffer and in checkpoints."""
    base, shaped = get_trainer_cls(mode), get_trainer_cls(f"sgram_{mode}")
    assert issubclass(shaped, base)
    assert (base is PPOTrainerSync) == (mode == "sync")
    if buffer is None:
        return  # its own checks ask for GPUs of their own
    config = configure(f"trainer.v1.trainer_mode=sgram_{mode}", *HICRA[1:])
    trainer = shaped(config=config)
    assert type(trainer.replay_buffer) is buffer
    assert trainer.trainer_mode == trainer.config.trainer.v1.trainer_mode == mode


def test_the_sentence_mask_of_a_scorer_is_a_setting(make_trainer, queue, rows):
    overrides = ("+algorithm.sgram.mask=grams-in-sentences", "+algorithm.sgram.scorer=sgram")
    trainer = make_trainer(*HICRA, *overrides)
    assert trainer.row_shaper.tagger.mask == "grams-in-sentences"
    assert trainer.row_shaper.tagger.scorer.name == "sgram"
    _, metrics = compute(trainer, queue, rows)
    _, all_grams = compute(make_trainer(*HICRA), queue, rows)
    assert 0 <= metrics["credit/share"] <= all_grams["credit/share"]


def test_a_lexicon_that_marks_nothing_ends_the_run_after_five_batches(make_trainer, queue, rows):
    overrides = (*HICRA[:2], "+algorithm.sgram.lexicon=[no such words]")
    trainer = make_trainer(*overrides)
    for _ in range(4):
        compute(trainer, queue, rows)
    with pytest.raises(UsageError, match=r"marks 0 of the .* of the first 5 batches, so method hicra changes nothing"):
        compute(trainer, queue, rows)
    trainer = make_trainer(*overrides, "+algorithm.sgram.min_mask_share=0")
    for _ in range(6):
        compute(trainer, queue, rows)


def test_a_lexicon_that_marks_little_is_warned_of(make_trainer, queue, rows):
    trainer = make_trainer(*HICRA, "+algorithm.sgram.min_mask_share=0.9")
    for _ in range(4):
        compute(trainer, queue, rows)
    with pytest.warns(RuntimeWarning, match=r"of the first 5 batches, less than 0.9 of them"):
        compute(trainer, queue, rows)


def test_settings_of_sgram_without_its_trainer_are_no_silent_grpo(make_trainer, queue, rows):
    trainer = make_trainer(*HICRA[1:])
    with pytest.raises(UsageError, match=r"algorithm.sgram is set, but .*trainer_mode to one of sgram_sync, "):
        compute(trainer, queue, rows)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (HICRA[:1], r"trainer_mode=sgram_sync needs \+algorithm.sgram.method=hicra"),
        ((HICRA[0], "+algorithm.sgram=hicra"), r"algorithm.sgram must be a mapping of settings"),
        ((*HICRA, "+algorithm.sgram.alhpa=0.5"), r"unknown setting algorithm.sgram.alhpa \(did you mean alpha\?\)"),
        ((*HICRA, "+algorithm.sgram.method_options.ktae=2"), r"method_options: unknown option 'ktae'"),
        (with_method("dr-grpo"), r"cannot carry method dr-grpo: .*norm_adv_by_std_in_grpo=False"),
        (
            with_method("high-entropy", "algorithm.rollout_correction.bypass_mode=True"),
            r"high-entropy reads the entropies of the old policy, .*bypass_mode=True",
        ),
        (
            (*HICRA, "actor_rollout_ref.actor.policy_loss.loss_mode=geo_mean"),
            r"loss_mode=geo_mean averages the advantages of a response",
        ),
    ],
)
def test_wrong_settings_are_refused_by_name_before_anything_starts(make_trainer, overrides, message):
    with pytest.raises(UsageError, match=message):
        make_trainer(*overrides)
