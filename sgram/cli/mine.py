"""``sgram mine``: mine a lexicon from rollouts."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
from cyclopts import Parameter, Token
from rich.table import Table
from rich.text import Text

from sgram.cli.console import (
    MOVE_COLORS,
    WholeWords,
    describe_settings,
    note,
    print_json,
    print_lines,
    printable,
    stdout_console,
    switching_meter,
)
from sgram.cli.engines import Address, EngineName, open_engine
from sgram.cli.estimate_cells import name_files
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT, PARTS
from sgram.cli.path_checks import check_folder, check_no_options, check_outputs
from sgram.cli.read import InputFlags
from sgram.cli.shared_flags import AsJson, DryRun, TracePaths, number_flag, output_flag, path_argument
from sgram.errors import UsageError
from sgram.files import excerpt, parse_size
from sgram.mining.config import METHODS, SCORERS, SETTINGS, MiningConfig, Resources
from sgram.traces.part_texts import describe_part
from sgram.traces.parts import PartChoice

if TYPE_CHECKING:
    from sgram.cli.console import ShowProgress
    from sgram.lexicon import Cluster, Lexicon
    from sgram.mining.products import MiningOutcome
    from sgram.mining.run import MiningJob

# stage: (its title, unit shown, how many counts of the stage make one unit)
_STAGES = {
    "look": ("checking inputs", "MB", 1e6),
    "read": ("reading", "MB", 1e6),
    "part": ("counting parts", "parts", 1),
    "union": ("uniting grams", "steps", 1),
    "count": ("counting", "shards", 1),
    "describe": ("describing clusters", "parts", 1),
    "candidates": ("measuring", "grams", 1),
    "embed": ("embedding", "grams", 1),
    "cluster": ("clustering", "grams", 1),
    "examples": ("finding examples", "clusters", 1),
}


def _share_or_number(_: object, tokens: Sequence[Token]) -> int | float:
    """Parse ``--top``; cyclopts alone would round a share to a whole number."""
    text = tokens[0].value
    try:
        return int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        raise UsageError(f"--top {excerpt(text)} is neither a share, such as 0.2, nor a whole number") from None


_ADVANCED = Parameter(group=ADVANCED)
_TOP = (
    "Maximum to keep: a share (0.2) or a number (500), of grams, or of clusters (paper); default: all above the "
    "threshold (labels), 0.2 (contrast, paper)."
)
WORKERS = max(1, min(os.cpu_count() or 1, 8))
"""Threads by default."""
BACKGROUND = Parameter(
    group=ADVANCED, negative="", help="Traces of short chains of thought to contrast with; default: packaged."
)
CLASSIFIER = path_argument(
    "Classifier of grams that sgram validate --train wrote, or hf://owner/name; default: packaged.", ADVANCED
)


app = cyclopts.App(
    name="mine", help_format="plaintext", group_commands=PARTS, usage="Usage: sgram mine [OPTIONS] PATHS"
)
# the help of a step is given here, so that the help of mine need not import it
for _number, (_step, _line, _example) in enumerate(
    (
        ("split", "Read traces once, with all settings of mining, and write parts.", "rollouts/ --parts 16 -o parts/"),
        ("part", "Pass 1: count the grams of parts alone.", "parts/003"),
        ("union", "Unite the frequent grams of all parts.", "parts/"),
        ("count", "Pass 2: count the united grams in parts exactly.", "parts/003"),
        ("choose", "Add up the counts, score and cluster the grams.", "parts/"),
        ("describe", "Pass 3: count the chosen clusters in parts, find examples.", "parts/003"),
        ("join", "Run every step that is missing, and write the lexicon.", "parts/ -o lexicon.json"),
    )
):
    _text = f"{_line}\n\nsgram mine {_step} {_example}"
    app.command(f"sgram.cli.mine_parts:{_step}", name=_step, help=_text, sort_key=_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningFlags(MiningConfig):
    """`MiningConfig` as flags."""

    method: Annotated[str, Parameter(choices=METHODS, show_choices=False)] = "sgram"
    scorer: Annotated[str, Parameter(choices=SCORERS, show_choices=False)] = "labels"
    setting: Annotated[str, Parameter(choices=SETTINGS, show_choices=False)] = "default"
    top: Annotated[int | float | None, Parameter(converter=_share_or_number, help=_TOP)] = None
    min_problems: Annotated[int | None, _ADVANCED] = None
    explained: Annotated[float | None, _ADVANCED] = None
    part: Annotated[PartChoice, Parameter(group=INPUT)] = "all"
    max_chars: Annotated[int, Parameter(group=INPUT)] = 16_000
    embedder: Annotated[str, _ADVANCED] = "auto"
    similarity: Annotated[float | None, _ADVANCED] = None
    contrast_models: Annotated[tuple[str, ...], Parameter(group=ADVANCED, show_default=False)] = ()
    seed: Annotated[int, _ADVANCED] = 0
    name: Annotated[str, Parameter(group=OUTPUT)] = "mined"


@app.default
def mine(
    paths: TracePaths,
    /,
    *,
    output: Annotated[str | None, output_flag("File for the lexicon; - for stdout.")] = None,
    config: Annotated[MiningFlags, Parameter(name="*")] = MiningFlags(),
    background: Annotated[list[str] | None, BACKGROUND] = None,
    classifier: Annotated[str | None, CLASSIFIER] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    workers: Annotated[int, Parameter(group=ADVANCED, help="Threads.")] = WORKERS,
    memory: Annotated[str, Parameter(group=ADVANCED, help="Memory limit, such as 1GiB.")] = "2GiB",
    runs: Annotated[Path, Parameter(group=OUTPUT, help="Folder for the run's directory.")] = Path("reports"),
    rows: Annotated[int, number_flag("rows", 0, "Clusters in the table at the end.", OUTPUT)] = 20,
    fresh: Annotated[
        bool, Parameter(group=OUTPUT, negative="", help="Start over, even if this run is finished.")
    ] = False,
    engine: EngineName = "threads",
    parts: Annotated[int, number_flag("parts", 1, "Number of parts with --engine ray.", ADVANCED)] = 16,
    address: Address = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Mine a lexicon of Strategic Grams from rollouts.

    sgram mine rollouts/*.jsonl.gz -o lexicon.json

    sgram mine rollouts/ --where correct=true --min-df 20 --top 500

    sgram mine rollouts/ --setting f1 -o lexicon.json

    sgram mine rollouts.parquet --method paper -o paper.json
    """
    from sgram.mining.encoding_process import open_embedder

    check_outputs({"-o": output}, stdout=True)
    check_folder(runs)
    check_no_options(paths, "mine")
    check_one_output(output, as_json)
    resources = Resources(workers=workers, memory=parse_size(memory))
    # a model is loaded in another process, from before the miner is imported
    n_processes = 1 if dry_run or engine == "ray" else workers
    with open_embedder(config.embedder, config.seed, n_processes) as embedder:
        job = make_job(paths, config, resources, background, classifier, reading, runs)
        job.check(output)
        if dry_run:
            _show_plan(job, output, as_json)
            return
        with switching_meter() as show:
            report = partial(_show_progress, show)
            if engine == "ray":
                from sgram.mining.parts.job import mine_by_parts

                outcome = mine_by_parts(job, parts, open_engine(engine, address), report, fresh)
            else:
                outcome = job.run(report, fresh, embedder)
    write_lexicon(outcome, output)
    show_outcome(outcome, output, rows, as_json)
    if config.embedder == "auto" and outcome.lexicon.source["embedder"] == "hash":
        note(
            "all-MiniLM-L6-v2 is not installed, so grams were clustered by their words and letters: "
            "pip install 'sgram[embed]'"
        )


def make_job(
    paths: Sequence[str],
    config: MiningConfig,
    resources: Resources,
    background: Sequence[str] | None,
    classifier: str | None,
    reading: InputFlags,
    runs: Path = Path("reports"),
) -> "MiningJob":
    """Return the job that the flags of ``mine`` and ``mine split`` describe."""
    from sgram.mining.run import MiningJob

    return MiningJob(
        paths=tuple(paths),
        config=config,
        resources=resources,
        background=tuple(background or ()),
        classifier=classifier,
        dialect=reading.dialect,
        options=reading.options(),
        runs=runs,
    )


def check_one_output(output: str | None, as_json: bool) -> None:
    """Raise `UsageError` if the lexicon and the JSON object would both go to stdout."""
    if as_json and output == "-":
        raise UsageError("--json and -o - both write to stdout; choose one")


def write_lexicon(outcome: "MiningOutcome", output: str | None) -> None:
    """Write the lexicon to stdout for ``-``, else with its examples to a file; None writes nothing."""
    from sgram.mining.products import export_lexicon

    if output == "-":
        sys.stdout.buffer.write(outcome.lexicon.to_bytes())
    elif output is not None:
        export_lexicon(outcome, Path(output))


def _show_progress(show: "ShowProgress", stage: str, done: int, total: int, remark: str) -> None:
    title, unit, counts_per_unit = _STAGES[stage]
    show(title, done / counts_per_unit, total / counts_per_unit if total else None, unit, remark)


def _show_plan(job: "MiningJob", output: str | None, as_json: bool) -> None:
    """Print what a run would do, without reading a trace or writing a file."""
    files, config, workers = job.input_files(), job.config, job.resources.workers
    size = sum(n_bytes or 0 for _, n_bytes in files)
    packed_size = sum(n_bytes or 0 for name, n_bytes in files if name.endswith((".gz", ".zst", ".parquet")))
    text_size = size + 4 * packed_size
    seconds = round(15 + text_size / 20e6 / workers)
    min_problems = 1 if config.method == "paper" else "0.5 % of the problems, at least 4, at most half of them"
    settings = config.resolve_settings(0) | {
        "part": config.part,
        "min_df": config.min_df or "0.5 % of the traces, at least 4",
        "min_problems": config.min_problems or min_problems,
    }
    if as_json:
        plan = {
            "files": len(files),
            "bytes": size,
            "text_bytes_about": text_size,
            "seconds_about": seconds,
            "memory": job.resources.memory,
            "workers": workers,
            "runs": str(job.runs),
            "output": output,
            "config": settings,
        }
        print_json("mining-plan", plan)
        return
    file_lines = [name if n_bytes is None else f"{name}  {n_bytes / 1e6:,.1f} MB" for name, n_bytes in files]
    if len(files) > 10:
        file_lines = [name_files([name for name, _ in files])]
    lines = [
        ("inputs", f"{len(files):,} files, {size / 1e6:,.1f} MB, about {text_size / 1e6:,.0f} MB of text"),
        *(("", line) for line in file_lines),
        ("config", describe_settings(settings)),
        ("time", f"about {seconds} s with {workers} threads, after the first run"),
        ("memory", f"{job.resources.memory / 2**30:.1f} GiB; more is spilled to the run's directory"),
        ("output", f"{output or '(none: the run keeps it)'}; run directory under {job.runs}/"),
    ]
    print_lines(lines)


def show_outcome(
    outcome: "MiningOutcome", output: str | None, rows: int, as_json: bool, place: str | None = None
) -> None:
    """Print the table of the top clusters, or one JSON object; notes go to stderr.

    `place` is what the run's directory is called; None for its path.
    """
    lexicon, count, place = outcome.lexicon, outcome.summary["rows"], place or str(outcome.directory)
    if as_json:
        print_json("mine", _outcome_json(outcome, output, rows, place))
    elif output != "-":
        _show_clusters(outcome, rows)
    if outcome.reused:
        note("This run is already finished; --fresh repeats it.")
    set_aside = f", {count['quarantined']:,} set aside (see {place}/quarantine.jsonl)"
    note(
        f"{count['kept']:,} traces of {count['in']:,} rows{set_aside if count['quarantined'] else ''}; "
        f"{len(lexicon.grams):,} grams in {len(lexicon.clusters):,} clusters, {len(lexicon.core):,} for reading"
    )
    for decision in outcome.summary["decisions"]:
        note(decision)
    for warning in outcome.summary["warnings"]:
        note(f"warning: {warning}")
    part, n_left_out = _mined_part(lexicon)
    if part != "all":
        n_traces = lexicon.source["inputs"]["traces"] + n_left_out
        note(describe_part(part, n_traces, n_left_out))
    note(f"scorer {_scorer_description(lexicon.source['scorer'])}")
    note(f"embedder {lexicon.source['embedder']}, digest {lexicon.digest[:16]}")
    note(f"run {place}" + (f", lexicon {output}" if output not in (None, "-") else ""))


def _scorer_description(scorer: Mapping[str, Any]) -> str:
    """Return what scored the grams, in a few words."""
    if scorer["name"] != "labels":
        return str(scorer["name"])
    sources = "; ".join(label_set["name"] for label_set in scorer["labels"])
    return (
        f"labels: classifier {scorer['classifier'][:16]}, trained on {printable(sources)} | setting "
        f"{scorer['setting']}, grams from probability {scorer['threshold']:.2f}, for reading from "
        f"{scorer['clean_threshold']:.2f}"
    )


def _outcome_json(outcome: "MiningOutcome", output: str | None, rows: int, place: str) -> dict[str, object]:
    lexicon = outcome.lexicon
    part, n_left_out = _mined_part(lexicon)
    clusters = [
        {
            "id": cluster.id,
            "move": cluster.move,
            "df": cluster.df,
            "medoid": cluster.medoid,
            "core": [gram.text for gram in cluster.grams if gram.core],
            "grams": len(cluster.grams),
        }
        for cluster in _readable(outcome)[:rows]
    ]
    return {
        "lexicon": output,
        "run": place,
        "digest": lexicon.digest,
        "rows": outcome.summary["rows"],
        "part": part,
        "left_out": n_left_out,
        "warnings": outcome.summary["warnings"],
        "grams": len(lexicon.grams),
        "core": [gram.text for gram in lexicon.core],
        "n_clusters": len(lexicon.clusters),
        "clusters": clusters,
    }


def _mined_part(lexicon: "Lexicon") -> tuple[str, int]:
    """Return the part of each trace that was mined, and how many traces were left out because they do not mark it."""
    return lexicon.source["config"].get("part", "all"), lexicon.source["inputs"].get("left_out", 0)


def _readable(outcome: "MiningOutcome") -> list["Cluster"]:
    """Return the clusters with at least one core gram, in rank order."""
    return [cluster for cluster in outcome.lexicon.clusters if any(gram.core for gram in cluster.grams)]


def cluster_table(outcome: "MiningOutcome", rows: int, width: int = 130) -> Table:
    """Return the top clusters with core grams as a table: move, ClusterDF, medoid, members, an example in context.

    A narrow terminal (`width`) has no room for members, and a very narrow one has none for contexts.
    """
    example_of = {example["cluster"]: example for example in reversed(outcome.examples)}
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), expand=True)
    columns: dict[str, dict[str, Any]] = {
        "move": {},
        "traces": {"justify": "right"},
        "medoid": {"style": "bold", "max_width": 30},
        "members": {"ratio": 2, "overflow": "ellipsis"},
        "in context": {"ratio": 3, "overflow": "ellipsis"},
    }
    n_columns = 5 if width >= 100 else 4 if width >= 76 else 3
    for name, options in list(columns.items())[:3] + list(columns.items())[3:][5 - n_columns :]:
        table.add_column(name, no_wrap=True, **options)
    for cluster in _readable(outcome)[:rows]:
        other_grams = (gram for gram in cluster.grams if gram.text != cluster.medoid)
        members = [gram.text for gram in sorted(other_grams, key=lambda gram: not gram.core)]
        ellipsis = f" +{len(members) - 4}" if len(members) > 4 else ""
        color = MOVE_COLORS[cluster.move]
        context = _in_context(example_of.get(cluster.id), color)
        member_text = WholeWords(Text(", ".join(members[:4]) + ellipsis))
        named = (Text(cluster.move, color), f"{cluster.df:,}", WholeWords(Text(cluster.medoid)))
        table.add_row(*named, *(member_text, WholeWords(context))[5 - n_columns :])
    return table


def _show_clusters(outcome: "MiningOutcome", rows: int) -> None:
    console = stdout_console(130)
    console.print(cluster_table(outcome, rows, console.width))
    readable = len(_readable(outcome))
    if readable > rows:
        n_mask_only = len(outcome.lexicon.clusters) - readable
        note(f"... {readable - rows:,} more clusters to read (--rows), {n_mask_only:,} that only serve masks")


def _in_context(example: Mapping[str, Any] | None, color: str, around: int = 30) -> Text:
    if example is None:
        return Text("")
    text, start, end = example["text"], example["start"], example["end"]
    first = max(0, start - around)
    if first and (space := text.find(" ", first, start)) >= 0:  # begin at a word boundary
        first = space + 1
    before, gram, after = text[first:start], text[start:end], text[end : end + 3 * around]
    return Text.assemble(printable(before), (printable(gram), f"bold {color}"), printable(after))
