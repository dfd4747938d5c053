"""``sgram train``: train a policy, or compare several methods."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import note, printable
from sgram.cli.train_config import MatrixFlags, RequestedRuns, TrainFlags, requested_runs
from sgram.cli.train_tables import board, duration, show_comparison, show_run
from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt
from sgram.run_directory import RunDirectory

if TYPE_CHECKING:
    from sgram.training.experiments.compare import ArmComparison
    from sgram.training.experiments.run import RunResult


def train(
    config: Annotated[Path | None, Parameter(help="TOML file of settings; flags override it.")] = None,
    /,
    *,
    settings: Annotated[TrainFlags, Parameter(name="*")] = TrainFlags(),  # noqa: B008
    matrix: Annotated[MatrixFlags, Parameter(name="*")] = MatrixFlags(),  # noqa: B008
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Folder for the runs' directories.")] = Path("reports"),
    dry_run: Annotated[bool, Parameter(negative="", help="Print the plan, and stop.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Train a policy with HICRA, or with one of its controls; an interrupted run resumes where it stopped.

    sgram train

    sgram train config.toml --alpha 0.5 --steps 120

    sgram train --compare grpo,hicra,placebo --seeds 0,1,2 --jobs 2
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{excerpt(out)} is a file; name a folder for the runs with -o")
    requested = requested_runs(config, settings, matrix)
    if dry_run:
        return _show_plan(requested, out, as_json)
    if requested.n_runs == 1:
        return _one_run(requested, out, as_json)
    return _many_runs(requested, out, as_json)


def _one_run(requested: RequestedRuns, out: Path, as_json: bool) -> int:
    from sgram.training.experiments.run import read_finished_run
    from sgram.training.experiments.run import train as run

    arm, seed, warmup_seed = requested.arms[0], requested.seeds[0], requested.warmup_seeds[0]
    config = arm.apply(requested.config, seed=seed, warmup_seed=warmup_seed)
    result = read_finished_run(config, out)
    reused = result is not None
    if result is None:
        labels = {
            "arm": arm.name,
            "seed": seed,
            "warmup_seed": warmup_seed,
            "cell": 0,
            "cells": 1,
            "steps": config.steps,
        }
        with board(1).shown() as update:
            result = run(
                config, out, lambda row: update({**row, **labels, "event": "stage" if "stage" in row else "step"})
            )
    has_curves = _draw_curves({arm.name: (result,)}, result.directory / "curves.svg")
    if as_json:
        _print_json(_run_json(result, reused, has_curves))
    else:
        show_run(result)
    if reused:
        note("This run is already finished; its result was read.")
    directory = str(result.directory)
    note(f"run {directory}" + (", curves.svg in it" if has_curves else ""))
    rollouts = shlex.quote(f"{directory}/rollouts")
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
    written = write_comparison(comparison, directory)
    written += _draw(comparison, directory)
    if as_json:
        _print_json({**to_json(comparison), "directory": str(directory), "files": [path.name for path in written]})
    else:
        show_comparison(comparison)
    for failure in comparison.failures:
        note(f"failed: {failure_line(failure)}")
    note(f"written to {directory}: {', '.join(path.name for path in written)}")
    if comparison.failures:
        note(f"{len(comparison.failures)} of {requested.n_runs} runs failed; run the same command to try them again")
    return 1 if comparison.failures else 0


def comparison_directory(requested: RequestedRuns, out: Path) -> Path:
    """Return the directory of a comparison; its name depends on the runs requested, not on those finished."""
    shared = {name: setting for name, setting in requested.config.identity().items() if name not in _VARIED}
    identity = {
        "verb": "compare",
        "arms": [arm.name for arm in requested.arms],
        "config": shared,
        "seeds": list(requested.seeds),
        "controls": None if requested.controls is None else list(requested.controls),
        "warmup_seeds": list(requested.warmup_seeds),
    }
    return RunDirectory.open(out, "compare", identity).path


_VARIED = ("method", "seed", "warmup_seed")


def _draw(comparison: "ArmComparison", directory: Path) -> list[Path]:
    """Draw the figures of a comparison, and return their paths; none without matplotlib or without data."""
    figures = []
    if comparison.rows and _draw_curves(comparison.results, directory / "curves.svg"):
        figures.append(directory / "curves.svg")
    differences = comparison.differences
    if figures and any(difference.measure == "pass_at_1" and difference.interval.n for difference in differences):
        from sgram.reports.figures.paired_differences import draw_paired_differences

        draw_paired_differences(comparison, directory / "differences.svg")
        figures.append(directory / "differences.svg")
    return figures


def _draw_curves(results: Any, path: Path) -> bool:
    """Draw the training curves; return False without matplotlib, or if no step is logged."""
    from sgram.reports.figures.learning_curves import draw_learning_curves

    try:
        draw_learning_curves(results, path)
    except (MissingExtraError, UsageError) as error:
        note(f"no figure: {error}")
        return False
    return True


def _run_json(result: "RunResult", reused: bool, has_curves: bool) -> dict[str, Any]:
    return {
        "format": "sgram-train",
        "version": 1,
        "run": str(result.directory),
        "reused": reused,
        "config": result.config.identity(),
        "start": asdict(result.start),
        "final": asdict(result.final),
        "steps": len(result.steps),
        "curves": "curves.svg" if has_curves else None,
    }


def _print_json(document: dict[str, Any]) -> None:
    print(printable(json.dumps(document, sort_keys=True, allow_nan=False)))  # ASCII: no escape sequence


def _show_plan(requested: RequestedRuns, out: Path, as_json: bool) -> int:
    """Print what would be run, without writing a file; return the exit code."""
    from sgram.training.experiments.compare import matrix_cells
    from sgram.training.experiments.estimate import estimate_run_cost

    cells = matrix_cells(requested.config, requested.arms, requested.seeds, requested.warmup_seeds)
    cost = estimate_run_cost(cells[0].config)
    run_seconds = None if cost.seconds_per_step is None else cost.seconds_per_step * requested.config.steps
    total = None if run_seconds is None else run_seconds * len(cells) / min(requested.jobs, len(cells))
    settings = cells[0].config.identity()
    plan = {
        "format": "sgram-training-plan",
        "version": 1,
        "runs": len(cells),
        "steps": requested.config.steps,
        "arms": [arm.name for arm in requested.arms],
        "seeds": list(requested.seeds),
        "jobs": requested.jobs,
        "warmup_seeds": list(requested.warmup_seeds),
        "out": str(out),
        "parameters": cost.parameters,
        "memory": cost.memory,
        "tokens_per_step": cost.tokens_per_step,
        "seconds_per_step": cost.seconds_per_step,
        "seconds": total,
        "config": settings,
    }
    if as_json:
        _print_json(plan)
        return 0
    unknown = "unknown"
    matrix = (
        f"{len(cells)} runs: {', '.join(arm.name for arm in requested.arms)}; seeds {_joined(requested.seeds)}, "
        if len(cells) > 1
        else ""
    )
    config_text = ", ".join(f"{name}={setting}" for name, setting in settings.items() if setting not in (None, {}, ""))
    lines = {
        "runs": matrix + f"warm-up seeds {_joined(requested.warmup_seeds)}; {requested.jobs} at once"
        if matrix
        else cells[0].arm,
        "config": config_text,
        "model": unknown if cost.parameters is None else f"{cost.parameters:,} parameters",
        "memory": unknown if cost.memory is None else f"about {cost.memory / 2**20:,.0f} MiB a run",
        "a step": f"{requested.config.prompts} problems x {requested.config.samples} responses, at most "
        + (unknown if cost.tokens_per_step is None else f"{cost.tokens_per_step:,}")
        + " tokens",
        "time": unknown
        if total is None
        else f"at most about {cost.seconds_per_step:.2f} s a step, {duration(total)} in all, without warm-up and "
        "measuring",
        "output": f"{out}/",
    }
    for name, line in lines.items():
        print(f"{name:<8} {printable(line)}")
    return 0


def _joined(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
