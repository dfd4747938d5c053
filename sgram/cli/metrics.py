"""``sgram metrics``: rollouts and runs in; tables with intervals and placebos out. Nothing but flags and printing."""

import json
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import meter, note, printable, stages
from sgram.cli.path_checks import refuse_inputs, refuse_options, refuse_places
from sgram.cli.read import InputFlags, tell
from sgram.errors import UsageError
from sgram.files import excerpt, write_bytes
from sgram.traces import TraceReader

if TYPE_CHECKING:
    from sgram.analysis import Analysis, AnalysisConfig
    from sgram.scoring.scored_file import ScoredFile

_INPUTS = Parameter(
    help="Directories of training runs or comparisons, or files and folders of rollouts.", allow_leading_hyphen=True
)


@Parameter(name="*")
@dataclass(frozen=True)
class ScoringFlags:
    """Log-probabilities and entropies by a local model, for rollouts that hold none."""

    model: str | None = None
    """Compute them with this model: a folder, smollm2, or a name on the hub; needs -o."""
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], allow_leading_hyphen=True)] = None
    """File for the scored rollouts (.jsonl.gz); name it next time, and nothing is computed again."""
    max_length: int | None = None
    """Longest prompt and response in tokens that is scored; by default what the model allows."""
    chat: Annotated[bool, Parameter(negative="")] = False
    """Put prompts through the model's chat template."""
    device: str = "cpu"
    """Where the model computes: cpu, cuda or cuda:0."""
    dtype: str = "float32"
    """Numbers that it computes in: float32, bfloat16 or float16."""


def metrics(
    inputs: Annotated[list[str], _INPUTS],
    /,
    *,
    lexicon: Annotated[
        str | None, Parameter(help="A lexicon file or preset; by default a run's own, and wang2025 for rollouts.")
    ] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    scoring: ScoringFlags = ScoringFlags(),
    placebos: Annotated[int, Parameter(help="Random lexicons that the lexicon is compared with.")] = 3,
    table: Annotated[
        tuple[str, ...], Parameter(help="Print this table, whole; may be given again.", negative="", show_default=False)
    ] = (),
    csv: Annotated[
        Path | None, Parameter(help="Folder for all tables, a CSV file each.", allow_leading_hyphen=True)
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of intervals and placebos.")] = 0,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be read and computed, and stop.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Measure what rollouts or training runs show about planning; every number with its interval and its placebo.

    sgram metrics reports/train-1a2b3c4d5e6f

    sgram metrics rollouts.jsonl --lexicon lexicon.json --csv tables/

    sgram metrics rollouts.jsonl --model smollm2 -o scored.jsonl.gz
    """
    from sgram.analysis import AnalysisConfig, analyze
    from sgram.cli.metrics_tables import check_tables, show_analysis, show_tables

    refuse_options(inputs, "metrics")
    check_tables(table)
    if reading.quarantine is not None:
        raise UsageError("rollouts are read twice here; sgram read --quarantine sets bad rows aside in a file")
    config = AnalysisConfig(
        lexicon=lexicon,
        tokenizer=None if reading.tokenizer is None else str(reading.tokenizer),
        seed=seed,
        n_placebos=placebos,
    )
    _check_names(inputs, scoring, csv, dry_run)
    if dry_run:
        return _show_plan(inputs, config, reading, scoring, as_json)
    if scoring.model is not None:
        scored = score(inputs, reading, scoring)
        inputs, config = [str(scored.path)], replace(config, tokenizer=str(scored.tokenizer))
        reading = replace(reading, dialect="sgram")
    with stages(STAGES) as shown:
        made = analyze(inputs, config, shown, options=reading.options(), dialect=reading.dialect)
    written = [] if csv is None else _write_tables(made, csv)
    if as_json:
        print(json.dumps(_told(made, table, written), sort_keys=True, allow_nan=False))  # ASCII
    elif table:
        show_tables(made, table)
    else:
        show_analysis(made)
    for said in made.notes:
        note(said)
    if written:
        note(f"{len(written)} tables written to {csv}")
    return 0


def _check_names(inputs: list[str], scoring: ScoringFlags, csv: Path | None, dry_run: bool) -> None:
    """Refuse names that cannot be meant, before anything is read."""
    from sgram.scoring.scored_file import check_format

    if scoring.model is None and scoring.output is not None:
        raise UsageError("-o is for rollouts that --model scores; name the model, or --csv for tables")
    if scoring.model is not None and scoring.output is None and not dry_run:
        raise UsageError("--model needs -o scored.jsonl.gz: what it computes is kept, so that it is computed once")
    for path in (scoring.output, csv):
        if path is not None and str(path).startswith("-"):
            raise UsageError(
                f"tables and scored rollouts go to files, and {excerpt(path)} names none; write ./{excerpt(path)} "
                "if it does"
            )
    if csv is not None:
        if csv.is_file():
            raise UsageError(f"{excerpt(csv)} is a file; name a folder for the tables")
        refuse_places([csv / "corpus.csv"])
    if scoring.output is not None:
        check_format(scoring.output)
        refuse_inputs([scoring.output], inputs)
        refuse_places([scoring.output])


STAGES = {
    "reading": "inputs",
    "drawing placebos": "lexicons",
    "counting": "inputs",
    "diagnosing": "traces",
    "measuring": "tables",
}
"""What the stages of an analysis count."""


def _rollouts(inputs: list[str], reading: InputFlags) -> TraceReader:
    """The rollouts to be scored; a run's have all that could be computed."""
    from sgram.analysis.sources import find_inputs

    runs = [source.shown for source in find_inputs(inputs)[0] if source.kind == "run"]
    if runs:
        raise UsageError(f"the rollouts of the run {excerpt(runs[0])} hold their entropies already; leave out --model")
    return TraceReader(inputs, reading.dialect, options=reading.options())


def score(inputs: list[str], reading: InputFlags, scoring: ScoringFlags) -> "ScoredFile":
    """Score the rollouts of `inputs` by a model, into the file that `scoring` names, and say what came of it."""
    from sgram.scoring.log_probs import Scoring
    from sgram.scoring.scored_file import score_file
    from sgram.training.models import load_model

    reader = _rollouts(inputs, reading)
    loaded = load_model(scoring.model, scoring.dtype, scoring.device)
    with meter("scoring", None, "traces") as bar:
        scored = score_file(
            reader, loaded, scoring.output, Scoring(scoring.max_length, scoring.chat), lambda done: bar.update(done)
        )
    tell(reader)
    note(f"{scored.scored:,} of {scored.traces:,} traces scored by {scoring.model}, written to {scored.path}")
    if scored.reused:
        note(f"{scored.reused:,} of them had been scored before the last try was cut off")
    if scored.scored < scored.traces:
        note(f"{scored.traces - scored.scored:,} were empty or too long (--max-length); they have no entropies")
    note(f"next time: sgram metrics {scored.path} --tokenizer {scored.tokenizer}")
    return scored


def _show_plan(
    inputs: list[str], config: "AnalysisConfig", reading: InputFlags, scoring: ScoringFlags, as_json: bool
) -> int:
    """What would be read, and what a model would take: nothing is written."""
    from sgram.analysis.sources import find_inputs

    sources, notes = find_inputs(inputs)
    plan: dict[str, Any] = {
        "format": "sgram-metrics-plan",
        "version": 1,
        "lexicon": config.lexicon,
        "inputs": [{"path": each.shown, "kind": each.kind, "source": each.name} for each in sources],
    }
    if scoring.model is not None:
        from sgram.scoring.log_probs import Scoring
        from sgram.scoring.scored_file import estimate
        from sgram.training.models import load_model

        reader = _rollouts(inputs, reading)
        loaded = load_model(scoring.model, scoring.dtype, scoring.device)
        with closing(iter(reader)) as traces:
            plan["scoring"] = asdict(estimate(traces, loaded, Scoring(scoring.max_length, scoring.chat)))
    if as_json:
        print(json.dumps(plan, sort_keys=True, allow_nan=False))
        return 0
    for each in sources:
        print(printable(f"{each.kind:<8} {each.shown}" + (f"  ({each.name})" if each.name else "")))
    if scoring.model is not None:
        found = plan["scoring"]
        seconds = "unknown" if found["seconds"] is None else f"about {found['seconds']:,.0f} s"
        print(f"scoring  {found['traces']:,} traces, {found['tokens']:,} tokens, {found['too_long']:,} too long")
        print(f"         {seconds} on {scoring.device}, about {found['memory'] / 2**20:,.0f} MiB")
    for said in notes:
        note(said)
    return 0


def _write_tables(made: "Analysis", folder: Path) -> list[Path]:
    from sgram.reports.pages.exports import csv_bytes

    written = []
    for name, table in made.tables.items():
        write_bytes(folder / f"{name}.csv", csv_bytes(table))
        written.append(folder / f"{name}.csv")
    return written


def _told(made: "Analysis", wanted: tuple[str, ...], written: list[Path]) -> dict[str, Any]:
    tables = {
        name: {
            "title": table.title,
            "note": table.note,
            "columns": [asdict(column) for column in table.columns],
            "rows": [list(row) for row in table.rows],
        }
        for name, table in made.tables.items()
        if not wanted or name in wanted
    }
    orders = {
        which: {name: {"answer": order.answer, "sentence": order.sentence} for name, order in held.items()}
        for which, held in (("lexicon", made.orders), ("placebo", made.placebo_orders))
    }
    return {
        "format": "sgram-metrics",
        "version": 1,
        "title": made.title,
        "sources": list(made.sources),
        "tables": tables,
        "execution_settles_first": orders,
        "notes": list(made.notes),
        "provenance": dict(made.provenance),
        "files": [path.name for path in written],
    }
