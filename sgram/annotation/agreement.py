"""Measure inter-rater agreement: every coefficient with its interval, for all labels and for each label.

Intervals are 95 % percentile bootstrap intervals over items, with the same draws for all coefficients. Draws in which a
coefficient is undefined are left out and counted.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sgram.annotation.coefficients import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    library_alpha,
    library_cohen,
    library_fleiss,
    percent_agreement,
)
from sgram.annotation.disputes import Dispute, RaterRow, compare_raters, find_disputes
from sgram.annotation.items import PROCEDURAL, STRATEGIC
from sgram.annotation.rating_table import MISSING, CodeArray, RatingTable
from sgram.annotation.ratings import Rating
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.frames import Backend, CellKind, build_frame, interval_columns
from sgram.lexicon import MOVES
from sgram.statistics import N_DRAWS, Estimate, Resamples, round_number

SKEWED = (0.2, 0.8)
"""If the share of strategic ratings lies outside this range, kappa and alpha say little."""


@dataclass(frozen=True, slots=True)
class RaterPair:
    """Agreement of two raters on the items that both rated."""

    first: str
    second: str
    n_items: int
    agreement: Estimate
    kappa: Estimate
    """Cohen's kappa."""


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Agreement on all labels, or on whether a rating is one of some labels."""

    name: str
    labels: tuple[str, ...]
    """The labels that are contrasted with all others; every label if all are distinguished."""
    share: float | None
    """Share of the ratings that have one of `labels`; None if all labels are distinguished."""
    agreement: Estimate
    """Share of pairs of raters who agree."""
    alpha: Estimate
    """Krippendorff's alpha."""
    fleiss: Estimate
    """Fleiss' kappa."""
    ac1: Estimate
    """Gwet's AC1."""
    pairs: tuple[RaterPair, ...]
    """Pairs of raters with an item that both rated, most items first, then by name."""

    def to_json(self) -> dict[str, Any]:
        """Return the coefficients as JSON values, rounded to 6 decimals."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "share": round_number(self.share),
            "agreement": self.agreement.to_json(),
            "alpha": self.alpha.to_json(),
            "fleiss": self.fleiss.to_json(),
            "ac1": self.ac1.to_json(),
            "pairs": [
                {
                    "raters": [pair.first, pair.second],
                    "n_items": pair.n_items,
                    "agreement": pair.agreement.to_json(),
                    "kappa": pair.kappa.to_json(),
                }
                for pair in self.pairs
            ],
        }


_FRAME_COLUMNS: dict[str, CellKind] = {
    "question": "text",
    "coefficient": "text",
    "raters": "text",
    "n_items": "offset",
    **interval_columns("value"),
}


@dataclass(frozen=True, slots=True, repr=False)
class Agreement:
    """Agreement of the raters of one set of items."""

    n_items: int
    n_raters: int
    n_ratings: int
    n_items_with_two: int
    """Items with at least two ratings; agreement is measured on these."""
    n_items_with_all: int
    """Items that every rater rated; Fleiss' kappa is measured on these."""
    n_pairs_without_common_item: int
    """Pairs of raters without an item that both rated; they are not among the pairs."""
    overall: LabelAgreement
    """Agreement on all labels."""
    strategic: LabelAgreement | None
    """Agreement on strategic or not; None if no label is known to be strategic."""
    by_label: tuple[LabelAgreement, ...]
    """Agreement on each label against all others, sorted by label."""
    raters: tuple[RaterRow, ...]
    disputes: tuple[Dispute, ...]
    """Items whose ratings differ, most disputed first."""
    n_draws: int
    seed: int

    @property
    def missing(self) -> float:
        """Share of (item, rater) pairs without a rating."""
        return 1 - self.n_ratings / (self.n_items * self.n_raters)

    @property
    def is_skewed(self) -> bool:
        """Whether nearly all, or nearly none, of the ratings are strategic."""
        share = None if self.strategic is None else self.strategic.share
        return share is not None and not SKEWED[0] <= share <= SKEWED[1]

    def to_json(self) -> dict[str, Any]:
        """Return the agreement as JSON values, rounded to 6 decimals."""
        return {
            "n_items": self.n_items,
            "n_raters": self.n_raters,
            "n_ratings": self.n_ratings,
            "n_items_with_two": self.n_items_with_two,
            "n_items_with_all": self.n_items_with_all,
            "n_pairs_without_common_item": self.n_pairs_without_common_item,
            "missing": round_number(self.missing),
            "prevalence": {label.name: round_number(label.share) for label in self.by_label},
            "overall": self.overall.to_json(),
            "strategic": None if self.strategic is None else self.strategic.to_json(),
            "by_label": [label.to_json() for label in self.by_label],
            "raters": [row.to_json() for row in self.raters],
            "disputes": [dispute.to_json() for dispute in self.disputes],
            "draws": self.n_draws,
            "seed": self.seed,
        }

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per question and coefficient, then one per pair of raters.

        Questions are all labels, strategic or not, and each label against all others. Columns are question,
        coefficient, raters (of a pair; missing where all raters count), n_items, value, value_low and value_high.
        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.

        >>> ratings = [Rating(item, rater, "plan") for item in "ab" for rater in ("ada", "ben")]
        >>> measure_agreement(ratings, n_draws=10).frame().query("question == 'all labels'").value.tolist()[:1]
        [1.0]
        """
        strategic = [] if self.strategic is None else [("strategic", self.strategic)]
        questions = [
            ("all labels", self.overall),
            *strategic,
            *((f"label {label.name}", label) for label in self.by_label),
        ]
        n_items = {"agreement": self.n_items_with_two, "alpha": self.n_items_with_two, "ac1": self.n_items_with_two}
        rows: list[tuple[Any, ...]] = []
        for question, label in questions:
            for coefficient, n in {**n_items, "fleiss": self.n_items_with_all}.items():
                rows.append((question, coefficient, None, n, *getattr(label, coefficient).numbers))
            for pair in label.pairs:
                raters = f"{pair.first}, {pair.second}"
                rows.append((question, "agreement", raters, pair.n_items, *pair.agreement.numbers))
                rows.append((question, "kappa", raters, pair.n_items, *pair.kappa.numbers))
        return build_frame(_FRAME_COLUMNS, rows, backend)

    def __repr__(self) -> str:
        alpha = "undefined" if self.overall.alpha.value is None else f"{self.overall.alpha.value:.3f}"
        return f"Agreement({self.n_items:,} items, {self.n_raters:,} raters, alpha {alpha})"


def strategic_labels(labels: Collection[str], named: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the labels that mean a strategic phrase, sorted.

    These are the labels in `named`. If none is named and all `labels` are labels of the annotation export (moves,
    "strategic", "procedural"), they are the moves and "strategic"; otherwise (). Raise `UsageError` if a named label is
    not among `labels`.

    >>> strategic_labels({"branching", "procedural"})
    ('branching',)
    >>> strategic_labels({"plan", "other text"}, ["plan"])
    ('plan',)
    """
    named = tuple(sorted(set(named)))
    for name in named:
        if name not in labels:
            label_list = ", ".join(f"'{excerpt(label, 40)}'" for label in sorted(labels)[:12])
            raise UsageError(f"no rating has the label '{excerpt(name, 60)}'; the labels are {label_list}")
    if named:
        return named
    strategic = {*MOVES, STRATEGIC}
    return tuple(sorted(set(labels) & strategic)) if set(labels) <= strategic | {PROCEDURAL} else ()


def measure_agreement(
    ratings: Iterable[Rating], strategic: Iterable[str] = (), n_draws: int = N_DRAWS, seed: int = 0
) -> Agreement:
    """Measure the agreement of `ratings`; `strategic` names the labels that mean a strategic phrase.

    The order of the ratings does not matter; equal ratings, draws and seed give equal numbers. Raise `InputError` if
    there are no ratings, or if a rater gives an item two labels. Raise `UsageError` as `strategic_labels`.

    >>> rows = ["1 ada branching", "1 bob branching", "2 ada procedural", "2 bob branching"]
    >>> ratings = [Rating(*row.split()) for row in rows]
    >>> agreement = measure_agreement(ratings, n_draws=10)
    >>> agreement.overall.agreement.value, agreement.strategic.share
    (0.5, 0.75)
    """
    table = RatingTable.from_ratings(ratings)
    strategic = strategic_labels(table.labels, strategic)
    resamples = Resamples(table.codes, n_draws, seed)
    overall = _measure_table(table, resamples, "all labels", table.labels, None)
    n_pairs = len(table.raters) * (len(table.raters) - 1) // 2
    is_rated = table.codes != MISSING
    return Agreement(
        n_items=len(table.items),
        n_raters=len(table.raters),
        n_ratings=int(is_rated.sum()),
        n_items_with_two=int((is_rated.sum(axis=1) > 1).sum()),
        n_items_with_all=int(is_rated.all(axis=1).sum()),
        n_pairs_without_common_item=n_pairs - len(overall.pairs),
        overall=overall,
        strategic=_measure_against_rest(table, resamples, STRATEGIC, strategic) if strategic else None,
        by_label=tuple(_measure_against_rest(table, resamples, label, (label,)) for label in table.labels),
        raters=compare_raters(table, strategic),
        disputes=find_disputes(table),
        n_draws=n_draws,
        seed=seed,
    )


def _measure_against_rest(
    table: RatingTable, resamples: Resamples, name: str, labels: tuple[str, ...]
) -> LabelAgreement:
    binary = table.against_rest(name, labels)
    share = float((binary.codes == 0).sum() / (binary.codes != MISSING).sum())
    return _measure_table(binary, resamples, name, labels, share)


def _measure_table(
    table: RatingTable, resamples: Resamples, name: str, labels: tuple[str, ...], share: float | None
) -> LabelAgreement:
    kinds, n_labels, counts = table.codes[resamples.representatives], len(table.labels), table.counts
    is_complete = (table.codes != MISSING).all(axis=1)
    alpha, fleiss = krippendorff_alpha(kinds, n_labels), fleiss_kappa(kinds, n_labels)
    return LabelAgreement(
        name=name,
        labels=labels,
        share=share,
        agreement=resamples.estimate(percent_agreement(kinds, n_labels)),
        alpha=resamples.estimate(alpha, None if alpha.undefined else library_alpha(counts)),
        fleiss=resamples.estimate(fleiss, None if fleiss.undefined else library_fleiss(counts[is_complete])),
        ac1=resamples.estimate(gwet_ac1(kinds, n_labels)),
        pairs=_measure_pairs(table, resamples, kinds),
    )


def _measure_pairs(table: RatingTable, resamples: Resamples, kinds: CodeArray) -> tuple[RaterPair, ...]:
    """Measure all pairs of raters; `kinds`, (kinds, raters), are the codes of the distinct items."""
    pairs, n_labels = [], len(table.labels)
    for columns in combinations(range(len(table.raters)), 2):
        codes = table.codes[:, columns]
        common_codes = codes[(codes != MISSING).all(axis=1)]
        if not len(common_codes):
            continue
        common_kinds = np.flatnonzero((kinds[:, columns] != MISSING).all(axis=1))
        kind_codes = kinds[common_kinds][:, columns]
        kappa = cohen_kappa(kind_codes, n_labels)
        kinds_or_all = None if len(common_kinds) == len(kinds) else common_kinds
        first, second = columns
        pairs.append(
            RaterPair(
                table.raters[first],
                table.raters[second],
                len(common_codes),
                resamples.estimate(percent_agreement(kind_codes, n_labels), kinds=kinds_or_all),
                resamples.estimate(
                    kappa, None if kappa.undefined else library_cohen(common_codes, n_labels), kinds_or_all
                ),
            )
        )
    return tuple(sorted(pairs, key=lambda pair: (-pair.n_items, pair.first, pair.second)))
