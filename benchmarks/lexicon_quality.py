"""Do mined grams find the sentences that people call planning? Against the published list and a placebo.

    python benchmarks/lexicon_quality.py [--embedder hash]

Units: the responses of ReasoningFlow's human labels (annotator D), 5,409 text units of 51 documents; positive are
planning and reflection. A list marks a unit when one of its grams is inside; a scored list is
read at the threshold where its recall first reaches that of the published list. Mined from the real traces
without any problem that carries sentence labels. Placebo: random candidates, drawn until they mark the
same share of units (mean of 5 draws). Intervals: 95 %, bootstrap over documents.
"""

import argparse
import gzip
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from build_background import labelled_problems
from corpora import SHARED

from sgram.lexicon import Lexicon
from sgram.mining import Miner, MiningConfig, Resources
from sgram.scan import find_words
from sgram.traces import Trace, read_traces


class Unit(NamedTuple):
    """A labelled stretch of text."""

    grams: frozenset[str]
    positive: bool
    document: str


def grams_of(text: str) -> frozenset[str]:
    """All 1- to 6-grams inside the sentences of `text`."""
    sentences: dict[int, list[str]] = {}
    for word in find_words(text):
        sentences.setdefault(word.sentence, []).append(word.text)
    return frozenset(
        " ".join(words[at : at + n])
        for words in sentences.values()
        for n in range(1, 7)
        for at in range(len(words) - n + 1)
    )


def labelled() -> tuple[list[Unit], set[str]]:
    """Units of annotator D, and the problems to hold out."""
    units = []
    path = SHARED / "labels" / "reasoningflow_human.jsonl.gz"
    if not path.exists():
        raise SystemExit(f"no labels at {path}: this benchmark needs them")
    with gzip.open(path) as lines:
        for record in map(orjson.loads, lines):
            if record["annotator"] != "D":
                continue
            for node in record["nodes"]:
                if node["source"] == "response":
                    text = record["response"][node["start"] : node["end"]]
                    positive = node["label"] in ("planning", "reflection")
                    units.append(Unit(grams_of(text), positive, record["doc_id"]))
    return units, labelled_problems(SHARED)


def traces_without(problems: set[str]) -> Iterator[Trace]:
    """Real traces on other problems."""
    return (trace for trace in read_traces(SHARED / "traces") if trace.group not in problems)


class Judge:
    """Precision and recall of marks on the units, with intervals over documents."""

    def __init__(self, units: list[Unit]):
        self.units = units
        self.positive = np.array([unit.positive for unit in units])
        documents = sorted({unit.document for unit in units})
        place = {document: at for at, document in enumerate(documents)}
        self.document = np.array([place[unit.document] for unit in units])
        rng = np.random.default_rng(0)
        self.draws = rng.multinomial(len(documents), [1 / len(documents)] * len(documents), size=1000)

    def marks(self, grams: set[str]) -> np.ndarray:
        """Which units hold one of `grams`."""
        return np.array([not grams.isdisjoint(unit.grams) for unit in self.units])

    def rates(self, marks: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
        """Precision and recall; `weight` counts each document so many times."""
        each = np.ones(len(marks)) if weight is None else weight[self.document]
        hit = (each * (marks & self.positive)).sum()
        return hit / max((each * marks).sum(), 1e-9), hit / (each * self.positive).sum()

    def interval(self, marks: np.ndarray, other: np.ndarray | None = None) -> tuple[float, float]:
        """95 % interval of the precision, or of its difference from another list's on the same draws."""
        values = [self.rates(marks, draw)[0] for draw in self.draws]
        if other is not None:
            values = [
                value - self.rates(other, draw)[0] for value, draw in zip(values, self.draws, strict=True)
            ]
        low, high = np.quantile(values, [0.025, 0.975])
        return float(low), float(high)

    def at_recall(self, scores: dict[str, float], recall: float) -> tuple[set[str], np.ndarray]:
        """Grams above the highest threshold that reaches `recall`, and their marks."""
        best = np.array(
            [max((scores.get(gram, -np.inf) for gram in unit.grams), default=-np.inf) for unit in self.units]
        )
        edge = np.sort(best[self.positive])[::-1][int(np.ceil(recall * self.positive.sum())) - 1]
        return {gram for gram, score in scores.items() if score >= edge}, best >= edge

    def placebo(self, candidates: list[str], share: float, draws: int = 5) -> tuple[float, float]:
        """Mean precision and recall of random grams that mark about `share` of the units."""
        holders: dict[str, list[int]] = {}
        for at, unit in enumerate(self.units):
            for gram in unit.grams:
                holders.setdefault(gram, []).append(at)
        found = []
        for seed in range(draws):
            order = candidates.copy()
            random.Random(seed).shuffle(order)
            marks = np.zeros(len(self.units), bool)
            for gram in order:
                if marks.mean() >= share:
                    break
                more = marks.copy()
                more[holders.get(gram, [])] = True
                if more.mean() <= share + 0.02:  # one very common word would overshoot
                    marks = more
            found.append(self.rates(marks))
        return tuple(np.mean(found, axis=0).tolist())


def main() -> None:
    """Mine twice, judge every list, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", default="auto")
    options = parser.parse_args()
    units, held_out = labelled()
    judge = Judge(units)
    miners = {}
    for method in ("sgram", "paper"):
        config = MiningConfig(method=method, embedder=options.embedder)
        miners[method] = Miner(config, Resources(workers=2)).fit(traces_without(held_out))
    found = miners["sgram"].found_
    scores = dict(zip(found.candidates.texts, found.scores.tolist(), strict=True))
    published = {gram.text for gram in Lexicon.load("wang2025").grams}
    lists = {
        "published list (Wang et al. 2025)": published,
        "its grams of two or more words": {gram for gram in published if " " in gram},
        "method=paper": {gram.text for gram in miners["paper"].lexicon_.grams},
        "method=sgram, full (masks)": {gram.text for gram in miners["sgram"].lexicon_.grams},
        "method=sgram, pruned (reading)": {gram.text for gram in miners["sgram"].lexicon_.core},
    }
    reference = judge.marks(published)
    _, recall = judge.rates(reference)
    same, same_marks = judge.at_recall(scores, recall)
    print(
        f"{len(units):,} units of {len(set(judge.document))} documents, {judge.positive.mean():.3f} of them positive\n"
    )
    print("| list | grams | marks | P [95 %] | R | placebo P / R |")
    print("|---|---|---|---|---|---|")
    rows = [(name, len(grams), judge.marks(grams)) for name, grams in lists.items()]
    rows.append(("**contrast score at the published list's recall**", len(same), same_marks))
    for name, size, marks in rows:
        precision, reached = judge.rates(marks)
        low, high = judge.interval(marks)
        other = judge.placebo(found.candidates.texts, marks.mean())
        print(
            f"| {name} | {size:,} | {marks.mean():.2f} | {precision:.3f} [{low:.2f}, {high:.2f}] | {reached:.3f} "
            f"| {other[0]:.2f} / {other[1]:.2f} |"
        )
    low, high = judge.interval(same_marks, reference)
    gain = judge.rates(same_marks)[0] - judge.rates(reference)[0]
    print(f"\nprecision at equal recall: {gain:+.3f} [{low:+.3f}, {high:+.3f}] over the published list")


if __name__ == "__main__":
    main()
