"""Train one run in a directory from which it can be resumed.

    train-<digest>/
      run.json  lexicon.json  scorer.json  metrics.jsonl  timings.jsonl  rollouts/step-000000.jsonl.gz ...
      checkpoint-80/  model/  merged/  result.json  lock

A finished run is only read. An interrupted run continues from its last complete checkpoint and ends in the same bytes.
"""

import gc
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import sgram
from sgram.errors import InputError, MissingExtraError
from sgram.files import canonical_json, digest, excerpt, pretty_json, write_bytes
from sgram.frames import Backend, CellKind, build_frame
from sgram.lexicon import SentenceScorer
from sgram.run_directory import RunDirectory
from sgram.safe_reading import open_raw
from sgram.training.experiments.ranks import Ranks, check_shared_disk, gather_weights, join_ranks, launched_ranks
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.step_log import ProgressCallback, StepLog, read_steps
from sgram.urls import is_url, printable_name

if TYPE_CHECKING:
    from sgram.lexicon import Lexicon
    from sgram.training.experiments.evaluate import Policy, PolicyEvaluation
    from sgram.training.tasks.task import Task
    from sgram.training.trainer.trainer import HICRATrainer

_BUILT_IN = ("testbed", "task", "mined")
"""Values of the settings task and lexicon that name no file."""
MERGED_FOLDER = "merged"
"""Folder of a run for its adapter merged into the base model."""
_FORMAT = {"format": "sgram-training-result", "version": 1}


@dataclass(frozen=True, slots=True, repr=False)
class RunResult:
    """A finished run, as its directory holds it."""

    directory: Path
    config: RunConfig
    start: "PolicyEvaluation"
    final: "PolicyEvaluation"
    steps: tuple[Mapping[str, Any], ...]
    """One row a step: `step` (from 1), `seconds`, `reward`, `pass_at_1`, `planning_share`, entropies, errors, `length`,
    and all that TRL logs, under TRL's names. A quantity that a step did not measure is absent."""
    evaluations: tuple[Mapping[str, Any], ...] = ()
    """``{"step", "evaluation"}`` of each measurement on held-out problems during training."""
    scorer: str | None = None
    """Digest of the sentence scorer; None if the mask (`RunConfig.mask`) needs none."""
    chat: bool = False
    """Whether prompts were chats."""

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per step and a column for each number that a step has.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.
        """
        numbers = dict.fromkeys(
            name for row in self.steps for name, number in row.items() if isinstance(number, int | float)
        )
        columns: dict[str, CellKind] = {name: "count" if name == "step" else "number" for name in numbers}
        rows = (
            tuple(number if isinstance(number := row.get(name), int | float) else None for name in columns)
            for row in self.steps
        )
        return build_frame(columns, rows, backend)

    def __repr__(self) -> str:
        return f"RunResult({excerpt(self.directory.name, 60)!r}, {len(self.steps):,} steps)"


def run_identity(config: RunConfig) -> dict[str, Any]:
    """Return what the name of a run's directory is the digest of: configuration, library versions and processes.

    A file or URL among the settings counts by its content, not by its path, a sentence scorer by its digest; where the
    mask needs none, it does not count. Raise `MissingExtraError` if a library is missing.
    """
    versions = library_versions()
    settings = config.identity()
    del settings["merge"]  # a finished run can be merged later
    for name in ("task", "lexicon"):
        if settings[name] not in _BUILT_IN and _is_file(settings[name]):
            with open_raw(settings[name]) as file:
                settings[name] = f"file {digest(file.read())}"
    settings["scorer"] = SentenceScorer.load(config.scorer).digest if config.uses_scorer else None
    processes = launched_ranks().identity()
    return {"verb": "train", "config": settings, "sgram": sgram.__version__, "versions": versions, **processes}


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that train. Raise `MissingExtraError` if one is missing."""
    try:
        import torch
        import transformers
        import trl
    except ImportError as error:
        raise MissingExtraError(f"training needs {error.name}: pip install 'sgram[train]'") from error
    return {"torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__}


def run_directory(config: RunConfig, root: Path) -> Path:
    """Return the directory of the run of `config` under `root`, whether it exists or not."""
    return Path(root) / f"train-{digest(canonical_json(run_identity(config)))[:12]}"


def read_finished_run(config: RunConfig, root: Path) -> RunResult | None:
    """Return the result of a finished run, or None. Raise `InputError` if the result cannot be read."""
    directory = run_directory(config, root)
    return _read_result(directory, config) if _is_finished(config, directory) else None


def _is_finished(config: RunConfig, directory: Path) -> bool:
    is_merged = (directory / MERGED_FOLDER / "config.json").exists()  # written last
    return (directory / "result.json").exists() and (is_merged or not config.merge)


def train(config: RunConfig, root: Path, on_progress: ProgressCallback = lambda row: None) -> RunResult:
    """Train the run of `config`, or continue it, in its directory under `root`, and return its result.

    `on_progress` gets the row of each step, which holds ``"step"``, and rows ``{"stage": ..., ...}`` of the stages
    "warm-up", "start", "sampling", "mining", "measuring" and "merging". A resumed run does not report its earlier steps
    again. If a launcher has started several processes, each of them calls this function, and the main one reports.
    Raise `SgramError` if another process trains the same run.
    """
    with join_ranks(config) as ranks:
        directory = run_directory(config, root)
        lock: AbstractContextManager[None] = nullcontext()
        if ranks.is_main and not _is_finished(config, directory):
            lock = RunDirectory.open(root, "train", run_identity(config)).lock()
        with lock:
            check_shared_disk(ranks, directory)
            _train_unless_finished(config, directory, on_progress if ranks.is_main else lambda row: None, ranks)
        return _read_result(directory, config)


def _train_unless_finished(config: RunConfig, directory: Path, on_progress: ProgressCallback, ranks: Ranks) -> None:
    import torch

    if ranks.on_main(lambda: _is_finished(config, directory)):
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        if not ranks.on_main((directory / "result.json").exists):
            _train(config, directory, on_progress, ranks)
        if ranks.is_main and config.merge:
            on_progress({"stage": "merging"})
            _merge_adapter(directory)
        ranks.wait()
    finally:
        torch.set_num_threads(threads)
        gc.collect()


def _train(config: RunConfig, directory: Path, on_progress: ProgressCallback, ranks: Ranks) -> None:
    from sgram.training.experiments import setup
    from sgram.training.trainer.checkpoints import latest_checkpoint

    with setup.quiet_libraries(), setup.open_task(config) as task:
        with ranks.main_first():
            model, tokenizer = setup.load_start_model(config, task, on_progress)
        policy = setup.make_policy(model, tokenizer, config)
        for sentence in setup.describe_start(config, policy):
            on_progress({"stage": "start", "note": sentence})
        checkpoint = latest_checkpoint(directory)
        if checkpoint is None:
            ranks.on_main(lambda: setup.check_start(policy, task))
        start_responses = cache(partial(setup.sample_start_policy, policy, task, on_progress))
        with ranks.main_first():
            scorer = setup.load_scorer(config, directory)
            lexicon = setup.make_lexicon(config, task, start_responses, directory, on_progress, scorer)
        _check_unchanged(config, directory)
        evaluate = partial(_evaluate, config, task=task, lexicon=lexicon, scorer=scorer, on_progress=on_progress)
        start = ranks.on_main(lambda: _evaluate_start(config, lexicon, directory.parent, partial(evaluate, policy)))
        log = StepLog(directory, on_progress)
        trainer = setup.make_trainer(
            config,
            directory,
            model,
            tokenizer,
            task,
            lexicon,
            partial(ranks.on_main, start_responses),
            checkpoint is not None,
            log,
        )
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        weights = gather_weights(ranks, trainer)
        if not ranks.is_main:
            ranks.wait()
            return
        save_trained_model(trainer, tokenizer, directory, weights)
        policy = setup.make_policy(_whole_model(trainer, directory, weights), tokenizer, config)
        final = evaluate(policy)
        log.write()
        for note in setup.task_notes(task):
            on_progress({"stage": "measuring", "note": note})
        document = {
            **_FORMAT,
            "start": start.to_json(),
            "final": final.to_json(),
            "evaluations": log.evaluations,
            "chat": policy.form.is_chat,
            "device": str(trainer.accelerator.device),
            "method": trainer.method.name,
            "lexicon": None if trainer.lexicon is None else trainer.lexicon.digest,
            "mask": config.mask,
            "scorer": None if trainer.scorer is None else trainer.scorer.digest,
            "placebo": None if trainer.placebo is None else dict(trainer.placebo.source),
        }
        write_bytes(directory / "result.json", pretty_json(document))
        for path in directory.glob("checkpoint-*"):  # the model is saved, so no checkpoint is needed any more
            shutil.rmtree(path, ignore_errors=True)
        ranks.wait()


def _is_file(setting: str) -> bool:
    return is_url(setting) or Path(setting).is_file()


def _check_unchanged(config: RunConfig, directory: Path) -> None:
    """Raise `InputError` if a file among the settings is no longer what the directory is named by."""
    if run_directory(config, directory.parent) != directory:
        settings = (config.task, config.lexicon, config.scorer)
        files = " or ".join(printable_name(setting) for setting in settings if _is_file(setting))
        raise InputError(f"{files} changed while it was read; run again when nothing writes to it")


_START_SETTINGS = (
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
    "eval_samples",
    "threads",
    "mask",
    "scorer",
)
"""Settings that the evaluation of the starting policy depends on."""


def _start_digest(config: RunConfig, lexicon: "Lexicon | None") -> str:
    """Return a digest of everything that the evaluation of the starting policy depends on."""
    identity = run_identity(config)
    for name in launched_ranks().identity():  # the main process measures it alone
        del identity[name]
    settings = {name: identity["config"][name] for name in _START_SETTINGS}
    lexicon_digest = None if lexicon is None else lexicon.digest
    return digest(canonical_json({**identity, "config": settings, "lexicon": lexicon_digest}))[:12]


def _evaluate_start(
    config: RunConfig, lexicon: "Lexicon | None", root: Path, evaluate: "Callable[[], PolicyEvaluation]"
) -> "PolicyEvaluation":
    """Return the evaluation of the starting policy, stored in `root` because many runs share it."""
    from sgram.training.experiments.evaluate import PolicyEvaluation

    path = root / f"start-{_start_digest(config, lexicon)}.json"
    if path.exists():
        return PolicyEvaluation.from_json(orjson.loads(path.read_bytes()))
    evaluation = evaluate()
    write_bytes(path, pretty_json(evaluation.to_json()))
    return evaluation


def _evaluate(
    config: RunConfig,
    policy: "Policy",
    *,
    task: "Task",
    lexicon: "Lexicon | None",
    scorer: SentenceScorer | None,
    on_progress: ProgressCallback,
) -> "PolicyEvaluation":
    from sgram.training.experiments.evaluate import evaluate

    def report(n_sampled: int) -> None:
        on_progress({"stage": "measuring", "done": n_sampled, "of": config.eval_samples})

    report(0)
    return evaluate(
        policy, task, lexicon, config.eval_samples, on_sampled=report, mask=config.mask_kind, scorer=scorer or "sgram"
    )


def save_trained_model(
    trainer: "HICRATrainer", tokenizer: Any, directory: Path, weights: dict[str, Any] | None = None
) -> None:
    """Write the trained model to ``model`` in a run's directory; `weights` are those of a sharded one, else None."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    for adapter in getattr(model, "peft_config", {}).values():
        adapter.target_modules = sorted(adapter.target_modules)  # the order of a set differs between processes
    with replace_folder(directory / "model") as folder:
        model.save_pretrained(folder, state_dict=weights)
        tokenizer.save_pretrained(folder)


def _merge_adapter(directory: Path) -> None:
    from sgram.training.models import load_model, save_model

    save_model(load_model(str(directory / "model")), directory / MERGED_FOLDER)


def _whole_model(trainer: "HICRATrainer", directory: Path, weights: dict[str, Any] | None) -> Any:
    """Return the trained model; a sharded one as it was saved, because sampling from it would need all processes."""
    if weights is None:
        return trainer.accelerator.unwrap_model(trainer.model)
    from sgram.training.experiments.setup import compute_device
    from sgram.training.models import load_model

    return load_model(str(directory / "model"), device=compute_device()).model


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder that replaces `target` if the block ends without an error; one process at a time."""
    staging = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    yield staging
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)


@contextmanager
def reading_result(directory: Path, form: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the document of a run's ``result.json``, which must have the fields of `form`.

    Raise `InputError` if it cannot be read, or if the block cannot take what it needs from it.
    """
    try:
        document: dict[str, Any] = orjson.loads((directory / "result.json").read_bytes())
        if {name: document.get(name) for name in form} != form:
            raise ValueError("it was written by another version")
        yield document
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read the result in {excerpt(directory)} ({error}); delete the directory and run again"
        ) from error


def _read_result(directory: Path, config: RunConfig) -> RunResult:
    from sgram.training.experiments.evaluate import PolicyEvaluation

    with reading_result(directory, _FORMAT) as document:
        return RunResult(
            directory,
            config,
            PolicyEvaluation.from_json(document["start"]),
            PolicyEvaluation.from_json(document["final"]),
            read_steps(directory),
            tuple(document["evaluations"]),
            document.get("scorer"),
            document["chat"],
        )
