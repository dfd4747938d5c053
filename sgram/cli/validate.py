"""``sgram validate``: measure precision and recall of a lexicon on labeled text."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from sgram.cli.classifier import ClassifierFlags, train
from sgram.cli.console import note, print_json
from sgram.cli.option_groups import ADVANCED, INPUT, OUTPUT
from sgram.cli.path_checks import check_no_options, check_one_stdin, check_outputs
from sgram.cli.sentence_training import LabelChoice, ScorerFlags, calibrate_scorer, train_scorer
from sgram.cli.shared_flags import LEXICON, REPEATABLE_PATH, AsJson, number_flag, output_flag
from sgram.cli.validation_tables import panel, print_comparison, print_masks, print_pruned
from sgram.errors import InputError, UsageError
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, LabeledDocument, read_labels
from sgram.files import excerpt, write_bytes
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.reports.figures.precision_recall import figure_format, render_precision_recall
from sgram.traces.tokens import load_tokenizer
from sgram.urls import base_name, printable_name

if TYPE_CHECKING:
    from sgram.evaluation.label_index import UnitIndex
    from sgram.evaluation.lexicon_comparison import LexiconComparison
    from sgram.evaluation.mask_comparison import MaskComparison
    from sgram.evaluation.pruning import PrunedLexicon

    MeasuredLabels = tuple["IndexedLabels", LexiconComparison, MaskComparison]


@dataclass(frozen=True, slots=True, eq=False)
class IndexedLabels:
    """One file of labels, read and indexed."""

    name: str
    index: "UnitIndex"
    positive: tuple[str, ...]
    """Positive labels that occur, the most frequent first."""


@Parameter(name="*", group=INPUT)
@dataclass(frozen=True)
class LabelFlags:
    """Choice of labels and units."""

    positive: Annotated[tuple[str, ...], REPEATABLE_PATH] = ()
    """Label that means planning; may be repeated. Default: those of the known schemas."""
    annotator: str | None = None
    """Annotator whose labels are read, if a file has several."""
    tokenizer: Path | None = None
    """tokenizer.json (or its folder): count its tokens instead of words."""


@Parameter(name="*")
@dataclass(frozen=True)
class CompareFlags:
    """Lists that the lexicon is compared with."""

    beside: Annotated[tuple[str, ...], REPEATABLE_PATH] = ()
    """Another lexicon, as name=lexicon; may be repeated."""
    candidates: Path | None = None
    """candidates.parquet of the mining run: its scores extend the curve beyond the lexicon."""
    by: Annotated[Literal["document", "problem"], Parameter(group=ADVANCED)] = "document"
    """Unit of the bootstrap intervals."""
    draws: Annotated[int, number_flag("draws", 1, "Bootstrap draws.", ADVANCED)] = 1000
    seed: Annotated[int, number_flag("seed", 0, "Seed of draws, placebos and folds.", ADVANCED)] = 0
    top: Annotated[int, number_flag("top", 0, "Number of most harmful and of most helpful grams to print.", OUTPUT)] = (
        10
    )
    figure: Annotated[str | None, Parameter(group=OUTPUT, allow_leading_hyphen=True)] = None
    """Precision-recall figure to write: .svg, .png or .pdf."""


_FEW_WORDS = 0.02
"""Share of marked words below which a scorer is taken not to know the texts' domain."""
_OUTPUT = output_flag("File for the pruned lexicon, for what --train fits, or for the scorer of --calibrate.")


@Parameter(name="*")
@dataclass(frozen=True)
class PruneFlags:
    """Prune the lexicon to a target precision."""

    min_precision: float | None = None
    """Target precision on units, measured on documents that were not used for pruning."""
    output: Annotated[str | None, _OUTPUT] = None

    def check(self) -> None:
        """Raise `UsageError` for invalid flags."""
        if self.min_precision is None:
            if self.output is not None:
                raise UsageError("-o is the pruned lexicon; give its precision with --min-precision")
            return
        if not 0 < self.min_precision < 1:
            raise UsageError(f"--min-precision must be between 0 and 1 (got {self.min_precision:g})")
        if self.output == "-":
            raise UsageError("-o -: stdout is for the tables; name a file for the pruned lexicon")


_LABELS = Parameter(
    group=INPUT,
    help="JSONL of labeled texts (docs/validation.md); may be repeated; each file is evaluated separately.",
    negative="",
    allow_leading_hyphen=True,
)


def validate(
    lexicon: Annotated[str | None, LEXICON] = None,
    /,
    *,
    labels: Annotated[tuple[str, ...], _LABELS] = (),
    reading: LabelFlags = LabelFlags(),
    comparing: CompareFlags = CompareFlags(),
    pruning: PruneFlags = PruneFlags(),
    training: ClassifierFlags = ClassifierFlags(),  # noqa: B008
    scoring: ScorerFlags = ScorerFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Measure how well a lexicon finds units labeled as planning, beside other lists and placebos.

    sgram validate lexicon.json --labels labels.jsonl --figure pr.svg

    sgram validate lexicon.json --labels labels.jsonl --min-precision 0.9 -o p.json

    sgram validate --train --labels labels.jsonl --traces rollouts/ -o fit.json

    sgram validate --train --unit sentence --labels labels.jsonl -o scorer.json

    sgram validate --calibrate my_labels.jsonl --scorer sgram -o mine.json
    """
    choice = LabelChoice(reading.annotator, frozenset(reading.positive))
    if scoring.calibrate is not None:
        _check_calibration(lexicon, labels, training)
        _check_training(reading, comparing, pruning, "--calibrate")
        calibrate_scorer(scoring, choice, pruning.output, comparing.draws, comparing.seed, as_json)
        return
    if scoring.even_without_gain:
        raise UsageError("--even-without-gain needs --calibrate")
    if not labels:
        raise UsageError("--labels is missing: name a JSONL file of labeled texts")
    if comparing.figure is not None:
        figure_format(comparing.figure)
    training.check(lexicon, pruning.output)
    if lexicon is None:
        _check_training(reading, comparing, pruning, "--train")
    else:
        pruning.check()
    inputs = [lexicon or "", *labels]
    check_one_stdin(inputs)
    check_no_options(inputs, "validate")
    compared = [pair.partition("=")[2] for pair in comparing.beside]
    outputs = {"--figure": comparing.figure, "-o": pruning.output}
    check_outputs(outputs, [*inputs, *compared, str(comparing.candidates or "")])
    if lexicon is None:
        output = pruning.output or ""
        if training.unit == "sentence":
            train_scorer(labels, training.also_labels, choice, output, comparing.seed, as_json)
            return
        train(labels, reading.annotator, reading.positive, training, output, comparing.seed, as_json)
        return
    loaded, other_lexicons = Lexicon.load(lexicon), _load_others(comparing.beside)
    scorer = SentenceScorer.load(scoring.scorer)
    sets = read_label_sets(labels, reading)
    measured = _compare(loaded, scorer, sets, other_lexicons, comparing)
    pruned = _prune(loaded, sets, comparing, pruning)
    if as_json:
        _print_json(loaded, measured, pruned, comparing)
    else:
        for label_set, comparison, masks in measured:
            print_comparison(label_set.name, label_set.positive, comparison)
            print_masks(masks)
        if pruned is not None and pruning.min_precision is not None:
            print_pruned([label_set.name for label_set in sets], pruned, pruning.min_precision)
    if comparing.figure is not None:
        panels = [panel(label_set.name, comparison) for label_set, comparison, _ in measured]
        write_bytes(comparing.figure, render_precision_recall(panels, figure_format(comparing.figure)))
        note(f"figure written to {comparing.figure}")
    if pruned is not None and pruning.output is not None:
        pruned.lexicon.save(pruning.output)
        note(f"{len(pruned.lexicon.grams):,} of {len(loaded.grams):,} grams written to {pruning.output}")


def _check_calibration(lexicon: str | None, labels: Sequence[str], training: ClassifierFlags) -> None:
    """Raise `UsageError` for what --calibrate does not go with."""
    if lexicon is not None:
        raise UsageError(f"--calibrate takes no lexicon; leave out {excerpt(lexicon)}, or --calibrate")
    if labels or training != ClassifierFlags():
        raise UsageError("--calibrate takes the labeled sentences itself; leave out --labels, --train and its flags")


def _check_training(reading: LabelFlags, comparing: CompareFlags, pruning: PruneFlags, verb: str) -> None:
    """Raise `UsageError` for flags that need a lexicon."""
    lexicon_flags = {
        "--beside": comparing.beside,
        "--candidates": comparing.candidates,
        "--figure": comparing.figure,
        "--min-precision": pruning.min_precision,
        "--tokenizer": reading.tokenizer,
    }
    for flag, argument in lexicon_flags.items():
        if argument:
            raise UsageError(f"{flag} needs a lexicon; leave it out with {verb}")


def _load_others(pairs: Sequence[str]) -> dict[str, Lexicon]:
    """Return the lexicons of --beside by their names."""
    lexicons: dict[str, Lexicon] = {}
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not (name and sign and path) or path == "-":
            raise UsageError(f"invalid --beside {excerpt(pair)}; write name=lexicon, such as paper=paper.json")
        if name in lexicons:
            raise UsageError(f"--beside has the name {excerpt(name)} twice; give each lexicon a name of its own")
        lexicons[name] = Lexicon.load(path)
    return lexicons


def read_label_sets(paths: Sequence[str], flags: LabelFlags) -> list[IndexedLabels]:
    """Return the files of labels, read and indexed; raise `InputError` for a file without a positive unit."""
    from sgram.evaluation.label_index import UnitIndex

    documents = [read_labels(path, flags.annotator) for path in paths]
    label_counts = [_count_labels(file_documents) for file_documents in documents]
    all_counts = sum(label_counts, Counter[str]())
    for label in flags.positive:
        if label not in all_counts:
            raise InputError(f"no unit is labeled '{excerpt(label, 60)}'; the labels are {_list_labels(all_counts)}")
    tokenizer = None if flags.tokenizer is None else load_tokenizer(flags.tokenizer)
    positive = frozenset(flags.positive) or POSITIVE_LABELS
    sets = []
    for path, file_documents, counts in zip(paths, documents, label_counts, strict=True):
        if not counts:
            raise InputError(f"{printable_name(path)} has no labeled unit; each document needs units with a label")
        positive_labels = tuple(label for label in _rank_labels(counts) if label in positive)
        if not positive_labels:
            raise InputError(
                f"{printable_name(path)} has no positive unit; its labels are {_list_labels(counts)}: name those that "
                "mean planning with --positive"
            )
        index = UnitIndex.from_documents(file_documents, positive, tokenizer)
        sets.append(IndexedLabels("stdin" if path == "-" else base_name(path), index, positive_labels))
    return sets


def _count_labels(documents: Sequence[LabeledDocument]) -> Counter[str]:
    return Counter(label for document in documents for unit in document.units for label in unit.labels)


def _rank_labels(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda label: (-counts[label], label))


def _list_labels(counts: Counter[str], limit: int = 12) -> str:
    """Return the most frequent labels with their counts as text."""
    ellipsis = f" and {len(counts) - limit} more" if len(counts) > limit else ""
    labels = [f"{excerpt(label, 60)} ({counts[label]:,})" for label in _rank_labels(counts)[:limit]]
    return ", ".join(labels) + ellipsis or "no labels"


def _compare(
    lexicon: Lexicon,
    scorer: SentenceScorer,
    sets: Sequence[IndexedLabels],
    other_lexicons: dict[str, Lexicon],
    flags: CompareFlags,
) -> "list[MeasuredLabels]":
    from sgram.evaluation.gram_scores import read_candidate_scores
    from sgram.evaluation.label_index import UnitIndex
    from sgram.evaluation.lexicon_comparison import ComparisonConfig, compare_lexicons
    from sgram.evaluation.mask_comparison import compare_masks

    candidates = None if flags.candidates is None else read_candidate_scores(flags.candidates)
    missing = [] if candidates is None else [gram.text for gram in lexicon.grams if gram.text not in candidates]
    if missing:
        note(
            f"warning: {len(missing):,} of the lexicon's {len(lexicon.grams):,} grams are missing in the candidates "
            f"({missing[0]}, ...); are both of the same mining run?"
        )
    config = ComparisonConfig(flags.by, flags.draws, flags.seed, flags.top)
    measured = []
    for label_set in sets:
        if not len(label_set.index.find([gram.text for gram in lexicon.grams]).gram):
            raise InputError(
                f"none of the {len(lexicon.grams):,} grams of {excerpt(lexicon.name, 60)} occurs in {label_set.name}, "
                "so nothing can be measured; are text and lexicon in the same language?"
            )
        comparison = compare_lexicons(lexicon, label_set.index, other_lexicons, config, candidates)
        words = label_set.index
        if words.piece_name != "words":
            words = UnitIndex.from_documents(words.documents, frozenset(label_set.positive))
        masks = compare_masks(lexicon, scorer, words, other_lexicons, config)
        measured.append((label_set, comparison, masks))
        _note_masks(label_set.name, masks)
        if comparison.in_sample:
            note(
                f"warning: {lexicon.name} was made with these labels ({label_set.name}), so its figures are in-sample "
                "and too high; validate it on other labels"
            )
        if comparison.by == "document" and comparison.n_problems < comparison.n_documents:
            note(
                f"{label_set.name}: {comparison.n_documents:,} documents answer {comparison.n_problems:,} problems; "
                "--by problem gives intervals over problems"
            )
    return measured


def _note_masks(name: str, masks: "MaskComparison") -> None:
    """Say where the scorer was fitted on these labels, or marks next to nothing."""
    if masks.in_sample:
        note(
            f"warning: the scorer {masks.scorer} was fitted on these labels ({name}), so its figures are in-sample and "
            "too high; use other labels"
        )
    if masks.in_sample is None:
        note(
            f"the scorer {masks.scorer} does not record the digests of its labels: if it was fitted on {name}, its "
            "figures are too high"
        )
    share = masks.row("grams-in-sentences").words.coverage.value or 0.0
    if share < _FEW_WORDS:
        note(
            f"warning: grams-in-sentences marks {100 * share:.1f} % of the words of {name}; if more of it plans, label "
            f"50 to 150 sentences and adapt the scorer: sgram validate --calibrate labels.jsonl --scorer "
            f"{masks.scorer} -o mine.json"
        )


def _prune(
    lexicon: Lexicon, sets: Sequence[IndexedLabels], comparing: CompareFlags, flags: PruneFlags
) -> "PrunedLexicon | None":
    if flags.min_precision is None:
        return None
    from sgram.evaluation.precision_recall import DocumentResamples
    from sgram.evaluation.pruning import prune_lexicon

    resamples = [
        DocumentResamples.from_index(labels.index, comparing.by, comparing.draws, comparing.seed) for labels in sets
    ]
    return prune_lexicon(lexicon, [labels.index for labels in sets], flags.min_precision, comparing.seed, resamples)


def _print_json(
    lexicon: Lexicon, measured: "Sequence[MeasuredLabels]", pruned: "PrunedLexicon | None", flags: CompareFlags
) -> None:
    from sgram.evaluation.precision_recall import plain_record

    pruned_fields = None
    if pruned is not None:
        names = ("order", "aim", "threshold", "n_folds", "n_dropped", "n_unseen")
        pruned_fields = {
            **{name: getattr(pruned, name) for name in names},
            "digest": pruned.lexicon.digest,
            "n_grams": len(pruned.lexicon.grams),
            "label_sets": [plain_record(rates) for rates in pruned.rates],
        }
    fields = {
        "seed": flags.seed,
        "draws": flags.draws,
        "lexicon": {"name": lexicon.name, "digest": lexicon.digest, "n_grams": len(lexicon.grams)},
        "label_sets": [
            {
                "name": label_set.name,
                "positive": list(label_set.positive),
                **comparison.to_json(),
                "masks": masks.to_json(),
            }
            for label_set, comparison, masks in measured
        ],
        "pruned": pruned_fields,
    }
    print_json("validation", fields)
