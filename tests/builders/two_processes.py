"""Train the tiny policy on responses from a table, in one process or as one of several; run as a script.

python two_processes.py FOLDER RANK WORLD CASE...
"""

import math
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import TrainerCallback

from sgram.errors import SgramError
from sgram.lexicon import Lexicon
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
SHARDED = ("hicra", "hicra-centered", "high-entropy", "ktae")
"""Cases that are also trained with a model sharded by FSDP2."""
RESUMED = {"resumed-full": "FULL_STATE_DICT", "resumed-shards": "SHARDED_STATE_DICT"}
"""Case -> how FSDP2 writes its checkpoints; the settings are those of the case "resumed", and these:"""
SHARDED_RESUME = {"max_steps": 2, "optim": "adamw_torch", "learning_rate": 1e-3}
"""Settings by which a checkpoint holds samples that are not used up, and a state of the optimizer."""
RUN = {
    "task": "testbed",
    "method": "hicra",
    "sft_steps": 3,
    "steps": 2,
    "save_every": 1,
    "prompts": 3,
    "samples": 4,
    "max_tokens": 16,
    "eval_samples": 8,
    "min_mask_share": 0.0,
}
"""Settings of the run of `sgram train`; two processes share the second group of its 12 responses."""
EVOLVE = {"method": "siren", "siren_coef": 1.0, "steps": 2, "learning_rate": 1e-3, "proposals": 8, "answers": 2}
"""Settings of the run of `sgram evolve`: 16 rows, of which the first process has all proposals and no answer."""


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


def train(case: str, folder: Path, world: int, **overrides) -> HICRATrainer:
    """Return the trainer of a case, after training; `overrides` change its settings."""
    case_settings = {"method": case, "max_steps": 2, "gradient_accumulation_steps": 1, **CASES[case]}
    size = ROWS // world // case_settings["gradient_accumulation_steps"]
    settings = {
        "per_device_train_batch_size": size,
        "optim": "sgd",
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        **case_settings,
        **overrides,
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
        whole, ours = whole_weights(ours), make_trainer()
        ours.train(resume_from_checkpoint=str(folder / case / "checkpoint-1"))
        resumed = whole_weights(ours)
        assert all(torch.allclose(resumed[name], weight, rtol=0, atol=1e-6) for name, weight in whole.items())
        assert ours.is_fsdp_enabled or tiny.same(whole, resumed)
    return ours


def whole_weights(ours: HICRATrainer) -> dict[str, torch.Tensor]:
    """Return the weights of a trainer's model, also if it is sharded (then in the first process only)."""
    if not ours.is_fsdp_enabled:
        return tiny.weights(ours)
    return {name: weight.clone() for name, weight in ours.accelerator.get_state_dict(ours.model).items()}


@contextmanager
def sharding(state_dict_type: str = "FULL_STATE_DICT") -> Iterator[None]:
    """Train by FSDP2 inside the block. accelerate does so on GPUs only, so its state is told after it is made."""
    from accelerate.state import AcceleratorState, DistributedType, PartialState

    make_state = AcceleratorState.__init__

    def make_sharding_state(self, *args, **named):
        make_state(self, *args, **named)
        if (plugin := named.get("fsdp_plugin")) is not None:
            self.fsdp_plugin, self.distributed_type = plugin, DistributedType.FSDP
            PartialState._shared_state["distributed_type"] = DistributedType.FSDP

    settings = {
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
        "FSDP_STATE_DICT_TYPE": state_dict_type,
    }
    os.environ |= settings
    AcceleratorState._reset_state(reset_partial_state=True)
    AcceleratorState.__init__ = make_sharding_state
    try:
        yield
    finally:
        AcceleratorState.__init__ = make_state
        AcceleratorState._reset_state(reset_partial_state=True)
        for name in settings:
            del os.environ[name]


class BrokenShard(TrainerCallback):
    """A callback that puts NaN into the second process' part of a gradient, before anybody looks at it."""

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        """Break one shard; the first process' own stays finite."""
        if args.process_index == 1:
            next(model.parameters()).grad.to_local().fill_(math.nan)


def break_gradient(folder: Path, rank: int) -> str:
    """Return the error of a sharded run with a NaN gradient, whose processes also sample responses of other lengths."""
    ours = tiny.trainer(folder / "broken", callbacks=[BrokenShard()], gradient_accumulation_steps=1)
    ours.generation_config.max_new_tokens = (3, 12)[rank]
    try:
        ours.train()
    except SgramError as error:
        before, after = tiny.model().state_dict(), whole_weights(ours)
        assert all(torch.equal(before[name], weight) for name, weight in after.items())
        assert ours.state.global_step == 0
        return str(error)
    raise AssertionError("the run went on")


def differing_lexicons(folder: Path, rank: int) -> str:
    """Return the error of processes whose lexicons are not equal."""
    try:
        tiny.trainer(folder / "differing", grams=Lexicon.from_grams(["first", "then"][: rank + 1]))
    except SgramError as error:
        return str(error)
    raise AssertionError("the run went on")


def separate_disks(folder: Path, rank: int) -> str:
    """Return the error of processes that do not see each other's files."""
    from sgram.training.experiments import ranks

    ranks._TRIES = 1
    try:
        ranks.check_shared_disk(ranks.launched_ranks(), folder / f"disk-{rank}")
    except SgramError as error:
        return str(error)
    raise AssertionError("nobody noticed")


def run_command(folder: Path) -> str:
    """Return the exit code of `sgram train` on the testbed, and what it printed on stdout, if anything."""
    import contextlib
    import io

    from sgram.cli import main as sgram

    flags = [part for name, setting in RUN.items() for part in (f"--{name.replace('_', '-')}", str(setting))]
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        try:
            sgram(["train", *flags, "-o", str(folder), "--json"])
        except SystemExit as end:
            return f"{end.code} {stdout.getvalue()}"
    raise AssertionError("it did not end")


def evolve(folder: Path) -> None:
    """Run `sgram evolve` with the tiny task; a process has the proposer's rows, the other one the judge's."""
    import pytest

    from sgram.training.evolve.evolve_config import EvolveConfig
    from sgram.training.evolve.run import run_evolve
    from tests.builders.evolve_task import SMALL, patch_parts

    with pytest.MonkeyPatch.context() as patched:
        patch_parts(patched)
        run_evolve(EvolveConfig(**{**SMALL, **EVOLVE}), folder)


def train_sharded(folder: Path, rank: int) -> None:
    """Train all cases of a sharded model; the first process writes weights, logs and messages."""
    for case in SHARDED:
        with sharding():
            record(folder, f"fsdp2-{case}", train(case, folder / "fsdp2", 2))
    for name, state_dict_type in RESUMED.items():
        with sharding(state_dict_type):
            record(folder, name, train("resumed", folder / name, 2, **SHARDED_RESUME))
    with sharding():
        (folder / f"broken-{rank}.txt").write_text(break_gradient(folder, rank))


def record(folder: Path, name: str, ours: HICRATrainer) -> None:
    """Write weights and logs of a trainer."""
    from safetensors.torch import save_file

    from sgram.files import canonical_json, write_bytes

    weights = whole_weights(ours)
    if ours.accelerator.is_main_process:
        weights.pop("lm_head.weight", None)
        save_file(weights, folder / f"{name}.safetensors")
        write_bytes(folder / f"{name}.json", canonical_json(ours.state.log_history))


def main(folder: Path, rank: int, world: int, cases: list[str]) -> None:
    """Train all cases as one of `world` processes, run `sgram train` and `sgram evolve`, then train a sharded model."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "GLOO_SOCKET_IFNAME": "lo",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",  # required, but not used: the processes meet in a file
        "SGRAM_CACHE": str(folder / "cache"),
    }
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    for case in cases:
        ours = train(case, folder, world)
        assert ours.accelerator.num_processes == world
        assert TableTrainer.n_planning_rows > 0
        record(folder, case, ours)
    (folder / f"differing-{rank}.txt").write_text(differing_lexicons(folder, rank))
    (folder / f"disks-{rank}.txt").write_text(separate_disks(folder, rank))
    (folder / f"ddp-run-{rank}.txt").write_text(run_command(folder / "ddp-runs"))
    evolve(folder / "evolve")
    train_sharded(folder, rank)
    with sharding():
        (folder / f"fsdp2-run-{rank}.txt").write_text(run_command(folder / "fsdp2-runs"))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
