"""``sgram validate --train``: train a classifier of grams on labels and traces, or a sentence scorer on labels."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from sgram.cli.console import name_width, note, print_json, print_table
from sgram.cli.estimate_cells import shorten_end
from sgram.cli.path_checks import check_outputs
from sgram.cli.read import open_traces, report_reading
from sgram.cli.shared_flags import REPEATABLE_PATH
from sgram.errors import InputError, UsageError
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, read_labels
from sgram.files import excerpt
from sgram.traces import TraceReader
from sgram.urls import base_name, printable_name

if TYPE_CHECKING:
    from sgram.evaluation.train_classifier import CrossValidation, LabelSet
    from sgram.mining.classifier import GramClassifier

_NAME_WIDTH = 18


@Parameter(name="*", group=Group("Training (--train)", sort_key=3))
@dataclass(frozen=True)
class ClassifierFlags:
    """Train a classifier for ``sgram mine --classifier``."""

    train: Annotated[bool, Parameter(negative="")] = False
    """Train on the labels instead of validating a lexicon; needs -o, and --traces for a classifier of grams."""
    unit: Literal["gram", "sentence"] = "gram"
    """What is trained: a classifier of grams, or a sentence scorer."""
    traces: Annotated[tuple[str, ...], REPEATABLE_PATH] = ()
    """Rollouts (file or folder) that give the statistics of grams; rollouts on labeled problems are left out."""
    also_labels: Annotated[tuple[str, ...], REPEATABLE_PATH] = ()
    """Labels for training only, such as a model's; may be repeated. A sentence scorer takes other schemas."""
    also_weight: float = 0.25
    """Weight of one occurrence in --also-labels."""
    features: str = "stats,words"
    """Blocks of features: stats, words, pos (spaCy's English model), embedding."""

    def check(self, lexicon: str | None, output: str | None) -> None:
        """Raise `UsageError` for an invalid combination of flags."""
        if not self.train:
            if self.unit != "gram":
                raise UsageError("--unit needs --train")
            flags = (self.traces, self.also_labels, self.also_weight, self.features)
            if flags != ((), (), ClassifierFlags.also_weight, ClassifierFlags.features):
                raise UsageError("--traces, --also-labels, --also-weight and --features need --train")
            if lexicon is None:
                raise UsageError("name the lexicon to validate, or train a classifier with --train")
            return
        if lexicon is not None:
            raise UsageError(f"--train takes no lexicon; leave out {excerpt(lexicon)}, or --train")
        if self.unit == "gram" and not self.traces:
            raise UsageError(
                "--train needs --traces, rollouts like those that will be mined, for the statistics of grams"
            )
        if self.unit == "sentence" and (self.traces or self.features != ClassifierFlags.features):
            raise UsageError("--unit sentence is trained on labels alone; leave out --traces and --features")
        if output is None or output == "-":
            noun = "classifier" if self.unit == "gram" else "sentence scorer"
            raise UsageError(f"--train needs -o, a file for the {noun}")
        if not self.also_weight > 0:
            raise UsageError(f"--also-weight must be > 0 (got {self.also_weight:g})")
        check_outputs({"-o": output}, (*self.traces, *self.also_labels))


def train(
    labels: Sequence[str],
    annotator: str | None,
    positive: Sequence[str],
    flags: ClassifierFlags,
    output: str,
    seed: int,
    as_json: bool,
) -> None:
    """Train a classifier, write it, and print its precision and recall out of fold."""
    from sgram.evaluation.held_out_traces import HeldOutFilter
    from sgram.evaluation.train_classifier import FitConfig, train_classifier
    from sgram.mining import Background, Miner, MiningConfig, Resources

    sets = [_label_set(path, annotator, positive, 1.0, True) for path in labels]
    sets += [_label_set(path, annotator, positive, flags.also_weight, False) for path in flags.also_labels]
    blocks = tuple(dict.fromkeys(name.strip() for name in flags.features.split(",") if name.strip()))
    evaluated_documents = [document for label_set in sets if label_set.evaluated for document in label_set.documents]
    held_out = HeldOutFilter(evaluated_documents)
    reader = TraceReader(list(flags.traces))
    miner = Miner(MiningConfig(), Resources(workers=max(1, min(os.cpu_count() or 1, 8))))
    with open_traces(reader, "reading") as traces:
        candidates, source = miner.measure_candidates(held_out(traces))
    report_reading(reader)
    if held_out.n_excluded:
        note(f"{held_out.n_excluded:,} traces answer labeled problems and are left out of the statistics")
    provenance = {"inputs": dict(source["inputs"]), "what": "share of a gram's occurrences that lead a planning unit"}
    classifier, cross_validation = train_classifier(
        candidates, Background.packaged(), sets, FitConfig(blocks=blocks, seed=seed), provenance
    )
    classifier.save(output)
    if as_json:
        fields = {
            "classifier": output,
            "digest": classifier.digest,
            "thresholds": dict(classifier.thresholds),
            "out_of_fold": cross_validation.to_json(),
            "candidates": len(candidates),
            "labelled_grams": len(classifier.counts),
            "seed": seed,
        }
        print_json("training", fields)
    else:
        _print_figures(classifier, cross_validation)
    note(f"classifier {classifier.digest[:16]} written to {output}; use it with: sgram mine --classifier {output}")


def _label_set(path: str, annotator: str | None, positive: Sequence[str], weight: float, evaluated: bool) -> "LabelSet":
    from sgram.evaluation.train_classifier import LabelSet

    positive_labels = frozenset(positive) or POSITIVE_LABELS
    documents = tuple(read_labels(path, annotator))
    if not any(unit.is_positive(positive_labels) for document in documents for unit in document.units):
        raise InputError(
            f"{printable_name(path)} has no positive unit; name the labels that mean planning with --positive"
        )
    return LabelSet(base_name(path), documents, weight, evaluated, positive_labels)


def _print_figures(classifier: "GramClassifier", cross_validation: "CrossValidation") -> None:
    """Print out-of-fold precision and recall at each setting."""
    rows, all_figures = [], cross_validation.to_json()
    for name, figures in all_figures.items():
        for setting, threshold in cross_validation.thresholds.items():
            plain, nested = figures[setting], figures[f"{setting}_nested"]
            rates = (plain["precision"], plain["recall"], plain["f1"], nested["precision"], nested["recall"])
            rounded = (round(number, 3) for number in (threshold, *rates))
            rows.append((shorten_end(name, name_width(_NAME_WIDTH)), setting, *rounded))
    print_table(("labels", "setting", "from", "P", "R", "F1", "nested P", "nested R"), rows)
    for name, figures in all_figures.items():
        note(
            f"{name}: {figures['units']:,} units, base rate {figures['base_rate']:.3f}, average precision "
            f"{figures['average_precision']:.3f}"
        )
    note(
        "out of fold: units are scored by classifiers trained without any text on their problem; nested: the threshold "
        "is also chosen on the other folds"
    )
    note(f"{len(classifier.bag) + 2 * len(classifier.dense):,} weights, {len(classifier.counts):,} grams with labels")
