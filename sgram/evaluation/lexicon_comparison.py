"""Compare a lexicon with the published list, with other lists and with placebos, on labeled texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import FloatArray
from sgram.evaluation.gram_effects import GramEffect, best_grams, worst_grams
from sgram.evaluation.gram_scores import frequency_scores, lexicon_scores, unit_scores
from sgram.evaluation.label_index import GramOccurrences, UnitIndex, labels_digest
from sgram.evaluation.placebo_lexicons import MIN_DF, N_PLACEBOS, PlaceboGrams, PlaceboLevel, draw_placebo_grams
from sgram.evaluation.precision_recall import (
    MEASURES,
    RATE_COLUMNS,
    DocumentResamples,
    GroupBy,
    LexiconEvaluation,
    Rates,
    ResampledRates,
    evaluate_grams,
    mean_rates,
    measure_pieces,
    measure_units,
    plain_record,
    rate_difference,
)
from sgram.evaluation.precision_recall_curve import (
    CoveragePoint,
    CurveSummary,
    PrecisionRecallCurve,
    chance_curve,
    compare_at_coverage,
    summarize_curve,
)
from sgram.frames import Backend, CellKind, build_frame
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon
from sgram.statistics import N_DRAWS, Estimate

PUBLISHED = "wang2025"
"""Preset of the published list, with which every lexicon is compared."""
COMPARED = ("precision", "f1")


@dataclass(frozen=True, slots=True)
class ComparisonConfig:
    """Options of a comparison."""

    by: GroupBy = "document"
    """What the intervals draw."""
    n_draws: int = N_DRAWS
    seed: int = 0
    top: int = 10
    """Number of worst and of best grams to report."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """Evaluation of one list of grams."""

    name: str
    kind: str
    """"lexicon", "published" or "beside" (another list)."""
    evaluation: LexiconEvaluation
    gain: tuple[tuple[str, Estimate], ...]
    """(measure, lexicon minus this list) on units; empty for the lexicon itself."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        gain = {measure: plain_record(difference) for measure, difference in self.gain}
        return {"name": self.name, "kind": self.kind, "gain": gain, **self.evaluation.to_json()}


@dataclass(frozen=True, slots=True)
class PlaceboRow:
    """Mean of several placebos of the lexicon; intervals of `rates` are their minimum and maximum."""

    level: PlaceboLevel
    """What the placebos mark the same share of."""
    n_draws: int
    n_grams: float
    """Mean number of grams of a placebo."""
    n_candidates: int
    target_share: float
    """Share that the lexicon marks."""
    share: float
    """Mean share that the placebos mark."""
    is_matched: bool
    """Whether every placebo reaches the share of the lexicon."""
    rates: Rates
    gap: tuple[tuple[str, Estimate], ...]
    """(measure, lexicon minus mean of the placebos), with the interval of paired draws."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        record: dict[str, Any] = plain_record(self)
        record["wanted"], record["met"] = record.pop("target_share"), record.pop("is_matched")
        return {**record, "gap": {measure: plain_record(difference) for measure, difference in self.gap}}


@dataclass(frozen=True, slots=True, eq=False)
class ListCurve:
    """Precision-recall curve of a list of grams with scores."""

    name: str
    kind: str
    """"lexicon", "published", "beside", or "chance" for random scores."""
    recall: FloatArray
    precision: FloatArray
    summary: CurveSummary | None
    average_precision: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON values, thinned to one point per hundredth of recall."""
        indices = np.searchsorted(self.recall, np.linspace(0, 1, 101))
        points = np.unique(indices[indices < len(self.recall)]).tolist()
        return {
            "name": self.name,
            "kind": self.kind,
            "average_precision": plain_record(self.average_precision),
            "summary": None if self.summary is None else self.summary.to_json(),
            "points": [[round(float(self.recall[row]), 6), round(float(self.precision[row]), 6)] for row in points],
        }


@dataclass(frozen=True, slots=True)
class OrderRow:
    """Comparison of the lexicon's order of grams with that of another list, at equal coverage."""

    name: str
    ours: str
    """Scores that order the lexicon's grams: "score", "candidates" or "frequency"."""
    theirs: str
    """Scores that order the other list."""
    at: tuple[CoveragePoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LexiconComparison:
    """A lexicon compared with other lists and with placebos on one label set."""

    labels: str
    """Digest of the label set."""
    n_documents: int
    n_problems: int
    by: GroupBy
    rows: tuple[ComparisonRow, ...]
    """The lexicon first."""
    placebos: tuple[PlaceboRow, PlaceboRow]
    """Placebos that mark as many units, and as many pieces."""
    curves: tuple[ListCurve, ...]
    orders: tuple[OrderRow, ...]
    worst: tuple[GramEffect, ...]
    best: tuple[GramEffect, ...]
    in_sample: bool
    """Whether the lexicon was trained or pruned on this label set."""

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with two rows per list: its rates on units, and on words or tokens.

        The last two rows are the means of placebos that mark as much; their intervals reach from the smallest to the
        largest placebo. `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise
        `MissingExtraError` if it is not installed.
        """
        rows: list[tuple[Any, ...]] = []
        for row in self.rows:
            evaluation = row.evaluation
            names = row.name, row.kind
            rows.append((*names, "units", evaluation.n_grams, *evaluation.units.cells))
            rows.append((*names, evaluation.piece_name, evaluation.n_grams, *evaluation.pieces.cells))
        for placebo, level in zip(self.placebos, ("units", self.rows[0].evaluation.piece_name), strict=True):
            rows.append(("placebo", "placebo", level, placebo.n_grams, *placebo.rates.cells))
        columns: dict[str, CellKind] = {"name": "text", "kind": "text", "level": "text", "grams": "number"}
        return build_frame({**columns, **RATE_COLUMNS}, rows, backend)

    def __repr__(self) -> str:
        names = ", ".join(repr(row.name[:40]) for row in self.rows[:4])
        return f"LexiconComparison({names}, {self.n_documents:,} documents, {self.n_problems:,} problems)"

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        lists = ("rows", "placebos", "curves", "orders", "worst", "best")
        plain = {name: getattr(self, name) for name in ("labels", "n_documents", "n_problems", "by", "in_sample")}
        return plain | {name: [row.to_json() for row in getattr(self, name)] for name in lists}


@dataclass(frozen=True, slots=True, eq=False)
class _GramList:
    """One of the compared lists."""

    kind: str
    name: str
    grams: list[str]
    occurrences: GramOccurrences
    lexicon: Lexicon | None
    """None for a part of a lexicon, which gets no curve."""


def compare_lexicons(
    lexicon: LexiconLike,
    index: UnitIndex,
    other_lexicons: Mapping[str, LexiconLike] | None = None,
    config: ComparisonConfig | None = None,
    candidates: Mapping[str, float] | None = None,
) -> LexiconComparison:
    """Compare `lexicon` with the published list, its grams of two or more words, and `other_lexicons` (by name).

    `candidates` are scores of all grams that mining could have selected. With them, the lexicon's curve continues
    beyond its own grams, and placebos are drawn from them instead of from the grams of the texts.
    """
    config = config or ComparisonConfig()
    resamples = DocumentResamples.from_index(index, config.by, config.n_draws, config.seed)
    lexicon = as_lexicon(lexicon)
    compared_lexicons = {name: as_lexicon(other) for name, other in (other_lexicons or {}).items()}
    lists = _build_lists(lexicon, index, compared_lexicons)
    occurrences = lists[0].occurrences
    lexicon_rates = measure_units(index, occurrences, resamples)
    rows = []
    for gram_list in lists:
        rates = measure_units(index, gram_list.occurrences, resamples)
        gain = tuple((measure, rate_difference(lexicon_rates, rates, measure)) for measure in COMPARED)
        evaluation = evaluate_grams(index, gram_list.occurrences, resamples)
        rows.append(
            ComparisonRow(gram_list.name, gram_list.kind, evaluation, () if gram_list.kind == "lexicon" else gain)
        )
    candidate_grams = sorted(candidates) if candidates else index.grams(min(MIN_DF, len(index.documents)))
    candidate_occurrences = index.find(candidate_grams)
    orders = [
        (
            gram_list,
            *_score_units(
                index, list_lexicon, gram_list.occurrences, candidates if gram_list.kind == "lexicon" else None
            ),
        )
        for gram_list in lists
        if (list_lexicon := gram_list.lexicon) is not None
    ]
    curves = [
        _build_curve(index, gram_list, scores, resamples) for gram_list, order, scores in orders if order != "frequency"
    ]
    recall, precision, average_precision = chance_curve(index, candidate_occurrences, N_PLACEBOS, config.seed)
    curves.append(ListCurve("random scores", "chance", recall, precision, None, average_precision))
    _, lexicon_order, lexicon_unit_scores = orders[0]
    return LexiconComparison(
        labels_digest(index.documents),
        len(index.documents),
        len({document.problem or document.id for document in index.documents}),
        config.by,
        tuple(rows),
        (
            _measure_placebos(index, occurrences, candidate_occurrences, "units", resamples, config.seed),
            _measure_placebos(index, occurrences, candidate_occurrences, "pieces", resamples, config.seed),
        ),
        tuple(curves),
        tuple(
            OrderRow(
                gram_list.name,
                lexicon_order,
                order,
                tuple(compare_at_coverage(index, lexicon_unit_scores, scores, resamples)),
            )
            for gram_list, order, scores in orders[1:]
        ),
        tuple(worst_grams(index, lists[0].grams, occurrences, config.top)),
        tuple(best_grams(index, lists[0].grams, occurrences, config.top)),
        labels_digest(index.documents) in training_label_digests(lexicon),
    )


def _build_lists(lexicon: Lexicon, index: UnitIndex, other_lexicons: Mapping[str, Lexicon]) -> list[_GramList]:
    """Return the compared lists: the lexicon, the published list, its longer grams, and the others."""
    published = Lexicon.load(PUBLISHED)
    lexicons = [("lexicon", lexicon.name, lexicon)]
    if published != lexicon:
        lexicons.append(("published", published.name, published))
    lists = [_list_grams(index, kind, name, compared) for kind, name, compared in lexicons]
    longer_grams = [gram.text for gram in published.grams if len(gram.words) > 1]
    name = f"{published.name}, 2+ words"
    lists.append(_GramList("published", name, longer_grams, index.find(longer_grams), None))
    return lists + [_list_grams(index, "beside", name, compared) for name, compared in other_lexicons.items()]


def _list_grams(index: UnitIndex, kind: str, name: str, lexicon: Lexicon) -> _GramList:
    grams = [gram.text for gram in lexicon.grams]
    return _GramList(kind, name, grams, index.find(grams), lexicon)


def training_label_digests(lexicon: Lexicon) -> set[str]:
    """Return the digests of the label sets that a lexicon was trained or pruned on, according to its source.

    >>> training_label_digests(Lexicon.load("wang2025"))
    set()
    """
    scorer, pruning = lexicon.source.get("scorer"), lexicon.source.get("pruning")
    steps = [scorer, *(pruning if isinstance(pruning, list) else [])]
    label_sets = [step["labels"] for step in steps if isinstance(step, dict) and isinstance(step.get("labels"), list)]
    digests = [label_set.get("digest") for row in label_sets for label_set in row if isinstance(label_set, dict)]
    return {digest for digest in digests if isinstance(digest, str)}


def _score_units(
    index: UnitIndex, lexicon: Lexicon, occurrences: GramOccurrences, candidates: Mapping[str, float] | None
) -> tuple[str, FloatArray]:
    """Return (scores used: "candidates", "score" or "frequency", score of each unit)."""
    if candidates:
        sorted_candidates = dict(sorted(candidates.items()))
        return "candidates", unit_scores(sorted_candidates, index.find(list(sorted_candidates)))
    scores = lexicon_scores(lexicon)
    if scores is not None:
        return "score", unit_scores(scores, occurrences)
    return "frequency", unit_scores(frequency_scores(lexicon, index, occurrences), occurrences)


def _build_curve(index: UnitIndex, gram_list: _GramList, scores: FloatArray, resamples: DocumentResamples) -> ListCurve:
    curve = PrecisionRecallCurve.from_scores(scores, index.positive)
    summary = summarize_curve(index, scores, resamples)
    return ListCurve(
        gram_list.name,
        gram_list.kind,
        curve.recall[curve.is_list],
        curve.precision[curve.is_list],
        summary,
        summary.average_precision,
    )


def _measure_placebos(
    index: UnitIndex,
    occurrences: GramOccurrences,
    candidates: GramOccurrences,
    level: PlaceboLevel,
    resamples: DocumentResamples,
    seed: int,
) -> PlaceboRow:
    """Measure placebos drawn from `candidates`, and the gap between them and the lexicon with these `occurrences`."""
    measure_rates = measure_units if level == "units" else measure_pieces
    share = float((occurrences.marked_units() if level == "units" else occurrences.covered_pieces()).mean())
    placebos = [draw_placebo_grams(candidates, share, level, placebo_seed(seed, draw)) for draw in range(N_PLACEBOS)]
    placebo_rates = [measure_rates(index, select_placebo(candidates, placebo), resamples) for placebo in placebos]
    lexicon_rates, mean = measure_rates(index, occurrences, resamples), mean_rates(placebo_rates)
    return PlaceboRow(
        level,
        N_PLACEBOS,
        float(np.mean([len(placebo.rows) for placebo in placebos])),
        candidates.n_grams,
        share,
        float(np.mean([placebo.share for placebo in placebos])),
        all(placebo.is_matched for placebo in placebos),
        summarize_placebos(placebo_rates, mean),
        tuple((measure, rate_difference(lexicon_rates, mean, measure)) for measure in COMPARED),
    )


def placebo_seed(seed: int, draw: int) -> int:
    """Return the seed of one of the placebos of a comparison.

    >>> placebo_seed(1, 2) - placebo_seed(1, 0)
    2
    """
    return seed * N_PLACEBOS + draw


def select_placebo(candidates: GramOccurrences, placebo: PlaceboGrams) -> GramOccurrences:
    """Return the occurrences of the candidates that a placebo consists of."""
    is_selected = np.zeros(candidates.n_grams, bool)
    is_selected[placebo.rows] = True
    return candidates.select(is_selected)


def summarize_placebos(placebo_rates: Sequence[ResampledRates], mean: ResampledRates) -> Rates:
    """Return the mean rates of the placebos, with their minimum and maximum as intervals."""
    rates = np.stack([placebo.rates for placebo in placebo_rates])
    estimates = []
    for column in rates.T[: len(MEASURES)]:
        if np.isnan(column).any():
            estimates.append(Estimate(None, undefined="a placebo marks nothing"))
        else:
            estimates.append(Estimate(float(column.mean()), float(column.min()), float(column.max())))
    precision, recall, f1, coverage = estimates
    hits, marked, positive, n = (int(count) for count in mean.counts)
    return Rates(n, marked, positive, hits, precision, recall, f1, coverage)
