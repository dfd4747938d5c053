"""``sgram report``: write one HTML page about runs or traces, with tables and figures beside it."""

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from sgram.cli.console import note, print_json, print_line, printable, stage_meters
from sgram.cli.engines import Address, EngineName, open_cluster
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT
from sgram.cli.path_checks import check_no_options, check_not_inputs, check_outputs
from sgram.cli.read import InputFlags
from sgram.cli.shared_flags import (
    AsJson,
    DryRun,
    JudgeAnswers,
    MaxDiagnosed,
    Ratings,
    number_flag,
    output_flag,
    path_argument,
)
from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.urls import base_name

if TYPE_CHECKING:
    from sgram.analysis import Analysis, AnalysisConfig
    from sgram.engines import Engine
    from sgram.reports.figures.figure import Figure, RenderedFigure

_PATHS = path_argument("Training runs (or folders of them, or a comparison), files or folders of rollouts.")
_LEXICON = Parameter(help="A lexicon file, hf://owner/name, or a preset; default: a run's own, and sgram for traces.")
_MODEL = Parameter(
    help="Compute log-probabilities and entropies with this model (a folder, smollm2, a name on the hub); "
    "they are written beside the page in .scored.jsonl.gz."
)
_LOOKUP_CHARS = 60_000
"""Characters of the traces that can be looked up on the page; `sgram view` shows any number."""
_INPUT_SUFFIXES = {".jsonl", ".json", ".parquet", ".gz", ".zst", ".eval"}


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class ExtraFiles:
    """Files that are written beside the page."""

    markdown: Path | None = None
    """Markdown file of the summary and the tables, for a paper."""
    csv: Path | None = None
    """Folder for all tables as CSV."""
    figures: Path | None = None
    """Folder for all figures as files."""
    figure_form: Literal["png", "pdf", "svg"] = "png"
    """Format of the figure files."""


def report(
    paths: Annotated[list[str], _PATHS],
    /,
    *,
    output: Annotated[Path, output_flag("File for the page.")] = Path("report.html"),
    lexicon: Annotated[str | None, _LEXICON] = None,
    model: Annotated[str | None, _MODEL] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    extra: ExtraFiles = ExtraFiles(),
    title: Annotated[str | None, Parameter(group=OUTPUT, help="The page's title.")] = None,
    traces: Annotated[int, number_flag("traces", 0, "Traces shown in full on the page.", OUTPUT)] = 12,
    seed: Annotated[int, number_flag("seed", 0, "Seed of placebos and of bootstrap intervals.", ADVANCED)] = 0,
    max_diagnosed: MaxDiagnosed = 5000,
    ratings: Ratings = None,
    pool: Annotated[
        bool,
        Parameter(group=INPUT, negative="", help="Take the traces of one model for one source, whatever their run."),
    ] = False,
    judge_answers: JudgeAnswers = True,
    engine: EngineName = "threads",
    address: Address = "auto",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> tuple[object, ...]:
    """Measure runs or traces and write the results as one page; traces are tagged first.

    sgram report rollouts.jsonl -o report.html

    sgram report reports/train-1a2b reports/train-3c4d --markdown report.md
    """
    from sgram.analysis.config import AnalysisConfig
    from sgram.analysis.corrected_errors import measuring_corrected_errors
    from sgram.diagnosis.error_ratings import read_error_ratings

    _check_names(paths, output, extra, reading.quarantine)
    if ratings is not None:
        check_not_inputs([output], [ratings])
    rated = None if ratings is None else read_error_ratings(ratings)
    if model is not None:
        check_not_inputs([_scored_path(output)], paths)
    config = AnalysisConfig(
        lexicon=lexicon,
        tokenizer=None if reading.tokenizer is None else str(reading.tokenizer),
        seed=seed,
        n_examples=traces,
        max_lookup_chars=_LOOKUP_CHARS,
        n_siblings=min(traces, AnalysisConfig().n_siblings),
        pool_runs=pool,
        max_diagnosed=max_diagnosed,
        judge_answers=judge_answers,
    )
    if dry_run:
        _show_plan(paths, output, extra, as_json)
        return ()
    command = _command(paths, lexicon, reading.tokenizer, model, ratings, seed, traces)
    if max_diagnosed != AnalysisConfig().max_diagnosed:
        command += f" --max-diagnosed {max_diagnosed}"
    if model is not None:
        paths, config, reading = _scored(paths, config, reading, model, output)
    with measuring_corrected_errors(rated):
        analysis = _analyzed(paths, config, reading, open_cluster(engine, address))
        provenance = {**analysis.provenance, "command": command}
        analysis = replace(analysis, title=title or analysis.title, provenance=provenance)
        page_figures, figures = _figures(analysis, extra)
        size = _write_page(analysis, page_figures, output)
        files = [output, *_write_extra(analysis, figures, extra)]
    if as_json:
        _print_json(analysis, files)
        return ()
    from sgram.reports.wording import headlines

    statements = headlines(analysis)
    counts = {"tables": analysis.tables, "figures": page_figures, "findings": analysis.findings}
    amounts = ", ".join(f"{len(parts):,} {noun}" for noun, parts in counts.items())
    for line in (
        *analysis.notes,
        *(printable(statement.text) for statement in statements),
        f"{amounts}; {size / 1e6:.1f} MB",
    ):
        note(line)
    for folder, n in sorted(Counter(path.parent for path in files[1:]).items()):
        names = [path.name for path in files[1:] if path.parent == folder]
        note(f"written to {folder}: {', '.join(names) if n < 4 else f'{n} files'}")
    print_line(str(output))
    return tuple(statements)  # for verbs that call this one


def _command(
    paths: Sequence[str],
    lexicon: str | None,
    tokenizer: Path | None,
    model: str | None,
    ratings: str | None,
    seed: int,
    traces: int,
) -> str:
    """Return the command that writes the page again, without folders of this machine."""
    words = ["sgram", "report", *map(base_name, paths)]
    for flag, argument in (
        ("--lexicon", lexicon),
        ("--tokenizer", tokenizer),
        ("--model", model),
        ("--ratings", ratings),
    ):
        words += [] if argument is None else [flag, base_name(argument)]
    return shlex.join([*words, "--traces", str(traces), "--seed", str(seed)])


def _check_names(paths: Sequence[str], output: Path, extra: ExtraFiles, quarantine: Path | None) -> None:
    """Raise `UsageError` for invalid file names, before anything is read."""
    check_no_options(paths, "report")
    if quarantine is not None:
        raise UsageError("--quarantine is invalid here, as rollouts are read twice; use sgram read --quarantine")
    check_outputs({"-o": output, "--markdown": extra.markdown}, paths)
    for flag, folder in (("--csv", extra.csv), ("--figures", extra.figures)):
        check_outputs({flag: folder}, folders=[flag])
    for path in filter(None, (output, extra.markdown)):
        if path.suffix.lower() in _INPUT_SUFFIXES:
            raise UsageError(
                f"{excerpt(path)} would be read as rollouts; end a page's name in .html, Markdown's in .md"
            )


def _scored(
    paths: Sequence[str], config: "AnalysisConfig", reading: InputFlags, model: str, output: Path
) -> tuple[list[str], "AnalysisConfig", InputFlags]:
    """Score the inputs with a local model into a file beside the page; return that file and how to read it."""
    from sgram.cli.metrics import ScoringFlags, score

    scored = score(list(paths), reading, ScoringFlags(model=model, output=_scored_path(output)))
    return ([str(scored.path)], replace(config, tokenizer=str(scored.tokenizer)), replace(reading, dialect="sgram"))


def _scored_path(page: Path) -> Path:
    return page.with_name(f"{page.stem}.scored.jsonl.gz")


def _analyzed(
    paths: Sequence[str], config: "AnalysisConfig", reading: InputFlags, engine: "Engine | None"
) -> "Analysis":
    from sgram.analysis import analyze
    from sgram.cli.metrics import STAGES

    with stage_meters(STAGES) as update:
        return analyze(paths, config, update, options=reading.options(), dialect=reading.dialect, engine=engine)


def _figures(analysis: "Analysis", extra: ExtraFiles) -> tuple[list["RenderedFigure"], list["Figure"]]:
    """Return the figures drawn for the page, and the figures to draw as files; none without matplotlib."""
    from sgram.reports.figures.report_figures import build_figures

    all_figures, page_figures = build_figures(analysis), []
    try:
        with stage_meters({"drawing": "figures"}) as update:
            for number, figure in enumerate(all_figures, 1):
                page_figures.append(figure.render())
                update("drawing", number, len(all_figures))
    except MissingExtraError as error:
        if extra.figures is not None:
            raise
        note(f"the page has no figures: {error}")
        return [], []
    return page_figures, all_figures


def _write_page(analysis: "Analysis", figures: Sequence["RenderedFigure"], output: Path) -> int:
    from sgram.reports.pages.report_page import ReportConfig, render_report_page

    config = ReportConfig(max_examples=max(ReportConfig().max_examples, len(analysis.examples)))
    page = render_report_page(analysis, figures, config)
    write_bytes(output, page)
    return len(page)


def _write_extra(analysis: "Analysis", figures: Sequence["Figure"], extra: ExtraFiles) -> Iterable[Path]:
    """Write the files beside the page; return their paths."""
    from sgram.reports.pages.exports import render_markdown, write_tables

    files = [] if extra.csv is None else write_tables(analysis.tables, extra.csv)
    figure_paths: dict[str, str] = {}
    if extra.figures is not None:
        for figure in figures:
            files.append(extra.figures / f"{figure.name}.{extra.figure_form}")
            write_bytes(files[-1], figure.bytes(extra.figure_form))
            if extra.markdown is not None:
                figure_paths[figure.name] = os.path.relpath(files[-1], extra.markdown.parent)
    if extra.markdown is not None:
        files.append(extra.markdown)
        text = render_markdown(analysis, figures, figure_paths or None)
        write_bytes(files[-1], text.encode("utf-8", "backslashreplace"))
    return files


def _show_plan(paths: Sequence[str], output: Path, extra: ExtraFiles, as_json: bool) -> None:
    """Print what would be read and written."""
    from sgram.analysis.sources import find_inputs

    sources, notes = find_inputs(paths)
    outputs = [str(path) for path in (output, extra.markdown, extra.csv, extra.figures) if path is not None]
    if as_json:
        inputs = [{"input": source.input_name, "kind": source.kind, "name": source.name} for source in sources]
        print_json("report-plan", {"inputs": inputs, "writes": outputs, "notes": notes})
        return
    for source in sources:
        print_line(f"read {source.kind} {source.input_name}" + (f" ({source.name})" if source.name else ""))
    for path in outputs:
        print_line(f"write {path}")
    for remark in notes:
        note(remark)


def _print_json(analysis: "Analysis", files: Iterable[Path]) -> None:
    from sgram.reports.wording import findings_json

    tables = {
        measure.name: analysis.tables[measure.name].records()
        for measure in analysis.measures
        if measure.section and measure.name in analysis.tables
    }
    fields = {
        "version": 2,
        "title": analysis.title,
        "files": [str(path) for path in files],
        "sources": list(analysis.sources),
        "notes": list(analysis.notes),
        "findings": findings_json(analysis),
        "tables": tables,
    }
    print_json("report", fields)
