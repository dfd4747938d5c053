"""Tagging of one sequence while a model generates it: ids arrive a few at a time, the machine keeps its state."""

from collections.abc import Sequence

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.errors import UsageError
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.compiled_types import Int8Array
from sgram.tagging.kernel.machine import (
    FIRST_TOKEN,
    N_RAW_BYTES,
    N_REGISTERS,
    N_WORDS,
    PREVIOUS_CLASS,
    RAW_FIRST_TOKEN,
    STATE,
    WORD_OPEN,
    WORD_STARTS,
    WORD_VALID,
    close_row,
)
from sgram.tagging.kernel.rows import tag_tokens
from sgram.tagging.kernel.sieve import N_SCRATCH_ROWS
from sgram.tagging.kernel.tables import Tables
from sgram.tagging.vocabulary import Vocabulary
from sgram.text import PASS


class TaggingStream:
    """The planning mask of one sequence that grows; `PlanningTagger.stream` creates it.

    The cost of a feed depends on its own ids, not on the length of the sequence so far.

    >>> from sgram import Lexicon, PlanningTagger
    >>> stream = PlanningTagger(Lexicon.from_grams(["let me"]), [b"let", b" me", b"."]).stream()
    >>> stream.feed(0), stream.feed([1, 2])
    (0, 3)
    >>> stream.mask.tolist()
    [True, True, False]
    """

    def __init__(self, tables: Tables, automaton: Automaton, vocabulary: Vocabulary):
        self._tables, self._automaton, self._vocabulary = tables, automaton, vocabulary
        self._ids, self._mask = np.zeros(256, np.int64), np.zeros(256, np.bool_)
        self._n_tokens = 0
        self._registers, self._raw_bytes = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
        self._registers[PREVIOUS_CLASS] = PASS

    def __len__(self) -> int:
        return self._n_tokens

    def feed(self, ids: Sequence[int] | int) -> int:
        """Append one or several ids and return `n_settled`.

        Raise `UsageError` if `ids` are not integers or an id is out of range; the stream then stays unchanged.
        """
        new_ids = np.atleast_1d(np.asarray(ids))
        if new_ids.ndim != 1 or (new_ids.size and new_ids.dtype.kind not in "iu"):
            raise UsageError(f"feed needs one id or a sequence of integer ids (got {new_ids.ndim}-D {new_ids.dtype})")
        out_of_range = np.flatnonzero((new_ids < 0) | (new_ids >= len(self._vocabulary.tokens)))
        if out_of_range.size:
            raise UsageError(
                f"id {new_ids[out_of_range[0]]} is out of range: the ids of tokenizer '{self._vocabulary.name}' are 0 "
                f"to {len(self._vocabulary.tokens) - 1}; use the tokenizer of the model, or pass vocab_size="
            )
        end = self._n_tokens + new_ids.size
        if end > self._ids.size:
            self._ids = np.concatenate((self._ids, np.zeros(2 * end - self._ids.size, np.int64)))
            self._mask = np.concatenate((self._mask, np.zeros(2 * end - self._mask.size, np.bool_)))
        self._ids[self._n_tokens : end] = new_ids
        tag_tokens(
            self._ids,
            np.zeros(0, np.bool_),
            self._n_tokens,
            end,
            self._registers,
            self._raw_bytes,
            np.empty((N_SCRATCH_ROWS, new_ids.size + 1), np.int32),
            *self._tables,
            *self._outputs(self._mask),
        )
        self._n_tokens = end
        return self.n_settled

    @property
    def mask(self) -> BoolArray:
        """The mask (T,) of the T tokens so far, if the text ended here; a copy.

        It equals the tagger's mask of the same ids. Later ids can change its end, see `n_settled`.
        """
        mask = self._mask[: self._n_tokens].copy()
        close_row(self._ids, self._registers.copy(), *self._tables, *self._outputs(mask))
        return mask

    @property
    def n_settled(self) -> int:
        """Number of first tokens whose mask cannot change, whatever ids follow."""
        registers: IntArray = self._registers
        depth = int(self._automaton.depths[registers[STATE]])
        if depth:
            return int(registers[WORD_STARTS + (registers[N_WORDS] - depth & 7)])
        if registers[WORD_OPEN] and registers[WORD_VALID]:
            return int(registers[FIRST_TOKEN])
        return int(registers[RAW_FIRST_TOKEN]) if registers[N_RAW_BYTES] else self._n_tokens

    @staticmethod
    def _outputs(mask: BoolArray) -> tuple[BoolArray, Int8Array, Int8Array]:
        """Return (mask, moves, lengths) of `tag_tokens`, without moves."""
        return mask, np.zeros(0, np.int8), np.zeros(0, np.int8)
