"""``sgram validate``: a lexicon on text that people labeled. Nothing but flags, progress and printing."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from sgram.cli.classifier import TrainFlags, train
from sgram.cli.console import note, printable
from sgram.cli.path_checks import check_no_options
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.lexicon import Lexicon

if TYPE_CHECKING:
    from sgram.evaluation.comparison import Comparison
    from sgram.evaluation.label_index import Encoder, UnitIndex
    from sgram.evaluation.labels import LabeledDocument
    from sgram.evaluation.prune import Pruned

_AGAIN = {"negative": "", "allow_leading_hyphen": True}


@dataclass(frozen=True, slots=True, eq=False)
class LabelSet:
    """One file of labels, read and indexed."""

    name: str
    documents: "list[LabeledDocument]"
    index: "UnitIndex"
    positive: tuple[str, ...]
    """Positive labels that occur."""


@Parameter(name="*")
@dataclass(frozen=True)
class LabelFlags:
    """Which labels are read, and how."""

    positive: Annotated[tuple[str, ...], Parameter(**_AGAIN, show_default=False)] = ()
    """Label that counts as planning; may be given again. By default those of the known schemas."""
    annotator: str | None = None
    """Whose labels are read, where a file holds those of several people."""
    tokenizer: Path | None = None
    """tokenizer.json (or its directory): count its tokens rather than words."""


@Parameter(name="*")
@dataclass(frozen=True)
class CompareFlags:
    """What the lexicon is compared with."""

    beside: Annotated[tuple[str, ...], Parameter(**_AGAIN, show_default=False)] = ()
    """Another lexicon, as name=lexicon; may be given again."""
    candidates: Path | None = None
    """candidates.parquet of the mining run: its scores carry the curve beyond the lexicon."""
    by: Literal["document", "problem"] = "document"
    """What the intervals are drawn over."""
    draws: int = 1000
    """Draws of the bootstrap."""
    seed: int = 0
    """Seed of draws, placebos and folds."""
    top: int = 10
    """Grams to show that hurt most, and that help most."""
    figure: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Precision-recall figure to write: .svg, .png or .pdf."""

    def check(self) -> None:
        """Refuse numbers and names that mean nothing."""
        if self.draws < 1 or self.seed < 0 or self.top < 0:
            raise UsageError("--draws takes a number from 1, --seed and --top take one from 0")
        if self.figure is not None:
            from sgram.reports.figures.precision_recall import figure_form

            figure_form(self.figure)


@Parameter(name="*")
@dataclass(frozen=True)
class PruneFlags:
    """A cut to a wished precision."""

    min_precision: float | None = None
    """Precision on units that the lexicon is cut down to, measured on documents that the cut has not seen."""
    output: Annotated[str | None, Parameter(name=["--output", "-o"], allow_leading_hyphen=True)] = None
    """File for the cut lexicon."""

    def check(self) -> None:
        """Refuse a cut that cannot be meant."""
        if self.min_precision is None:
            if self.output is not None:
                raise UsageError("-o is for the cut lexicon; say how precise it is to be with --min-precision")
            return
        if not 0 < self.min_precision < 1:
            raise UsageError(f"--min-precision lies between 0 and 1, not at {self.min_precision:g}")
        if self.output == "-":
            raise UsageError("stdout holds the tables; name a file for the cut lexicon")


_LEXICON = Parameter(help="A lexicon file (- for stdin), or a preset such as wang2025.", allow_leading_hyphen=True)
_LABELS = Parameter(
    help="JSONL of labeled texts (docs/validation.md); may be given again, each is told by itself.", **_AGAIN
)


def validate(
    lexicon: Annotated[str | None, _LEXICON] = None,
    /,
    *,
    labels: Annotated[list[str], _LABELS],
    reading: LabelFlags = LabelFlags(),
    comparing: CompareFlags = CompareFlags(),
    pruning: PruneFlags = PruneFlags(),
    training: TrainFlags = TrainFlags(),  # noqa: B008
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")] = False,
) -> int:
    """Tell how well a lexicon finds the units that people labeled as planning, beside other lists and placebos.

    sgram validate lexicon.json --labels labels.jsonl --figure pr.svg

    sgram validate lexicon.json --labels labels.jsonl --min-precision 0.9 -o precise.json

    sgram validate --train --labels labels.jsonl --traces rollouts/ -o classifier.json
    """
    comparing.check()
    training.check(lexicon, pruning.output)
    if lexicon is None:
        _check_training(reading, comparing, pruning)
        _check_names(None, labels, comparing, pruning)
        return train(labels, reading.annotator, reading.positive, training, pruning.output, comparing.seed, as_json)
    pruning.check()
    _check_names(lexicon, labels, comparing, pruning)
    loaded, beside = Lexicon.load(lexicon), _beside(comparing.beside)
    sets = read_label_sets(labels, reading)
    comparisons = _compare(loaded, sets, beside, comparing)
    pruned = _prune(loaded, sets, comparing, pruning)
    if as_json:
        _print_json(loaded, sets, comparisons, pruned, comparing)
    else:
        from sgram.cli.validation_tables import print_comparison, print_pruned

        for one, made in zip(sets, comparisons, strict=True):
            print_comparison(one.name, one.positive, made)
        if pruned is not None:
            print_pruned([one.name for one in sets], pruned, pruning.min_precision)
    if comparing.figure is not None:
        write_bytes(comparing.figure, _figure(sets, comparisons, comparing.figure))
        note(f"figure written to {comparing.figure}")
    if pruned is not None and pruning.output is not None:
        pruned.lexicon.save(pruning.output)
        note(f"{len(pruned.lexicon.grams):,} of {len(loaded.grams):,} grams written to {pruning.output}")
    return 0


def _check_training(reading: LabelFlags, comparing: CompareFlags, pruning: PruneFlags) -> None:
    """Refuse flags that ask for a judgment of a lexicon."""
    asked = {
        "--beside": comparing.beside,
        "--candidates": comparing.candidates,
        "--figure": comparing.figure,
        "--min-precision": pruning.min_precision,
        "--tokenizer": reading.tokenizer,
    }
    for flag, value in asked.items():
        if value:
            raise UsageError(f"{flag} is for judging a lexicon; leave it out with --train")


def _check_names(lexicon: str | None, labels: Sequence[str], comparing: CompareFlags, pruning: PruneFlags) -> None:
    """Refuse names that cannot be meant, before anything is read."""
    lexicon = lexicon or ""
    if [lexicon, *labels].count("-") > 1:
        raise UsageError("only one of the lexicon and the labels can come from stdin; name files for the others")
    read = [lexicon, *labels, *(each.partition("=")[2] for each in comparing.beside), str(comparing.candidates or "")]
    written = [path for path in (comparing.figure, pruning.output) if path is not None]
    check_no_options([lexicon, *labels, *written], "validate")
    inputs = {os.path.realpath(path) for path in read if path not in ("", "-")}
    for path in written:
        if os.path.realpath(path) in inputs:
            raise UsageError(f"{path} is an input; write to another file")
    if len({os.path.realpath(path) for path in written}) < len(written):
        raise UsageError(f"--figure and -o both name {pruning.output}; give each a file of its own")


def _beside(given: Sequence[str]) -> dict[str, Lexicon]:
    beside: dict[str, Lexicon] = {}
    for each in given:
        name, sign, path = each.partition("=")
        if not (name and sign and path) or path == "-":
            raise UsageError(f"--beside {excerpt(each)} is not understood; write name=lexicon, as paper=paper.json")
        if name in beside:
            raise UsageError(f"--beside names {excerpt(name)} twice; give each lexicon a name of its own")
        beside[name] = Lexicon.load(path)
    return beside


# -- labels ---------------------------------------------------------------------------------------------


def read_label_sets(paths: Sequence[str], flags: LabelFlags) -> list[LabelSet]:
    """The files of labels, indexed; `InputError` for one without anything positive."""
    from sgram.evaluation.labels import POSITIVE_LABELS, read_labels

    documents = [read_labels(path, flags.annotator) for path in paths]
    present = [_label_counts(each) for each in documents]
    everywhere = set().union(*present)
    for label in flags.positive:
        if label not in everywhere:
            raise InputError(f"no unit is labeled '{excerpt(label, 60)}'; there are {_some_labels(present)}")
    tokenizer = _tokenizer(flags.tokenizer)
    positive = frozenset(flags.positive) or POSITIVE_LABELS
    return [
        _label_set(path, each, counts, positive, tokenizer)
        for path, each, counts in zip(paths, documents, present, strict=True)
    ]


def _label_set(
    path: str,
    documents: "list[LabeledDocument]",
    counts: dict[str, int],
    positive: frozenset[str],
    tokenizer: "Encoder | None",
) -> LabelSet:
    from sgram.evaluation.label_index import UnitIndex

    name = "stdin" if path == "-" else Path(path).name
    if not counts:
        raise InputError(f"{excerpt(path)} holds no labeled unit; each document has units with a label")
    found = tuple(sorted(positive & counts.keys(), key=lambda label: (-counts[label], label)))
    if not found:
        raise InputError(
            f"{excerpt(path)} holds nothing positive; its labels are {_some_labels([counts])}: name those that mean "
            "planning with --positive"
        )
    return LabelSet(name, documents, UnitIndex.of(documents, positive, tokenizer), found)


def _label_counts(documents: "Sequence[LabeledDocument]") -> dict[str, int]:
    counts: dict[str, int] = {}
    for label in (label for each in documents for unit in each.units for label in unit.labels):
        counts[label] = counts.get(label, 0) + 1
    return counts


def _some_labels(counts: Sequence[dict[str, int]], limit: int = 12) -> str:
    total: dict[str, int] = {}
    for label, times in (item for each in counts for item in each.items()):
        total[label] = total.get(label, 0) + times
    ranked = sorted(total, key=lambda label: (-total[label], label))
    more = f" and {len(ranked) - limit} more" if len(ranked) > limit else ""
    return ", ".join(f"{excerpt(label, 60)} ({total[label]:,})" for label in ranked[:limit]) + more or "no labels"


def _tokenizer(path: Path | None) -> "Encoder | None":
    if path is None:
        return None
    from sgram.traces.tokens import load_tokenizer

    return load_tokenizer(path)


# -- work -----------------------------------------------------------------------------------------------


def _compare(
    lexicon: Lexicon, sets: Sequence[LabelSet], beside: dict[str, Lexicon], flags: CompareFlags
) -> "list[Comparison]":
    from sgram.evaluation.comparison import ComparisonConfig, compare
    from sgram.evaluation.gram_scores import read_candidates

    candidates = None if flags.candidates is None else read_candidates(flags.candidates)
    if candidates is not None:
        missing = [gram.text for gram in lexicon.grams if gram.text not in candidates]
        if missing:
            note(
                f"warning: {len(missing):,} of the lexicon's {len(lexicon.grams):,} grams are no candidates "
                f"({missing[0]}, ...); are they of the same mining run?"
            )
    config = ComparisonConfig(flags.by, flags.draws, flags.seed, flags.top)
    made = []
    for one in sets:
        if not len(one.index.find([gram.text for gram in lexicon.grams]).gram):
            raise InputError(
                f"none of the {len(lexicon.grams):,} grams of {excerpt(lexicon.name, 60)} occurs in {one.name}, so "
                "there is nothing to judge; are text and lexicon in one language?"
            )
        made.append(compare(lexicon, one.index, beside, config, candidates))
        _warn(one, made[-1], lexicon)
    return made


def _warn(one: LabelSet, made: "Comparison", lexicon: Lexicon) -> None:
    if made.in_sample:
        note(
            f"warning: {lexicon.name} was made with these very labels ({one.name}), so its figures are in-sample and "
            "too good; judge it on labels that it has not seen"
        )
    if made.by == "document" and made.n_problems < made.n_documents:
        note(
            f"{one.name}: {made.n_documents:,} documents answer {made.n_problems:,} problems; --by problem gives "
            "intervals that respect it"
        )


def _prune(lexicon: Lexicon, sets: Sequence[LabelSet], comparing: CompareFlags, flags: PruneFlags) -> "Pruned | None":
    if flags.min_precision is None:
        return None
    from sgram.evaluation.precision_recall import DocumentResamples
    from sgram.evaluation.prune import prune

    drawn = [DocumentResamples.of(one.index, comparing.by, comparing.draws, comparing.seed) for one in sets]
    return prune(lexicon, [one.index for one in sets], flags.min_precision, comparing.seed, drawn)


def _figure(sets: Sequence[LabelSet], comparisons: "Sequence[Comparison]", path: str) -> bytes:
    from sgram.cli.validation_tables import panel
    from sgram.reports.figures.precision_recall import figure_form, precision_recall_figure

    panels = [panel(one.name, made) for one, made in zip(sets, comparisons, strict=True)]
    return precision_recall_figure(panels, figure_form(path))


def _print_json(
    lexicon: Lexicon,
    sets: Sequence[LabelSet],
    comparisons: "Sequence[Comparison]",
    pruned: "Pruned | None",
    flags: CompareFlags,
) -> None:
    from sgram.evaluation.precision_recall import plain_record

    told: dict[str, Any] = {
        "format": "sgram-validation",
        "version": 1,
        "seed": flags.seed,
        "draws": flags.draws,
        "lexicon": {"name": lexicon.name, "digest": lexicon.digest, "n_grams": len(lexicon.grams)},
        "label_sets": [
            {"name": one.name, "positive": list(one.positive), **made.to_json()}
            for one, made in zip(sets, comparisons, strict=True)
        ],
        "pruned": None,
    }
    if pruned is not None:
        told["pruned"] = {
            "order": pruned.order,
            "aim": pruned.aim,
            "threshold": pruned.threshold,
            "n_folds": pruned.n_folds,
            "digest": pruned.lexicon.digest,
            "n_dropped": pruned.n_dropped,
            "n_unseen": pruned.n_unseen,
            "n_grams": len(pruned.lexicon.grams),
            "label_sets": [plain_record(each) for each in pruned.rates],
        }
    print(printable(json.dumps(told, sort_keys=True, allow_nan=False)))  # ASCII: no terminal can be moved by it
