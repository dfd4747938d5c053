"""``sgram evolve``: one policy proposes questions, solves them and judges the answers."""

import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import describe_settings, note, print_json, print_lines
from sgram.cli.evolve_config import EvolveFlags, EvolveMatrixFlags, RequestedEvolve, requested_evolve
from sgram.cli.evolve_tables import COLUMNS, show_evolve, show_verdicts
from sgram.cli.path_checks import check_outputs
from sgram.cli.shared_flags import AsJson, DryRun
from sgram.cli.train_config import RUNS, RUNS_FOLDER
from sgram.cli.train_tables import board
from sgram.errors import MissingExtraError, UsageError
from sgram.run_directory import RunDirectory
from sgram.training.evolve import run as runs
from sgram.training.evolve.arm_names import ARMS, arm_title
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.evolve_matrix import evolve_cells, parse_evolve_arms, run_evolve_matrix
from sgram.training.evolve.evolve_run import EvolveRun
from sgram.training.evolve.slots import count_generations
from sgram.training.experiments.matrix import Failure
from sgram.training.experiments.ranks import check_ranks, launched_ranks


def evolve(
    config: Annotated[Path | None, Parameter(help="TOML file of settings; flags override it.")] = None,
    /,
    *,
    settings: Annotated[EvolveFlags, Parameter(name="*")] = EvolveFlags(),  # noqa: B008
    matrix: Annotated[EvolveMatrixFlags, Parameter(name="*", group=RUNS)] = EvolveMatrixFlags(),  # noqa: B008
    out: Annotated[Path, RUNS_FOLDER] = Path("reports"),
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Train one policy as proposer, solver and judge (Multi-Agent Evolve); an interrupted run resumes where it stopped.

    sgram evolve --steps 40

    sgram evolve --judge oracle --gate oracle --method hicra

    sgram evolve --compare evolve,judge=random,judge=oracle --seeds 0,1,2 --jobs 2

    sgram evolve --task questions.jsonl --model smollm2 --dry-run
    """
    check_outputs({"-o": out}, folders=["-o"])
    requested = requested_evolve(config, settings, matrix)
    ranks = launched_ranks()
    if ranks.identity() and requested.n_runs > 1:
        raise UsageError(
            "the processes of a launcher train one run together: leave --compare and several seeds out, or start sgram "
            "evolve without torchrun and accelerate"
        )
    if requested.n_runs == 1:
        check_ranks(ranks, _single_config(requested).run_config())
    if dry_run:
        return _show_plan(requested, out, as_json) if ranks.is_main else 0
    if not ranks.is_main:
        return _follow(requested, out)
    if requested.n_runs == 1 and not requested.is_comparison:
        return _one_run(requested, out, as_json)
    return _many_runs(requested, out, as_json)


def _follow(requested: RequestedEvolve, out: Path) -> int:
    """Train as one of several processes that is not the main one: print nothing, except an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs.run_evolve(_single_config(requested), out)
    return 0


def _single_config(requested: RequestedEvolve) -> EvolveConfig:
    arm, config = requested.arms[0], requested.config
    applied: EvolveConfig = arm.apply(config, seed=requested.seeds[0], warmup_seed=requested.warmup_seeds[0])
    return applied


def _one_run(requested: RequestedEvolve, out: Path, as_json: bool) -> int:
    config = _single_config(requested)
    result = runs.read_finished_evolve(config, out)
    reused = result is not None
    if result is None or launched_ranks().n_processes > 1:  # several processes agree about it
        labels = {"arm": "evolve", "seed": config.seed, "warmup_seed": config.warmup_seed, "steps": config.steps}
        with board(1, COLUMNS).shown() as update:

            def show_row(row: Mapping[str, Any]) -> None:
                update({**row, **labels, "cell": 0, "event": "stage" if "stage" in row else "step"})

            result = runs.run_evolve(config, out, show_row)
    if as_json:
        fields = {
            "run": str(result.directory),
            "reused": reused,
            "config": result.config.identity(),
            "start": result.start.to_json(),
            "final": result.final.to_json(),
            "steps": len(result.steps),
        }
        print_json("evolve", fields)
    else:
        show_evolve(result)
    if reused:
        note("This run is already finished; its result was read.")
    note(f"run {result.directory}")
    rollouts = shlex.quote(f"{result.directory}/rollouts")
    note(f"next: sgram mine {rollouts} -o lexicon.json  (meta.role tells the roles apart)")
    return 0


def _many_runs(requested: RequestedEvolve, out: Path, as_json: bool) -> int:
    from sgram.training.evolve.evolve_comparison import compare_evolve, to_json, write_evolve_comparison

    cells = evolve_cells(requested.config, requested.arms, requested.seeds, requested.warmup_seeds)
    note(f"{len(cells)} runs of {requested.config.steps} steps, {requested.jobs} at once, under {out}/")
    progress = board(len(cells), COLUMNS)
    with progress.shown():
        outcomes = run_evolve_matrix(cells, out, jobs=requested.jobs, on_progress=progress)
    arms: dict[str, list[EvolveRun]] = {}
    failures: dict[tuple[str, int, int], str] = {}
    for cell, outcome in zip(cells, outcomes, strict=True):
        title = arm_title(cell.arm)
        if isinstance(outcome, Failure):
            failures[title, outcome.seed, outcome.warmup_seed] = outcome.message
        else:
            arms.setdefault(title, []).append(_as_run(outcome))
    for title, run in _finished_before(requested, out):
        arms.setdefault(title, []).append(run)
    comparison = compare_evolve(arms, requested.seeds, requested.warmup_seeds, failures=failures)
    directory = comparison_directory(requested, out)
    written = [*write_evolve_comparison(comparison, directory), *_draw(arms, directory / "curves.svg")]
    names = [path.name for path in written]
    if as_json:
        print_json("evolve-comparison", {**to_json(comparison), "directory": str(directory), "files": names})
    else:
        show_verdicts(comparison)
    for (title, seed, warmup_seed), message in failures.items():
        note(f"failed: {title}, seed {seed}, start {warmup_seed}: {message}")
    note(f"written to {directory}: {', '.join(names)}")
    if failures:
        note(f"{len(failures)} of {len(cells)} runs failed; run the same command to try them again")
    return 1 if failures else 0


def _as_run(result: runs.EvolveResult) -> EvolveRun:
    return EvolveRun.from_parts(
        result.config.seed, result.config.warmup_seed, result.steps, result.start, result.final, result.evaluations
    )


def _finished_before(requested: RequestedEvolve, out: Path) -> list[tuple[str, EvolveRun]]:
    """Return the finished runs of the named arms that this command does not ask for, with the names of their arms."""
    names = {arm.name for arm in requested.arms}
    found = []
    for arm in parse_evolve_arms([text for text in ARMS.values() if text not in names]):
        for seed in requested.seeds:
            for warmup_seed in requested.warmup_seeds:
                try:
                    config = arm.apply(requested.config, seed=seed, warmup_seed=warmup_seed)
                except UsageError:  # the arm does not fit the settings of this comparison
                    continue
                result = runs.read_finished_evolve(config, out)
                if result is not None:
                    found.append((arm_title(arm.name), _as_run(result)))
    return found


def comparison_directory(requested: RequestedEvolve, out: Path) -> Path:
    """Return the directory of a comparison; its name depends on the settings that all arms share, and on the seeds."""
    varied = ("seed", "warmup_seed")
    identity = {
        "verb": "evolve-compare",
        "config": {name: setting for name, setting in requested.config.identity().items() if name not in varied},
        "seeds": list(requested.seeds),
        "warmup_seeds": list(requested.warmup_seeds),
    }
    return RunDirectory.open(out, "evolve-compare", identity).path


def _draw(arms: Mapping[str, list[EvolveRun]], path: Path) -> list[Path]:
    """Draw the curves of the arms, and return their path; none without matplotlib or without data."""
    from sgram.reports.figures.evolve_curves import draw_evolve_curves

    try:
        draw_evolve_curves(arms, path)
    except (MissingExtraError, UsageError) as error:
        note(f"no figure: {error}")
        return []
    return [path]


def _show_plan(requested: RequestedEvolve, out: Path, as_json: bool) -> int:
    """Print what would be run and how many texts a step samples, without writing a file; return the exit code."""
    cells = evolve_cells(requested.config, requested.arms, requested.seeds, requested.warmup_seeds)
    configs: dict[str, EvolveConfig] = {arm.name: arm.apply(requested.config) for arm in requested.arms}
    counts = {name: count_generations(arm_config) for name, arm_config in configs.items()}
    if as_json:
        plan = {
            "runs": len(cells),
            "steps": requested.config.steps,
            "arms": [arm.name for arm in requested.arms],
            "seeds": list(requested.seeds),
            "warmup_seeds": list(requested.warmup_seeds),
            "jobs": requested.jobs,
            "generations": counts,
            "out": str(out),
            "config": cells[0].config.identity(),
        }
        print_json("evolve-plan", plan)
        return 0
    lines = [
        ("runs", f"{len(cells)} of {requested.config.steps} steps, {requested.jobs} at once"),
        ("config", describe_settings(cells[0].config.identity())),
        ("trained", ", ".join(next(iter(configs.values())).roles)),
    ]
    for arm, kinds in counts.items():
        total = sum(kinds.values())
        n_judgements = sum(n for kind, n in kinds.items() if kind.startswith("judgements"))
        parts = ", ".join(f"{n} {kind}" for kind, n in kinds.items() if n)
        lines.append(
            (
                arm if len(counts) > 1 else "a step",
                f"at most {total:,} texts ({parts}); judgments are {n_judgements / total:.0%} of them"
                + (f"; the first step {kinds['judge rows']} more answers" if kinds["judge rows"] else ""),
            )
        )
    print_lines([*lines, ("output", f"{out}/")])
    return 0
