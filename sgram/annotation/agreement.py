"""How far raters agree: every coefficient with its interval, for all labels and for each against the rest.

Knows nothing about files or about what was judged. Intervals are 95 % percentile bootstrap intervals over items, the
same draws for all of them; draws in which a coefficient is undefined are left out and counted.
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
from sgram.annotation.disputes import Dispute, RaterRow, disputed_items, rater_rows
from sgram.annotation.items import PROCEDURAL, STRATEGIC
from sgram.annotation.rating_table import MISSING, RatingTable
from sgram.annotation.ratings import Rating
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import MOVES
from sgram.statistics.bootstrap import N_DRAWS, Estimate, Resamples, rounded

SKEWED = (0.2, 0.8)
"""Outside these shares of strategic ratings, kappa and alpha say little."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two raters on the items that both rated."""

    first: str
    second: str
    n_items: int
    agreement: Estimate
    kappa: Estimate
    """Cohen's."""


@dataclass(frozen=True, slots=True)
class Question:
    """Agreement on one choice: between all labels, or between one (or several) and the rest."""

    name: str
    labels: tuple[str, ...]
    """The labels that are told apart from the rest; all of them where each is its own."""
    share: float | None
    """Share of the ratings that are one of `labels`; None for the choice between all."""
    agreement: Estimate
    alpha: Estimate
    fleiss: Estimate
    ac1: Estimate
    pairs: tuple[PairRow, ...]
    """Pairs of raters with an item that both rated, most items first, then by name."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "name": self.name,
            "labels": list(self.labels),
            "share": rounded(self.share),
            **{name: getattr(self, name).to_json() for name in ("agreement", "alpha", "fleiss", "ac1")},
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


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the ratings of one set of items show."""

    n_items: int
    n_raters: int
    n_ratings: int
    n_paired: int
    """Items with two ratings or more, those that agreement is measured on."""
    n_complete: int
    """Items that every rater rated, those of Fleiss' kappa."""
    n_pairs_apart: int
    """Pairs of raters without an item that both rated; no pair stands for them."""
    overall: Question
    strategic: Question | None
    """Strategic or not; None where no label is known to be strategic."""
    by_label: tuple[Question, ...]
    """Each label against the rest, by name."""
    raters: tuple[RaterRow, ...]
    disputes: tuple[Dispute, ...]
    """Items whose ratings differ, most disputed first."""
    n_draws: int
    seed: int

    @property
    def missing(self) -> float:
        """Share of items x raters without a rating."""
        return 1 - self.n_ratings / (self.n_items * self.n_raters)

    @property
    def is_skewed(self) -> bool:
        """Whether nearly all, or nearly none, of the ratings are strategic."""
        return self.strategic is not None and not SKEWED[0] <= self.strategic.share <= SKEWED[1]

    def to_json(self) -> dict[str, Any]:
        """As plain values, numbers kept to 6 decimals."""
        return {
            "n_items": self.n_items,
            "n_raters": self.n_raters,
            "n_ratings": self.n_ratings,
            "n_items_with_two": self.n_paired,
            "n_items_with_all": self.n_complete,
            "n_pairs_without_common_item": self.n_pairs_apart,
            "missing": rounded(self.missing),
            "prevalence": {question.name: rounded(question.share) for question in self.by_label},
            "overall": self.overall.to_json(),
            "strategic": None if self.strategic is None else self.strategic.to_json(),
            "by_label": [question.to_json() for question in self.by_label],
            "raters": [row.to_json() for row in self.raters],
            "disputes": [row.to_json() for row in self.disputes],
            "draws": self.n_draws,
            "seed": self.seed,
        }


def strategic_labels(labels: Collection[str], named: Iterable[str] = ()) -> tuple[str, ...]:
    """Those of `labels` that mean a strategic phrase, sorted: the `named`, else what annotation calls so.

    Annotation's labels are the moves (each strategic), "strategic" and "procedural". Where any other is among
    `labels` and none is named, nothing is known of what they mean: (). `UsageError` for a name that is no label.
    """
    named = tuple(sorted(set(named)))
    for name in named:
        if name not in labels:
            known = ", ".join(f"'{excerpt(label, 40)}'" for label in sorted(labels)[:12])
            raise UsageError(f"no rating has the label '{excerpt(name, 60)}'; labels are {known}")
    if named:
        return named
    ours = {*MOVES, STRATEGIC}
    return tuple(sorted(set(labels) & ours)) if set(labels) <= ours | {PROCEDURAL} else ()


def measure_agreement(
    ratings: Iterable[Rating], strategic: Iterable[str] = (), n_draws: int = N_DRAWS, seed: int = 0
) -> Agreement:
    """The agreement of `ratings`, `strategic` naming the labels that mean a strategic phrase (`strategic_labels`).

    The order of the ratings does not matter; equal ratings, draws and seed give an equal result.
    """
    table = RatingTable.of(ratings)
    guiding = strategic_labels(table.labels, strategic)
    resamples = Resamples(table.codes, n_draws, seed)
    overall = _question(table, resamples, "all labels", table.labels, None)
    pairs = len(table.raters) * (len(table.raters) - 1) // 2
    return Agreement(
        n_items=len(table.items),
        n_raters=len(table.raters),
        n_ratings=int((table.codes != MISSING).sum()),
        n_paired=int(((table.codes != MISSING).sum(axis=1) > 1).sum()),
        n_complete=int((table.codes != MISSING).all(axis=1).sum()),
        n_pairs_apart=pairs - len(overall.pairs),
        overall=overall,
        strategic=_against_rest(table, resamples, STRATEGIC, guiding) if guiding else None,
        by_label=tuple(_against_rest(table, resamples, label, (label,)) for label in table.labels),
        raters=rater_rows(table, guiding),
        disputes=disputed_items(table),
        n_draws=n_draws,
        seed=seed,
    )


def _against_rest(table: RatingTable, resamples: Resamples, name: str, labels: tuple[str, ...]) -> Question:
    binary = table.against_rest(name, labels)
    share = float((binary.codes == 0).sum() / (binary.codes != MISSING).sum())
    return _question(binary, resamples, name, labels, share)


def _question(
    table: RatingTable, resamples: Resamples, name: str, labels: tuple[str, ...], share: float | None
) -> Question:
    kinds, n_labels, counts = table.codes[resamples.firsts], len(table.labels), table.counts
    complete = (table.codes != MISSING).all(axis=1)
    alpha, fleiss = krippendorff_alpha(kinds, n_labels), fleiss_kappa(kinds, n_labels)
    return Question(
        name=name,
        labels=labels,
        share=share,
        agreement=resamples.estimate(percent_agreement(kinds, n_labels)),
        alpha=resamples.estimate(alpha, None if alpha.undefined else library_alpha(counts)),
        fleiss=resamples.estimate(fleiss, None if fleiss.undefined else library_fleiss(counts[complete])),
        ac1=resamples.estimate(gwet_ac1(kinds, n_labels)),
        pairs=_pairs(table, resamples, kinds),
    )


def _pairs(table: RatingTable, resamples: Resamples, kinds: np.ndarray) -> tuple[PairRow, ...]:
    rows, n_labels = [], len(table.labels)
    for pair in combinations(range(len(table.raters)), 2):
        codes = table.codes[:, pair]
        shared = codes[(codes != MISSING).all(axis=1)]
        if not len(shared):
            continue
        chosen = np.flatnonzero((kinds[:, pair] != MISSING).all(axis=1))
        both = kinds[chosen][:, pair]
        kappa = cohen_kappa(both, n_labels)
        value = None if kappa.undefined else library_cohen(shared, n_labels)
        every = None if len(chosen) == len(kinds) else chosen
        agreement = resamples.estimate(percent_agreement(both, n_labels), kinds=every)
        names = (table.raters[place] for place in pair)
        rows.append(PairRow(*names, len(shared), agreement, resamples.estimate(kappa, value, every)))
    return tuple(sorted(rows, key=lambda row: (-row.n_items, row.first, row.second)))
