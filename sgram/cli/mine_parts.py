"""``sgram mine split | part | union | count | choose | describe | join``: mining by parts, on one machine or many."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import note, print_json, print_line, switching_meter
from sgram.cli.engines import Address, EngineName, open_engine
from sgram.cli.mine import (
    BACKGROUND,
    CLASSIFIER,
    WORKERS,
    MiningFlags,
    check_one_output,
    make_job,
    show_outcome,
    write_lexicon,
)
from sgram.cli.option_groups import ADVANCED, OUTPUT
from sgram.cli.path_checks import check_no_options, check_outputs
from sgram.cli.read import InputFlags
from sgram.cli.shared_flags import AsJson, TracePaths, number_flag, output_flag
from sgram.files import parse_size
from sgram.mining.config import Resources
from sgram.urls import base_name, is_url, printable_name

if TYPE_CHECKING:
    from sgram.mining.parts.corpus import StepProgress
    from sgram.mining.parts.plan import SplitPlan
    from sgram.mining.parts.steps import PartStep

_STAGES = {
    "part": "counting parts",
    "union": "uniting grams",
    "count": "counting the union",
    "describe": "describing clusters",
    "candidates": "measuring grams",
    "embed": "embedding",
    "cluster": "clustering",
    "examples": "writing examples",
}

Folder = Annotated[str, Parameter(help="Folder of the split, or its URL.")]
PartPaths = Annotated[list[str], Parameter(help="Parts, each as FOLDER/NAME, such as parts/003; FOLDER may be a URL.")]
Workers = Annotated[int, number_flag("workers", 1, "Threads.", ADVANCED)]
Memory = Annotated[str, Parameter(group=ADVANCED, help="Memory limit, such as 1GiB.")]


def split(
    paths: TracePaths,
    /,
    *,
    parts: Annotated[int, number_flag("parts", 1, "Number of parts; it is lowered where parts would be too small.")],
    output: Annotated[str, output_flag("Folder of the split, or a URL that fsspec can write to; it is made.")],
    config: Annotated[MiningFlags, Parameter(name="*")] = MiningFlags(),  # noqa: B008
    background: Annotated[list[str] | None, BACKGROUND] = None,
    classifier: Annotated[str | None, CLASSIFIER] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    exact_parts: Annotated[
        bool, Parameter(negative="", group=ADVANCED, help="Keep --parts, however small the parts are.")
    ] = False,
    workers: Workers = WORKERS,
    memory: Memory = "2GiB",
    fresh: Annotated[
        bool, Parameter(group=OUTPUT, negative="", help="Replace an earlier split in the folder.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read traces once, and write them as parts for counting on many machines.

    All settings of mining are given here.

    sgram mine split rollouts/ --parts 16 -o parts/
    """
    from sgram.mining.parts.job import split_to_url, split_traces

    if not is_url(output):
        check_outputs({"-o": output}, folders=["-o"])
    check_no_options(paths, "mine split")
    job = make_job(paths, config, _resources(workers, memory), background, classifier, reading)
    with switching_meter() as show:

        def report(stage: str, done: int, total: int, remark: str) -> None:
            show("reading", done / 1e6, total / 1e6 if total else None, "MB", remark)

        if is_url(output):
            plan = split_to_url(job, output, parts, exact_parts=exact_parts, fresh=fresh, progress=report)
        else:
            plan = split_traces(job, Path(output), parts, exact_parts=exact_parts, fresh=fresh, progress=report)
    if as_json:
        print_json("mine-split", _plan_json(plan))
        return
    for line in _plan_lines(plan):
        print_line(line)
    for text in (*plan.summary["decisions"], *(f"warning: {warning}" for warning in plan.summary["warnings"])):
        note(text)


def _plan_json(plan: "SplitPlan") -> dict[str, Any]:
    return {
        "folder": plan.folder.title,
        "rows": plan.summary["rows"],
        "traces": plan.inputs["traces"],
        "requested_parts": plan.requested_parts,
        "parts": [
            {"name": part.name, "traces": part.n_docs, "bytes": part.n_bytes, "local_df": plan.local_df(part)}
            for part in plan.parts
        ],
        "min_df": plan.settings["min_df"],
        "counted_df": plan.counted_df,
    }


def _plan_lines(plan: "SplitPlan") -> Iterator[str]:
    from sgram.mining.parts.plan import LEAST_LOCAL_DF

    n_parts, n_traces = len(plan.parts), sum(part.n_docs for part in plan.parts)
    local_df = min(map(plan.local_df, plan.parts))
    names = plan.parts[0].name if n_parts == 1 else f"{plan.parts[0].name} to {plan.parts[-1].name}"
    yield f"{n_traces:,} traces in {n_parts} part{'s' * (n_parts > 1)} of {plan.folder.title}: {names}"
    yield (
        f"grams of {plan.counted_df} or more traces are counted; a part reports those in {local_df} or more of its own"
    )
    if n_parts < plan.requested_parts:
        yield (
            f"{plan.requested_parts} parts were asked for: in smaller parts the threshold would be below "
            f"{LEAST_LOCAL_DF} traces, and chance grams would outnumber the others (--exact-parts keeps the number)"
        )
    yield f"next: sgram mine part for each part, or sgram mine join {plan.folder.title}, which runs what is missing"


def part(parts: PartPaths, /, *, workers: Workers = WORKERS, memory: Memory = "2GiB") -> None:
    """Pass 1: count the grams of parts alone, and write those that are frequent in them.

    sgram mine part parts/003
    """
    _run_parts("part", parts, _resources(workers, memory))


def count(parts: PartPaths, /, *, workers: Workers = WORKERS, memory: Memory = "2GiB") -> None:
    """Pass 2: count the united grams in parts exactly.

    sgram mine count parts/003
    """
    _run_parts("count", parts, _resources(workers, memory))


def describe(parts: PartPaths, /, *, workers: Workers = WORKERS, memory: Memory = "2GiB") -> None:
    """Pass 3: count the chosen clusters in parts, and find examples of their use.

    sgram mine describe parts/003
    """
    _run_parts("describe", parts, _resources(workers, memory))


def union(folder: Folder, /, *, workers: Workers = WORKERS, memory: Memory = "2GiB") -> None:
    """Unite the frequent grams of all parts.

    sgram mine union parts/
    """
    from sgram.mining.array_files import ArrayFile
    from sgram.mining.parts.folder import open_folder
    from sgram.mining.parts.plan import SplitPlan
    from sgram.mining.parts.steps import UNION, run_union

    with open_folder(folder) as opened:
        run_union(SplitPlan.load(opened), _resources(workers, memory))
        about = ArrayFile(opened.fetch(UNION)).about
    print_line(f"{about['grams']:,} grams to count, of {about['reported']:,} that the parts report")


def choose(
    folder: Folder,
    /,
    *,
    engine: EngineName = "threads",
    address: Address = "auto",
    workers: Workers = WORKERS,
    memory: Memory = "2GiB",
) -> None:
    """Add up the counts of all parts, score the grams and cluster them; runs part, union and count if missing.

    sgram mine choose parts/
    """
    from sgram.mining.parts.job import choose as choose_grams
    from sgram.mining.parts.steps import CHOICE

    with step_meter() as report:
        choose_grams(folder, _resources(workers, memory), open_engine(engine, address), report)
    print_line(f"chosen: {printable_name(folder)}/{CHOICE}")


def join(
    folder: Folder,
    /,
    *,
    output: Annotated[str | None, output_flag("File for the lexicon; - for stdout.")] = None,
    engine: EngineName = "threads",
    address: Address = "auto",
    workers: Workers = WORKERS,
    memory: Memory = "2GiB",
    rows: Annotated[int, number_flag("rows", 0, "Clusters in the table at the end.", OUTPUT)] = 20,
    fresh: Annotated[
        bool, Parameter(group=OUTPUT, negative="", help="Join again, even if this was done; parts are kept.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run every step that is missing, and write the lexicon: that of sgram mine on the same traces.

    sgram mine join parts/ -o lexicon.json
    """
    from sgram.mining.parts.folder import open_folder
    from sgram.mining.parts.job import join as join_parts

    check_outputs({"-o": output}, stdout=True)
    check_one_output(output, as_json)
    with open_folder(folder) as opened:
        with step_meter() as report:
            outcome = join_parts(opened, _resources(workers, memory), open_engine(engine, address), report, fresh=fresh)
        write_lexicon(outcome, output)
        show_outcome(outcome, output, rows, as_json, opened.title)


def _resources(workers: int, memory: str) -> Resources:
    return Resources(workers=workers, memory=parse_size(memory))


def _run_parts(step: "PartStep", paths: Sequence[str], resources: Resources) -> None:
    from sgram.mining.parts.steps import run_part

    for path in _with_meter(paths, _STAGES[step]):
        folder = path.rstrip("/").rpartition("/")[0] if is_url(path) else Path(path).parent
        run_part(folder, step, base_name(path), resources)
    print_line(
        f"{step}: {', '.join(printable_name(path) for path in paths[:5])}{' and more' if len(paths) > 5 else ''}"
    )


def _with_meter(paths: Sequence[str], stage: str) -> Iterable[str]:
    with switching_meter() as show:
        for number, path in enumerate(paths):
            show(stage, number, len(paths), "parts", base_name(path))
            yield path
        show(stage, len(paths), len(paths), "parts", "")


@contextmanager
def step_meter() -> Iterator["StepProgress"]:
    """Yield a function that shows (step, done, total)."""
    with switching_meter() as show:

        def report(step: str, done: int, total: int) -> None:
            show(_STAGES.get(step, step), done, total or None, "", "")

        yield report
