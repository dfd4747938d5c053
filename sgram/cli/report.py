"""``sgram report``: runs or traces in, one page out, with tables and figures beside it. Nothing but flags and talk."""

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from sgram.cli.console import note, printable, stages
from sgram.cli.path_checks import refuse_inputs, refuse_options, refuse_places
from sgram.cli.read import InputFlags
from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt, write_bytes

if TYPE_CHECKING:
    from sgram.analysis import Analysis, AnalysisConfig
    from sgram.reports.figures.figure import Figure, ShownFigure
    from sgram.reports.findings.wording import Sentence

_PATHS = Parameter(
    help="Training runs (or folders of them, or a comparison), files or folders of rollouts.", allow_leading_hyphen=True
)
_OUTPUT = Parameter(name=["--output", "-o"], help="The page.", allow_leading_hyphen=True)
_LEXICON = Parameter(help="A lexicon file, or a preset; by default a run's own, and wang2025 for traces.")
_MODEL = Parameter(
    help="Compute log-probabilities and entropies with this model (a folder, smollm2, a name on the hub); "
    "they are kept "
    "beside the page in .scored.jsonl.gz."
)
_MAIN_TABLES = ("corpus", "success", "shares", "moves", "semantic_entropy", "tokens", "overlap", "settling", "errors")
_WRITTEN_LIKE_INPUT = {".jsonl", ".json", ".parquet", ".gz", ".zst", ".eval"}


@Parameter(name="*")
@dataclass(frozen=True)
class BesideFlags:
    """What is written beside the page."""

    markdown: Path | None = None
    """Markdown file of the summary and the tables, for a paper."""
    csv: Path | None = None
    """Folder for every table as CSV."""
    figures: Path | None = None
    """Folder for every figure as a file."""
    figure_form: Literal["png", "pdf", "svg"] = "png"
    """What those files are."""


def report(
    paths: Annotated[list[str], _PATHS],
    /,
    *,
    output: Annotated[Path, _OUTPUT] = Path("report.html"),
    lexicon: Annotated[str | None, _LEXICON] = None,
    model: Annotated[str | None, _MODEL] = None,
    reading: InputFlags = InputFlags(),  # noqa: B008
    beside: BesideFlags = BesideFlags(),
    title: Annotated[str | None, Parameter(help="The page's title.")] = None,
    traces: Annotated[int, Parameter(help="Traces shown in full on the page.")] = 12,
    seed: Annotated[int, Parameter(help="Seed of placebos and of bootstrap intervals.")] = 0,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would be read and written, and stop.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Measure runs or traces and write one page that says what was found; traces alone are tagged first.

    sgram report rollouts.jsonl -o report.html

    sgram report reports/train-0123456789ab reports/train-ba9876543210 --markdown report.md --figures figures/
    """
    from sgram.analysis.config import AnalysisConfig

    if seed < 0 or traces < 0:
        raise UsageError("--seed and --traces take a whole number from 0")
    _check_names(paths, output, beside, reading.quarantine)
    if model is not None:
        refuse_inputs([_scored_beside(output)], paths)
    config = AnalysisConfig(
        lexicon=lexicon,
        tokenizer=None if reading.tokenizer is None else str(reading.tokenizer),
        seed=seed,
        n_examples=traces,
        n_siblings=min(traces, AnalysisConfig().n_siblings),
    )
    if dry_run:
        return _show_plan(paths, output, beside, as_json)
    command = _command(paths, lexicon, reading.tokenizer, model, seed, traces)
    if model is not None:
        paths, config, reading = _scored(paths, config, reading, model, output)
    analysis = _analyzed(paths, config, reading)
    told = {**analysis.provenance, "command": command}
    analysis = replace(analysis, title=title or analysis.title, provenance=told)
    from sgram.reports.findings.summary import summary

    sentences = summary(analysis)
    drawn, made = _figures(analysis, beside)
    size = _write_page(analysis, drawn, sentences, output)
    files = [output, *_write_beside(analysis, made, sentences, beside)]
    if as_json:
        _print_json(analysis, sentences, files)
        return 0
    for said in analysis.notes:
        note(said)
    note(f"{len(analysis.tables):,} tables, {len(drawn):,} figures, {len(sentences):,} sentences; {size / 1e6:.1f} MB")
    for folder, n in sorted(Counter(path.parent for path in files[1:]).items()):
        names = [path.name for path in files[1:] if path.parent == folder]
        note(f"written to {folder}: {', '.join(names) if n < 4 else f'{n} files'}")
    print(printable(str(output)))
    return 0


def _command(
    paths: Sequence[str], lexicon: str | None, tokenizer: Path | None, model: str | None, seed: int, traces: int
) -> str:
    """The command that makes the page again, without the machine's folders."""
    words = ["sgram", "report", *(Path(path).name for path in paths)]
    for flag, value in (("--lexicon", lexicon), ("--tokenizer", tokenizer), ("--model", model)):
        words += [] if value is None else [flag, Path(value).name]
    return shlex.join([*words, "--traces", str(traces), "--seed", str(seed)])


def _check_names(paths: Sequence[str], output: Path, beside: BesideFlags, quarantine: Path | None) -> None:
    """Refuse names that cannot be meant, before anything is read."""
    refuse_options(paths, "report")
    if quarantine is not None:
        raise UsageError("rollouts are read twice here; sgram read --quarantine sets bad rows aside in a file")
    written = [path for path in (output, beside.markdown) if path is not None]
    folders = [path for path in (beside.csv, beside.figures) if path is not None]
    for path in written + folders:
        if str(path) == "-":
            raise UsageError("pages, tables and figures go to files, not to stdout; name a file")
        if str(path).startswith("-"):
            raise UsageError(f"{excerpt(path)} names no file; write ./{excerpt(path)} if it does")
    refuse_inputs(written, paths)
    for path in written:
        if path.suffix.lower() in _WRITTEN_LIKE_INPUT:
            raise UsageError(
                f"{excerpt(path)} would be read as rollouts; end a page's name in .html, Markdown's in .md"
            )
    refuse_places(written)
    for path in folders:
        if path.is_file():
            raise UsageError(f"{excerpt(path)} is a file; name a folder")
    refuse_places(path / "table.csv" for path in folders)
    if len({os.path.realpath(path) for path in written}) < len(written):
        raise UsageError(f"-o and --markdown both name {excerpt(output)}; give each a file of its own")


def _scored(
    paths: Sequence[str], config: "AnalysisConfig", reading: InputFlags, model: str, output: Path
) -> tuple[list[str], "AnalysisConfig", InputFlags]:
    """The same inputs with entropies by a local model, in a file beside the page, and how that file is read."""
    from sgram.cli.metrics import ScoringFlags, score

    scored = score(list(paths), reading, ScoringFlags(model=model, output=_scored_beside(output)))
    return ([str(scored.path)], replace(config, tokenizer=str(scored.tokenizer)), replace(reading, dialect="sgram"))


def _scored_beside(page: Path) -> Path:
    return page.with_name(f"{page.stem}.scored.jsonl.gz")


def _analyzed(paths: Sequence[str], config: "AnalysisConfig", reading: InputFlags) -> "Analysis":
    from sgram.analysis import analyze
    from sgram.cli.metrics import STAGES

    with stages(STAGES) as shown:
        return analyze(paths, config, shown, options=reading.options(), dialect=reading.dialect)


def _figures(analysis: "Analysis", beside: BesideFlags) -> tuple[list["ShownFigure"], list["Figure"]]:
    """The figures as the page takes them, and as files are made of; none without matplotlib."""
    from sgram.reports.figures.report_figures import figures

    made, drawn = figures(analysis), []
    try:
        with stages({"drawing": "figures"}) as shown:
            for number, figure in enumerate(made, 1):
                drawn.append(figure.shown())
                shown("drawing", number, len(made))
    except MissingExtraError as error:
        if beside.figures is not None:
            raise
        note(f"the page has no figures: {error}")
        return [], []
    return drawn, made


def _write_page(
    analysis: "Analysis", drawn: Sequence["ShownFigure"], sentences: Sequence["Sentence"], output: Path
) -> int:
    from sgram.reports.pages.report_page import ReportConfig, report_page

    config = ReportConfig(max_examples=max(ReportConfig().max_examples, len(analysis.examples)))
    page = report_page(analysis, drawn, sentences, config)
    write_bytes(output, page)
    return len(page)


def _write_beside(
    analysis: "Analysis", made: Sequence["Figure"], sentences: Sequence["Sentence"], beside: BesideFlags
) -> Iterable[Path]:
    """Write the files beside the page; their paths."""
    from sgram.reports.pages.exports import csv_bytes, markdown

    files: list[Path] = []
    if beside.csv is not None:
        for table in analysis.tables.values():
            files.append(beside.csv / f"{table.name}.csv")
            write_bytes(files[-1], csv_bytes(table))
    shown: dict[str, str] = {}
    if beside.figures is not None:
        for figure in made:
            files.append(beside.figures / f"{figure.name}.{beside.figure_form}")
            write_bytes(files[-1], figure.bytes(beside.figure_form))
            if beside.markdown is not None:
                shown[figure.name] = os.path.relpath(files[-1], beside.markdown.parent)
    if beside.markdown is not None:
        files.append(beside.markdown)
        write_bytes(files[-1], markdown(analysis, sentences, made, shown or None).encode("utf-8", "backslashreplace"))
    return files


def _show_plan(paths: Sequence[str], output: Path, beside: BesideFlags, as_json: bool) -> int:
    """Say what would be read and written."""
    from sgram.analysis.sources import find_inputs

    sources, notes = find_inputs(paths)
    told = [{"input": each.shown, "kind": each.kind, "name": each.name} for each in sources]
    written = [str(path) for path in (output, beside.markdown, beside.csv, beside.figures) if path is not None]
    if as_json:
        plan = {"inputs": told, "writes": written, "notes": notes}
        print(json.dumps({"format": "sgram-report-plan", "version": 1, **plan}, sort_keys=True))
        return 0
    for each in told:
        name = f" ({each['name']})" if each["name"] else ""
        print(printable(f"read {each['kind']} {each['input']}{name}"))
    for path in written:
        print(printable(f"write {path}"))
    for said in notes:
        note(said)
    return 0


def _print_json(analysis: "Analysis", sentences: Sequence["Sentence"], files: Iterable[Path]) -> None:
    told = {
        "format": "sgram-report",
        "version": 1,
        "title": analysis.title,
        "files": [str(path) for path in files],
        "sources": list(analysis.sources),
        "notes": list(analysis.notes),
        "sentences": [{"section": each.section, "kind": each.kind, "text": each.text} for each in sentences],
        "tables": {name: analysis.tables[name].records() for name in _MAIN_TABLES if name in analysis.tables},
    }
    print(json.dumps(told, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it
