"""``sgram validate --train``: labels and traces in, a classifier of grams out. Nothing but flags and printing."""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli.console import meter, note, show_table
from sgram.cli.read import tell, watched
from sgram.errors import InputError, UsageError
from sgram.files import excerpt

if TYPE_CHECKING:
    from sgram.evaluation.train_classifier import CrossValidation, LabelSet
    from sgram.mining.classifier import GramClassifier

_LONGEST_NAME = 18
_AGAIN = {"negative": "", "allow_leading_hyphen": True, "show_default": False}


@Parameter(name="*")
@dataclass(frozen=True)
class TrainFlags:
    """A classifier trained on the labels, for ``sgram mine --classifier``."""

    train: Annotated[bool, Parameter(negative="")] = False
    """Train a classifier of grams on the labels instead of judging a lexicon; needs --traces and -o."""
    traces: Annotated[tuple[str, ...], Parameter(**_AGAIN)] = ()
    """Rollouts (file or folder) whose statistics describe the grams; those on labeled problems are left out."""
    also_labels: Annotated[tuple[str, ...], Parameter(**_AGAIN)] = ()
    """Labels that only add to the training, such as a model's; may be given again."""
    also_weight: float = 0.25
    """What one occurrence in --also-labels counts."""
    features: str = "stats,words"
    """Blocks of features: stats, words, pos (spaCy's model of English), embedding."""

    def check(self, lexicon: str | None, output: str | None) -> None:
        """Refuse what cannot be meant."""
        if not self.train:
            given = self.traces or self.also_labels or self.features != TrainFlags.features
            if given or self.also_weight != TrainFlags.also_weight:
                raise UsageError("--traces, --also-labels, --also-weight and --features are for --train")
            if lexicon is None:
                raise UsageError("name the lexicon to judge, or train a classifier with --train")
            return
        if lexicon is not None:
            raise UsageError(f"--train judges no lexicon; leave out {excerpt(lexicon)}, or --train")
        if not self.traces:
            raise UsageError(
                "--train needs --traces: rollouts like those that will be mined, whose statistics describe the grams"
            )
        if output in (None, "-"):
            raise UsageError("--train needs -o, a file for the classifier")
        if not self.also_weight > 0:
            raise UsageError(f"--also-weight is above 0, not {self.also_weight:g}")
        read = {os.path.realpath(path) for path in (*self.traces, *self.also_labels)}
        if os.path.realpath(output) in read:
            raise UsageError(f"{output} is an input; write to another file")


def train(
    labels: Sequence[str],
    annotator: str | None,
    positive: Sequence[str],
    flags: TrainFlags,
    output: str,
    seed: int,
    as_json: bool,
) -> int:
    """Read, count, fit, write; then print how well the classifier does out of fold."""
    from sgram.evaluation.held_out import HeldOut
    from sgram.evaluation.train_classifier import FitConfig, train_classifier
    from sgram.mining import Background, Miner, MiningConfig, Resources
    from sgram.traces import TraceReader

    sets = [_label_set(path, annotator, positive, 1.0, True) for path in labels]
    sets += [_label_set(path, annotator, positive, flags.also_weight, False) for path in flags.also_labels]
    blocks = tuple(dict.fromkeys(name.strip() for name in flags.features.split(",") if name.strip()))
    held_out = HeldOut([document for each in sets if each.evaluated for document in each.documents])
    reader = TraceReader(list(flags.traces))
    total = reader.bytes_total
    with meter("reading", total / 1e6 if total else None, "MB") as bar, closing(watched(reader, bar)) as seen:
        candidates, source = Miner(MiningConfig(), Resources(workers=max(1, min(os.cpu_count() or 1, 8)))).candidates(
            held_out(seen)
        )
    tell(reader)
    if held_out.n_kept_back:
        note(f"{held_out.n_kept_back:,} traces are on labeled problems and were left out of the statistics")
    about = {"inputs": dict(source["inputs"]), "what": "share of a gram's occurrences that lead a planning unit"}
    classifier, found = train_classifier(
        candidates, Background.packaged(), sets, FitConfig(blocks=blocks, seed=seed), about
    )
    classifier.save(output)
    if as_json:
        told = {
            "format": "sgram-training",
            "version": 1,
            "classifier": output,
            "digest": classifier.digest,
            "thresholds": dict(classifier.thresholds),
            "out_of_fold": found.figures(),
            "candidates": len(candidates),
            "labelled_grams": len(classifier.counts),
            "seed": seed,
        }
        print(json.dumps(told, sort_keys=True))
    else:
        _show(classifier, found)
    note(f"classifier {classifier.digest[:16]} written to {output}; use it with: sgram mine --classifier {output}")
    return 0


def _label_set(path: str, annotator: str | None, positive: Sequence[str], weight: float, evaluated: bool) -> "LabelSet":
    from sgram.evaluation.labels import POSITIVE_LABELS, read_labels
    from sgram.evaluation.train_classifier import LabelSet

    chosen = frozenset(positive) or POSITIVE_LABELS
    documents = tuple(read_labels(path, annotator))
    units = [unit for document in documents for unit in document.units]
    if not any(unit.is_positive(chosen) for unit in units):
        raise InputError(f"{excerpt(path)} holds nothing positive; name the labels that mean planning with --positive")
    return LabelSet(Path(path).name, documents, weight, evaluated, chosen)


def _show(classifier: "GramClassifier", found: "CrossValidation") -> None:
    """Out-of-fold precision and recall at each setting."""
    rows = []
    for name, figures in found.figures().items():
        for setting, threshold in found.thresholds.items():
            at, nested = figures[setting], figures[f"{setting}_nested"]
            numbers = (threshold, at["precision"], at["recall"], at["f1"], nested["precision"], nested["recall"])
            shown = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
            rows.append((shown, setting, *(round(number, 3) for number in numbers)))
    show_table(("labels", "setting", "from", "P", "R", "F1", "nested P", "nested R"), rows)
    for name, figures in found.figures().items():
        note(
            f"{name}: {figures['units']:,} units, base rate {figures['base_rate']:.3f}, average precision "
            f"{figures['average_precision']:.3f}"
        )
    note(
        "out of fold: units are judged by classifiers fitted without any text on their problem; nested: the threshold "
        "is chosen on the other folds, too"
    )
    note(f"{len(classifier.bag) + 2 * len(classifier.dense):,} weights, {len(classifier.counts):,} grams with labels")
