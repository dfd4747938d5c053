"""Index of labeled texts: which grams occur in which labeled units, as arrays.

A gram occurs in a unit if the occurrence (as defined by `sgram.tagging.spans`) lies completely inside it. Besides whole
units, coverage is measured in pieces: words, or the tokens of a tokenizer. A piece that does not lie completely inside
one unit has no label and is left out; so is a token without a non-space character.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, LabeledDocument, Unit
from sgram.files import canonical_json, digest
from sgram.scan import word_offsets
from sgram.text import MAX_WORDS, SPACES, normal_word


class Encoder(Protocol):
    """The part of a tokenizer that `UnitIndex` needs; a `Tokenizer` of the tokenizers library has it."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Any:
        """Return an encoding whose ``offsets`` are the half-open character offsets of the tokens."""


def labels_digest(documents: Iterable[LabeledDocument]) -> str:
    """Return the SHA-256 digest of documents and their labels.

    It does not depend on the file format or on the order of the documents. Documents without a unit are ignored.
    """
    rows = [
        [document.id, document.text, document.problem, [[unit.start, unit.end, list(unit.labels)] for unit in units]]
        for document in documents
        if (units := document.units)
    ]
    return digest(canonical_json(sorted(rows, key=lambda row: row[0])))


@dataclass(frozen=True, slots=True, eq=False)
class GramOccurrences:
    """Occurrences of a list of grams in labeled units; arrays (N,) with one row per occurrence."""

    gram: IntArray
    """Index of the gram in the list."""
    unit: IntArray
    """Index of the unit."""
    first: IntArray
    """First piece (word or token) that the occurrence covers."""
    end: IntArray
    """The piece after the last covered one; equal to `first` if no labeled piece is covered."""
    n_grams: int
    n_units: int
    n_pieces: int

    def select(self, is_selected: BoolArray) -> "GramOccurrences":
        """Return only the occurrences of the grams for which `is_selected`, (G,), is true."""
        rows = is_selected[self.gram]
        return GramOccurrences(
            self.gram[rows],
            self.unit[rows],
            self.first[rows],
            self.end[rows],
            self.n_grams,
            self.n_units,
            self.n_pieces,
        )

    def marked_units(self) -> BoolArray:
        """Return which units contain at least one of the grams, bool (U,)."""
        marks = np.zeros(self.n_units, bool)
        marks[self.unit] = True
        return marks

    def covered_pieces(self) -> BoolArray:
        """Return which words or tokens lie inside at least one occurrence, bool (P,)."""
        size = self.n_pieces + 1
        edges = np.bincount(self.first, minlength=size) - np.bincount(self.end, minlength=size)
        is_covered: BoolArray = np.cumsum(edges[:-1]) > 0
        return is_covered

    def gram_unit_pairs(self) -> tuple[IntArray, IntArray]:
        """Return (gram, unit) of every gram and every unit that contains it, without duplicates, sorted."""
        keys = np.unique(self.gram * max(1, self.n_units) + self.unit)
        return keys // max(1, self.n_units), keys % max(1, self.n_units)

    def max_scores(self, scores: FloatArray) -> FloatArray:
        """Return the largest score of each unit's grams, float (U,); -inf for a unit without any.

        `scores`, (G,), are the scores of the grams.
        """
        unit_scores = np.full(self.n_units, -np.inf)
        np.maximum.at(unit_scores, self.unit, scores[self.gram])
        return unit_scores


@dataclass(frozen=True, slots=True, eq=False)
class _GramLevel:
    """The distinct grams of one length, numbered by key, and the words where they start, sorted by gram."""

    keys: IntArray
    starts: IntArray
    """Index of the first word of each occurrence."""
    ends: IntArray
    """Gram g starts at the words ``starts[ends[g] : ends[g + 1]]``."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitIndex:
    """Labeled texts, indexed by every gram that occurs in a unit.

    Units and pieces are numbered in text order.

    >>> units = (Unit(0, 13, ("planning",)), Unit(14, 25, ("fact",)))
    >>> index = UnitIndex.from_documents([LabeledDocument("a", "Let me check. 2 + 2 is 4.", units)])
    >>> index.positive.tolist(), index.find(["let me"]).marked_units().tolist()
    ([True, False], [True, False])
    """

    documents: tuple[LabeledDocument, ...]
    """The documents that have a unit."""
    document: IntArray
    """(U,) index of each unit's document."""
    positive: BoolArray
    """(U,) whether the unit has one of the positive labels."""
    piece_unit: IntArray
    """(P,) index of each piece's unit."""
    piece_name: str
    """What pieces are: "words" or "tokens"."""
    _starts: IntArray
    """(U,) character offset of each unit in its document."""
    _vocabulary: dict[str, int]
    """Index of each distinct normalized word."""
    _words: IntArray
    """Vocabulary index of each word of all documents."""
    _word_unit: IntArray
    """Unit of each word, -1 if it does not lie inside one."""
    _first_piece: IntArray
    """First piece that ends after the start of each word."""
    _end_piece: IntArray
    """First piece that starts after the end of each word."""
    _levels: tuple[_GramLevel, ...]
    """Grams of 1, 2, ... words."""

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[LabeledDocument],
        positive: frozenset[str] = POSITIVE_LABELS,
        tokenizer: Encoder | None = None,
    ) -> "UnitIndex":
        """Index `documents`; pieces are words, or the tokens of `tokenizer`."""
        documents = tuple(document for document in documents if document.units)
        lengths = [len(document.text) + 1 for document in documents]  # + 1: no span reaches into the next text
        bases = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        based_documents = list(zip(bases.tolist(), documents, strict=False))
        units = np.array(
            [
                (base + unit.start, base + unit.end, number)
                for number, (base, document) in enumerate(based_documents)
                for unit in document.units
            ],
            np.int64,
        ).reshape(-1, 3)
        vocabulary: dict[str, int] = {}
        offset_blocks, word_ids = [np.zeros((0, 3), np.int64)], []
        for base, document in based_documents:
            offsets = word_offsets(document.text)
            for start, end, _ in offsets.tolist():
                word_ids.append(vocabulary.setdefault(normal_word(document.text[start:end]), len(vocabulary)))
            offset_blocks.append(offsets + np.array([base, base, 0]))
        words = np.concatenate(offset_blocks)  # start, end, sentence
        word_unit = _find_units(units, words[:, 0], words[:, 1])
        is_inside = word_unit >= 0
        word_atoms = np.arange(0, 2 * len(words), 2)
        if tokenizer is None:
            piece_unit = word_unit[is_inside]
            piece_atoms = np.stack((word_atoms[is_inside], word_atoms[is_inside] + 1), axis=1)
        else:
            token_blocks = [_token_offsets(document.text, tokenizer) + base for base, document in based_documents]
            tokens = np.concatenate([np.zeros((0, 2), np.int64), *token_blocks])
            token_unit = _find_units(units, tokens[:, 0], tokens[:, 1])
            tokens, piece_unit = tokens[token_unit >= 0], token_unit[token_unit >= 0]
            piece_atoms = np.stack((_find_atoms(words, tokens[:, 0]), _find_atoms(words, tokens[:, 1] - 1) + 1), axis=1)
        word_array = np.array(word_ids, np.int64)
        joins_next = (word_unit[1:] == word_unit[:-1]) & is_inside[1:] & (words[1:, 2] == words[:-1, 2])
        return cls(
            documents,
            units[:, 2],
            np.array([unit.is_positive(positive) for document in documents for unit in document.units], bool),
            piece_unit,
            "words" if tokenizer is None else "tokens",
            units[:, 0] - bases[units[:, 2]],
            vocabulary,
            word_array,
            word_unit,
            np.searchsorted(piece_atoms[:, 1], word_atoms, "right"),
            np.searchsorted(piece_atoms[:, 0], word_atoms + 1, "left"),
            _build_levels(word_array, is_inside, np.append(joins_next, False), len(vocabulary)),
        )

    @classmethod
    def from_texts(cls, texts: Iterable[str], tokenizer: Encoder | None = None) -> "UnitIndex":
        """Index unlabeled texts, for controls on traces: each text is one unit, none is positive."""
        documents = (
            LabeledDocument(str(number), text, (Unit(0, len(text), ()),) if text else ())
            for number, text in enumerate(texts)
        )
        return cls.from_documents(list(documents), tokenizer=tokenizer)

    @property
    def n_units(self) -> int:
        """Number of units, U."""
        return len(self.document)

    @property
    def n_pieces(self) -> int:
        """Number of pieces, P."""
        return len(self.piece_unit)

    def unit_text(self, unit: int) -> str:
        """Return the text of one unit."""
        number = int(self.document[unit])
        first_unit = int(np.searchsorted(self.document, number))
        labeled_unit = self.documents[number].units[unit - first_unit]
        return self.documents[number].text[labeled_unit.start : labeled_unit.end]

    def find(self, grams: Sequence[str]) -> GramOccurrences:
        """Return every occurrence of `grams` (normalized texts, no duplicates) inside a unit."""
        gram_words = [gram.split(" ") for gram in grams]
        sizes = np.array([len(words) for words in gram_words], np.int64)
        ids = np.zeros(len(gram_words), np.int64)  # number of each gram's prefix on the current level
        is_alive = np.ones(len(gram_words), bool)
        columns: list[tuple[IntArray, IntArray, IntArray, IntArray]] = [(np.zeros(0, np.int64),) * 4]
        for n, level in enumerate(self._levels, start=1):
            rows = np.flatnonzero(is_alive & (sizes >= n))
            if not len(level.keys) or not len(rows):
                break
            last_words = np.array([self._vocabulary.get(gram_words[row][n - 1], -1) for row in rows.tolist()], np.int64)
            keys = ids[rows] * (len(self._vocabulary) if n > 1 else 0) + last_words
            indices = np.searchsorted(level.keys, keys).clip(0, len(level.keys) - 1)
            occurs = (last_words >= 0) & (level.keys[indices] == keys)
            is_alive[rows[~occurs]] = False
            ids[rows[occurs]] = indices[occurs]
            complete_rows = rows[occurs & (sizes[rows] == n)]
            columns.append(self._locate(n, complete_rows, ids[complete_rows]))
        gram, unit, first, end = (np.concatenate(blocks) for blocks in zip(*columns, strict=True))
        return GramOccurrences(gram, unit, first, end, len(gram_words), self.n_units, self.n_pieces)

    def _locate(self, n: int, rows: IntArray, ids: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Return row, unit, first piece and end piece of the occurrences of the grams `ids` of `n` words."""
        level = self._levels[n - 1]
        counts = level.ends[ids + 1] - level.ends[ids]
        ranks = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        first_words = level.starts[np.repeat(level.ends[ids], counts) + ranks]
        first = self._first_piece[first_words]
        end = np.maximum(first, self._end_piece[first_words + n - 1])
        return np.repeat(rows, counts), self._word_unit[first_words], first, end

    def grams(self, min_df: int) -> list[str]:
        """Return the texts of all grams that occur in units of at least `min_df` documents, sorted."""
        texts, vocabulary = [], list(self._vocabulary)
        for n, level in enumerate(self._levels, start=1):
            if not len(level.keys):
                break
            documents = self.document[self._word_unit[level.starts]]
            is_new_document = np.append(True, documents[1:] != documents[:-1])
            is_new_document[level.ends[:-1]] = True
            df = np.add.reduceat(is_new_document.astype(np.int64), level.ends[:-1])
            for first_word in level.starts[level.ends[:-1][df >= min_df]].tolist():
                texts.append(" ".join(vocabulary[word] for word in self._words[first_word : first_word + n].tolist()))
        return sorted(texts)


def _build_levels(words: IntArray, is_inside: BoolArray, joins_next: BoolArray, n_words: int) -> tuple[_GramLevel, ...]:
    """Return the grams of 1 to 6 words; a gram continues from word i to the next if ``joins_next[i]``."""
    starts, levels = np.flatnonzero(is_inside), []
    keys = words[starts]
    for n in range(1, MAX_WORDS + 1):
        distinct_keys, ids = np.unique(keys, return_inverse=True)
        counts = np.bincount(ids, minlength=len(distinct_keys))
        order = np.argsort(ids, kind="stable")
        levels.append(_GramLevel(distinct_keys, starts[order], np.concatenate(([0], np.cumsum(counts)))))
        continues = joins_next[starts + n - 1]
        starts, ids = starts[continues], ids[continues]
        keys = ids * n_words + words[starts + n]
    return tuple(levels)


def _find_units(units: IntArray, starts: IntArray, ends: IntArray) -> IntArray:
    """Return the unit that completely contains each ``[start, end)``, -1 for none, (N,)."""
    if not len(units):
        return np.full(len(starts), -1)
    indices = np.searchsorted(units[:, 0], starts, "right") - 1
    return np.where((indices >= 0) & (ends <= units[indices.clip(0), 1]), indices, -1)


def _find_atoms(words: IntArray, characters: IntArray) -> IntArray:
    """Return the atom of each character, (N,): 2 i for word i, 2 i + 1 for the text between it and the next word.

    A span starts and ends with a word, so it contains an atom either completely or not at all.
    """
    indices = np.searchsorted(words[:, 0], characters, "right") - 1
    if not len(words):
        return 2 * indices + 1
    is_in_word = (indices >= 0) & (characters < words[indices.clip(0), 1])
    atoms: IntArray = 2 * indices + ~is_in_word
    return atoms


def _token_offsets(text: str, tokenizer: Encoder) -> IntArray:
    """Return start and end of each token without surrounding space, (T, 2); tokens of space only are left out."""
    offsets = np.array(tokenizer.encode(text, add_special_tokens=False).offsets, np.int64).reshape(-1, 2)
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    non_space = np.flatnonzero(~np.isin(code_points, SPACES))
    first = np.searchsorted(non_space, offsets[:, 0], "left")
    end = np.searchsorted(non_space, offsets[:, 1], "left")
    has_text = end > first
    return np.stack((non_space[first[has_text]], non_space[end[has_text] - 1] + 1), axis=1).astype(np.int64)
