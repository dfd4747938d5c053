"""A lexicon on labeled texts, beside the published list, other lists and placebos. Knows nothing about printing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.evaluation.gram_effects import GramEffect, best_grams, worst_grams
from sgram.evaluation.gram_scores import by_frequency, lexicon_scores, unit_scores
from sgram.evaluation.label_index import Occurrences, UnitIndex, labels_digest
from sgram.evaluation.placebo import MIN_DF, N_PLACEBOS, Level, Placebo, placebo_grams
from sgram.evaluation.pr_curve import AtCoverage, Curve, CurveSummary, chance_curve, compare_at_coverage, summarize
from sgram.evaluation.precision_recall import (
    MEASURES,
    By,
    DocumentResamples,
    Evaluation,
    Measured,
    Rates,
    difference,
    evaluate,
    mean_of,
    measure_pieces,
    measure_units,
    plain_record,
)
from sgram.lexicon import Lexicon
from sgram.statistics import N_DRAWS, Estimate

PUBLISHED = "wang2025"
"""Preset that every lexicon is compared with: the published list."""
COMPARED = ("precision", "f1")


@dataclass(frozen=True, slots=True)
class ComparisonConfig:
    """How lists are compared."""

    by: By = "document"
    """What the intervals' draws draw."""
    n_draws: int = N_DRAWS
    seed: int = 0
    top: int = 10
    """Grams that are told as the worst, and as the best."""


@dataclass(frozen=True, slots=True)
class Row:
    """One list."""

    name: str
    kind: str
    """lexicon, published, or beside."""
    evaluation: Evaluation
    gain: tuple[tuple[str, Estimate], ...]
    """(measure, that of the lexicon less that of this list) on units; nothing for the lexicon itself."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        gain = {measure: plain_record(found) for measure, found in self.gain}
        return {"name": self.name, "kind": self.kind, "gain": gain, **self.evaluation.to_json()}


@dataclass(frozen=True, slots=True)
class PlaceboRow:
    """Several placebos of the lexicon; the intervals of `rates` are the least and the largest of them."""

    level: Level
    """What they mark the same share of."""
    n_draws: int
    n_grams: float
    """Mean."""
    n_candidates: int
    wanted: float
    share: float
    """Mean."""
    met: bool
    rates: Rates
    gap: tuple[tuple[str, Estimate], ...]
    """(measure, that of the lexicon less the placebos' mean), drawn in pairs."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**plain_record(self), "gap": {measure: plain_record(found) for measure, found in self.gap}}


@dataclass(frozen=True, slots=True, eq=False)
class ScoredList:
    """A list with scores, as a curve."""

    name: str
    kind: str
    """lexicon, published, beside, or chance: random scores."""
    recall: np.ndarray
    precision: np.ndarray
    summary: CurveSummary | None
    average_precision: Estimate

    def to_json(self) -> dict[str, Any]:
        """As plain values; the curve thinned to one point for each hundredth of recall."""
        wanted = np.searchsorted(self.recall, np.linspace(0, 1, 101))
        at = np.unique(wanted[wanted < len(self.recall)]).tolist()
        return {
            "name": self.name,
            "kind": self.kind,
            "average_precision": plain_record(self.average_precision),
            "summary": None if self.summary is None else self.summary.to_json(),
            "points": [[round(float(self.recall[i]), 6), round(float(self.precision[i]), 6)] for i in at],
        }


@dataclass(frozen=True, slots=True)
class OrderRow:
    """The lexicon's order of grams against that of another list, at equal coverage."""

    name: str
    ours: str
    """What the lexicon's grams are ordered by: score, candidates or frequency."""
    theirs: str
    at: tuple[AtCoverage, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All that is told of one lexicon on one label set."""

    labels: str
    """Digest of the label set."""
    n_documents: int
    n_problems: int
    by: By
    rows: tuple[Row, ...]
    """The lexicon first."""
    placebos: tuple[PlaceboRow, PlaceboRow]
    """Of units, of pieces."""
    curves: tuple[ScoredList, ...]
    orders: tuple[OrderRow, ...]
    worst: tuple[GramEffect, ...]
    best: tuple[GramEffect, ...]
    in_sample: bool
    """Whether the lexicon was made with these very labels."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        lists = ("rows", "placebos", "curves", "orders", "worst", "best")
        plain = {name: getattr(self, name) for name in ("labels", "n_documents", "n_problems", "by", "in_sample")}
        return plain | {name: [each.to_json() for each in getattr(self, name)] for name in lists}


def compare(
    lexicon: Lexicon,
    index: UnitIndex,
    beside: Mapping[str, Lexicon] | None = None,
    config: ComparisonConfig | None = None,
    candidates: Mapping[str, float] | None = None,
) -> Comparison:
    """`lexicon` on `index`, beside the published list, its part of two or more words, and the lists `beside`.

    `candidates` are scores of every gram that could have been chosen: the lexicon's curve then goes beyond
    it, and placebos are drawn from them rather than from the texts' own grams.
    """
    config, published = config or ComparisonConfig(), Lexicon.load(PUBLISHED)
    resamples = DocumentResamples.of(index, config.by, config.n_draws, config.seed)
    longer = [gram.text for gram in published.grams if len(gram.words) > 1]
    lists: list[tuple[str, str, list[str], Lexicon | None]] = [("lexicon", lexicon.name, _texts(lexicon), lexicon)]
    if published != lexicon:
        lists.append(("published", published.name, _texts(published), published))
    lists.append(("published", f"{published.name}, 2+ words", longer, None))
    lists += [("beside", name, _texts(each), each) for name, each in (beside or {}).items()]
    found = [index.find(grams) for _, _, grams, _ in lists]
    ours = measure_units(index, found[0], resamples)
    rows = []
    for (kind, name, _, _), each in zip(lists, found, strict=True):
        theirs = measure_units(index, each, resamples)
        gain = () if kind == "lexicon" else tuple((one, difference(ours, theirs, one)) for one in COMPARED)
        rows.append(Row(name, kind, evaluate(index, each, resamples), gain))
    drawn_from = index.find(sorted(candidates) if candidates else index.grams(min(MIN_DF, len(index.documents))))
    named = [(name, kind, each, at) for (kind, name, _, each), at in zip(lists, found, strict=True) if each]
    scored = [_order(index, each, at, candidates if kind == "lexicon" else None) for _, kind, each, at in named]
    curves = [
        _curve(index, name, kind, units, resamples)
        for (name, kind, _, _), (order, units) in zip(named, scored, strict=True)
        if order != "frequency"
    ]
    recall, precision, area = chance_curve(index, drawn_from, N_PLACEBOS, config.seed)
    curves.append(ScoredList("random scores", "chance", recall, precision, None, area))
    problems = {each.problem or each.id for each in index.documents}
    return Comparison(
        labels_digest(index.documents),
        len(index.documents),
        len(problems),
        config.by,
        tuple(rows),
        tuple(_placebos(index, found[0], drawn_from, level, resamples, config.seed) for level in ("units", "pieces")),
        tuple(curves),
        tuple(
            OrderRow(name, scored[0][0], order, tuple(compare_at_coverage(index, scored[0][1], units, resamples)))
            for (name, _, _, _), (order, units) in zip(named[1:], scored[1:], strict=True)
        ),
        tuple(worst_grams(index, lists[0][2], found[0], config.top)),
        tuple(best_grams(index, lists[0][2], found[0], config.top)),
        labels_digest(index.documents) in made_with(lexicon),
    )


def made_with(lexicon: Lexicon) -> set[str]:
    """Digests of the label sets that the lexicon's source says it was trained or pruned on."""
    source = lexicon.source
    scorer, pruning = source.get("scorer"), source.get("pruning")
    steps = [scorer, *(pruning if isinstance(pruning, list) else [])]
    sets = [step["labels"] for step in steps if isinstance(step, dict) and isinstance(step.get("labels"), list)]
    digests = [each.get("digest") for row in sets for each in row if isinstance(each, dict)]
    return {each for each in digests if isinstance(each, str)}


def _texts(lexicon: Lexicon) -> list[str]:
    return [gram.text for gram in lexicon.grams]


def _order(
    index: UnitIndex, lexicon: Lexicon, found: Occurrences, candidates: Mapping[str, float] | None
) -> tuple[str, np.ndarray]:
    """What a list's grams are ordered by, and the units' scores in that order."""
    if candidates:
        known = dict(sorted(candidates.items()))
        return "candidates", unit_scores(known, index.find(list(known)))
    scores = lexicon_scores(lexicon)
    if scores is not None:
        return "score", unit_scores(scores, found)
    return "frequency", unit_scores(by_frequency(lexicon, index, found), found)


def _curve(index: UnitIndex, name: str, kind: str, units: np.ndarray, resamples: DocumentResamples) -> ScoredList:
    curve, summary = Curve.of(units, index.positive), summarize(index, units, resamples)
    kept = curve.is_list
    return ScoredList(name, kind, curve.recall[kept], curve.precision[kept], summary, summary.average_precision)


def _placebos(
    index: UnitIndex, ours: Occurrences, drawn_from: Occurrences, level: Level, resamples: DocumentResamples, seed: int
) -> PlaceboRow:
    measure = measure_units if level == "units" else measure_pieces
    wanted = float((ours.marked_units() if level == "units" else ours.covered_pieces()).mean())
    made = [placebo_grams(drawn_from, wanted, level, _seed(seed, draw)) for draw in range(N_PLACEBOS)]
    measured = [measure(index, _chosen(drawn_from, each), resamples) for each in made]
    ours_measured, mean = measure(index, ours, resamples), mean_of(measured)
    gap = tuple((one, difference(ours_measured, mean, one)) for one in COMPARED)
    return PlaceboRow(
        level,
        N_PLACEBOS,
        float(np.mean([len(each.rows) for each in made])),
        drawn_from.n_grams,
        wanted,
        float(np.mean([each.share for each in made])),
        all(each.met for each in made),
        _spread(measured, mean),
        gap,
    )


def _seed(seed: int, draw: int) -> int:
    return seed * N_PLACEBOS + draw


def _chosen(drawn_from: Occurrences, placebo: Placebo) -> Occurrences:
    rows = np.zeros(drawn_from.n_grams, bool)
    rows[placebo.rows] = True
    return drawn_from.of(rows)


def _spread(measured: Sequence[Measured], mean: Measured) -> Rates:
    """Means of the placebos' rates, each with the least and the largest."""
    values = np.stack([each.values for each in measured])
    estimates = []
    for at in range(len(MEASURES)):
        if np.isnan(values[:, at]).any():
            estimates.append(Estimate(None, undefined="a placebo marks nothing"))
        else:
            column = values[:, at]
            estimates.append(Estimate(float(column.mean()), float(column.min()), float(column.max())))
    hits, marked, positive, n = (int(count) for count in mean.counts)
    return Rates(n, marked, positive, hits, *estimates)
