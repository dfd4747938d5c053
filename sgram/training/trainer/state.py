"""What a checkpoint stores beside TRL's files, so that a resumed run continues bit for bit.

The files in the checkpoint's folder are ``sgram_state.json``, with a refreshed lexicon ``lexicon.json``, and, of each
process that has samples which are not used up, ``sampled-<process>.safetensors`` and ``rollouts-<process>.jsonl.gz``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sgram.errors import InputError
from sgram.files import canonical_json, excerpt, write_bytes
from sgram.lexicon import Lexicon
from sgram.traces import Trace
from sgram.training.trainer.rollouts import Rollouts, read_rollouts, write_rollouts

_FORMAT = {"format": "sgram-training", "version": 1}
_STATE, _LEXICON = "sgram_state.json", "lexicon.json"


@dataclass(slots=True)
class TrainerState:
    """The part of a `HICRATrainer` that a checkpoint stores. The trainer fills it in and applies it."""

    step: int
    """TRL's count of micro-batches."""
    method: str
    anchor: float | None
    """SIREN's anchor, None before it is measured."""
    lexicon_digest: str | None
    is_refreshed: bool
    """Whether the lexicon is mined again during the run."""
    placebo: dict[str, Any] | None
    """`Placebo.to_json`."""
    mask: str = "grams"
    """Kind of the planning mask."""
    scorer_digest: str | None = None
    """Digest of the sentence scorer; None for the mask ``grams``."""
    n_marked: int = 0
    """Marked tokens of the first steps (`MaskShareCheck`)."""
    n_tokens: int = 0
    """Response tokens of the first steps."""
    lexicon: Lexicon | None = None
    """The lexicon, stored if it is refreshed."""
    sampled_batches: list[dict[str, torch.Tensor]] = field(default_factory=list)
    """This process's micro-batches of the current generation; empty if they are used up."""
    traces: list[Trace] = field(default_factory=list)
    """This process's rollouts that are not written yet."""

    def to_json(self) -> dict[str, Any]:
        """Return what ``sgram_state.json`` holds."""
        return {
            **_FORMAT,
            "step": self.step,
            "method": self.method,
            "anchor": self.anchor,
            "lexicon": self.lexicon_digest,
            "refreshed": self.is_refreshed,
            "placebo": self.placebo,
            "mask": self.mask,
            "scorer": self.scorer_digest,
            "n_marked": self.n_marked,
            "n_tokens": self.n_tokens,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "TrainerState":
        """Return the state that `to_json` wrote, without lexicon, batches and traces.

        Checkpoints from before there were kinds of masks have none: they are of the mask ``grams``.
        """
        return cls(
            step=document["step"],
            method=document["method"],
            anchor=document["anchor"],
            lexicon_digest=document["lexicon"],
            is_refreshed=document["refreshed"],
            placebo=document["placebo"],
            mask=document.get("mask", "grams"),
            scorer_digest=document.get("scorer"),
            n_marked=document.get("n_marked", 0),
            n_tokens=document.get("n_tokens", 0),
        )

    def save(self, checkpoint: Path, process: int) -> None:
        """Write the files of this process into `checkpoint`; process 0 also writes the state and the lexicon."""
        if self.sampled_batches:
            _save_batches(self.sampled_batches, _batches_path(checkpoint, process))
        if self.traces:
            write_rollouts(_rollouts_path(checkpoint, process), Rollouts(self.traces))
        if process == 0:
            write_bytes(checkpoint / _STATE, canonical_json(self.to_json()))
            if self.is_refreshed and self.lexicon is not None:
                self.lexicon.save(checkpoint / _LEXICON)

    @classmethod
    def load(
        cls,
        checkpoint: Path,
        process: int,
        device: torch.device,
        *,
        method: str,
        lexicon_digest: str | None,
        mask: str = "grams",
        scorer_digest: str | None = None,
        n_processes: int = 1,
    ) -> "TrainerState":
        """Return the state of this process in `checkpoint`, tensors on `device`.

        Raise `InputError` if the checkpoint cannot be read, or if its method, mask, scorer or lexicon is not the one of
        this run (`method`, `mask`, `scorer_digest`, `lexicon_digest`), or if it holds samples of another number of
        processes than `n_processes`.
        """
        state = cls.from_json(_read_document(checkpoint / _STATE))
        if state.method != method:
            raise InputError(
                f"{excerpt(checkpoint)} was trained by method {state.method}, not {method}: use the same method, or "
                "another output_dir"
            )
        if state.mask != mask:
            raise InputError(
                f"{excerpt(checkpoint)} was trained with the mask {excerpt(state.mask)}, not {mask}: use the same one, "
                "or another output_dir"
            )
        if state.scorer_digest != scorer_digest:
            raise InputError(
                f"{excerpt(checkpoint)} was trained with another sentence scorer: use the same one, or another "
                "output_dir"
            )
        if state.is_refreshed:
            state.lexicon = Lexicon.load(checkpoint / _LEXICON)
        elif state.lexicon_digest != lexicon_digest:
            raise InputError(
                f"{excerpt(checkpoint)} was trained with another lexicon: use the same one, or another output_dir"
            )
        n_sampling = len(list(checkpoint.glob("sampled-*")))
        if n_sampling not in (0, n_processes):
            raise InputError(
                f"{excerpt(checkpoint)} holds samples of {n_sampling} processes that are not used up: resume with as "
                f"many processes as then (now: {n_processes})"
            )
        if (path := _batches_path(checkpoint, process)).exists():
            state.sampled_batches = _load_batches(path, device)
        if (path := _rollouts_path(checkpoint, process)).exists():
            state.traces = read_rollouts(path)
        return state


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read {excerpt(path)} ({error}): the folder is not a checkpoint of HICRATrainer; use another one"
        ) from error
    if {name: document.get(name) for name in _FORMAT} != _FORMAT:
        raise InputError(
            f"{excerpt(path)} was written by another version of sgram; resume with that one, or start again"
        )
    return document


def _batches_path(checkpoint: Path, process: int) -> Path:
    return checkpoint / f"sampled-{process:03d}.safetensors"


def _rollouts_path(checkpoint: Path, process: int) -> Path:
    return checkpoint / f"rollouts-{process:03d}.jsonl.gz"


def _save_batches(batches: Sequence[Mapping[str, Any]], path: Path) -> None:
    from safetensors.torch import save_file

    tensors = {
        f"{number}/{name}": tensor.contiguous().clone()
        for number, batch in enumerate(batches)
        for name, tensor in batch.items()
        if isinstance(tensor, torch.Tensor)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def _load_batches(path: Path, device: torch.device) -> list[dict[str, torch.Tensor]]:
    from safetensors.torch import load_file

    batches: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in load_file(path).items():  # load_file accepts no device called cpu:0
        number, _, name = key.partition("/")
        batches.setdefault(int(number), {})[name] = tensor.to(device)
    return [batches[number] for number in sorted(batches)]
