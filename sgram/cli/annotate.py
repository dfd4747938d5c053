"""``sgram annotate``: export items to annotators, and import their ratings."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import Parameter

from sgram.cli.console import meter, note, print_table
from sgram.cli.path_checks import check_no_options
from sgram.cli.read import InputFlags, report_reading, with_progress
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.lexicon import Lexicon
from sgram.traces import TraceReader

if TYPE_CHECKING:
    from sgram.annotation.exchange import ImportedRatings
    from sgram.annotation.items import BlindedItem, Sample
    from sgram.annotation.sampling import Draw

app = cyclopts.App(
    name="annotate",
    help="Let people judge the grams of a lexicon in context, blindly mixed with random grams: docs/annotation.md.",
)

# allow_leading_hyphen permits "-"
_LEXICON = Parameter(help="A lexicon file (- for stdin), or a preset such as wang2025.", allow_leading_hyphen=True)
_PATHS = Parameter(help="Rollouts: files, folders, or - for stdin.", allow_leading_hyphen=True)
_OUT = Parameter(
    name=["--output", "-o"],
    help="File for the annotators; its key (.items.jsonl, hide it from them) and the guideline are written beside it.",
    allow_leading_hyphen=True,
)
_FORMAT = Parameter(
    name="--format", help="Default: by the suffix of the name, .html (one offline page), .json or .csv."
)
_N = Parameter(name=["--n", "-n"], help="Number of items.")
_CONTROLS = Parameter(help="Share of the items that are random grams.")
_SEED = Parameter(help="Seed of the sample.")
_CONTEXT = Parameter(help="Maximum characters of context on either side.")
_ALL = Parameter(negative="", help="Sample from all grams, not only from the core.")
_AS_JSON = Parameter(name="--json", negative="", help="Print one JSON object.")
_FILES = Parameter(help="Files that the annotators filled in; - for stdin.", allow_leading_hyphen=True)
_ITEMS = Parameter(name="--items", help="The .items.jsonl file of the export.", allow_leading_hyphen=True)
_RATER = Parameter(help="Name of the rater if the file contains none; default: the file's name.")
_CHECKED = Parameter(
    name="--lexicon", help="Check that the items are of this lexicon (file or preset).", allow_leading_hyphen=True
)
_RATINGS = Parameter(
    name=["--output", "-o"], help="JSONL file for the ratings; - for stdout.", allow_leading_hyphen=True
)
_FROM = Parameter(name="--format", help="Tool that wrote the files; auto recognizes it by their content.")
FORMATS = ("label-studio", "prodigy", "doccano", "csv", "html")
if TYPE_CHECKING:
    Format = str
    AnyFormat = str
else:
    Format = Literal[FORMATS]
    AnyFormat = Literal[("auto", *FORMATS)]


@app.command
def export(
    lexicon: Annotated[str, _LEXICON],
    paths: Annotated[list[str], _PATHS],
    /,
    *,
    output: Annotated[str, _OUT],
    format_name: Annotated[Format | None, _FORMAT] = None,
    n: Annotated[int, _N] = 200,
    controls: Annotated[float, _CONTROLS] = 0.5,
    seed: Annotated[int, _SEED] = 0,
    context: Annotated[int, _CONTEXT] = 240,
    all_grams: Annotated[bool, _ALL] = False,
    reading: InputFlags = InputFlags(),  # noqa: B008
    as_json: Annotated[bool, _AS_JSON] = False,
) -> int:
    """Sample grams in context for people to label, half of them random grams, blindly mixed.

    sgram annotate export wang2025 rollouts.jsonl -n 200 -o annotate.html

    sgram annotate export lexicon.json runs/ --format label-studio -o tasks.json
    """
    from sgram.annotation.sampling import SamplingConfig, draw_sample

    _check_names(lexicon, paths, output)
    format_name = format_name or _format_of(output)
    config = SamplingConfig(n=n, controls=controls, seed=seed, context=context, all_grams=all_grams)
    loaded = Lexicon.load(lexicon)
    reader = TraceReader(paths, reading.dialect, options=reading.options(output))
    total = reader.bytes_total
    with meter("sampling", total / 1e6 if total else None, "MB") as bar, closing(with_progress(reader, bar)) as traces:
        draw = draw_sample(traces, loaded, config)
    report_reading(reader)
    files = _write_export(draw, loaded, format_name, output)
    _report_draw(draw)
    if as_json:
        _print_json(draw, format_name, files)
    else:
        print_table(("kind", "items", "grams", "clusters", "models"), _kinds(draw))
    for path, description in files:
        note(f"{description}: {path}")
    return 0


def _format_of(output: str) -> str:
    formats = {".html": "html", ".htm": "html", ".csv": "csv", ".json": "label-studio"}
    suffix = Path(output).suffix.lower()
    if suffix not in formats:
        raise UsageError(
            f"-o {output} does not determine the format; name it: --format label-studio, prodigy, doccano, csv or html"
        )
    return formats[suffix]


def _check_names(lexicon: str, paths: list[str], output: str) -> None:
    """Raise `UsageError` for invalid file names, before anything is read."""
    check_no_options((lexicon, *paths), "annotate export")
    if lexicon == "-" and "-" in paths:
        raise UsageError("stdin cannot hold both the traces and the lexicon; name a file for one of them")
    if output.startswith("-"):
        raise UsageError(
            f"-o {output} is not a file name, and an export is several files; write ./{output} if it is one"
        )
    stem = _stem(output)
    for target in (output, *(f"{stem}{ending}" for ending in (".items.jsonl", ".config.xml", ".guideline.md"))):
        for path in (lexicon, *paths):
            if path != "-" and os.path.realpath(path) == os.path.realpath(target):
                raise UsageError(f"{target} is an input; write to another file")


def _stem(output: str) -> str:
    """Return the file name of an export without its suffix."""
    return str(Path(output).with_suffix(""))


def _write_export(draw: "Draw", lexicon: Lexicon, format_name: str, output: str) -> list[tuple[str, str]]:
    """Write the export, the files beside it and the key; return (path, description) of each."""
    from sgram.annotation.exchange import encode_export
    from sgram.annotation.items import encode_sample

    key, stem = f"{_stem(output)}.items.jsonl", _stem(output)
    key_bytes = encode_sample(draw.sample)
    if Path(key).exists() and Path(key).read_bytes() != key_bytes:
        raise UsageError(f"{key} is the key of another sample and must not be overwritten; give -o another name")
    blinded_items = draw.sample.blinded_items
    contents = (
        {"": _page(blinded_items, lexicon)} if format_name == "html" else encode_export(format_name, blinded_items)
    )
    descriptions = {
        "": f"{len(blinded_items):,} items for the annotators",
        ".config.xml": "labeling config",
        ".guideline.md": "guideline for them",
    }
    files = []
    for ending, content in contents.items():
        path = f"{stem}{ending}" if ending else output
        write_bytes(path, content)
        files.append((path, descriptions[ending]))
    write_bytes(key, key_bytes)
    return [*files, (key, "key of the blinded items, not for them")]


def _page(blinded_items: "tuple[BlindedItem, ...]", lexicon: Lexicon) -> bytes:
    from sgram.annotation.guideline import QUESTION, guideline_text, parse_guideline
    from sgram.annotation.items import LABEL_KEYS, LABEL_MEANINGS, LABELS
    from sgram.reports.pages.annotation_page import AnnotationPage, LabelChoice, render_annotation_page

    choices = tuple(LabelChoice(label, LABEL_KEYS[label], LABEL_MEANINGS[label]) for label in LABELS)
    guideline = parse_guideline(guideline_text())
    page = AnnotationPage(f"Phrases of {lexicon.name}", QUESTION, choices, guideline, blinded_items)
    return render_annotation_page(page)


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


def _kinds(draw: "Draw") -> list[tuple[object, ...]]:
    """Return a row for each kind of item: the numbers of items, grams, clusters and models."""
    rows: list[tuple[object, ...]] = []
    for kind, name in (("sg", "of the lexicon"), ("control", "controls")):
        items = [item for item in draw.sample.items if item.kind == kind]
        n_grams = len({item.gram for item in items})
        n_clusters = len({item.cluster for item in items} - {None})
        rows.append((name, len(items), n_grams, n_clusters, len({item.model for item in items})))
    return rows


def _print_json(draw: "Draw", format_name: str, files: list[tuple[str, str]]) -> None:
    sample, counts = draw.sample, draw.candidate_counts
    document = {
        "format": "sgram-annotate-export",
        "version": 1,
        "files": [path for path, _ in files],
        "export_format": format_name,
        "lexicon": sample.lexicon,
        "seed": sample.seed,
        "digest": sample.digest,
        "n": len(sample.items),
        "n_sg": draw.n_drawn("sg"),
        "n_controls": draw.n_drawn("control"),
        "n_wanted": list(draw.n_requested),
        "n_traces": counts.n_traces,
        "n_models": counts.n_models,
        "n_occurrences": counts.n_occurrences,
        "n_grams": counts.n_grams,
    }
    print(json.dumps(document, sort_keys=True, allow_nan=False))  # ASCII: no escape sequence reaches a terminal


@app.command(name="import")
def import_(
    files: Annotated[list[str], _FILES],
    /,
    *,
    items: Annotated[str, _ITEMS],
    rater: Annotated[str | None, _RATER] = None,
    format_name: Annotated[AnyFormat, _FROM] = "auto",
    lexicon: Annotated[str | None, _CHECKED] = None,
    output: Annotated[str, _RATINGS] = "-",
    as_json: Annotated[bool, _AS_JSON] = False,
) -> int:
    """Convert the annotators' answers to ratings: item, rater, label.

    sgram annotate import ratings-*.jsonl --items annotate.items.jsonl -o ratings.jsonl
    """
    from sgram.annotation.exchange import import_ratings
    from sgram.annotation.items import read_sample
    from sgram.annotation.ratings import write_ratings

    if as_json and output == "-":
        raise UsageError("--json and the ratings both go to stdout; write -o FILE")
    _check_import(files, items, output, rater)
    sample = read_sample(items)
    if lexicon is not None and Lexicon.load(lexicon).digest != sample.lexicon:
        raise InputError(
            f"{excerpt(items)} has items of the lexicon {excerpt(sample.lexicon, 12)} "
            f"({excerpt(str(sample.source.get('name', 'no name')), 40)}), not of {excerpt(lexicon)}; name the lexicon "
            "that was exported"
        )
    imported = import_ratings(files, sample, format_name=format_name, rater=rater)
    write_ratings(output, imported.ratings)
    if as_json:
        _print_import(imported, sample, output)
    elif output != "-":
        print_table(("rater", "items", "of"), [(rater, n, len(sample.items)) for rater, n in _by_rater(imported)])
    if imported.n_repeated:
        note(f"{imported.n_repeated:,} answers repeat an answer of the same rater and were left out")
    if imported.n_unanswered:
        note(f"{imported.n_unanswered:,} answers are empty or skipped and give no rating")
    if output != "-":
        note(f"{len(imported.ratings):,} ratings written to {output}")
    return 0


def _check_import(files: list[str], items: str, output: str, rater: str | None) -> None:
    check_no_options(files, "annotate import")
    if [*files, items].count("-") > 1:
        raise UsageError("only one of the files can come from stdin")
    if output != "-" and output.startswith("-"):
        raise UsageError(f"-o {output} is not a file name; write ./{output} if it is one")
    if any(output != "-" and os.path.realpath(path) == os.path.realpath(output) for path in (*files, items)):
        raise UsageError(f"{output} is an input; write to another file")
    if rater is not None and not rater.strip():
        raise UsageError("--rater is empty; give a name")


def _by_rater(imported: "ImportedRatings") -> list[tuple[str, int]]:
    raters = sorted({rating.rater for rating in imported.ratings})
    return [(name, sum(rating.rater == name for rating in imported.ratings)) for name in raters]


def _print_import(imported: "ImportedRatings", sample: "Sample", output: str) -> None:
    document = {
        "format": "sgram-annotate-import",
        "version": 1,
        "output": output,
        "n_items": len(sample.items),
        "n_ratings": len(imported.ratings),
        "n_unanswered": imported.n_unanswered,
        "n_repeated": imported.n_repeated,
        "raters": dict(_by_rater(imported)),
        "lexicon": sample.lexicon,
    }
    print(json.dumps(document, sort_keys=True, allow_nan=False))  # ASCII: no escape sequence reaches a terminal
