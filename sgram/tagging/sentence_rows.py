"""Moves of token ids by the sentences in which they stand: the masks that need whole sentences, on the host."""

from itertools import pairwise

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.lexicon import SentenceScorer
from sgram.tagging.kernel.compiled_types import Int8Array
from sgram.tagging.kernel.pieces import Pieces
from sgram.tagging.kernel.sentence_heads import build_heads
from sgram.tagging.kernel.sentence_rows import mark_rows
from sgram.tagging.kernel.sentence_tables import build_tables
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.spans import PLANNING
from sgram.tagging.text_masks import labels_of_tokens


class SentenceRows:
    """Moves of the kinds ``sentences`` and ``grams-in-sentences``, for rows of ids of one vocabulary.

    `pieces` are those of `tokens`, `find` is the finder of the kind. Threads can share it.

    >>> tokens = (b"Wait, let", b" me check.", b" So", b" 4.")
    >>> rows = SentenceRows(tokens, Pieces.from_tokens(tokens), PlanningFinder("wang2025", "sentences"))
    >>> moves, none = np.full(4, -1, np.int8), np.zeros(0, bool)
    >>> rows.mark(np.arange(4), none, none, np.array([0, 4]), moves, names_moves=False)
    -1
    >>> moves.tolist()
    [0, 0, -1, -1]
    """

    def __init__(self, tokens: tuple[bytes | None, ...], pieces: Pieces, find: PlanningFinder) -> None:
        scorer = find.scorer
        if scorer is None:
            raise ValueError("grams need no sentences")
        self._tokens, self._find, self._labels = tokens, find, labels_of(scorer)
        self._tables = build_tables(scorer)
        self._limits = scorer.least_total, scorer.max_tokens
        self._pieces = pieces
        self.heads = build_heads(pieces, self._tables)

    def mark(
        self,
        ids: IntArray,
        attention_mask: BoolArray,
        gram_mask: BoolArray,
        row_ends: IntArray,
        moves: Int8Array,
        *,
        names_moves: bool,
    ) -> int:
        """Write the moves of all rows of `ids` into `moves`, -1 at first; return the index of an id out of range or -1.

        The arguments are those of `kernel.sentence_rows.mark_rows`: `gram_mask` is empty for the kind ``sentences``.
        Without `names_moves`, a planning token may have any move.
        """
        needs_text, tables, pieces = np.zeros(len(row_ends) - 1, np.bool_), self._tables, self._pieces
        invalid_index = mark_rows(
            ids,
            attention_mask,
            gram_mask,
            row_ends,
            self.heads,
            pieces.rows,
            pieces.letters,
            pieces.token_bytes,
            pieces.byte_ends,
            *self._limits,
            names_moves,
            tables.words,
            tables.word_bytes,
            tables.edges,
            tables.nodes,
            tables.weights,
            tables.intercepts,
            moves,
            needs_text,
        )
        bounds = list(pairwise(row_ends.tolist()))
        for row in np.flatnonzero(needs_text).tolist():
            part = slice(*bounds[row])
            is_read = attention_mask[part].tolist() if attention_mask.size else [True] * ids[part].size
            tokens = [
                self._tokens[token] if read else None for token, read in zip(ids[part].tolist(), is_read, strict=True)
            ]
            moves[part] = labels_of_tokens(tokens, self._find, self._labels)
        return int(invalid_index)


def labels_of(scorer: SentenceScorer) -> tuple[str, ...]:
    """Return the labels of planning sentences by the numbers of `SentenceRows`: the moves, and `PLANNING` for none.

    >>> labels_of(SentenceScorer.load("sgram"))[-1]
    'planning'
    """
    return (*scorer.moves, PLANNING)
