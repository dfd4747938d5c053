"""Train one run of `sgram evolve` in a directory from which it can be resumed.

    evolve-<digest>/
      run.json  lexicon.json  metrics.jsonl  timings.jsonl  rollouts/step-000000.jsonl.gz ...
      checkpoint-80/ (with pools/)  pools/  model/  result.json  lock

A finished run is only read. An interrupted run continues from its last complete checkpoint and ends in the same bytes.
"""

import gc
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import sgram
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.lexicon import SentenceScorer
from sgram.run_directory import RunDirectory
from sgram.safe_reading import open_raw
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.measures import EvolveEvaluation
from sgram.training.experiments.ranks import Ranks, check_shared_disk, join_ranks, launched_ranks
from sgram.training.experiments.run import library_versions, reading_result, replace_folder, save_trained_model
from sgram.training.experiments.step_log import ProgressCallback, StepLog, read_steps
from sgram.urls import is_url

if TYPE_CHECKING:
    from sgram.lexicon import Lexicon
    from sgram.training.evolve.setup import RunParts

POOLS_FOLDER = "pools"
"""Folder of a finished run, and of each checkpoint, for the pools."""
_FORMAT = {"format": "sgram-evolve-result", "version": 1}
_START_SETTINGS = (
    *(
        "task",
        "task_options",
        "model",
        "chat",
        "warmup_seed",
        "sft_steps",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
    ),
    *("judge_samples", "expected_score", "eval_samples", "eval_proposals", "threads"),
    *("judge_quality", "judge_mark_trust"),
)
"""Settings that the evaluation of the starting policy depends on."""


@dataclass(frozen=True, slots=True)
class EvolveResult:
    """A finished run, as its directory holds it."""

    directory: Path
    config: EvolveConfig
    start: EvolveEvaluation
    final: EvolveEvaluation
    steps: tuple[Mapping[str, Any], ...]
    """One row a step: `step` (from 1), measures by role such as ``solver/true_accuracy``, and all that TRL logs. A
    quantity that a step did not measure is absent."""
    evaluations: tuple[Mapping[str, Any], ...] = ()
    """``{"step", "evaluation"}`` of each measurement during training, the evaluation as JSON."""


def evolve_identity(config: EvolveConfig) -> dict[str, Any]:
    """Return what the name of a run's directory is the digest of: configuration, library versions and processes.

    A file among the settings counts by its content, not by its path, a sentence scorer that is used by its digest.
    Raise `MissingExtraError` if a library is missing.
    """
    versions = library_versions()
    settings = config.identity()
    for name in ("task", "lexicon"):
        if is_url(settings[name]) or Path(settings[name]).is_file():
            with open_raw(settings[name]) as file:
                settings[name] = f"file {digest(file.read())}"
    if config.run_config().uses_scorer:
        settings["scorer"] = SentenceScorer.load(config.scorer).digest
    processes = launched_ranks().identity()
    return {"verb": "evolve", "config": settings, "sgram": sgram.__version__, "versions": versions, **processes}


def evolve_directory(config: EvolveConfig, root: Path) -> Path:
    """Return the directory of the run of `config` under `root`, whether it exists or not."""
    return Path(root) / f"evolve-{digest(canonical_json(evolve_identity(config)))[:12]}"


def read_finished_evolve(config: EvolveConfig, root: Path) -> EvolveResult | None:
    """Return the result of a finished run, or None. Raise `InputError` if the result cannot be read."""
    directory = evolve_directory(config, root)
    return _read_result(directory, config) if (directory / "result.json").exists() else None


def run_evolve(config: EvolveConfig, root: Path, on_progress: ProgressCallback = lambda row: None) -> EvolveResult:
    """Train the run of `config`, or continue it, in its directory under `root`, and return its result.

    `on_progress` gets the row of each step, and rows ``{"stage": ...}`` of the stages "warm-up", "start", "measuring".
    If a launcher has started several processes, each of them calls this function: the main one samples and reports, and
    all of them train. Raise `SgramError` if another process trains the same run.
    """
    with join_ranks(config.run_config()) as ranks:
        if ranks.sharding:
            raise UsageError("sgram evolve samples from the whole model: start it without FSDP")
        directory = evolve_directory(config, root)
        lock: AbstractContextManager[None] = nullcontext()
        if ranks.is_main and not (directory / "result.json").exists():
            lock = RunDirectory.open(root, "evolve", evolve_identity(config)).lock()
        with lock:
            check_shared_disk(ranks, directory)
            if not ranks.on_main((directory / "result.json").exists):
                _run_with_threads(config, directory, on_progress if ranks.is_main else lambda row: None, ranks)
        return _read_result(directory, config)


def _run_with_threads(config: EvolveConfig, directory: Path, on_progress: ProgressCallback, ranks: Ranks) -> None:
    import torch

    from sgram.training.experiments.setup import quiet_libraries

    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with quiet_libraries():
            _run(config, directory, on_progress, ranks)
        ranks.wait()
    finally:
        torch.set_num_threads(threads)
        gc.collect()


def _run(config: EvolveConfig, directory: Path, on_progress: ProgressCallback, ranks: Ranks) -> None:
    from sgram.training.evolve import setup
    from sgram.training.experiments.setup import load_scorer

    with ExitStack() as closing:
        with ranks.main_first():
            task = setup.make_evolve_task(config)
            closing.callback(getattr(task, "close", lambda: None))
            parts = setup.make_parts(config, task, on_progress)
            lexicon = setup.make_lexicon(config, task, directory)
            load_scorer(config.run_config(), directory)
        _train(config, directory, parts, lexicon, on_progress, ranks)


def _train(
    config: EvolveConfig,
    directory: Path,
    parts: "RunParts",
    lexicon: "Lexicon | None",
    on_progress: ProgressCallback,
    ranks: Ranks,
) -> None:
    from sgram.training.evolve import setup
    from sgram.training.evolve.evolve_log import EvolveLog
    from sgram.training.trainer.checkpoints import latest_checkpoint

    if evolve_directory(config, directory.parent) != directory:
        raise InputError(f"{excerpt(config.task)} changed while it was read; run again when nothing writes to it")
    start = ranks.on_main(lambda: _evaluate_start(config, directory.parent, parts, on_progress))
    log = StepLog(directory, on_progress)
    callback = EvolveLog(log, config, parts)
    trainer = setup.make_trainer(config, directory, parts, lexicon, [callback])
    checkpoint = latest_checkpoint(directory)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if not ranks.is_main:
        return
    save_trained_model(trainer, parts.tokenizer, directory)
    with replace_folder(directory / POOLS_FOLDER) as folder:
        parts.sampler.state.save(folder)
    on_progress({"stage": "measuring"})
    final = parts.evaluate(parts.sampler.state, config.steps)
    log.write()
    document = {
        **_FORMAT,
        "start": start.to_json(),
        "final": final.to_json(),
        "evaluations": log.evaluations,
        "roles": list(config.roles),
        "chat": parts.sampler.writer.policy.form.is_chat,
        "device": str(trainer.accelerator.device),
        "method": trainer.method.name,
        "lexicon": None if trainer.lexicon is None else trainer.lexicon.digest,
    }
    write_bytes(directory / "result.json", pretty_json(document))
    for path in directory.glob("checkpoint-*"):  # the model is saved, so no checkpoint is needed any more
        shutil.rmtree(path, ignore_errors=True)


def _evaluate_start(
    config: EvolveConfig, root: Path, parts: "RunParts", on_progress: ProgressCallback
) -> EvolveEvaluation:
    """Return the evaluation of the starting policy, stored in `root` because many runs share it.

    The pool of the start is part of it; that of fixed questions is another one.
    """
    identity = evolve_identity(config)
    for name in launched_ranks().identity():  # the main process measures it alone
        del identity[name]
    settings = {name: identity["config"][name] for name in _START_SETTINGS}
    pool = [question.id for question in parts.sampler.state.questions.rows()]
    key = {**identity, "config": settings, "pool": pool, "frozen": parts.evaluate.frozen is not None}
    path = root / f"evolve-start-{digest(canonical_json(key))[:12]}.json"
    if path.exists():
        return EvolveEvaluation.from_json(orjson.loads(path.read_bytes()))
    on_progress({"stage": "measuring"})
    evaluation = parts.evaluate(parts.sampler.state, 0)
    write_bytes(path, pretty_json(evaluation.to_json()))
    return evaluation


def _read_result(directory: Path, config: EvolveConfig) -> EvolveResult:
    with reading_result(directory, _FORMAT) as document:
        return EvolveResult(
            directory,
            config,
            EvolveEvaluation.from_json(document["start"]),
            EvolveEvaluation.from_json(document["final"]),
            read_steps(directory),
            tuple(document["evaluations"]),
        )
