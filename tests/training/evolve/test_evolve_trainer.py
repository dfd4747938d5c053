"""Three roles in one step of the trainer: advantages by role, and credit methods on the solver's rows alone."""

import numpy as np
import pytest
import torch

from sgram.training.credit.nucleus import nucleus_entropy
from sgram.training.credit.regularizers import siren_entropy
from sgram.training.evolve import setup
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.trainer.trainer import response_mask
from tests.builders.evolve_task import SMALL, patch_parts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


class Recorded:
    """A trainer after one step, with the batch as it was sampled and the inputs of its loss."""

    def __init__(self, directory, monkeypatch, **settings):
        patch_parts(monkeypatch)
        config = EvolveConfig(**{**SMALL, **settings})
        parts = setup.make_parts(config, setup.make_evolve_task(config), lambda row: None)
        self.trainer = setup.make_trainer(config, directory, parts, parts.task.lexicon())
        self.batch, self.losses = None, []
        sample, step_loss = self.trainer._generate_and_score_completions, self.trainer._update_batch

        def record_batch(inputs):
            self.batch = dict(sample(inputs))
            return self.batch

        def record_loss(inputs, logps):
            self.losses.append(dict(inputs))
            return step_loss(inputs, logps)

        self.trainer._generate_and_score_completions = record_batch
        self.trainer._update_batch = record_loss
        self.trainer.train()
        self.step = self.trainer._sampled_step
        self.is_solver = np.array([row.role == "solver" for row in self.step.rows])


def advantages_by_hand(step) -> np.ndarray:
    """Proposer and judge: less their mean, by their deviation. Solver: less the mean of the question's answers."""
    rewards = np.array([row.reward for row in step.rows])
    advantages = np.zeros(len(rewards))
    for role in ("proposer", "solver", "judge"):
        rows = [row for row, sampled in enumerate(step.rows) if sampled.role == role and not np.isnan(rewards[row])]
        groups = {row: step.rows[row].group for row in rows}
        means = {
            group: np.mean([rewards[row] for row in rows if groups[row] == group]) for group in set(groups.values())
        }
        deviations = {row: rewards[row] - means[groups[row]] for row in rows}
        divisor = np.sqrt(sum(x * x for x in deviations.values()) / (len(rows) - len(means))) + 1e-4
        for row in rows:
            advantages[row] = deviations[row] / divisor
    return advantages


def test_hicra_amplifies_planning_tokens_of_the_solver_and_no_others(tmp_path, monkeypatch):
    run = Recorded(tmp_path, monkeypatch, method="hicra", alpha=0.5)
    expected = advantages_by_hand(run.step)
    assert np.ptp(expected[:4]) > 0.1, "the proposer's rewards differ"
    advantages, mask = run.batch["advantages"], response_mask(run.batch)
    planning = run.trainer.tagger(run.batch["completion_ids"], mask) & mask
    assert planning[run.is_solver].any()
    assert planning[~run.is_solver].any(), "words of a plan that get no credit"
    plain = torch.tensor(expected, dtype=torch.float32)[:, None].expand(mask.shape)
    amplified = torch.where(planning & torch.tensor(run.is_solver)[:, None], plain + 0.5 * plain.abs(), plain)
    torch.testing.assert_close(advantages[mask], amplified[mask])
    assert not run.batch["planning_mask"][~run.is_solver].any()


def test_siren_holds_the_entropy_of_the_solver_and_no_others(tmp_path, monkeypatch):
    run = Recorded(tmp_path, monkeypatch, method="siren", siren_coef=1.0, learning_rate=1e-12)
    batch, mask = run.batch, response_mask(run.batch)
    ids = torch.cat((batch["prompt_ids"], batch["completion_ids"]), 1)
    attention_mask = torch.cat((batch["prompt_mask"], batch["completion_mask"]), 1)
    with torch.no_grad():
        logits = run.trainer.model(input_ids=ids, attention_mask=attention_mask).logits[:, -mask.shape[1] - 1 : -1]
    entropies, rows = nucleus_entropy(logits, run.trainer.method_settings.siren_top_p), torch.tensor(run.is_solver)
    share = run.trainer.method_settings.siren_peak_share
    expected = float(siren_entropy(entropies[rows], mask[rows], share))
    assert run.trainer.anchor == pytest.approx(expected, rel=1e-4)
    assert run.trainer.anchor != pytest.approx(float(siren_entropy(entropies, mask, share)), rel=1e-4)
    (log,) = [row for row in run.trainer.state.log_history if "loss" in row]
    assert log["siren/entropy"] == pytest.approx(expected, rel=1e-4)  # weights as they were


@pytest.mark.parametrize("method", ["high-entropy", "kl-cov"])
def test_a_method_that_acts_in_the_loss_is_given_the_rows_of_the_solver(tmp_path, monkeypatch, method):
    run = Recorded(tmp_path, monkeypatch, method=method, iterations=2, steps=2, accumulation=2)
    assert len(run.losses) >= 3
    for inputs in run.losses:
        n_rows = {len(inputs[name]) for name in ("completion_ids", "advantages", "entropies", "logps", "row")}
        assert n_rows == {int(inputs["is_solver"].sum())}
        assert inputs["is_solver"].all()


def test_a_part_of_a_batch_without_answers_is_not_pulled_anywhere(tmp_path, monkeypatch):
    # one row a part: only half of the parts hold an answer
    run = Recorded(tmp_path, monkeypatch, method="siren", siren_coef=1.0, accumulation=16)
    assert np.isfinite(run.trainer.state.log_history[0]["loss"])
    probe, parts = run.trainer._nucleus_probe, run.batch["is_solver"]
    probe._entropies.append(torch.ones(1, 3, requires_grad=True))
    penalty = run.trainer._siren_penalty({"is_solver": torch.tensor([False]), "completion_mask": torch.ones(1, 3)})
    assert float(penalty) == 0
    assert int(parts.sum()) == 8
