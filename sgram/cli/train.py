"""``sgram train``: train a policy, or compare several methods."""

import shlex
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import describe_settings, note, print_json, print_lines
from sgram.cli.path_checks import check_outputs
from sgram.cli.shared_flags import AsJson, DryRun
from sgram.cli.train_config import RUNS, RUNS_FOLDER, MatrixFlags, RequestedRuns, TrainFlags, requested_runs
from sgram.cli.train_tables import board, duration, show_comparison, show_run
from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt
from sgram.run_directory import RunDirectory
from sgram.training.experiments import run as runs
from sgram.training.experiments.ranks import check_ranks, launched_ranks
from sgram.training.experiments.run_config import RunConfig

if TYPE_CHECKING:
    from sgram.training.experiments.compare import ArmComparison


def train(
    config: Annotated[Path | None, Parameter(help="TOML file of settings; flags override it.")] = None,
    /,
    *,
    settings: Annotated[TrainFlags, Parameter(name="*")] = TrainFlags(),  # noqa: B008
    matrix: Annotated[MatrixFlags, Parameter(name="*", group=RUNS)] = MatrixFlags(),  # noqa: B008
    out: Annotated[Path, RUNS_FOLDER] = Path("reports"),
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Train a policy with HICRA, or with one of its controls; an interrupted run resumes where it stopped.

    sgram train

    sgram train config.toml --alpha 0.5 --steps 120

    sgram train --compare grpo,hicra,placebo --seeds 0,1,2 --jobs 2

    torchrun --nproc-per-node 2 -m sgram train config.toml
    """
    check_outputs({"-o": out}, folders=["-o"])
    requested = requested_runs(config, settings, matrix)
    ranks = launched_ranks()
    if ranks.identity() and requested.n_runs > 1:
        raise UsageError(
            "the processes of a launcher train one run together: leave --compare and several seeds out, or start sgram "
            "train without torchrun and accelerate"
        )
    if requested.n_runs == 1:
        check_ranks(ranks, _single_config(requested))
    if not ranks.is_main:
        return 0 if dry_run else _follow(requested, out)
    _note_mask(requested)
    if dry_run:
        return _show_plan(requested, out, as_json)
    if requested.n_runs == 1:
        return _one_run(requested, out, as_json)
    return _many_runs(requested, out, as_json)


def _note_mask(requested: RequestedRuns) -> None:
    """Say what is marked if that is not every gram of the lexicon, and how to change it."""
    config = requested.config
    if not any(arm.apply(config).uses_scorer for arm in requested.arms):
        return
    from sgram.lexicon import SentenceScorer

    scorer = SentenceScorer.load(config.scorer)
    marked = {
        "grams": "every gram of the lexicon",
        "sentences": "planning sentences",
        "grams-in-sentences": "grams of the lexicon inside planning sentences",
    }[config.mask_kind]
    note(
        f"mask {config.mask} ({marked}), sentence scorer {excerpt(scorer.name)}, digest {scorer.digest[:12]}; "
        "--mask grams marks every gram, as HICRA was published"
    )


def _follow(requested: RequestedRuns, out: Path) -> int:
    """Train as one of several processes that is not the main one: print nothing, except an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs.train(_single_config(requested), out)
    return 0


def _single_config(requested: RequestedRuns) -> RunConfig:
    return requested.arms[0].apply(requested.config, seed=requested.seeds[0], warmup_seed=requested.warmup_seeds[0])


def _one_run(requested: RequestedRuns, out: Path, as_json: bool) -> int:
    arm, config = requested.arms[0], _single_config(requested)
    result = runs.read_finished_run(config, out)
    reused = result is not None
    if result is None or launched_ranks().n_processes > 1:  # several processes agree about it
        labels = {"arm": arm.name, "seed": config.seed, "warmup_seed": config.warmup_seed, "steps": config.steps}
        with board(1).shown() as update:

            def show_row(row: Mapping[str, Any]) -> None:
                update({**row, **labels, "cell": 0, "event": "stage" if "stage" in row else "step"})

            result = runs.train(config, out, show_row)
    has_curves = _draw_curves({arm.name: (result,)}, result.directory / "curves.svg")
    if as_json:
        fields = {
            "run": str(result.directory),
            "reused": reused,
            "config": result.config.identity(),
            "start": asdict(result.start),
            "final": asdict(result.final),
            "steps": len(result.steps),
            "scorer": result.scorer,
            "chat": result.chat,
            "curves": "curves.svg" if has_curves else None,
        }
        print_json("train", fields)
    else:
        show_run(result)
    if reused:
        note("This run is already finished; its result was read.")
    note(f"run {result.directory}" + (", curves.svg in it" if has_curves else ""))
    if config.lora_rank:
        merged = f"; {result.directory}/{runs.MERGED_FOLDER} has all weights" if config.merge else ""
        note(
            f"{result.directory}/model is an adapter of {excerpt(config.model)}"
            + (merged or "; --merge writes all weights, too")
        )
    rollouts = shlex.quote(f"{result.directory}/rollouts")
    note(f"next: sgram mine {rollouts} -o lexicon.json")
    note(f"      sgram tag {rollouts} --lexicon lexicon.json --show 1")
    return 0


def _many_runs(requested: RequestedRuns, out: Path, as_json: bool) -> int:
    from sgram.training.experiments.compare import compare
    from sgram.training.experiments.comparison_io import failure_line, to_json, write_comparison

    progress = board(requested.n_runs)
    note(f"{requested.n_runs} runs of {requested.config.steps} steps, {requested.jobs} at once, under {out}/")
    with progress.shown():
        comparison = compare(
            requested.config,
            requested.arms,
            requested.seeds,
            requested.warmup_seeds,
            out,
            jobs=requested.jobs,
            controls=requested.controls,
            on_progress=progress,
        )
    directory = comparison_directory(requested, out)
    written = [*write_comparison(comparison, directory), *_draw(comparison, directory)]
    names = [path.name for path in written]
    if as_json:
        print_json("comparison", {**to_json(comparison), "directory": str(directory), "files": names})
    else:
        show_comparison(comparison)
    for failure in comparison.failures:
        note(f"failed: {failure_line(failure)}")
    note(f"written to {directory}: {', '.join(names)}")
    if comparison.failures:
        note(f"{len(comparison.failures)} of {requested.n_runs} runs failed; run the same command to try them again")
    return 1 if comparison.failures else 0


def comparison_directory(requested: RequestedRuns, out: Path) -> Path:
    """Return the directory of a comparison; its name depends on the runs requested, not on those finished."""
    varied = ("method", "seed", "warmup_seed", "merge")
    shared = {name: setting for name, setting in requested.config.identity().items() if name not in varied}
    identity = {
        "verb": "compare",
        "arms": [arm.name for arm in requested.arms],
        "config": shared,
        "seeds": list(requested.seeds),
        "controls": None if requested.controls is None else list(requested.controls),
        "warmup_seeds": list(requested.warmup_seeds),
    }
    return RunDirectory.open(out, "compare", identity).path


def _draw(comparison: "ArmComparison", directory: Path) -> list[Path]:
    """Draw the figures of a comparison, and return their paths; none without matplotlib or without data."""
    curves, differences = directory / "curves.svg", directory / "differences.svg"
    if not (comparison.rows and _draw_curves(comparison.results, curves)):
        return []
    if not any(row.measure == "pass_at_1" and row.interval.n for row in comparison.differences):
        return [curves]
    from sgram.reports.figures.paired_differences import draw_paired_differences

    draw_paired_differences(comparison, differences)
    return [curves, differences]


def _draw_curves(results: Any, path: Path) -> bool:
    """Draw the training curves; return False without matplotlib, or if no step is logged."""
    from sgram.reports.figures.learning_curves import draw_learning_curves

    try:
        draw_learning_curves(results, path)
    except (MissingExtraError, UsageError) as error:
        note(f"no figure: {error}")
        return False
    return True


def _show_plan(requested: RequestedRuns, out: Path, as_json: bool) -> int:
    """Print what would be run, without writing a file; return the exit code."""
    from sgram.training.experiments.compare import matrix_cells
    from sgram.training.experiments.estimate import estimate_run_cost

    cells = matrix_cells(requested.config, requested.arms, requested.seeds, requested.warmup_seeds)
    cost, settings, steps = estimate_run_cost(cells[0].config), cells[0].config.identity(), requested.config.steps
    seconds = None
    if cost.seconds_per_step is not None:
        seconds = cost.seconds_per_step * steps * len(cells) / min(requested.jobs, len(cells))
    if as_json:
        plan = {
            "runs": len(cells),
            "steps": steps,
            "arms": [arm.name for arm in requested.arms],
            "seeds": list(requested.seeds),
            "jobs": requested.jobs,
            "warmup_seeds": list(requested.warmup_seeds),
            "out": str(out),
            **asdict(cost),
            "seconds": seconds,
            "config": settings,
        }
        print_json("training-plan", plan)
        return 0
    matrix = cells[0].arm
    if len(cells) > 1:
        seeds, warmup_seeds = (", ".join(map(str, numbers)) for numbers in (requested.seeds, requested.warmup_seeds))
        matrix = (
            f"{len(cells)} runs: {', '.join(arm.name for arm in requested.arms)}; seeds {seeds}, "
            f"warm-up seeds {warmup_seeds}; {requested.jobs} at once"
        )
    memory = None if cost.memory is None else cost.memory / 2**20
    time = "unknown"
    if seconds is not None:
        total = f"{duration(seconds)} in all, without warm-up and measuring"
        time = f"at most about {cost.seconds_per_step:.2f} s a step, {total}"
    problems = f"{requested.config.prompts} problems x {requested.config.samples} responses"
    lines = [
        ("runs", matrix),
        ("config", describe_settings(settings)),
        ("model", _format_known("{:,} parameters", cost.parameters)),
        ("memory", _format_known("about {:,.0f} MiB a run", memory)),
        ("a step", f"{problems}, at most {_format_known('{:,}', cost.tokens_per_step)} tokens"),
        ("time", time),
        ("output", f"{out}/"),
    ]
    print_lines(lines)
    return 0


def _format_known(template: str, number: float | None) -> str:
    return "unknown" if number is None else template.format(number)
