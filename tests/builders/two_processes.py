"""Train the tiny policy on responses from a table, in one process or as one of several; run as a script.

python two_processes.py FOLDER RANK WORLD CASE...
"""

import os
import random
import sys
from pathlib import Path

import torch

from sgram.training import HICRATrainer
from tests.builders import tiny_policy as tiny

LR = 0.2
ROWS = 12
"""Responses a step. Three groups of four, of which two processes of six rows share the middle one."""
CASES = {
    "hicra": {"alpha": 0.5},
    "hicra-centered": {"alpha": 0.5},
    "grpo-matched": {"alpha": 0.5},
    "high-entropy": {"method_options": {"high_entropy_share": 0.3}},
    "siren": {"siren_coef": 1.0, "num_iterations": 2},
    "placebo-execution": {"alpha": 0.5},
    "ktae": {},
    "accumulation": {"method": "hicra", "alpha": 0.5, "gradient_accumulation_steps": 2, "num_iterations": 2},
    "resumed": {
        "method": "hicra",
        "alpha": 0.5,
        "max_steps": 3,
        "num_iterations": 2,
        "save_strategy": "steps",
        "save_steps": 1,
        "save_total_limit": None,
    },
}
"""Settings by name; the name is the method if the settings name none."""


def response(prompt: list[int], position: int, step: int) -> list[int]:
    """Return the ids of a response of 3 to 9 words; `position` is that of the response in its group."""
    rng = random.Random(f"{prompt} {position} {step}")
    words = sorted({token[1:] for token in tiny.tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    return tiny.tokenizer()(" " + " ".join(rng.choices(words, k=rng.randint(3, 9))))["input_ids"][:12]


def parity(completions: list[str], **_) -> list[float]:
    """Return 1 for a response with an odd number of characters, else 0: two rewards, for methods that need two."""
    return [float(len(text) % 2) for text in completions]


class TableTrainer(HICRATrainer):
    """A trainer that takes each response from a table by its prompt and position, and checks that masks are aligned."""

    n_planning_rows = 0

    def _generate_single_turn(self, prompt_ids, *_, **__):
        first = self.accelerator.process_index * len(prompt_ids)
        step, size = self.state.global_step, self.num_generations
        return [response(ids, (first + row) % size, step) for row, ids in enumerate(prompt_ids)], None

    def _compute_loss(self, model, inputs):
        for ids, completion_mask, planning_mask in zip(
            inputs["completion_ids"], inputs["completion_mask"], inputs["planning_mask"], strict=True
        ):
            expected = self.tagger(ids[None], completion_mask[None].bool())[0] & completion_mask.bool()
            assert torch.equal(expected, planning_mask)
            type(self).n_planning_rows += int(planning_mask.any())
        return super()._compute_loss(model, inputs)


def train(case: str, folder: Path, world: int) -> HICRATrainer:
    """Return the trainer of a case, after training."""
    case_settings = {"method": case, "max_steps": 2, "gradient_accumulation_steps": 1, **CASES[case]}
    size = ROWS // world // case_settings["gradient_accumulation_steps"]
    settings = {
        "per_device_train_batch_size": size,
        "optim": "sgd",
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        **case_settings,
    }
    placebo_responses = tiny.responses() if case.startswith("placebo") else None

    def make_trainer() -> HICRATrainer:
        return TableTrainer(
            tiny.model(),
            parity if case == "ktae" else tiny.reward,
            tiny.config(folder / case, **settings),
            train_dataset=tiny.problems(),
            processing_class=tiny.tokenizer(),
            lexicon=tiny.lexicon(),
            placebo_responses=placebo_responses,
        )

    ours = make_trainer()
    ours.train()
    if case == "resumed":
        whole, ours = tiny.weights(ours), make_trainer()
        ours.train(resume_from_checkpoint=str(folder / case / "checkpoint-1"))
        assert tiny.same(whole, tiny.weights(ours))
    return ours


def main(folder: Path, rank: int, world: int, cases: list[str]) -> None:
    """Train all cases as one of `world` processes; the first process writes weights and logs."""
    from safetensors.torch import save_file

    from sgram.files import canonical_json, write_bytes

    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",  # required, but not used: the processes meet in a file
    }
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    for case in cases:
        ours = train(case, folder, world)
        assert ours.accelerator.num_processes == world
        assert TableTrainer.n_planning_rows > 0
        if rank == 0:
            weights = tiny.weights(ours)
            weights.pop("lm_head.weight", None)
            save_file(weights, folder / f"{case}.safetensors")
            write_bytes(folder / f"{case}.json", canonical_json(ours.state.log_history))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
