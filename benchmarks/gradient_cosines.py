"""How far an arm's credit turns the gradient: the cosine between the gradient with and without it.

"The Cancellation Hypothesis" (arXiv 2605.08666): tokens that right and wrong responses share cancel, so an outcome
reward gives token credit already, and the cosine says how much a mask can change. Measured on batches of a training
step (8 problems x 16 responses) of two policies for each start model: the start model itself, and the end of the
baseline's run with seed 0. `training_comparison.py` calls this.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from training_design import ARMS, BASELINE, MORE_ARMS, PlannedRun, choose_rate
from training_records import RunRecord

from sgram.files import pretty_json, write_bytes
from sgram.training.experiments.arms import parse_arms

N_BATCHES = 8
PLACES = ("start", "end")

Key = tuple[str, int, str]
"""Arm, start model, place."""


class Batch(NamedTuple):
    """Responses of one training step, with their log-probabilities."""

    ids: Any
    """(B, T) token ids, padded."""
    mask: Any
    """(B, T) bool: the tokens of the responses."""
    prompts: list[list[int]]
    groups: list[int]
    rewards: list[float]


def read_cosines(path: Path) -> dict[Key, dict[str, float]]:
    """Return (arm, start model, place) -> cosine, and accuracy of the policy; empty if the file does not exist."""
    if not path.exists():
        return {}
    rows = json.loads(path.read_bytes())
    return {
        (row["arm"], row["start"], row["place"]): {"cosine": row["cosine"], "accuracy": row["accuracy"]} for row in rows
    }


def update_cosines(
    path: Path,
    records: Mapping[tuple[str, float, int, int], RunRecord],
    arms: Iterable[str],
    starts: Iterable[int],
    root: Path,
) -> None:
    """Add the cosines that `path` lacks and that can be measured: the end needs the baseline's run under `root`."""
    cosines = read_cosines(path)
    for run, place, missing in _missing_cosines(cosines, records, arms, starts):
        rows = measure_cosines(run, place, missing, root)
        cosines |= {(arm, run.start, place): row for arm, row in rows.items()}
    rows = [{"arm": arm, "start": start, "place": place, **row} for (arm, start, place), row in sorted(cosines.items())]
    write_bytes(path, pretty_json(rows))


def missing_baseline_runs(
    path: Path,
    records: Mapping[tuple[str, float, int, int], RunRecord],
    arms: Iterable[str],
    starts: Iterable[int],
    root: Path,
) -> list[PlannedRun]:
    """Return the runs of the baseline whose models `update_cosines` needs and `root` lacks."""
    from sgram.training.experiments.run import run_directory

    runs = [run for run, place, _ in _missing_cosines(read_cosines(path), records, arms, starts) if place == "end"]
    return [run for run in runs if not (run_directory(run.config(), root) / "model").is_dir()]


def _missing_cosines(
    cosines: Mapping[Key, Any],
    records: Mapping[tuple[str, float, int, int], RunRecord],
    arms: Iterable[str],
    starts: Iterable[int],
) -> Iterator[tuple[PlannedRun, str, list[str]]]:
    """Yield the baseline's run, the place and the arms without a cosine, for each start model and place."""
    arms = [arm for arm in arms if arm != BASELINE]
    rate = choose_rate({key: record.mean_of_run for key, record in records.items()}, BASELINE)
    if rate is None:
        return
    for start in starts:
        for place in PLACES:
            missing = [arm for arm in arms if (arm, start, place) not in cosines]
            if missing:
                yield PlannedRun(BASELINE, rate, 0, start), place, missing


def measure_cosines(run: PlannedRun, place: str, arms: Sequence[str], root: Path) -> dict[str, dict[str, float]]:
    """Return arm -> mean cosine over batches, and the policy's accuracy; empty if the run's model is not there."""
    import torch

    from sgram.tagging.tagger import PlanningTagger
    from sgram.training import group_advantages, shape_advantages
    from sgram.training.credit.registry import find_method
    from sgram.training.experiments import setup
    from sgram.training.experiments.run import run_directory
    from sgram.training.models import load_model
    from sgram.training.trainer.placebo import draw_placebo

    config = run.config()
    torch.set_num_threads(1)
    with setup.quiet_libraries(), setup.open_task(config) as task:
        model, tokenizer = setup.load_start_model(config, task, lambda row: None)
        start_ids = setup.sample_start_policy(setup.make_policy(model, tokenizer, config), task, lambda row: None).ids
        if place == "end":
            folder = run_directory(config, root) / "model"
            if not folder.is_dir():
                return {}
            model, tokenizer = load_model(str(folder))
        policy = setup.make_policy(model, tokenizer, config)
        tagger: Any = PlanningTagger(task.lexicon(), tokenizer, vocab_size=len(tokenizer))
        placebo = draw_placebo("placebo-execution", tagger, start_ids, 0, tokenizer, len(tokenizer))
        batches = [_sample(policy, task, tokenizer, config, number) for number in range(N_BATCHES)]
        sums: dict[str, list[float]] = {arm: [] for arm in arms}
        for batch in batches:
            advantages = torch.tensor(group_advantages(batch.rewards, batch.groups, "std"), dtype=torch.float32)
            if not advantages.any():
                continue
            planning_mask = tagger(batch.ids, batch.mask) & batch.mask
            plain = _gradient(model, batch, advantages[:, None].expand(batch.ids.shape))
            for arm in arms:
                (parsed,) = parse_arms({**ARMS, **MORE_ARMS}[arm])
                method = find_method(parsed.method)
                is_control = method.mask.startswith("placebo")
                credit_mask = placebo(batch.ids, batch.mask, planning_mask) if is_control else planning_mask
                shaped, _ = shape_advantages(
                    advantages,
                    batch.ids,
                    batch.mask,
                    batch.groups,
                    None if method.mask == "none" else credit_mask,
                    method,
                    rewards=batch.rewards,
                    **dict(parsed.overrides),
                )
                gradient = _gradient(model, batch, torch.as_tensor(shaped, dtype=torch.float32))
                sums[arm].append(torch.nn.functional.cosine_similarity(plain, gradient, dim=0).item())
    rewards = [reward for batch in batches for reward in batch.rewards]
    accuracy = round(math.fsum(rewards) / len(rewards), 5)
    return {
        arm: {"cosine": round(math.fsum(cosines) / len(cosines), 5), "accuracy": accuracy}
        for arm, cosines in sums.items()
        if cosines
    }


def _sample(policy: Any, task: Any, tokenizer: Any, config: Any, number: int) -> Batch:
    import torch

    problems = task.problems("train")
    first = number * config.prompts
    chosen = [problem for problem in problems[first : first + config.prompts] for _ in range(config.samples)]
    responses = policy.sample(chosen, len(chosen), seed=1000 + number)
    outcomes = task.judge(responses.problems, responses.texts)
    width = max(map(len, responses.ids))
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in responses.ids])
    lengths = torch.tensor([len(row) for row in responses.ids])
    mask = torch.arange(width)[None] < lengths[:, None]
    groups = [row // config.samples for row in range(len(chosen))]
    prompts = [policy.prompt_ids(problem) for problem in chosen]
    return Batch(ids, mask, prompts, groups, [float(outcome.reward) for outcome in outcomes])


def _gradient(model: Any, batch: Batch, advantages: Any) -> Any:
    """Return the gradient of the token mean of advantage x log-probability, as one vector."""
    import torch

    width = max(map(len, batch.prompts))
    prompts = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in batch.prompts])
    prompt_mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch.prompts])
    model.zero_grad(set_to_none=True)
    n_tokens = batch.mask.sum()
    for rows in torch.arange(len(batch.ids)).split(32):
        ids = torch.cat((prompts[rows], batch.ids[rows]), 1)
        attention_mask = torch.cat((prompt_mask[rows], batch.mask[rows].long()), 1)
        logits = model(input_ids=ids, attention_mask=attention_mask).logits[:, width - 1 : -1]
        logps = torch.gather(logits.log_softmax(-1), 2, batch.ids[rows][..., None])[..., 0]
        (-(logps * advantages[rows] * batch.mask[rows]).sum() / n_tokens).backward()
    return torch.cat([weights.grad.flatten() for weights in model.parameters() if weights.grad is not None])
