"""What a checkpoint holds beside TRL's: enough to go on to the bit. Knows nothing about where checkpoints lie."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sgram.errors import InputError
from sgram.files import canonical_json, excerpt, write_bytes
from sgram.lexicon import Lexicon
from sgram.traces import read_traces
from sgram.training.trainer.placebo import read_placebo
from sgram.training.trainer.rollouts import Rollouts, write_rollouts

if TYPE_CHECKING:
    from sgram.training.trainer.trainer import HICRATrainer

_FORMAT = {"format": "sgram-training", "version": 1}


def save(trainer: "HICRATrainer", directory: str) -> None:
    """Write into the checkpoint of the current step: what was sampled and is not used up, lexicons, the anchor."""
    from safetensors.torch import save_file

    target = Path(directory) / f"checkpoint-{trainer.state.global_step}"
    process = trainer.accelerator.process_index
    inside = trainer._step % trainer.args.generate_every
    if inside and trainer._buffered_inputs is not None:  # rows sampled once are used for several steps
        tensors = {
            f"{number}/{name}": value.contiguous().clone()
            for number, batch in enumerate(trainer._buffered_inputs)
            for name, value in batch.items()
            if isinstance(value, torch.Tensor)
        }
        target.mkdir(parents=True, exist_ok=True)
        save_file(tensors, target / f"sampled-{process:03d}.safetensors")
        if trainer._rollouts is not None:  # not all rows have been seen by the loss, so they are not written yet
            write_rollouts(target / f"rollouts-{process:03d}.jsonl.gz", trainer._rollouts)
    if not trainer.accelerator.is_main_process:
        return
    held = {
        **_FORMAT,
        "step": trainer._step,
        "method": trainer.method.name,
        "anchor": trainer.anchor,
        "lexicon": None if trainer.lexicon is None else trainer.lexicon.digest,
        "refreshed": bool(trainer.args.refresh_lexicon),
        "placebo": None if trainer.placebo is None else trainer.placebo.to_json(),
    }
    write_bytes(target / "sgram_state.json", canonical_json(held))
    if held["refreshed"]:
        trainer.lexicon.save(target / "lexicon.json")


def load(trainer: "HICRATrainer", checkpoint: str) -> None:
    """Take up what `save` wrote; `InputError` where the checkpoint is of another run."""
    path = Path(checkpoint) / "sgram_state.json"
    try:
        held: dict[str, Any] = json.loads(path.read_bytes())
        if not isinstance(held, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{excerpt(path)} cannot be read ({error}): this is no checkpoint of HICRATrainer; take another one"
        ) from error
    if {name: held.get(name) for name in _FORMAT} != _FORMAT:
        raise InputError(f"{excerpt(path)} is of another version of sgram; go on with that one, or start anew")
    if held["method"] != trainer.method.name:
        raise InputError(
            f"{excerpt(checkpoint)} was trained by method {held['method']}, not {trainer.method.name}: "
            "give the same method, or another output_dir"
        )
    if held["refreshed"]:
        trainer._use(Lexicon.load(Path(checkpoint) / "lexicon.json"))
    elif held["lexicon"] != (None if trainer.lexicon is None else trainer.lexicon.digest):
        raise InputError(
            f"{excerpt(checkpoint)} was trained with another lexicon: give the same one, or another output_dir"
        )
    if held["placebo"]:
        trainer.placebo = read_placebo(held["placebo"], trainer._tokenizer, trainer._vocab_size)
    trainer.anchor = held["anchor"]
    trainer._step = held["step"]
    process = trainer.accelerator.process_index
    sampled = Path(checkpoint) / f"sampled-{process:03d}.safetensors"
    if sampled.exists():
        trainer._buffered_inputs = _buffer(sampled, trainer.accelerator.device)
    rollouts = Path(checkpoint) / f"rollouts-{process:03d}.jsonl.gz"
    if rollouts.exists():
        seen = trainer._buffered_inputs[: trainer._step % trainer.args.generate_every]
        filled = {row for batch in seen for row in batch["row"].tolist()}
        trainer._rollouts = Rollouts(list(read_traces([rollouts])), filled)
    for _ in range(int(trainer.state.epoch or 0)):  # each epoch draws its order from one generator
        next(iter(trainer._order), None)


def _buffer(path: Path, device: torch.device) -> list[dict[str, torch.Tensor]]:
    from safetensors.torch import load_file

    batches: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in load_file(path).items():  # which knows no device by the name of cpu:0
        number, _, key = name.partition("/")
        batches.setdefault(int(number), {})[key] = value.to(device)
    return [batches[number] for number in sorted(batches)]
