"""Tagging while a text is being generated: ids come, state is carried. Knows nothing about who generates."""

from collections.abc import Sequence

import numpy as np

from sgram.errors import UsageError
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.machine import (
    BEFORE,
    FIRST,
    N_RAW,
    N_REGISTERS,
    N_WORDS,
    OPEN,
    RAW_FIRST,
    SOUND,
    STARTS,
    STATE,
    close_row,
)
from sgram.tagging.kernel.rows import tag_tokens
from sgram.tagging.kernel.tables import Tables
from sgram.tagging.vocabulary import Vocabulary
from sgram.text import PASS


class TaggingStream:
    """The planning mask of one sequence, a few ids at a time; made by `PlanningTagger.stream`.

    Each feed costs what its own ids cost, however long the sequence has become.
    """

    def __init__(self, tables: Tables, automaton: Automaton, vocabulary: Vocabulary):
        self._tables, self._automaton, self._vocabulary = tables, automaton, vocabulary
        self._ids, self._mask = np.zeros(256, np.int64), np.zeros(256, np.bool_)
        self._n = 0
        self._registers, self._raw = np.zeros(N_REGISTERS, np.int64), np.zeros(4, np.uint8)
        self._registers[BEFORE] = PASS

    def __len__(self) -> int:
        return self._n

    def feed(self, ids: Sequence[int] | int) -> int:
        """Take more ids, or one; how many tokens are `settled` then. Ids out of range change nothing: `UsageError`."""
        new = np.atleast_1d(np.asarray(ids))
        if new.ndim != 1 or (new.size and new.dtype.kind not in "iu"):
            raise UsageError("feed takes one id or a sequence of ids, whole numbers")
        wrong = np.flatnonzero((new < 0) | (new >= len(self._vocabulary.tokens)))
        if wrong.size:
            raise UsageError(
                f"id {new[wrong[0]]} is out of range: the ids of tokenizer '{self._vocabulary.name}' run from 0 "
                f"to {len(self._vocabulary.tokens) - 1}; use the tokenizer of the model, or pass vocab_size="
            )
        end = self._n + new.size
        if end > self._ids.size:
            self._ids = _longer(self._ids, 2 * end)
            self._mask = _longer(self._mask, 2 * end)
        self._ids[self._n : end] = new
        tag_tokens(
            self._ids,
            np.zeros(0, np.bool_),
            self._n,
            end,
            self._registers,
            self._raw,
            np.empty((5, new.size + 1), np.int32),
            *self._tables,
            *self._marks(self._mask),
        )
        self._n = end
        return self.settled

    @property
    def mask(self) -> np.ndarray:
        """Bool, a copy, one element for each token so far: the mask if the text ended here.

        It is the mask that the tagger gives for the same ids; the last tokens may yet change, see `settled`.
        """
        mask = self._mask[: self._n].copy()
        close_row(self._ids, self._registers.copy(), *self._tables, *self._marks(mask))
        return mask

    @property
    def settled(self) -> int:
        """How many of the first tokens keep their place in the mask, whatever comes."""
        registers = self._registers
        depth = int(self._automaton.depth[registers[STATE]])
        if depth:
            return int(registers[STARTS + (registers[N_WORDS] - depth & 7)])
        if registers[OPEN] and registers[SOUND]:
            return int(registers[FIRST])
        return int(registers[RAW_FIRST]) if registers[N_RAW] else self._n

    @staticmethod
    def _marks(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return mask, np.zeros(0, np.int8), np.zeros(0, np.int8)


def _longer(values: np.ndarray, size: int) -> np.ndarray:
    longer = np.zeros(size, values.dtype)
    longer[: values.size] = values
    return longer
