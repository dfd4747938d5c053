"""``sgram annotate``: export phrases or wrong traces to annotators, and import their ratings."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import Parameter

from sgram.annotation.items import Sample, encode_sample
from sgram.annotation.ratings import write_ratings
from sgram.annotation.tasks import PHRASES
from sgram.cli import adjudicate
from sgram.cli.annotation_files import (
    ERRORS_TITLE,
    PHRASES_TITLE,
    Format,
    file_stem,
    find_format,
    load_any_sample,
    split_raters,
    write_export,
)
from sgram.cli.console import note, print_json, print_next_table, print_table
from sgram.cli.diagnose import RereadTraces, report_unjudged
from sgram.cli.option_groups import ADVANCED, INPUT, METHOD, OUTPUT
from sgram.cli.path_checks import check_no_options, check_not_inputs, check_one_stdin, check_outputs
from sgram.cli.read import InputFlags, open_traces, report_reading
from sgram.cli.shared_flags import AsJson, output_flag, path_argument
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import DEFAULT_LEXICON, Lexicon, connective_note
from sgram.traces import TraceReader

if TYPE_CHECKING:
    from sgram.annotation.sampling import Draw
    from sgram.diagnosis.error_items import ErrorSample

app = cyclopts.App(
    name="annotate",
    help="Let people judge the grams of a lexicon in context, or say why traces are wrong: docs/annotation.md.",
    group_parameters=METHOD,
)

_SOURCES = path_argument("A lexicon file, or a preset, then rollouts; with --errors only rollouts.")
_ERRORS = Parameter(negative="", help="Sample wrong traces, for people to say why they are wrong.")
_N = Parameter(name=["--n", "-n"], help="Number of items; default: 200, with --errors 60.")
_CONTROLS = Parameter(help="Share of the items that are random grams; default: 0.5.")
_CONTEXT = Parameter(help="Maximum characters of context on either side; default: 240.")
_OUTPUT = output_flag(
    "File for the annotators; its key (.items.jsonl, hide it from them) and the guideline are written beside it."
)
_FORMAT = Parameter(
    group=OUTPUT, name="--format", help="Default: by the suffix of the name, .html (one offline page), .json or .csv."
)
_ALL_GRAMS = Parameter(negative="", help="Sample from all grams, not only from the core.")
_FILES = path_argument("Files that the annotators filled in, as FILE or RATER=FILE; - for stdin.")
_ITEMS = path_argument("The .items.jsonl file of the export.", INPUT)
_RATER = Parameter(group=INPUT, help="Name of the rater if the files contain none; default: the file's name.")
_EXPORTED = path_argument("Check that the items are of this lexicon (file or preset).", INPUT)
_RATINGS = output_flag("JSONL file for the ratings; - for stdout.")
_FROM = Parameter(group=INPUT, name="--format", help="Tool that wrote the files; auto recognizes it by their content.")


@app.command
def export(
    sources: Annotated[list[str], _SOURCES],
    /,
    *,
    output: Annotated[str, _OUTPUT],
    errors: Annotated[bool, _ERRORS] = False,
    format_name: Annotated[Format | None, _FORMAT] = None,
    n: Annotated[int | None, _N] = None,
    controls: Annotated[float | None, _CONTROLS] = None,
    seed: Annotated[int, Parameter(group=ADVANCED, help="Seed of the sample.")] = 0,
    context: Annotated[int | None, _CONTEXT] = None,
    all_grams: Annotated[bool, _ALL_GRAMS] = False,
    reading: InputFlags = InputFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Sample phrases for people to label, or wrong traces (--errors).

    Phrases stand in context, and half of them are random phrases.

    sgram annotate export wang2025 rollouts.jsonl -n 200 -o annotate.html

    sgram annotate export lexicon.json runs/ --format label-studio -o tasks.json

    sgram annotate export rollouts.jsonl --errors -n 60 -o errors.html
    """
    check_no_options(sources, "annotate export")
    check_one_stdin(sources)
    check_outputs({"-o": output})
    files_beside = [f"{file_stem(output)}{ending}" for ending in (".items.jsonl", ".config.xml", ".guideline.md")]
    check_not_inputs([output, *files_beside], sources, in_folders=False)
    format_name = format_name or find_format(output)
    if errors:
        if all_grams or controls is not None or context is not None:
            raise UsageError("--controls, --context and --all-grams are for phrases; leave them out with --errors")
        _export_errors(sources, output, format_name, 60 if n is None else n, seed, reading, as_json)
        return
    from sgram.annotation.sampling import SamplingConfig, draw_sample

    lexicon, *paths = sources
    if not paths:
        raise UsageError(
            f"annotate export takes a lexicon and rollouts (got only {excerpt(lexicon, 80)}); for wrong traces add "
            "--errors"
        )
    config = SamplingConfig(
        n=200 if n is None else n,
        controls=0.5 if controls is None else controls,
        seed=seed,
        context=240 if context is None else context,
        all_grams=all_grams,
    )
    loaded = Lexicon.load(lexicon)
    reader = TraceReader(paths, reading.dialect, options=reading.options(output))
    with open_traces(reader, "sampling") as traces:
        draw = draw_sample(traces, loaded, config)
    report_reading(reader)
    if remark := connective_note(loaded):
        note(remark)
    key = encode_sample(draw.sample)
    files = write_export(draw.sample.blinded_items, PHRASES, PHRASES_TITLE, key, format_name, output)
    _report_draw(draw)
    if as_json:
        fields = {
            "files": [path for path, _ in files],
            "export_format": format_name,
            "lexicon": draw.sample.lexicon,
            "seed": seed,
            "digest": draw.sample.digest,
            "n": len(draw.sample.items),
            "n_sg": draw.n_drawn("sg"),
            "n_controls": draw.n_drawn("control"),
            "n_wanted": list(draw.n_requested),
        }
        print_json("annotate-export", {**fields, **asdict(draw.candidate_counts)})
    else:
        print_table(("kind", "items", "grams", "clusters", "models"), _kind_rows(draw))
    for path, description in files:
        note(f"{description}: {path}")


def _export_errors(
    paths: list[str], output: str, format_name: Format, n: int, seed: int, reading: InputFlags, as_json: bool
) -> None:
    """Write a sample of wrong traces for annotators, and report it."""
    from sgram.diagnosis.error_items import encode_error_sample
    from sgram.diagnosis.kind_guideline import ERRORS

    sample = _draw_errors(RereadTraces(paths, reading, output, None), n, seed)
    key = encode_error_sample(sample)
    files = write_export(sample.blinded_items, ERRORS, ERRORS_TITLE, key, format_name, output)
    n_by_kind, n_by_source = (Counter(getattr(item, column) for item in sample.items) for column in ("kind", "source"))
    if as_json:
        fields = {
            "files": [path for path, _ in files],
            "export_format": format_name,
            "seed": seed,
            "digest": sample.digest,
            "n": len(sample.items),
            "n_wrong": sample.n_wrong,
            "kinds": n_by_kind,
            "sources": n_by_source,
        }
        print_json("annotate-export-errors", fields)
    else:
        print_table(("classifier's kind", "items"), n_by_kind.most_common())
        print_next_table(("source", "items"), sorted(n_by_source.items()))
    if len(sample.items) < n:
        note(f"only {sample.n_wrong:,} traces are wrong; all of them are in the sample")
    else:
        note(f"{len(sample.items):,} of {sample.n_wrong:,} wrong traces")
    for path, description in files:
        note(f"{description}: {path}")


def _draw_errors(traces: RereadTraces, n: int, seed: int) -> "ErrorSample":
    """Return a sample of the wrong ones of `traces`."""
    from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
    from sgram.diagnosis.error_items import ErrorSurvey, build_error_sample
    from sgram.diagnosis.kinds import make_span_finder
    from sgram.grading.fill_correct import AnswerGrader

    survey = ErrorSurvey()
    with AnswerGrader() as answers:
        corpus = CorpusDiagnosis(traces, make_span_finder(Lexicon.load(DEFAULT_LEXICON)), answers)
        for trace, diagnosis in corpus:
            survey.add(trace, diagnosis.kind)
        n_unverifiable = answers.report.n_unverifiable
    report_reading(traces.reader)
    report_unjudged(corpus.report, True, n_unverifiable)
    return build_error_sample(traces("sampling"), survey, n, seed)


def _report_draw(draw: "Draw") -> None:
    """Print the number of candidates, and warn if there were too few."""
    counts = draw.candidate_counts
    note(
        f"{counts.n_occurrences:,} occurrences of {counts.n_grams:,} grams in {counts.n_traces:,} traces of "
        f"{counts.n_models:,} models"
    )
    for kind, name, n_requested in zip(("sg", "control"), ("grams", "controls"), draw.n_requested, strict=True):
        n_drawn = draw.n_drawn(kind)
        if n_drawn < n_requested:
            note(f"warning: {n_drawn:,} {name} instead of {n_requested:,}: there are no more without overlap")


def _kind_rows(draw: "Draw") -> list[tuple[object, ...]]:
    """Return a row for each kind of item: the numbers of items, grams, clusters and models."""
    rows: list[tuple[object, ...]] = []
    for kind, name in (("sg", "of the lexicon"), ("control", "controls")):
        items = [item for item in draw.sample.items if item.kind == kind]
        n_grams, n_models = len({item.gram for item in items}), len({item.model for item in items})
        rows.append((name, len(items), n_grams, len({item.cluster for item in items} - {None}), n_models))
    return rows


@app.command(name="import")
def import_(
    files: Annotated[list[str], _FILES],
    /,
    *,
    items: Annotated[str, _ITEMS],
    rater: Annotated[str | None, _RATER] = None,
    format_name: Annotated[Literal["auto", Format], _FROM] = "auto",
    lexicon: Annotated[str | None, _EXPORTED] = None,
    output: Annotated[str, _RATINGS] = "-",
    as_json: AsJson = False,
) -> None:
    """Convert the annotators' answers to ratings: item, rater, label.

    sgram annotate import r-*.jsonl --items annotate.items.jsonl -o ratings.jsonl

    sgram annotate import ada=a.json ben=b.csv --items a.items.jsonl -o r.jsonl
    """
    from sgram.annotation.exchange import import_ratings
    from sgram.diagnosis.error_ratings import write_error_ratings
    from sgram.diagnosis.kind_guideline import ERRORS

    if as_json and output == "-":
        raise UsageError("--json and the ratings both go to stdout; write -o FILE")
    check_no_options(files, "annotate import")
    files, names = split_raters(files)
    check_one_stdin([*files, items])
    check_outputs({"-o": output}, [*files, items], stdout=True)
    if rater is not None and not rater.strip():
        raise UsageError("--rater is empty; give a name")
    sample = load_any_sample(items, lexicon)
    if isinstance(sample, Sample):
        imported = import_ratings(files, sample, format_name=format_name, rater=rater, names=names)
        write_ratings(output, imported.ratings)
    else:
        imported = import_ratings(files, sample, format_name=format_name, rater=rater, names=names, task=ERRORS)
        write_error_ratings(output, imported.ratings, sample)
    n_items, n_by_rater = len(sample.items), Counter(rating.rater for rating in imported.ratings)
    if as_json:
        fields = {
            "output": output,
            "n_items": n_items,
            "n_ratings": len(imported.ratings),
            "n_unanswered": imported.n_unanswered,
            "n_repeated": imported.n_repeated,
            "raters": n_by_rater,
            "lexicon": sample.lexicon if isinstance(sample, Sample) else None,
        }
        print_json("annotate-import", fields)
    elif output != "-":
        print_table(("rater", "items", "of"), [(name, n, n_items) for name, n in sorted(n_by_rater.items())])
    if imported.n_repeated:
        note(f"{imported.n_repeated:,} answers repeat an answer of the same rater and were left out")
    if imported.n_unanswered:
        note(f"{imported.n_unanswered:,} answers are empty or skipped and give no rating")
    if output != "-":
        note(f"{len(imported.ratings):,} ratings written to {output}")


app.command(adjudicate.disputes)
app.command(adjudicate.gold)
