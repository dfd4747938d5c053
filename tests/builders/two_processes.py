"""Trains the tiny policy on responses that are looked up, in one process or as one of several; run as a script.

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
"""Settings by name; the name is the method where none is named."""


def response(prompt: list[int], place: int, step: int) -> list[int]:
    """Ids of a response of 3 to 9 words."""
    drawn = random.Random(f"{prompt} {place} {step}")
    words = sorted({token[1:] for token in tiny.tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    return tiny.tokenizer()(" " + " ".join(drawn.choices(words, k=drawn.randint(3, 9))))["input_ids"][:12]


class Looking(HICRATrainer):
    """Looks responses up by their prompt and place in the group; keeps whether masks were aligned."""

    rows = 0

    def _generate_single_turn(self, prompt_ids, *_, **__):
        first = self.accelerator.process_index * len(prompt_ids)
        step, size = self.state.global_step, self.num_generations
        return [response(ids, (first + row) % size, step) for row, ids in enumerate(prompt_ids)], None

    def _compute_loss(self, model, inputs):
        for ids, kept, mask in zip(
            inputs["completion_ids"], inputs["completion_mask"], inputs["planning_mask"], strict=True
        ):
            alone = self.tagger(ids[None], kept[None].bool())[0] & kept.bool()
            assert torch.equal(alone, mask)
            type(self).rows += int(mask.any())
        return super()._compute_loss(model, inputs)


def train(case: str, folder: Path, world: int) -> HICRATrainer:
    """The trainer of a case, after training."""
    given = {"method": case, "max_steps": 2, "gradient_accumulation_steps": 1, **CASES[case]}
    size = ROWS // world // given["gradient_accumulation_steps"]
    settings = {
        "per_device_train_batch_size": size,
        "optim": "sgd",
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        **given,
    }
    sampled = tiny.responses() if case.startswith("placebo") else None

    def trainer() -> HICRATrainer:
        return Looking(
            tiny.model(),
            tiny.reward,
            tiny.config(folder / case, **settings),
            train_dataset=tiny.problems(),
            processing_class=tiny.tokenizer(),
            lexicon=tiny.lexicon(),
            placebo_responses=sampled,
        )

    made = trainer()
    made.train()
    if case == "resumed":
        whole, made = tiny.weights(made), trainer()
        made.train(resume_from_checkpoint=str(folder / case / "checkpoint-1"))
        assert tiny.same(whole, tiny.weights(made))
    return made


def main(folder: Path, rank: int, world: int, cases: list[str]) -> None:
    """All cases as one of `world` processes; the first writes weights and logs."""
    from safetensors.torch import save_file

    from sgram.files import canonical_json, write_bytes

    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",  # asked for, and not used: they meet in a file
    }
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    for case in cases:
        made = train(case, folder, world)
        assert made.accelerator.num_processes == world
        assert Looking.rows > 0
        if rank == 0:
            found = tiny.weights(made)
            found.pop("lm_head.weight", None)
            save_file(found, folder / f"{case}.safetensors")
            write_bytes(folder / f"{case}.json", canonical_json(made.state.log_history))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
