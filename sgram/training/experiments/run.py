"""One training run from nothing to a trained policy, in a directory that it can be resumed from. Knows no other run.

    train-<digest>/
      run.json  metrics.jsonl  rollouts/step-000000.jsonl.gz ...  checkpoint-80/  model/  result.json

A finished run is only read. One that was cut off goes on from its last whole checkpoint and ends in the same bytes.
"""

import gc
import shutil
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import sgram
from sgram.errors import InputError, MissingExtraError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.run_directory import RunDirectory
from sgram.training.experiments.run_config import RunConfig

if TYPE_CHECKING:
    from sgram.lexicon import Lexicon
    from sgram.training.experiments.estimate import Estimate
    from sgram.training.experiments.evaluate import Evaluation

__all__ = ["RunConfig", "RunResult", "directory_of", "estimate", "finished", "identity", "train"]

Tell = Callable[[Mapping[str, Any]], None]
_WORDS = ("testbed", "task", "mined")
_FORMAT = {"format": "sgram-training-result", "version": 1}


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run."""

    directory: Path
    config: RunConfig
    start: "Evaluation"
    final: "Evaluation"
    steps: tuple[Mapping[str, Any], ...]
    """A row a step: `step` (from 1), `seconds`, `reward`, `pass_at_1`, `planning_share`, entropies, errors, `length`,
    and all that TRL logs, under its own names. What a step did not measure is absent."""
    evaluations: tuple[Mapping[str, Any], ...] = ()
    """``{"step", "evaluation"}`` of each measurement on held-out problems on the way."""


def identity(config: RunConfig) -> dict[str, Any]:
    """What names a run's directory: the configuration, and the versions of what computes."""
    try:
        import torch
        import transformers
        import trl
    except ImportError as error:
        raise MissingExtraError(f"training needs {error.name}: pip install 'sgram[train]'") from error
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__}
    given = config.identity()
    for name in ("task", "lexicon"):  # a file is what it holds, wherever it lies
        if given[name] not in _WORDS and Path(given[name]).is_file():
            given[name] = f"file {digest(Path(given[name]).read_bytes())}"
    return {"verb": "train", "config": given, "sgram": sgram.__version__, "versions": versions}


def directory_of(config: RunConfig, root: Path) -> Path:
    """Where the run of `config` lies under `root`, or would."""
    return Path(root) / f"train-{digest(canonical_json(identity(config)))[:12]}"


def finished(config: RunConfig, root: Path) -> RunResult | None:
    """The result of a run that has ended, None where there is none."""
    directory = directory_of(config, root)
    return _read(directory, config) if (directory / "result.json").exists() else None


def train(config: RunConfig, root: Path, tell: Tell = lambda row: None) -> RunResult:
    """Carry out a run, or go on with it, in its directory under `root`; `tell` gets each step's row, and what is done.

    Rows of steps hold ``"step"``; other rows ``{"stage": ..., ...}``: "warm-up", "mining", "measuring". A run that was
    cut off before tells nothing of its earlier steps.
    """
    directory = RunDirectory.open(root, "train", identity(config)).path
    if (directory / "result.json").exists():
        return _read(directory, config)
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        return _train(config, directory, tell)
    finally:
        torch.set_num_threads(threads)
        gc.collect()


def _train(config: RunConfig, directory: Path, tell: Tell) -> RunResult:
    from sgram.training.experiments import setup as preparing
    from sgram.training.experiments.evaluate import Evaluation, evaluate
    from sgram.training.trainer.checkpoints import latest_checkpoint

    with preparing.quietly(), preparing.opened_task(config) as task:
        model, tokenizer = preparing.load_policy(config, task, tell)
        policy = preparing.policy_of(model, tokenizer, config)
        begun = cache(partial(preparing.start_samples, policy, task, tell))
        lexicon = preparing.lexicon_of(config, task, begun, directory, tell)
        measured = directory.parent / f"start-{_start_digest(config, lexicon)}.json"  # the same for many runs
        if measured.exists():
            start = Evaluation.from_json(orjson.loads(measured.read_bytes()))
        else:
            tell({"stage": "measuring", "done": 0, "of": config.eval_samples})
            start = evaluate(policy, task, lexicon, config.eval_samples, tell=_measuring(config, tell))
            write_bytes(measured, pretty_json(start.to_json()))
        resume = latest_checkpoint(directory)
        log = _Log(directory, tell)
        trainer = preparing.make_trainer(
            config, directory, model, tokenizer, task, lexicon, begun, resume is not None, log
        )
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
        tell({"stage": "measuring", "done": 0, "of": config.eval_samples})
        policy = preparing.policy_of(trainer.accelerator.unwrap_model(trainer.model), tokenizer, config)
        final = evaluate(policy, task, lexicon, config.eval_samples, tell=_measuring(config, tell))
        log.write()
        for told in preparing.told_of(task):
            tell({"stage": "measuring", "told": told})
        _save_model(trainer, tokenizer, directory)
        result = {
            **_FORMAT,
            "start": start.to_json(),
            "final": final.to_json(),
            "evaluations": log.evaluations,
            "device": str(trainer.accelerator.device),
            "method": trainer.method.name,
            "lexicon": None if trainer.lexicon is None else trainer.lexicon.digest,
            "placebo": None if trainer.placebo is None else dict(trainer.placebo.source),
        }
        write_bytes(directory / "result.json", pretty_json(result))
        for checkpoint in directory.glob("checkpoint-*"):  # the model is saved: nothing goes on from here
            shutil.rmtree(checkpoint, ignore_errors=True)
    return _read(directory, config)


_STARTS = (
    "task",
    "task_options",
    "model",
    "warmup_seed",
    "warmup_steps",
    "max_tokens",
    "temperature",
    "eval_samples",
    "threads",
)


def _start_digest(config: RunConfig, lexicon: "Lexicon | None") -> str:
    """Names the measurement of a policy before training by all that it depends on."""
    named = identity(config)
    shared = {name: named["config"][name] for name in _STARTS}
    marks = None if lexicon is None else lexicon.digest
    return digest(canonical_json({**named, "config": shared, "lexicon": marks}))[:12]


class _Log:
    """The rows of metrics.jsonl, as the trainer tells them."""

    def __init__(self, directory: Path, tell: Tell):
        self._path, self._tell = directory / "metrics.jsonl", tell
        self.rows: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []

    def take_up(self, history: list[dict[str, Any]]) -> None:
        """Go on after the steps that a checkpoint remembers."""
        self.rows = [row_of(each) for each in history if "step" in each and "loss" in each]
        self.evaluations = [each for each in history if "evaluation" in each]

    def add(self, logs: Mapping[str, Any]) -> None:
        row = row_of(logs)
        self.rows.append(row)
        self._tell(row)

    def write(self) -> None:
        """Write all rows, atomically."""
        write_bytes(self._path, b"".join(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n" for row in self.rows))


_NAMES = {
    "step_time": "seconds",
    "pass@1": "pass_at_1",
    "planning/share": "planning_share",
    "planning/entropy": "entropy_planning",
    "execution/entropy": "entropy_execution",
    "completions/mean_length": "length",
    "error/strategic": "error_strategic",
    "error/procedural": "error_procedural",
    "error/format": "error_format",
}


def row_of(logs: Mapping[str, Any]) -> dict[str, Any]:
    """What a trainer logged of a step as a row of metrics.jsonl: numbers only, house names, all finite."""
    row = {}
    for name, value in logs.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value - value != 0:
            continue
        row[_NAMES.get(name, name)] = value
    return row


def _measuring(config: RunConfig, tell: Tell) -> Callable[[int], None]:
    return lambda done: tell({"stage": "measuring", "done": done, "of": config.eval_samples})


def _save_model(trainer: Any, tokenizer: Any, directory: Path) -> None:
    with whole_folder(directory / "model") as folder:
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def whole_folder(target: Path):
    """A folder that is there whole or not at all."""
    making = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    yield making
    shutil.rmtree(target, ignore_errors=True)
    making.rename(target)


def _read(directory: Path, config: RunConfig) -> RunResult:
    from sgram.training.experiments.evaluate import Evaluation

    try:
        held = orjson.loads((directory / "result.json").read_bytes())
        steps = [orjson.loads(line) for line in (directory / "metrics.jsonl").read_bytes().splitlines()]
        if {name: held.get(name) for name in _FORMAT} != _FORMAT:
            raise ValueError("it is of another version")
        return RunResult(
            directory,
            config,
            Evaluation.from_json(held["start"]),
            Evaluation.from_json(held["final"]),
            tuple(steps),
            tuple(held["evaluations"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the result in {excerpt(directory)} cannot be read ({error}); delete the directory and run again"
        ) from error


def estimate(config: RunConfig) -> "Estimate":
    """What a run would take; see `sgram.training.experiments.estimate`."""
    from sgram.training.experiments import estimate as estimating

    return estimating.estimate(config)
