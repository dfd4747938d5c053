"""Do mined grams find the sentences that plan, by the packaged guideline? Against other lists and placebos.

    python benchmarks/lexicon_quality.py [--embedder hash] [--by problem]

Mined are the real traces of long chains of thought, without their labels. The packaged classifier was fitted to these
very labels, so what `sgram mine` gives is in-sample here and marked so. The honest rows are out of
fold: for every fold a lexicon is selected as `sgram mine` does, by a classifier and thresholds that know nothing of
the fold's problems, and judged on the fold's units only. Placebo: random candidates that mark the same share of units
(mean of 5). Intervals: 95 %, bootstrap over documents, or with `--by problem` over problems; differences are paired.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from classifier import WORKERS, Crossed, Ground, Judged, chosen_rows, cross, interval, measured, placebos, prepare

from sgram.evaluation.gram_scores import frequency_scores, lexicon_scores, unit_scores
from sgram.evaluation.precision_recall import rate_difference
from sgram.evaluation.precision_recall_curve import CoveragePoint, chance_curve, compare_at_coverage
from sgram.lexicon import Lexicon
from sgram.mining import Miner, MiningConfig, Resources
from sgram.mining.classifier import GramClassifier
from sgram.mining.score import ContrastScorer

STEP = 0.05
PUBLISHED, LONGER, PAPER, CONTRAST = (
    "published list (Wang et al. 2025)",
    "its grams of two or more words",
    "method=paper",
    "scorer=contrast",
)
OURS = "**default, out of fold**"


def mine_all(ground: Ground, embedder: str | None) -> dict[str, Miner]:
    """A miner for each method and setting, fitted to the same traces."""
    minilm = importlib.util.find_spec("sentence_transformers") is not None
    configs = {
        "default": MiningConfig(embedder=embedder or "hash"),  # names clusters; chooses nothing
        "f1": MiningConfig(setting="f1", embedder=embedder or "hash"),
        CONTRAST: MiningConfig(scorer="contrast", embedder=embedder or "hash"),
        PAPER: MiningConfig(method="paper", embedder=embedder or ("auto" if minilm else "hash")),
    }
    return {name: Miner(config, Resources(workers=WORKERS)).fit(ground.traces) for name, config in configs.items()}


def check_selection(ground: Ground, miners: dict[str, Miner]) -> None:
    """Stop unless the folds' way to select gives what the miner gave with the packaged classifier."""
    classifier = GramClassifier.packaged()
    probability = classifier.probability(ground.candidates, ground.background)
    for setting in ("default", "f1"):
        rows = chosen_rows(ground.candidates, probability, classifier.thresholds, setting)
        made = miners[setting].lexicon_
        for chosen, grams in zip(rows, (made.grams, made.core), strict=True):
            if {ground.candidates.texts[row] for row in chosen.tolist()} != {gram.text for gram in grams}:
                raise SystemExit(f"setting {setting}: the folds would not select as sgram mine does")


def texts_of(lexicon: Lexicon) -> list[str]:
    """Its grams."""
    return [gram.text for gram in lexicon.grams]


class Lists:
    """Every list with its marks on one label set."""

    def __init__(self, one: Judged, ground: Ground, crossed: Crossed, lexicons: dict[str, Lexicon], longer: list[str]):
        self.one = one
        self.rows: list[tuple[str, float, np.ndarray]] = []
        for name in (PUBLISHED, PAPER, CONTRAST):
            self.add(name, texts_of(lexicons[name]))
            if name == PUBLISHED:
                self.add(LONGER, longer)
        self.add("scorer=contrast, pruned", [gram.text for gram in lexicons[CONTRAST].core])
        for setting in ("default", "f1"):
            chosen = [
                chosen_rows(ground.candidates, probability, thresholds, setting)
                for probability, thresholds in zip(crossed.probabilities, crossed.nested, strict=True)
            ]
            for pruned, name in ((0, f"**{setting}, out of fold**"), (1, f"**{setting}, pruned, out of fold**")):
                if pruned and setting == "f1":  # what people read is as clean at every setting
                    continue
                marks = crossed.marks(one, lambda fold, at=pruned, chosen=chosen: chosen[fold][at])
                self.rows.append((name, float(np.mean([len(each[pruned]) for each in chosen])), marks))
        for setting in ("default", "f1"):
            self.add(f"{setting}, packaged: in-sample", texts_of(lexicons[setting]))
        self.add("default, pruned, packaged: in-sample", [gram.text for gram in lexicons["default"].core])

    def add(self, name: str, grams: Sequence[str]) -> None:
        """A list that is the same for all units."""
        self.rows.append((name, float(len(grams)), self.one.index.find(list(grams)).marked_units()))


def print_lists(lists: Lists) -> None:
    """The table of lists, with gains of the default out of fold over each."""
    one = lists.one
    ours = measured(one, next(marks for name, _, marks in lists.rows if name == OURS))
    print(
        "| list | grams | marks | P | R | F1 | placebo P / R / F1 | default's gain in P | in F1 |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    for name, size, marks in lists.rows:
        own, other = measured(one, marks), placebos(one, float(marks.mean())).rates
        rates = own.summary()
        gains = "| |"
        if name != OURS:
            differences = (rate_difference(ours, own, rate) for rate in ("precision", "f1"))
            gains = " ".join(f"| {interval(gain, True)}" for gain in differences) + " |"
        print(
            f"| {name} | {size:,.0f} | {rates.coverage.value:.2f} | {interval(rates.precision)} "
            f"| {interval(rates.recall)} | {interval(rates.f1)} "
            f"| {other[0]:.2f} / {other[1]:.2f} / {other[2]:.2f} {gains}"
        )
    print()


def print_placebo(one: Judged, share: float) -> None:
    """Why a placebo lies above the base rate: positive units hold more of what it is drawn from."""
    positive, n_units = one.index.positive, one.index.n_units
    words = np.bincount(one.index.piece_unit, minlength=n_units)
    held = np.bincount(one.found.gram_unit_pairs()[1], minlength=n_units)
    low, high = 0.0, 50.0
    for _ in range(60):  # bisect for the rate of chosen candidates that marks as many units
        rate = (low + high) / 2
        low, high = (rate, high) if (1 - np.exp(-rate * held)).mean() < share else (low, rate)
    chance = 1 - np.exp(-low * held)
    found = placebos(one, share).summary().precision
    print(
        f"Placebo of the default: P {interval(found)} at a base rate of {positive.mean():.3f}. Positive units have "
        f"{words[positive].mean():.1f} words and hold {held[positive].mean():.1f} candidates, others "
        f"{words[~positive].mean():.1f} and {held[~positive].mean():.1f} ({(held[~positive] == 0).mean():.1%} of these "
        f"hold none, {(held[positive] == 0).mean():.1%} of the positive ones). If every candidate marked with one and "
        f"the same probability, P would be {(chance * positive).sum() / chance.sum():.3f}.\n"
    )


def print_coverages(lists: Lists, ours: np.ndarray, rivals: dict[str, np.ndarray], chance: dict[float, float]) -> None:
    """F1 at equal coverage, in steps, and where each rival ends."""
    one = lists.one
    made = {name: compare_at_coverage(one.index, ours, theirs, one.resamples, STEP) for name, theirs in rivals.items()}
    steps = {name: {round(row.coverage, 4): row for row in each[:-1]} for name, each in made.items()}
    shares = sorted(set().union(*(each for name, each in steps.items() if name != CONTRAST)))
    shown = [name for name in made if name != LONGER]  # which ends before the table has begun
    print(f"| coverage | ours | random | {' | '.join(f'{name} | gain' for name in shown)} |")
    print(f"|--:|--:|--:|{'--:|--:|' * len(shown)}")
    for share in shares:
        own = next(each[share].ours for each in steps.values() if share in each)
        cells = " | ".join(_cell(steps[name].get(share)) for name in shown)
        print(f"| {share:.2f} | {own:.3f} | {chance[share]:.3f} | {cells} |")
    print()
    for name, each in made.items():
        better = sum(row.gain.value > 0 for row in each)
        sure = sum(row.gain.low is not None and row.gain.low > 0 for row in each)
        worse = sum(row.gain.high is not None and row.gain.high < 0 for row in each)
        end = each[-1]
        print(
            f"- {name}: ours is better at {better} of {len(each)} coverages, the interval above 0 at {sure}, below 0 "
            f"at {worse}; where that list ends (marks {end.coverage:.3f}) {end.ours:.3f} against {end.theirs:.3f}, "
            f"{interval(end.gain, True)}"
        )
    print()


def _cell(row: CoveragePoint | None) -> str:
    return " | " if row is None else f"{row.theirs:.3f} | {interval(row.gain, True)}"


def in_our_order(one: Judged, ground: Ground, crossed: Crossed, grams: list[str]) -> np.ndarray:
    """(U,) score of each unit by those of `grams` alone, each with its out-of-fold probability; 0 if no candidate."""
    row_of = {text: row for row, text in enumerate(ground.candidates.texts)}
    found, best = one.index.find(grams), np.full(one.index.n_units, -np.inf)
    for fold, probability in enumerate(crossed.probabilities):
        own = np.array([probability[row_of[gram]] if gram in row_of else 0.0 for gram in grams])
        best = np.where(one.out.fold == fold, found.max_scores(own), best)
    return best


def main() -> None:
    """Mine, judge every list, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", help="by default hash, and for method=paper auto with sentence-transformers")
    parser.add_argument("--by", choices=("document", "problem"), default="document")
    options = parser.parse_args()
    ground = prepare()
    crossed = cross(ground, options.by)
    miners = mine_all(ground, options.embedder)
    check_selection(ground, miners)
    lexicons = {name: miner.lexicon_ for name, miner in miners.items()}
    lexicons[PUBLISHED] = Lexicon.load("wang2025")
    longer = [gram.text for gram in lexicons[PUBLISHED].grams if len(gram.words) > 1]
    contrast = ContrastScorer(ground.background).score(ground.candidates)
    for one in crossed.sets:
        lists = Lists(one, ground, crossed, lexicons, longer)
        print(f"**{one.label}**\n")
        print_lists(lists)
        print_placebo(one, float(next(marks.mean() for name, _, marks in lists.rows if name == OURS)))
        published = frequency_scores(lexicons[PUBLISHED], one.index, one.index.find(texts_of(lexicons[PUBLISHED])))
        paper = dict(sorted(lexicon_scores(lexicons[PAPER]).items()))
        rivals = {
            PUBLISHED: unit_scores(published, one.index.find(list(published))),
            "the same in our order": in_our_order(one, ground, crossed, list(published)),
            LONGER: unit_scores({gram: published[gram] for gram in longer}, one.index.find(longer)),
            PAPER: unit_scores(paper, one.index.find(list(paper))),
            CONTRAST: one.found.max_scores(contrast),
        }
        recall, precision, _ = chance_curve(one.index, one.found)
        shares = recall * one.index.positive.sum() / np.maximum(precision * one.index.n_units, 1e-12)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        print_coverages(lists, one.out.scores, rivals, dict(zip(np.round(shares, 4).tolist(), f1, strict=True)))


if __name__ == "__main__":
    main()
