"""Tagging of one sequence while a model generates it: ids arrive a few at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from sgram.array_types import AnyArray, BoolArray, IntArray
from sgram.errors import UsageError
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.compiled_types import Int8Array, Int32Array
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
from sgram.tagging.kernel.pieces import GAP, GAP_RUN
from sgram.tagging.kernel.rows import tag_tokens
from sgram.tagging.kernel.sentence_heads import (
    ABBREVIATION,
    CODE,
    CODE_KIND,
    CUT,
    FILLED,
    HAS_LETTER,
    MARKED,
    MODE_BITS,
    MODE_MASK,
    MODES,
    SILENT,
    SPACED,
    UPPER,
)
from sgram.tagging.kernel.sieve import N_SCRATCH_ROWS
from sgram.tagging.kernel.tables import Tables
from sgram.tagging.vocabulary import Vocabulary
from sgram.text import PASS


class TaggingStream(ABC):
    """The planning mask of one sequence that grows; `PlanningTagger.stream` creates it.

    >>> from sgram import Lexicon, PlanningTagger
    >>> stream = PlanningTagger(Lexicon.from_grams(["let me"]), [b"let", b" me", b"."]).stream()
    >>> stream.feed(0), stream.feed([1, 2])
    (0, 3)
    >>> stream.mask.tolist()
    [True, True, False]
    """

    def __init__(self, vocabulary: Vocabulary):
        self._vocabulary = vocabulary
        self._ids, self._mask = np.zeros(256, np.int64), np.zeros(256, np.bool_)
        self._n_tokens = 0

    def __len__(self) -> int:
        return self._n_tokens

    def feed(self, ids: Sequence[int] | AnyArray | int) -> int:
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
        first, end = self._n_tokens, self._n_tokens + new_ids.size
        if end > self._ids.size:
            self._ids = np.concatenate((self._ids, np.zeros(2 * end - self._ids.size, np.int64)))
            self._mask = np.concatenate((self._mask, np.zeros(2 * end - self._mask.size, np.bool_)))
        self._ids[first:end] = new_ids
        self._n_tokens = end
        self._take(first, end)
        return self.n_settled

    @abstractmethod
    def _take(self, first: int, end: int) -> None:
        """Read the ids ``[first, end)``, which are new."""

    @property
    @abstractmethod
    def mask(self) -> BoolArray:
        """The mask (T,) of the T tokens so far, if the text ended here; a copy.

        It equals the tagger's mask of the same ids. Later ids can change its end, see `n_settled`.
        """

    @property
    @abstractmethod
    def n_settled(self) -> int:
        """Number of first tokens whose mask cannot change, whatever ids follow."""


class GramStream(TaggingStream):
    """Stream of the mask ``grams``: the machine keeps its state, so a feed costs what its own ids cost."""

    def __init__(self, tables: Tables, automaton: Automaton, vocabulary: Vocabulary):
        super().__init__(vocabulary)
        self._tables, self._automaton = tables, automaton
        self._registers, self._raw_bytes = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
        self._registers[PREVIOUS_CLASS] = PASS

    def _take(self, first: int, end: int) -> None:
        tag_tokens(
            self._ids,
            np.zeros(0, np.bool_),
            first,
            end,
            self._registers,
            self._raw_bytes,
            np.empty((N_SCRATCH_ROWS, end - first + 1), np.int32),
            *self._tables,
            *self._outputs(self._mask),
        )

    @property
    def mask(self) -> BoolArray:
        """The mask (T,) of the T tokens so far, if the text ended here; a copy."""
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


class SentenceStream(TaggingStream):
    """Stream of a mask that needs whole sentences: a sentence is decided at its end.

    `tag` returns the mask (T,) of ids (T,), `heads` are `sgram.tagging.kernel.sentence_heads.build_heads`. The ids from
    the last certain end of a sentence on are tagged anew when the next one comes, and for `mask`. Certain are line ends
    that tokenizers keep apart from what follows, special tokens, and stops before a capital letter, except where an
    abbreviation, or a word in several tokens, stands before the stops: the next end then settles both sentences.
    """

    def __init__(self, tag: Callable[[IntArray], BoolArray], heads: Int32Array, vocabulary: Vocabulary):
        super().__init__(vocabulary)
        self._tag, self._heads = tag, heads
        self._start = 0  # token with which the text begins that is not settled

    def _take(self, first: int, end: int) -> None:
        start = next((start for token in range(end - 1, first - 1, -1) if (start := self._sentence_start(token))), 0)
        if start > self._start:
            self._mask[self._start : end] = self._tag(self._ids[self._start : end])
            self._start = start

    def _sentence_start(self, token: int) -> int:
        """Return the token with which a sentence begins for certain at, or right behind, `token`; 0 for none."""
        code = self._code(token)
        if code & SILENT or (code & CUT and not code & MARKED):
            return token + 1
        if not code & UPPER or code & (CODE_KIND | FILLED | CUT) != GAP_RUN:
            return 0
        before = token - 1
        while before >= self._start and self._code(before) & (CODE_KIND | CUT) == GAP:
            before -= 1
        if before < self._start or self._code(before) & (CODE_KIND | ABBREVIATION) != GAP_RUN:
            return 0
        mode = HAS_LETTER
        for gap in range(before + 1, token + 1):
            mode = int(self._heads[self._ids[gap], MODES]) >> MODE_BITS * mode & MODE_MASK
        return token if mode == SPACED else 0

    def _code(self, token: int) -> int:
        return int(self._heads[self._ids[token], CODE])

    @property
    def mask(self) -> BoolArray:
        """The mask (T,) of the T tokens so far, if the text ended here; a copy."""
        mask = self._mask[: self._n_tokens].copy()
        if self._start < self._n_tokens:
            mask[self._start :] = self._tag(self._ids[self._start : self._n_tokens])
        return mask

    @property
    def n_settled(self) -> int:
        """Number of first tokens whose mask cannot change, whatever ids follow: those before the open sentence."""
        return self._start
