"""``sgram train``: a policy, trained; or arms, compared. Nothing but flags, progress and printing."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import note, printable
from sgram.cli.train_config import Asked, MatrixFlags, TrainFlags, asked_for
from sgram.cli.train_tables import board, duration, show_comparison, show_run
from sgram.errors import MissingExtraError, UsageError
from sgram.files import RunDirectory, excerpt

if TYPE_CHECKING:
    from sgram.training.experiments.compare import Comparison
    from sgram.training.experiments.run import RunResult


def train(
    config: Annotated[Path | None, Parameter(help="TOML file of settings; flags override it.")] = None,
    /,
    *,
    settings: Annotated[TrainFlags, Parameter(name="*")] = TrainFlags(),  # noqa: B008
    matrix: Annotated[MatrixFlags, Parameter(name="*")] = MatrixFlags(),  # noqa: B008
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Folder for the runs' directories.")] = Path("reports"),
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be run, and stop.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Train a policy with HICRA, or with one of its controls; a run that was cut off goes on where it stopped.

    sgram train

    sgram train config.toml --alpha 0.5 --steps 120

    sgram train --compare grpo,hicra,placebo --seeds 0,1,2 --jobs 2
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{excerpt(out)} is a file; name a folder for the runs with -o")
    asked = asked_for(config, settings, matrix)
    if dry_run:
        return _show_plan(asked, out, as_json)
    if asked.n_runs == 1:
        return _one_run(asked, out, as_json)
    return _many_runs(asked, out, as_json)


def _one_run(asked: Asked, out: Path, as_json: bool) -> int:
    from sgram.training.experiments.run import finished
    from sgram.training.experiments.run import train as run

    arm, seed, warmup_seed = asked.arms[0], asked.seeds[0], asked.warmup_seeds[0]
    config = arm.apply(asked.config, seed=seed, warmup_seed=warmup_seed)
    result = finished(config, out)
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
        with board(1).shown() as shown:
            result = run(
                config, out, lambda row: shown({**row, **labels, "event": "stage" if "stage" in row else "step"})
            )
    drawn = _draw_curves({arm.name: (result,)}, result.directory / "curves.svg")
    if as_json:
        _print_json(_run_json(result, reused, drawn))
    else:
        show_run(result)
    if reused:
        note("This run was finished before; it was only read.")
    place = str(result.directory)
    note(f"run {place}" + (", curves.svg in it" if drawn else ""))
    rollouts = shlex.quote(f"{place}/rollouts")
    note(f"next: sgram mine {rollouts} -o lexicon.json")
    note(f"      sgram tag {rollouts} --lexicon lexicon.json --show 1")
    return 0


def _many_runs(asked: Asked, out: Path, as_json: bool) -> int:
    from sgram.training.experiments.compare import compare
    from sgram.training.experiments.comparison_io import failure_line, to_json, write_comparison

    shown = board(asked.n_runs)
    note(f"{asked.n_runs} runs of {asked.config.steps} steps, {asked.jobs} at once, under {out}/")
    with shown.shown():
        made = compare(
            asked.config,
            asked.arms,
            asked.seeds,
            asked.warmup_seeds,
            out,
            jobs=asked.jobs,
            controls=asked.controls,
            tell=shown,
        )
    directory = comparison_directory(asked, out)
    written = write_comparison(made, directory)
    written += _draw(made, directory)
    if as_json:
        _print_json({**to_json(made), "directory": str(directory), "files": [path.name for path in written]})
    else:
        show_comparison(made)
    for failure in made.failures:
        note(f"failed: {failure_line(failure)}")
    note(f"written to {directory}: {', '.join(path.name for path in written)}")
    if made.failures:
        note(f"{len(made.failures)} of {asked.n_runs} runs failed; run the same command to try them again")
    return 1 if made.failures else 0


def comparison_directory(asked: Asked, out: Path) -> Path:
    """The directory of a comparison: named by what is compared, not by which of its runs are there."""
    shared = {key: value for key, value in asked.config.identity().items() if key not in _VARIED}
    identity = {
        "verb": "compare",
        "arms": [arm.name for arm in asked.arms],
        "config": shared,
        "seeds": list(asked.seeds),
        "controls": None if asked.controls is None else list(asked.controls),
        "warmup_seeds": list(asked.warmup_seeds),
    }
    return RunDirectory.open(out, "compare", identity).path


_VARIED = ("method", "seed", "warmup_seed")


def _draw(made: "Comparison", directory: Path) -> list[Path]:
    """The figures of a comparison, as far as there is something to draw and something to draw with."""
    drawn = []
    if made.rows and _draw_curves(made.results, directory / "curves.svg"):
        drawn.append(directory / "curves.svg")
    if drawn and any(each.measure == "pass_at_1" and each.interval.n for each in made.differences):
        from sgram.reports.figures.paired_differences import comparison_figure

        comparison_figure(made, directory / "differences.svg")
        drawn.append(directory / "differences.svg")
    return drawn


def _draw_curves(results: Any, path: Path) -> bool:
    """Whether the curves could be drawn: there may be no matplotlib, or nothing logged to draw."""
    from sgram.reports.figures.learning_curves import learning_curves

    try:
        learning_curves(results, path)
    except (MissingExtraError, UsageError) as error:
        note(f"no figure: {error}")
        return False
    return True


def _run_json(result: "RunResult", reused: bool, drawn: bool) -> dict[str, Any]:
    return {
        "format": "sgram-train",
        "version": 1,
        "run": str(result.directory),
        "reused": reused,
        "config": result.config.identity(),
        "start": asdict(result.start),
        "final": asdict(result.final),
        "steps": len(result.steps),
        "curves": "curves.svg" if drawn else None,
    }


def _print_json(told: dict[str, Any]) -> None:
    print(printable(json.dumps(told, sort_keys=True, allow_nan=False)))  # ASCII: no terminal can be moved by it


def _show_plan(asked: Asked, out: Path, as_json: bool) -> int:
    """What would be run: it writes nothing."""
    from sgram.training.experiments.compare import matrix_cells
    from sgram.training.experiments.run import estimate

    cells = matrix_cells(asked.config, asked.arms, asked.seeds, asked.warmup_seeds)
    found = estimate(cells[0].config)
    each = None if found.seconds_per_step is None else found.seconds_per_step * asked.config.steps
    total = None if each is None else each * len(cells) / min(asked.jobs, len(cells))
    plan = {
        "format": "sgram-training-plan",
        "version": 1,
        "runs": len(cells),
        "steps": asked.config.steps,
        "arms": [arm.name for arm in asked.arms],
        "seeds": list(asked.seeds),
        "jobs": asked.jobs,
        "warmup_seeds": list(asked.warmup_seeds),
        "out": str(out),
        "parameters": found.parameters,
        "memory": found.memory,
        "tokens_per_step": found.tokens_per_step,
        "seconds_per_step": found.seconds_per_step,
        "seconds": total,
        "config": cells[0].config.identity(),
    }
    if as_json:
        _print_json(plan)
        return 0
    unknown = "unknown"
    many = f"{len(cells)} runs: {', '.join(plan['arms'])}; seeds {_joined(asked.seeds)}, " if len(cells) > 1 else ""
    settings = ", ".join(f"{key}={value}" for key, value in plan["config"].items() if value not in (None, {}, ""))
    lines = {
        "runs": many + f"warm-up seeds {_joined(asked.warmup_seeds)}; {asked.jobs} at once" if many else cells[0].arm,
        "config": settings,
        "model": unknown if found.parameters is None else f"{found.parameters:,} parameters",
        "memory": unknown if found.memory is None else f"about {found.memory / 2**20:,.0f} MiB a run",
        "a step": f"{asked.config.prompts} problems x {asked.config.samples} responses, at most "
        + (unknown if found.tokens_per_step is None else f"{found.tokens_per_step:,}")
        + " tokens",
        "time": unknown
        if total is None
        else f"at most about {found.seconds_per_step:.2f} s a step, {duration(total)} in all, without warm-up and measuring",
        "output": f"{out}/",
    }
    for name, told in lines.items():
        print(f"{name:<8} {printable(told)}")
    return 0


def _joined(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))
