"""Compare the kinds of masks on labeled texts: grams, planning sentences, grams inside of these.

A word is marked where a span of the mask holds it; a span of a gram that does not lie wholly inside one unit marks
nothing, as in `sgram.evaluation.label_index`. A unit is marked where one of its words is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.evaluation.label_index import GramOccurrences, UnitIndex, labels_digest
from sgram.evaluation.lexicon_comparison import (
    PUBLISHED,
    ComparisonConfig,
    placebo_seed,
    select_placebo,
    summarize_placebos,
)
from sgram.evaluation.placebo_lexicons import MIN_DF, N_PLACEBOS, draw_placebo_grams, draw_to_share
from sgram.evaluation.precision_recall import (
    RATE_COLUMNS,
    DocumentResamples,
    Rates,
    ResampledRates,
    group_keys,
    mean_rates,
    plain_record,
)
from sgram.evaluation.sentence_figures import ProblemDraws, draw_kappa
from sgram.evaluation.train_sentence_scorer import MOVES_OF_LABELS
from sgram.frames import Backend, build_frame
from sgram.lexicon import MOVES, Lexicon, LexiconLike, SentenceScorer, SentenceScorerLike, as_lexicon
from sgram.lexicon.sentence_scorer import as_sentence_scorer
from sgram.scan import word_offsets
from sgram.sentences import grams_of, sentence_tokens
from sgram.statistics import Estimate
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.tagging.spans import MASK_KINDS, MaskKind

PLACEBO = "placebo"
OTHER = "other"
"""Move of grams that no cue names: it counts as no move."""


@dataclass(frozen=True, slots=True)
class MaskRow:
    """Rates of one kind of mask by one lexicon, on units and on words."""

    name: str
    """The lexicon; the scorer for the kind ``sentences``."""
    kind: str
    """"lexicon", "published", "beside", or "placebo" (mean of several, with minimum and maximum as intervals)."""
    mask: MaskKind
    units: Rates
    words: Rates


@dataclass(frozen=True, slots=True)
class MoveAgreement:
    """Agreement of the moves that a scorer or a lexicon names with those of the labels."""

    name: str
    kappa: Estimate
    n_named: int
    """Planning units with a labeled move that have a move by the scorer or lexicon: those that kappa is about."""
    n_labeled: int
    """Planning units with one labeled move."""


@dataclass(frozen=True, slots=True, repr=False)
class MaskComparison:
    """The kinds of masks on one label set."""

    scorer: str
    digest: str
    """Digest of the scorer."""
    rows: tuple[MaskRow, ...]
    wrong_removed: float | None
    """Share of the wrong words of the lexicon's ``grams`` that ``grams-in-sentences`` does not mark."""
    right_kept: float | None
    """Share of the right words of ``grams`` that it marks."""
    moves: tuple[MoveAgreement, ...]
    in_sample: bool | None
    """Whether the scorer was fitted or calibrated on this label set; None if its source has no digest of labels."""

    def row(self, mask: MaskKind, kind: str = "lexicon") -> MaskRow:
        """Return the row of a kind of mask."""
        return next(row for row in self.rows if row.mask == mask and row.kind == kind)

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with two rows per kind of mask: its rates on units, and on words.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.
        """
        rows = (
            (row.name, row.kind, row.mask, level, *rates.cells)
            for row in self.rows
            for level, rates in (("units", row.units), ("words", row.words))
        )
        return build_frame({**dict.fromkeys(("name", "kind", "mask", "level"), "text"), **RATE_COLUMNS}, rows, backend)

    def __repr__(self) -> str:
        return f"MaskComparison(scorer {self.scorer[:60]!r}, {len(self.rows)} masks)"

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


def compare_masks(
    lexicon: LexiconLike,
    scorer: SentenceScorerLike,
    index: UnitIndex,
    other_lexicons: Mapping[str, LexiconLike] | None = None,
    config: ComparisonConfig | None = None,
) -> MaskComparison:
    """Compare the masks of `lexicon` and `scorer`, of the published list and of `other_lexicons` (by name).

    `index` must have words as pieces. Each kind that needs the scorer has a placebo that marks the same share of words:
    random sentences for ``sentences``, random grams for ``grams-in-sentences``.

    >>> from sgram.evaluation.labeled_documents import LabeledDocument, Unit
    >>> text = "Wait, let me double-check that. So it is 4."
    >>> units = (Unit(0, 31, ("planning",)), Unit(32, 43, ("fact",)))
    >>> masks = compare_masks("wang2025", "sgram", UnitIndex.from_documents([LabeledDocument("a", text, units)]))
    >>> [(row.mask, row.words.n_hits, row.words.n_marked) for row in masks.rows if row.kind == "lexicon"]
    [('grams', 3, 4), ('sentences', 5, 5), ('grams-in-sentences', 3, 3)]
    >>> masks.wrong_removed, masks.right_kept
    (1.0, 1.0)
    """
    config = config or ComparisonConfig()
    lexicon, scorer = as_lexicon(lexicon), as_sentence_scorer(scorer)
    compared_lexicons = {name: as_lexicon(other) for name, other in (other_lexicons or {}).items()}
    resamples = DocumentResamples.from_index(index, config.by, config.n_draws, config.seed)
    words = _LabeledWords(index)
    lexicons: list[tuple[str, str, Lexicon]] = [("lexicon", lexicon.name, lexicon)]
    if lexicon.name != PUBLISHED:
        lexicons.append(("published", PUBLISHED, as_lexicon(PUBLISHED)))
    lexicons += [("beside", name, other) for name, other in compared_lexicons.items()]
    rows: list[MaskRow] = []
    marks: dict[MaskKind, BoolArray] = {}
    for kind, name, compared in lexicons:
        for mask in MASK_KINDS:
            if mask == "sentences" and kind != "lexicon":
                continue  # the same whatever the lexicon
            marked = words.marks(PlanningFinder(compared, mask, scorer), mask != "sentences")
            rows.append(_measure(index, marked, resamples, scorer.name if mask == "sentences" else name, kind, mask))
            if kind == "lexicon":
                marks[mask] = marked
    rows += _placebos(index, words, marks, scorer, resamples, config.seed)
    digests = training_digests(scorer)
    grams, inside = marks["grams"], marks["grams-in-sentences"]
    positive = index.positive[index.piece_unit]
    return MaskComparison(
        scorer.name,
        scorer.digest,
        tuple(rows),
        _share(grams & ~inside & ~positive, grams & ~positive),
        _share(grams & inside & positive, grams & positive),
        tuple(_compare_moves(index, lexicon, scorer, config)),
        labels_digest(index.documents) in digests if digests else None,
    )


def training_digests(scorer: SentenceScorer) -> set[str]:
    """Return the digests of the label sets that a scorer was fitted or calibrated on, according to its source.

    >>> from sgram.lexicon.sentence_scorer import LinearWeights
    >>> training_digests(SentenceScorer("a", LinearWeights(0, {}), {}, source={"labels": [{"digest": "3f"}]}))
    {'3f'}
    """
    rows = [row for key in ("labels", "priors") for row in _as_list(scorer.source.get(key)) if isinstance(row, dict)]
    return {row["digest"] for row in rows if isinstance(row.get("digest"), str)}


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


class _LabeledWords:
    """The words of an index with their offsets in their documents."""

    def __init__(self, index: UnitIndex) -> None:
        self._index = index
        self._documents: list[tuple[str, IntArray, IntArray, IntArray]] = []
        """Text, offsets of all words (n, 2), piece of each word or -1, unit of each word or -1."""
        n_pieces = n_units = 0
        for document in index.documents:
            offsets = word_offsets(document.text)[:, :2].astype(np.int64)
            bounds = np.array([(unit.start, unit.end) for unit in document.units], np.int64)
            rows = np.searchsorted(bounds[:, 0], offsets[:, 0], "right") - 1
            is_inside = (rows >= 0) & (offsets[:, 1] <= bounds[rows.clip(0), 1])
            pieces = np.where(is_inside, n_pieces + np.cumsum(is_inside) - 1, -1)
            self._documents.append((document.text, offsets, pieces, np.where(is_inside, n_units + rows, -1)))
            n_pieces += int(is_inside.sum())
            n_units += len(bounds)

    def marks(self, find: PlanningFinder, is_gram: bool) -> BoolArray:
        """Return which pieces the spans of `find` mark, (P,); a gram must lie inside one unit."""
        marks = np.zeros(self._index.n_pieces, np.bool_)
        for text, offsets, pieces, units in self._documents:
            bounds = np.array([(span.start, span.end) for span in find(text)], np.int64).reshape(-1, 2)
            first, end = _word_ranges(offsets, bounds)
            if is_gram:
                is_kept = (units[first] >= 0) & (units[first] == units[end - 1]) if len(bounds) else np.zeros(0, bool)
                first, end = first[is_kept], end[is_kept]
            size = len(offsets) + 1
            depth = np.cumsum(np.bincount(first, minlength=size) - np.bincount(end, minlength=size))[:-1]
            marks[pieces[(depth > 0) & (pieces >= 0)]] = True
        return marks

    def sentences(self, find: SentenceFinder) -> tuple[IntArray, IntArray]:
        """Return (starts, pieces): sentence s has the pieces ``pieces[starts[s] : starts[s + 1]]``."""
        counts, pieces_of = [0], []
        for text, offsets, pieces, _ in self._documents:
            first, end = _word_ranges(offsets, find.offsets(text)[:, :2].astype(np.int64))
            for start, stop in zip(first.tolist(), end.tolist(), strict=True):
                labeled = pieces[start:stop][pieces[start:stop] >= 0]
                counts.append(len(labeled))
                pieces_of.append(labeled)
        return np.cumsum(counts), np.concatenate([np.zeros(0, np.int64), *pieces_of])


def _word_ranges(offsets: IntArray, bounds: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first word of each stretch of characters, and the word behind its last one."""
    first = np.searchsorted(offsets[:, 0], bounds[:, 0], "left")
    return first, np.maximum(first, np.searchsorted(offsets[:, 1], bounds[:, 1], "right"))


def _resample(
    index: UnitIndex, marks: BoolArray, resamples: DocumentResamples
) -> tuple[ResampledRates, ResampledRates]:
    """Return the rates of marked words, (P,), on units and on words."""
    units = np.zeros(index.n_units, np.bool_)
    units[index.piece_unit[marks]] = True
    positive, document = index.positive[index.piece_unit], index.document[index.piece_unit]
    return (
        ResampledRates.from_marks(units, index.positive, index.document, resamples),
        ResampledRates.from_marks(marks, positive, document, resamples),
    )


def _measure(
    index: UnitIndex, marks: BoolArray, resamples: DocumentResamples, name: str, kind: str, mask: MaskKind
) -> MaskRow:
    units, words = _resample(index, marks, resamples)
    return MaskRow(name, kind, mask, units.summary(), words.summary())


def _placebos(
    index: UnitIndex,
    words: _LabeledWords,
    marks: Mapping[MaskKind, BoolArray],
    scorer: SentenceScorer,
    resamples: DocumentResamples,
    seed: int,
) -> list[MaskRow]:
    """Return the placebos of the kinds that need the scorer."""
    starts, pieces = words.sentences(SentenceFinder(scorer))
    candidates = index.find(index.grams(min(MIN_DF, len(index.documents))))
    rows: list[MaskRow] = []
    kinds: tuple[MaskKind, ...] = ("sentences", "grams-in-sentences")
    for mask in kinds:
        n_marked = int(marks[mask].sum())
        draws = []
        for draw in range(N_PLACEBOS):
            draw_seed = placebo_seed(seed, draw)
            if mask == "sentences":
                placebo = _random_sentences(starts, pieces, index.n_pieces, n_marked, draw_seed)
            else:
                placebo = _random_grams(candidates, n_marked / max(1, index.n_pieces), draw_seed)
            draws.append(_resample(index, placebo, resamples))
        by_level = [[rates[level] for rates in draws] for level in (0, 1)]
        units, placebo_words = (summarize_placebos(rates, mean_rates(rates)) for rates in by_level)
        rows.append(MaskRow(f"placebo, mean of {N_PLACEBOS}", PLACEBO, mask, units, placebo_words))
    return rows


def _random_sentences(starts: IntArray, pieces: IntArray, n_pieces: int, n_marked: int, seed: int) -> BoolArray:
    order = np.random.default_rng([seed, 0x5E47E4CE]).permutation(len(starts) - 1)
    sentences, _, _ = draw_to_share(order, starts, pieces, n_pieces, n_marked)
    marks = np.zeros(n_pieces, np.bool_)
    for sentence in sentences.tolist():
        marks[pieces[starts[sentence] : starts[sentence + 1]]] = True
    return marks


def _random_grams(candidates: GramOccurrences, share: float, seed: int) -> BoolArray:
    return select_placebo(candidates, draw_placebo_grams(candidates, share, "pieces", seed)).covered_pieces()


def _share(part: BoolArray, whole: BoolArray) -> float | None:
    return float(part.sum() / whole.sum()) if whole.any() else None


def _compare_moves(
    index: UnitIndex, lexicon: Lexicon, scorer: SentenceScorer, config: ComparisonConfig
) -> list[MoveAgreement]:
    """Return the agreement of scorer and lexicon with the labels; nothing if the labels name fewer than two moves."""
    names = {**MOVES_OF_LABELS, **{move: move for move in (*MOVES, *MOVES_OF_LABELS.values()) if move != OTHER}}
    all_units = [unit for document in index.documents for unit in document.units]
    labels = [_one_move(unit.labels, names) if index.positive[row] else None for row, unit in enumerate(all_units)]
    if len(set(labels) - {None}) < 2:
        return []
    keys = [" ".join(key) for key in group_keys(index, config.by)]
    draws = ProblemDraws.from_problems([keys[row] for row in index.document.tolist()], config.n_draws, config.seed)
    named: list[tuple[str, Sequence[str | None]]] = []
    if scorer.moves:
        is_labeled = [move is not None for move in labels]
        moves = [_likeliest(scorer, index.unit_text(row)) if yes else None for row, yes in enumerate(is_labeled)]
        named.append((scorer.name, moves))
    named.append((f"{lexicon.name}, grams", _moves_of_grams(index, lexicon)))
    return [
        MoveAgreement(
            name,
            draws.estimate(draw_kappa(draws, labels, moves), "fewer than two moves are named"),
            sum(None not in pair for pair in zip(labels, moves, strict=True)),
            sum(move is not None for move in labels),
        )
        for name, moves in named
    ]


def _one_move(labels: Iterable[str], names: Mapping[str, str]) -> str | None:
    moves = {names[label] for label in labels if label in names}
    return moves.pop() if len(moves) == 1 else None


def _likeliest(scorer: SentenceScorer, text: str) -> str | None:
    """Return the likeliest move of a text as one sentence, planning or not."""
    grams = sorted({" ".join(gram) for gram in grams_of(sentence_tokens(text), scorer.max_tokens)})
    return max(scorer.moves, key=lambda move: scorer.moves[move].total(grams)) if grams else None


def _moves_of_grams(index: UnitIndex, lexicon: Lexicon) -> list[str | None]:
    """Return the move of each unit's gram with the most words, of equals the first; None without one."""
    grams = [(gram.text, len(gram.words), cluster.move) for cluster in lexicon.clusters for gram in cluster.grams]
    occurrences = index.find([text for text, _, _ in grams])
    moves: list[str | None] = [None] * index.n_units
    best: list[tuple[int, int]] = [(0, 0)] * index.n_units
    for row, unit, first in zip(
        occurrences.gram.tolist(), occurrences.unit.tolist(), occurrences.first.tolist(), strict=True
    ):
        _, n_words, move = grams[row]
        if move != OTHER and (n_words, -first) > best[unit]:
            best[unit], moves[unit] = (n_words, -first), move
    return moves
