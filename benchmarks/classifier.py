"""How good is the classifier of grams on text that it has not seen, and what do its parts give?

    python benchmarks/classifier.py [--only figures calibration moves] [--by problem]

Labels, traces and settings are those of data/build_classifier.py. Every figure is out of fold: a unit is scored by a
classifier fitted without any label on its problem, and so is the sentence scorer behind it. "Nested" means that the
threshold, too, was chosen on the other folds. Placebo: random candidates that mark the same share of units (mean of 5).
Intervals: 95 %, bootstrap over documents, here sentences, or with `--by problem` over problems.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from build_classifier import FIT, label_sets, long_traces, scored_texts
from corpora import SHARED

from sgram.evaluation.label_index import GramOccurrences, UnitIndex
from sgram.evaluation.placebo_lexicons import N_PLACEBOS, draw_placebo_grams
from sgram.evaluation.precision_recall import (
    DocumentResamples,
    GroupBy,
    ResampledRates,
    mean_rates,
    measure_units,
    rate_difference,
)
from sgram.evaluation.precision_recall_curve import chance_curve, summarize_curve
from sgram.evaluation.train_classifier import (
    ClassifierTrainer,
    CrossValidation,
    LabelSet,
    OutOfFoldScores,
    choose_thresholds,
    problem_key,
)
from sgram.lexicon import MOVES
from sgram.mining import Background, Miner, MiningConfig, Resources
from sgram.mining.candidates import Candidates
from sgram.mining.classifier import GramClassifier
from sgram.mining.config import SETTINGS
from sgram.mining.cues import OTHER
from sgram.mining.features import Features, compute_features
from sgram.mining.moves import find_move, packaged_namer
from sgram.mining.select import LABELED, keep_top, select_core
from sgram.scan import find_words
from sgram.statistics import Estimate
from sgram.traces import Trace

WORKERS = 2
PARTS = ("figures", "calibration", "moves")

EXPECTED = {
    "plan": ("goal-setting",),
    "branch": ("branching",),
    "backtrack": ("backtracking",),
    "verify": ("verification",),
    "monitor": ("monitoring",),
    "deduce": ("deduction",),
}
"""Label of a unit -> moves that mean the same, as far as two schemas can. Of several labels the first here counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What every fit rests on."""

    sets: list[LabelSet]
    candidates: Candidates
    background: Background
    features: Features
    traces: list[Trace]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One evaluated label set, scored out of fold."""

    name: str
    index: UnitIndex
    found: GramOccurrences
    """Of all candidates."""
    out: OutOfFoldScores
    resamples: DocumentResamples

    @property
    def label(self) -> str:
        """Its name, size and base rate."""
        problems = len({problem_key(document) for document in self.index.documents})
        return (
            f"{self.name}: {self.index.n_units:,} units of {len(self.index.documents)} documents on {problems} "
            f"problems, {self.index.positive.mean():.3f} of them positive"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """A cross-validation with all that it fitted."""

    sets: list[Judged]
    probabilities: np.ndarray
    """(folds, M) of each candidate by each fold's classifier."""
    thresholds: Mapping[str, float]
    nested: list[Mapping[str, float]]
    """Per fold, the thresholds that the other folds choose."""

    def cut(self, one: Judged, setting: str, nested: bool) -> np.ndarray:
        """(U,) each unit's threshold."""
        if not nested:
            return np.full(one.index.n_units, self.thresholds[setting])
        return np.array([chosen[setting] for chosen in self.nested])[one.out.fold]

    def marks(self, one: Judged, rows_of_fold: Callable[[int], np.ndarray]) -> np.ndarray:
        """Bool (U,): units marked by the candidates that their own fold chose."""
        marks = np.zeros(one.index.n_units, bool)
        for fold in range(len(self.probabilities)):
            chosen = np.zeros(one.found.n_grams, bool)
            chosen[rows_of_fold(fold)] = True
            marks |= one.found.select(chosen).marked_units() & (one.out.fold == fold)
        return marks


def prepare() -> Ground:
    """Labels, candidates of the real traces, features of the packaged choice."""
    if not (SHARED / "labels").exists():
        raise SystemExit(f"no labels under {SHARED}: this benchmark needs them")
    sets = label_sets(SHARED)
    miner = Miner(MiningConfig(), Resources(workers=WORKERS))
    traces = list(long_traces(SHARED))
    candidates, _ = miner.measure_candidates(traces)
    background = Background.packaged()
    return Ground(sets, candidates, background, compute_features(candidates, background, FIT.blocks), traces)


def cross(ground: Ground, by: GroupBy = "document") -> Crossed:
    """The packaged choice's cross-validation, classifiers kept."""
    scored = scored_texts(SHARED, ground.traces)
    trainer = ClassifierTrainer(ground.candidates.texts, ground.features, ground.sets, FIT, scored)
    config, unset = trainer.config, dict.fromkeys(SETTINGS, 0.5)
    fitted = [trainer.fit(fold, unset, {}) for fold in range(config.n_folds)]
    probabilities = np.stack([each.shrink_to_labels(trainer.texts, each.estimate(trainer.features)) for each in fitted])
    judged = []
    for one, index, found in zip(trainer.sets, trainer.indexes, trainer.occurrences, strict=True):
        if one.evaluated:
            folds = np.array([trainer.folds[problem_key(document)] for document in index.documents])
            folds = folds[index.document]
            scores = np.full(index.n_units, -np.inf)
            for fold in range(config.n_folds):
                scores[folds == fold] = found.max_scores(probabilities[fold])[folds == fold]
            out = OutOfFoldScores(one.name, scores, index.positive, folds)
            judged.append(Judged(one.name, index, found, out, DocumentResamples.from_index(index, by)))
    aims = (config.min_precision, config.clean_precision)
    nested = []
    for fold in range(config.n_folds):
        kept = [(one.out, one.out.fold != fold) for one in judged]
        others = [OutOfFoldScores(out.name, out.scores[rows], out.positive[rows], out.fold[rows]) for out, rows in kept]
        nested.append(choose_thresholds(others, *aims))
    return Crossed(judged, probabilities, choose_thresholds([one.out for one in judged], *aims), nested)


def chosen_rows(
    candidates: Candidates, probability: np.ndarray, thresholds: Mapping[str, float], setting: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the candidates that `sgram mine` would keep at `setting`, and of those that people would read."""
    scores = np.round(probability, 6)
    kept, _ = keep_top(scores, candidates.texts, 1.0, thresholds[setting])
    clean = scores[kept] >= max(thresholds[setting], thresholds["clean"])
    return kept, kept[select_core(candidates.take(kept), LABELED, clean)]


# -- figures --------------------------------------------------------------------------------------------


def placebos(one: Judged, share: float) -> ResampledRates:
    """Mean of random candidates that mark the `share` of units."""
    made = []
    for seed in range(N_PLACEBOS):
        rows = np.zeros(one.found.n_grams, bool)
        rows[draw_placebo_grams(one.found, share, "units", seed).rows] = True
        made.append(measure_units(one.index, one.found.select(rows), one.resamples))
    return mean_rates(made)


def interval(found: Estimate, signed: bool = False) -> str:
    """A number with its interval."""
    if found.value is None:
        return "-"
    form = "+.3f" if signed else ".3f"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"


def measured(one: Judged, marks: np.ndarray) -> ResampledRates:
    """Rates of marks of units."""
    return ResampledRates.from_marks(marks, one.index.positive, one.index.document, one.resamples)


def print_figures(ground: Ground, crossed: Crossed) -> None:
    """The packaged choice at every setting, with thresholds and nested ones, beside placebos; the readable list."""
    print(f"largest difference from the figures in data/sg_classifier.json: {_drift(crossed):.4f}\n")
    for one in crossed.sets:
        area = summarize_curve(one.index, one.out.scores, one.resamples).average_precision
        chance = chance_curve(one.index, one.found)[2]
        print(
            f"**{one.label}**; average precision {interval(area)}, of random scores {chance.value:.3f}\n\n"
            "| out of fold | threshold | grams | coverage | P | R | F1 | placebo P / R / F1 | P less placebo's |\n"
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
        )
        for name, nested in product((*SETTINGS, "readable"), (False, True)):
            edges = crossed.nested if nested else [crossed.thresholds] * len(crossed.nested)
            setting, pruned = ("default", 1) if name == "readable" else (name, 0)
            chosen = [
                chosen_rows(ground.candidates, *each, setting)[pruned]
                for each in zip(crossed.probabilities, edges, strict=True)
            ]
            marks = crossed.marks(one, lambda fold, chosen=chosen: chosen[fold])
            cuts = [edge["clean" if pruned else setting] for edge in edges]
            told = f"{min(cuts):.2f} to {max(cuts):.2f}" if nested else f"{cuts[0]:.2f}"
            ours, other = measured(one, marks), placebos(one, float(marks.mean()))
            rates, random_ones = ours.summary(), other.rates
            print(
                f"| {name}{', nested' * nested} | {told} | {np.mean([len(each) for each in chosen]):,.0f} "
                f"| {rates.coverage.value:.3f} "
                f"| {interval(rates.precision)} | {interval(rates.recall)} | {interval(rates.f1)} "
                f"| {random_ones[0]:.2f} / {random_ones[1]:.2f} / {random_ones[2]:.2f} "
                f"| {interval(rate_difference(ours, other, 'precision'), signed=True)} |"
            )
        print()


def _drift(crossed: Crossed) -> float:
    """Largest difference of a rate from the packaged figures: a classifier not built from this code shows."""
    aims = (FIT.min_precision, FIT.clean_precision)
    outs = tuple(one.out for one in crossed.sets)
    found = CrossValidation(sets=outs, thresholds=crossed.thresholds, aims=aims).to_json()
    packaged = GramClassifier.packaged().source["out_of_fold"]
    return max(
        abs(found[name][setting][rate] - value)
        for name, rows in packaged.items()
        for setting, rates in rows.items()
        if isinstance(rates, dict)
        for rate, value in rates.items()
    )


# -- calibration ----------------------------------------------------------------------------------------


def print_calibration(crossed: Crossed) -> None:
    """The probability of a unit's best gram against the share of such units that are positive."""
    print("| probability of the best gram | units | mean | positive | units | mean | positive |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    tables = [list(_bins(one.out)) for one in crossed.sets]
    for row in zip(*tables, strict=True):
        cells = [f"{n:,} | {mean:.2f} | {share:.2f}" if n else "0 | - | -" for _, n, mean, share in row]
        print(f"| {row[0][0]:.1f} to {row[0][0] + 0.1:.1f} | {' | '.join(cells)} |")
    for one, table in zip(crossed.sets, tables, strict=True):
        n = sum(row[1] for row in table)
        off = sum(row[1] * abs(row[2] - row[3]) for row in table if row[1]) / n
        gap = sum(row[1] * (row[2] - row[3]) for row in table if row[1]) / n
        print(
            f"\n{one.name}: expected calibration error {off:.3f}, mean probability less share {gap:+.3f} (units with "
            f"a gram: {n:,} of {one.index.n_units:,})",
            end="",
        )
    print("\n")


def _bins(out: OutOfFoldScores) -> Iterator[tuple[float, int, float, float]]:
    """(lower edge, units, mean score, share positive) of ten bins."""
    number = np.minimum((out.scores * 10).clip(min=-1).astype(int), 9)
    for at in range(10):
        rows = (number == at) & (out.scores > -np.inf)
        n = int(rows.sum())
        yield (at / 10, n, float(out.scores[rows].mean()) if n else 0.0, float(out.positive[rows].mean()) if n else 0.0)


# -- moves ----------------------------------------------------------------------------------------------


def kind_of(labels: set[str]) -> str:
    """The first of `EXPECTED` among the labels; "none of these" if there is none."""
    return next((name for name in EXPECTED if name in labels), "none of these")


def print_moves(ground: Ground, crossed: Crossed) -> None:
    """Print moves of grams and texts by the sentence scorer against people's labels, on marked units that plan."""
    miner = Miner(MiningConfig(), Resources(workers=WORKERS))
    lexicon = miner.fit(ground.traces).lexicon_
    namer = packaged_namer()
    of_cluster = {gram.text: cluster.move for cluster in lexicon.clusters for gram in cluster.grams}
    for one in crossed.sets:
        best = best_grams(one, crossed)
        units = [unit for document in one.index.documents for unit in document.units]
        found = (one.out.scores >= crossed.cut(one, "default", nested=True)) & one.index.positive
        kinds, by_gram, by_cluster, by_text = [], [], [], []
        for row in np.flatnonzero(found).tolist():
            labels = set(units[row].labels)
            text = ground.candidates.texts[best[row]]
            kinds.append(kind_of(labels))
            by_gram.append(find_move(text.split(" "), namer))
            by_cluster.append(of_cluster.get(text, by_gram[-1]))
            by_text.append(find_move([word.text for word in find_words(one.index.unit_text(row))], namer))
        print(f"**{one.name}**: {found.sum():,} units that are marked (default, nested) and positive\n")
        moves = [move for move in (*(m for m in MOVES if m != OTHER), OTHER) if move in by_gram]
        print(f"| label | units | {' | '.join(moves)} |\n|---|--:|{'--:|' * len(moves)}")
        table = Counter(zip(kinds, by_gram, strict=True))
        for kind in [*EXPECTED, "none of these"]:
            total = sum(table[kind, move] for move in moves)
            if total:
                wanted = EXPECTED.get(kind, ())
                cells = [f"**{table[kind, move]}**" if move in wanted else f"{table[kind, move]}" for move in moves]
                print(f"| {kind} | {total} | {' | '.join(cells)} |")
        print()
        ways = (
            ("best gram", by_gram),
            ("cluster of the best gram", by_cluster),
            ("longest cue of the whole unit", by_text),
        )
        for name, given in ways:
            print(f"- {name}: {_agreement(kinds, given)}")
        print()


def best_grams(one: Judged, crossed: Crossed) -> np.ndarray:
    """(U,) row of the candidate with the largest score of each unit in its fold, -1 for none; ties: the first row."""
    best = np.full(one.index.n_units, -1)
    grams, units = one.found.gram_unit_pairs()
    scores = crossed.probabilities[one.out.fold[units], grams]
    order = np.lexsort((-grams, scores, units))  # a unit's last one has its largest score, and its first row
    best[units[order]] = grams[order]
    return best


def _agreement(kinds: Sequence[str], given: Sequence[str]) -> str:
    """How often the move is one of those expected, and how often it would be if moves were dealt at random."""
    pairs = [(kind, move) for kind, move in zip(kinds, given, strict=True) if kind in EXPECTED]
    named = [(kind, move) for kind, move in pairs if move != OTHER]
    if not named:
        return "no unit has both"
    hit = np.mean([move in EXPECTED[kind] for kind, move in named])
    share = Counter(move for _, move in named)
    chance = np.mean([sum(share[move] for move in EXPECTED[kind]) / len(named) for kind, _ in named])
    return (
        f"{hit:.2f} as expected, {chance:.2f} if moves were dealt at random, kappa {(hit - chance) / (1 - chance):.2f} "
        f"({len(named):,} units with a label above and a move; {len(pairs) - len(named):,} have no move)"
    )


def main() -> None:
    """Print the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--by", choices=("document", "problem"), default="document")
    options = parser.parse_args()
    ground = prepare()
    crossed = cross(ground, options.by)
    print(f"{len(ground.candidates):,} candidates of {int(ground.candidates.n_docs.sum()):,} traces\n")
    work = {
        "figures": lambda: print_figures(ground, crossed),
        "calibration": lambda: print_calibration(crossed),
        "moves": lambda: print_moves(ground, crossed),
    }
    for part in PARTS:
        if part in options.only:
            print(f"### {part}\n", flush=True)
            work[part]()


if __name__ == "__main__":
    main()
