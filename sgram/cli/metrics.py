"""``sgram metrics``: print tables about rollouts and training runs, with intervals and placebos."""

from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from sgram.cli.console import meter, note, print_json, print_line, stage_meters
from sgram.cli.engines import Address, EngineName, open_cluster
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT
from sgram.cli.path_checks import check_no_options, check_not_inputs, check_writable
from sgram.cli.read import InputFlags, report_reading
from sgram.cli.shared_flags import AsJson, DryRun, JudgeAnswers, MaxDiagnosed, Part
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.traces import TraceReader

if TYPE_CHECKING:
    from sgram.analysis import Analysis, AnalysisConfig
    from sgram.scoring.scored_file import ScoredFile

_INPUTS = Parameter(
    help="Directories of training runs or comparisons; files and folders of rollouts.", allow_leading_hyphen=True
)
_SCORING = Group("Scoring by a local model", sort_key=3)


@Parameter(name="*", group=_SCORING)
@dataclass(frozen=True)
class ScoringFlags:
    """Compute log-probabilities and entropies with a local model, for rollouts without them."""

    model: str | None = None
    """Compute log-probabilities and entropies with this model (a folder, smollm2, a name on the hub); needs -o."""
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], allow_leading_hyphen=True)] = None
    """File for the scored rollouts (.jsonl.gz); use it as input next time."""
    max_length: int | None = None
    """Maximum tokens of prompt and response; default: the model's limit."""
    chat: Annotated[bool, Parameter(negative="")] = False
    """Apply the model's chat template to prompts."""
    device: str = "cpu"
    """Device of the model: cpu, cuda or cuda:0."""
    dtype: str = "float32"
    """Precision: float32, bfloat16 or float16."""


def metrics(
    inputs: Annotated[list[str], _INPUTS],
    /,
    *,
    lexicon: Annotated[
        str | None,
        Parameter(help="A lexicon file, hf://owner/name or preset; default: a run's own, and sgram for rollouts."),
    ] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    scoring: ScoringFlags = ScoringFlags(),
    placebos: Annotated[int, Parameter(help="Number of placebo lexicons of random grams.")] = 3,
    table: Annotated[
        tuple[str, ...],
        Parameter(group=OUTPUT, help="Print this table in full; may be repeated.", negative="", show_default=False),
    ] = (),
    csv: Annotated[
        Path | None, Parameter(group=OUTPUT, help="Folder for all tables as CSV files.", allow_leading_hyphen=True)
    ] = None,
    seed: Annotated[int, Parameter(group=ADVANCED, help="Seed of intervals and placebos.")] = 0,
    max_diagnosed: MaxDiagnosed = 5000,
    pool: Annotated[
        bool,
        Parameter(group=INPUT, negative="", help="Take the traces of one model for one source, whatever their run."),
    ] = False,
    part: Part = "all",
    judge_answers: JudgeAnswers = True,
    engine: EngineName = "threads",
    address: Address = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Measure the planning of rollouts or training runs, with intervals and placebos.

    sgram metrics reports/train-1a2b3c4d5e6f

    sgram metrics rollouts.jsonl --lexicon lexicon.json --csv tables/

    sgram metrics rollouts.jsonl --model smollm2 -o scored.jsonl.gz
    """
    from sgram.analysis import AnalysisConfig, analyze
    from sgram.cli.metrics_tables import check_tables, print_analysis, print_tables
    from sgram.reports.pages.exports import write_tables

    check_no_options(inputs, "metrics")
    check_tables(table)
    if reading.quarantine is not None:
        raise UsageError("--quarantine is invalid here, as rollouts are read twice; use sgram read --quarantine")
    config = AnalysisConfig(
        lexicon=lexicon,
        tokenizer=None if reading.tokenizer is None else str(reading.tokenizer),
        seed=seed,
        n_placebos=placebos,
        pool_runs=pool,
        max_diagnosed=max_diagnosed,
        judge_answers=judge_answers,
        part=part,
    )
    _check_names(inputs, scoring, csv, dry_run)
    if dry_run:
        return _show_plan(inputs, config, reading, scoring, as_json)
    if scoring.model is not None:
        scored = score(inputs, reading, scoring)
        inputs, config = [str(scored.path)], replace(config, tokenizer=str(scored.tokenizer))
        reading = replace(reading, dialect="sgram")
    with stage_meters(STAGES) as update:
        analysis = analyze(
            inputs,
            config,
            update,
            options=reading.options(),
            dialect=reading.dialect,
            engine=open_cluster(engine, address),
        )
    files = [] if csv is None else write_tables(analysis.tables, csv)
    if as_json:
        print_json("metrics", _json_fields(analysis, part, table, files))
    elif table:
        print_tables(analysis, table)
    else:
        print_analysis(analysis)
    for remark in analysis.notes:
        note(remark)
    if files:
        note(f"{len(files)} tables written to {csv}")
    return 0


def _check_names(inputs: list[str], scoring: ScoringFlags, csv: Path | None, dry_run: bool) -> None:
    """Raise `UsageError` for invalid file names, before anything is read."""
    from sgram.scoring.scored_file import check_format

    if scoring.model is None and scoring.output is not None:
        raise UsageError("-o is for rollouts that --model scores; name the model, or --csv for tables")
    if scoring.model is not None and scoring.output is None and not dry_run:
        raise UsageError("--model needs -o scored.jsonl.gz, the file for the scored rollouts")
    for path in (scoring.output, csv):
        if path is not None and str(path).startswith("-"):
            raise UsageError(f"{excerpt(path)} is not a file name; write ./{excerpt(path)} if it is one")
    if csv is not None:
        if csv.is_file():
            raise UsageError(f"{excerpt(csv)} is a file; name a folder for the tables")
        check_writable([csv / "corpus.csv"])
    if scoring.output is not None:
        check_format(scoring.output)
        check_not_inputs([scoring.output], inputs)
        check_writable([scoring.output])


STAGES = {
    "reading": "inputs",
    "drawing placebos": "lexicons",
    "counting": "inputs",
    "diagnosing": "traces",
    "measuring": "tables",
}
"""Units that the stages of an analysis count."""


def _rollouts(inputs: list[str], reading: InputFlags) -> TraceReader:
    """Return a reader of the rollouts to score; raise `UsageError` for runs, whose rollouts have entropies."""
    from sgram.analysis.sources import find_inputs

    runs = [source.input_name for source in find_inputs(inputs)[0] if source.kind == "run"]
    if runs:
        raise UsageError(f"the rollouts of the run {excerpt(runs[0])} already have entropies; leave out --model")
    return TraceReader(inputs, reading.dialect, options=reading.options())


def score(inputs: list[str], reading: InputFlags, scoring: ScoringFlags) -> "ScoredFile":
    """Score the rollouts of `inputs` with a model into `scoring.output`, and print how many were scored."""
    from sgram.scoring.log_probs import ScoringConfig
    from sgram.scoring.scored_file import score_file
    from sgram.training.models import load_model

    if scoring.model is None or scoring.output is None:
        raise UsageError("scoring needs a model and an output file")
    reader = _rollouts(inputs, reading)
    loaded = load_model(scoring.model, scoring.dtype, scoring.device)
    with meter("scoring", None, "traces") as bar:
        scored = score_file(
            reader,
            loaded,
            scoring.output,
            ScoringConfig(scoring.max_length, scoring.chat),
            lambda done: bar.update(done),
        )
    report_reading(reader)
    note(f"{scored.n_scored:,} of {scored.n_traces:,} traces scored by {scoring.model}, written to {scored.path}")
    if scored.n_reused:
        note(f"{scored.n_reused:,} of them were scored by an earlier, interrupted run")
    if scored.n_scored < scored.n_traces:
        note(f"{scored.n_traces - scored.n_scored:,} are empty or too long (--max-length) and have no entropies")
    note(f"next time: sgram metrics {scored.path} --tokenizer {scored.tokenizer}")
    return scored


def _show_plan(
    inputs: list[str], config: "AnalysisConfig", reading: InputFlags, scoring: ScoringFlags, as_json: bool
) -> int:
    """Print what would be read, and the cost of scoring, without writing a file; return the exit code."""
    from sgram.analysis.sources import find_inputs

    sources, notes = find_inputs(inputs)
    plan: dict[str, Any] = {
        "lexicon": config.lexicon,
        "part": config.part,
        "inputs": [{"path": source.input_name, "kind": source.kind, "source": source.name} for source in sources],
    }
    if scoring.model is not None:
        from sgram.scoring.log_probs import ScoringConfig
        from sgram.scoring.scored_file import estimate_cost
        from sgram.training.models import load_model

        reader = _rollouts(inputs, reading)
        loaded = load_model(scoring.model, scoring.dtype, scoring.device)
        with closing(iter(reader)) as traces:
            plan["scoring"] = asdict(estimate_cost(traces, loaded, ScoringConfig(scoring.max_length, scoring.chat)))
    if as_json:
        print_json("metrics-plan", plan)
        return 0
    for source in sources:
        print_line(f"{source.kind:<8} {source.input_name}" + (f"  ({source.name})" if source.name else ""))
    print(f"part     {config.part}")
    if scoring.model is not None:
        cost = plan["scoring"]
        seconds = "unknown" if cost["seconds"] is None else f"about {cost['seconds']:,.0f} s"
        print(f"scoring  {cost['traces']:,} traces, {cost['tokens']:,} tokens, {cost['too_long']:,} too long")
        print(f"         {seconds} on {scoring.device}, about {cost['memory'] / 2**20:,.0f} MiB")
    for remark in notes:
        note(remark)
    return 0


def _json_fields(analysis: "Analysis", part: str, names: tuple[str, ...], files: list[Path]) -> dict[str, Any]:
    from sgram.reports.wording import findings_json

    tables = {
        name: {
            "title": table.title,
            "note": table.note,
            "columns": [asdict(column) for column in table.columns],
            "rows": [list(row) for row in table.rows],
        }
        for name, table in analysis.tables.items()
        if not names or name in names
    }
    orders = {
        marks: {name: {"answer": order.answer, "sentence": order.sentence} for name, order in source_orders.items()}
        for marks, source_orders in (("lexicon", analysis.phase_orders), ("placebo", analysis.placebo_phase_orders))
    }
    return {
        "title": analysis.title,
        "part": part,
        "sources": list(analysis.sources),
        "tables": tables,
        "findings": findings_json(analysis),
        "execution_settles_first": orders,
        "notes": list(analysis.notes),
        "provenance": dict(analysis.provenance),
        "files": [path.name for path in files],
    }
