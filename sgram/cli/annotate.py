"""``sgram annotate``: items out to annotators, their answers back. Nothing but flags, progress and printing."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import Parameter

from sgram.cli.console import meter, note, show_table
from sgram.cli.path_checks import refuse_options
from sgram.cli.read import InputFlags, tell, watched
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.lexicon import Lexicon
from sgram.traces import TraceReader

if TYPE_CHECKING:
    from sgram.annotation.exchange import Imported
    from sgram.annotation.items import Sample
    from sgram.annotation.sampling import Draw, SamplingConfig

app = cyclopts.App(
    name="annotate",
    help="Have people judge the grams of a lexicon in context, blindly among random ones: docs/annotation.md.",
)

# allow_leading_hyphen lets "-" through
_LEXICON = Parameter(help="A lexicon file (- for stdin), or a preset such as wang2025.", allow_leading_hyphen=True)
_PATHS = Parameter(help="Rollouts: files, folders, or - for stdin.", allow_leading_hyphen=True)
_OUT = Parameter(
    name=["--output", "-o"],
    help="File for the annotators; beside it come its key (.items.jsonl, keep it from them) and the guideline.",
    allow_leading_hyphen=True,
)
_FORMAT = Parameter(name="--format", help="By default what the name ends in: .html (one offline page), .json, .csv.")
_N = Parameter(name=["--n", "-n"], help="Items in all.")
_CONTROLS = Parameter(help="Share of the items that are random grams.")
_SEED = Parameter(help="Another seed, another sample.")
_CONTEXT = Parameter(help="Most characters of context on either side.")
_ALL = Parameter(negative="", help="Sample the full list, not only the core.")
_AS_JSON = Parameter(name="--json", negative="", help="Print one JSON object.")
_FILES = Parameter(help="What the annotators filled in, - for stdin.", allow_leading_hyphen=True)
_ITEMS = Parameter(name="--items", help="The .items.jsonl file of the export.", allow_leading_hyphen=True)
_RATER = Parameter(help="Who rated, where the file does not tell; by default the file's name.")
_CHECKED = Parameter(
    name="--lexicon", help="Refuse items of another lexicon than this (file or preset).", allow_leading_hyphen=True
)
_RATINGS = Parameter(
    name=["--output", "-o"], help="JSONL file for the ratings; - for stdout.", allow_leading_hyphen=True
)
_FROM = Parameter(name="--format", help="Which tool wrote the files; auto tells it by their content.")
FORMATS = ("label-studio", "prodigy", "doccano", "csv", "html")
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
    with meter("sampling", total / 1e6 if total else None, "MB") as bar, closing(watched(reader, bar)) as traces:
        draw = draw_sample(traces, loaded, config)
    tell(reader)
    written = _write(draw, loaded, format_name, output)
    _tell_draw(draw, config)
    if as_json:
        _print_json(draw, format_name, written)
    else:
        show_table(("kind", "items", "grams", "clusters", "models"), _kinds(draw))
    for path, what in written:
        note(f"{what}: {path}")
    return 0


def _format_of(output: str) -> str:
    known = {".html": "html", ".htm": "html", ".csv": "csv", ".json": "label-studio"}
    suffix = Path(output).suffix.lower()
    if suffix not in known:
        raise UsageError(
            f"-o {output} may be of several formats; name one: --format label-studio, prodigy, doccano, csv or html"
        )
    return known[suffix]


def _check_names(lexicon: str, paths: list[str], output: str) -> None:
    """Refuse names that cannot be meant, before anything is read."""
    refuse_options((lexicon, *paths), "annotate export")
    if lexicon == "-" and "-" in paths:
        raise UsageError("the traces and the lexicon both want stdin; name a file for one of them")
    if output.startswith("-"):
        raise UsageError(
            f"-o {output}: an export is several files, so it needs the name of one; write ./{output} if it is one"
        )
    stem = _stem(output)
    for written in (output, *(f"{stem}{ending}" for ending in (".items.jsonl", ".config.xml", ".guideline.md"))):
        for path in (lexicon, *paths):
            if path != "-" and os.path.realpath(path) == os.path.realpath(written):
                raise UsageError(f"{written} is an input; write to another file")


def _stem(output: str) -> str:
    """The name of an export without its ending."""
    return str(Path(output).with_suffix(""))


def _write(draw: "Draw", lexicon: Lexicon, format_name: str, output: str) -> list[tuple[str, str]]:
    """Write the export, what stands beside it and the key; (path, what it is) of each."""
    from sgram.annotation.exchange import export_files
    from sgram.annotation.items import items_bytes

    key, stem = f"{_stem(output)}.items.jsonl", _stem(output)
    data = items_bytes(draw.sample)
    if Path(key).exists() and Path(key).read_bytes() != data:
        raise UsageError(
            f"{key} is the key of another sample, without which its annotations say nothing; give -o another name"
        )
    shown = draw.sample.shown
    files = {"": _page(shown, lexicon)} if format_name == "html" else export_files(format_name, shown)
    told = {
        "": f"{len(shown):,} items for the annotators",
        ".config.xml": "labeling config",
        ".guideline.md": "guideline for them",
    }
    written = []
    for ending, content in files.items():
        path = f"{stem}{ending}" if ending else output
        write_bytes(path, content)
        written.append((path, told[ending]))
    write_bytes(key, data)
    return [*written, (key, "key to the blind, not for them")]


def _page(shown: tuple, lexicon: Lexicon) -> bytes:
    from sgram.annotation.guideline import QUESTION, guideline_text, parse_guideline
    from sgram.annotation.items import LABEL_KEYS, LABEL_MEANINGS, LABELS
    from sgram.reports.pages.annotation_page import AnnotationPage, Choice, annotation_page

    choices = tuple(Choice(label, LABEL_KEYS[label], LABEL_MEANINGS[label]) for label in LABELS)
    guideline = parse_guideline(guideline_text())
    return annotation_page(AnnotationPage(f"Phrases of {lexicon.name}", QUESTION, choices, guideline, shown))


def _tell_draw(draw: "Draw", config: "SamplingConfig") -> None:
    """Say what there was, and whether it was enough."""
    found = draw.found
    note(
        f"{found.n_occurrences:,} occurrences of {found.n_grams:,} grams in {found.n_traces:,} traces of "
        f"{found.n_models:,} models"
    )
    for kind, name, wanted in zip(("sg", "control"), ("grams", "controls"), draw.n_wanted, strict=True):
        drawn = draw.n_drawn(kind)
        if drawn < wanted:
            note(f"warning: {drawn:,} {name} drawn, not {wanted:,}: there are no more without overlap")


def _kinds(draw: "Draw") -> list[tuple[object, ...]]:
    """A row a kind of item: how many, and of how many grams, clusters and models."""
    rows = []
    for kind, name in (("sg", "of the lexicon"), ("control", "controls")):
        items = [item for item in draw.sample.items if item.kind == kind]
        facts = (
            {item.gram for item in items},
            {item.cluster for item in items} - {None},
            {item.model for item in items},
        )
        rows.append((name, len(items), *map(len, facts)))
    return rows


def _print_json(draw: "Draw", format_name: str, written: list[tuple[str, str]]) -> None:
    sample, found = draw.sample, draw.found
    told = {
        "format": "sgram-annotate-export",
        "version": 1,
        "files": [path for path, _ in written],
        "export_format": format_name,
        "lexicon": sample.lexicon,
        "seed": sample.seed,
        "digest": sample.digest,
        "n": len(sample.items),
        "n_sg": draw.n_drawn("sg"),
        "n_controls": draw.n_drawn("control"),
        "n_wanted": list(draw.n_wanted),
        "n_traces": found.n_traces,
        "n_models": found.n_models,
        "n_occurrences": found.n_occurrences,
        "n_grams": found.n_grams,
    }
    print(json.dumps(told, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it


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
    """Turn what annotators filled in into ratings: item, rater, label.

    sgram annotate import ratings-*.jsonl --items annotate.items.jsonl -o ratings.jsonl
    """
    from sgram.annotation.exchange import import_answers
    from sgram.annotation.items import read_items
    from sgram.annotation.ratings import write_ratings

    if as_json and output == "-":
        raise UsageError("stdout can hold the ratings or the summary, not both; write -o FILE")
    _check_import(files, items, output, rater)
    sample = read_items(items)
    if lexicon is not None and Lexicon.load(lexicon).digest != sample.lexicon:
        raise InputError(
            f"{excerpt(items)} holds items of the lexicon {excerpt(sample.lexicon, 12)} "
            f"({excerpt(str(sample.source.get('name', 'no name')), 40)}), not of {excerpt(lexicon)}; name the lexicon "
            "that was exported"
        )
    imported = import_answers(files, sample, format_name=format_name, rater=rater)
    write_ratings(output, imported.ratings)
    if as_json:
        _print_import(imported, sample, output)
    elif output != "-":
        show_table(("rater", "items", "of"), [(*each, len(sample.items)) for each in _by_rater(imported)])
    if imported.n_repeated:
        note(f"{imported.n_repeated:,} answers repeat others by the same rater and were passed over")
    if imported.n_unanswered:
        note(f"{imported.n_unanswered:,} answers are empty or skipped: no rating")
    if output != "-":
        note(f"{len(imported.ratings):,} ratings written to {output}")
    return 0


def _check_import(files: list[str], items: str, output: str, rater: str | None) -> None:
    refuse_options(files, "annotate import")
    if [*files, items].count("-") > 1:
        raise UsageError("only one of the files can come from stdin")
    if output != "-" and output.startswith("-"):
        raise UsageError(f"-o {output} names no file; write ./{output} if it does")
    if any(output != "-" and os.path.realpath(path) == os.path.realpath(output) for path in (*files, items)):
        raise UsageError(f"{output} is an input; write to another file")
    if rater is not None and not rater.strip():
        raise UsageError("--rater is empty; give a name")


def _by_rater(imported: "Imported") -> list[tuple[str, int]]:
    raters = sorted({rating.rater for rating in imported.ratings})
    return [(name, sum(rating.rater == name for rating in imported.ratings)) for name in raters]


def _print_import(imported: "Imported", sample: "Sample", output: str) -> None:
    told = {
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
    print(json.dumps(told, sort_keys=True, allow_nan=False))  # ASCII: no terminal can be moved by it
