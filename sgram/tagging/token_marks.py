"""Planning and execution tokens of a trace by several lexicons at once, with sums of their entropies."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.errors import InputError
from sgram.files import digest, excerpt
from sgram.lexicon import Lexicon
from sgram.metrics.entropy import POSITIVE_LOGPROB
from sgram.tagging.part_marks import align_tokens, find_part_spans, part_tokens
from sgram.tagging.projection import project_spans
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.tagging.text_marks import TextMarks
from sgram.tagging.vocabulary import Vocabulary
from sgram.traces import Trace
from sgram.traces.part_texts import PartText
from sgram.traces.policy_tokens import turn_pieces, written_by_policy
from sgram.traces.tokens import load_tokenizer

MIN_LOGPROB = -1e6
"""Smallest number accepted as a log-probability. Engines write -9999 for a token that they rule out."""
_MAX_VOCAB_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Sums over the planning and over the execution tokens of one trace: (planning, execution) each."""

    tokens: tuple[int, int] = (-1, -1)
    """Number of tokens; -1 if they are unknown."""
    entropy: tuple[float, float] | None = None
    """Nats; None if entropies were not recorded."""
    nll: tuple[float, float] | None = None
    """Negative log-probabilities, nats; None if they were not recorded."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenMarks:
    """The tokens of one trace."""

    ids: IntArray
    """(T,) tokens of the trace, or of one part of it."""
    masks: tuple[BoolArray, ...]
    """(T,) planning mask of each lexicon; tokens that the policy did not write are False."""
    sums: tuple[TokenSums, ...]
    """Sums over planning and execution tokens of each lexicon."""
    by_policy: BoolArray
    """(T,) whether the policy wrote the token; the sums are over these alone."""
    pieces: list[bytes] | None = None
    """Bytes that each token of the whole trace has in its text (`turn_pieces` if that holds the policy's turns alone);
    None if the trace has no token ids and its text was encoded."""
    in_part: BoolArray | None = None
    """(tokens of the whole trace,) whether each token lies in the part; None if all of them are counted."""


class TokenMarker:
    """Marks tokens by lexicons. `tokenizer` is the tokenizer.json, or its folder, of the model that wrote them."""

    def __init__(self, tokenizer: str, lexicons: Sequence[Lexicon]) -> None:
        self._tokenizer = load_tokenizer(tokenizer)
        vocabulary = Vocabulary.from_tokenizer(self._tokenizer)
        model_size = _model_vocab_size(Path(tokenizer))
        if model_size is not None and model_size > len(vocabulary.tokens):
            vocabulary = Vocabulary.from_tokenizer(self._tokenizer, model_size)
        self.vocabulary = vocabulary
        self._taggers = [PlanningTagger(lexicon, vocabulary) for lexicon in lexicons]
        self._finders = [SpanFinder(lexicon) for lexicon in lexicons]

    def __call__(self, trace: Trace, part: PartText | None = None) -> TokenMarks | None:
        """Return the tokens of `trace` as sampled, or those of one `part` of it; without token ids, those of its text.

        None if it is unknown which tokens lie in the part, because the ids do not spell the text. Raise `InputError` if
        a token id is not in the tokenizer, or if an entropy or log-probability is out of range.
        """
        ids, encoder_offsets = self._read_ids(trace)
        by_policy = policy_mask(trace, len(ids))
        entropies, logprobs = (
            None if trace.token_ids is None or numbers is None else np.array(numbers, np.float64)
            for numbers in (trace.entropies, trace.logprobs)
        )
        _check_range(trace, "entropies", entropies, 0.0, math.log(2 * len(self.vocabulary)))
        _check_range(trace, "logprobs", logprobs, MIN_LOGPROB, 0.0)
        pieces = None if trace.token_ids is None else self._spell(trace, ids, by_policy)
        in_part = None
        if part is not None:
            offsets = align_tokens(ids, trace.text, self.vocabulary, self._spell_special, by_policy)
            offsets = encoder_offsets if offsets is None else offsets
            if offsets is None:
                return None
            in_part = part_tokens(part.intervals, len(trace.text), offsets)
            spans = [find_part_spans(find, part) for find in self._finders]
            masks = [project_spans(list_spans, trace.text, offsets)[in_part] for list_spans in spans]
            ids, by_policy = ids[in_part], by_policy[in_part]
            entropies, logprobs = (None if numbers is None else numbers[in_part] for numbers in (entropies, logprobs))
        elif encoder_offsets is None or self.vocabulary.keeps_text:
            masks = [tagger.tag_rows([ids])[0] for tagger in self._taggers]
        else:
            masks = [project_spans(find(trace.text), trace.text, encoder_offsets) for find in self._finders]
        surprisals = None if logprobs is None else -logprobs
        masks = [mask & by_policy for mask in masks]
        entropies, surprisals = (None if numbers is None else numbers[by_policy] for numbers in (entropies, surprisals))
        sums = tuple(token_sums(mask[by_policy], entropies, surprisals) for mask in masks)
        return TokenMarks(ids, tuple(masks), sums, by_policy, pieces, in_part)

    def _read_ids(self, trace: Trace) -> tuple[IntArray, IntArray | None]:
        """Return the token ids of a trace; if its text is encoded for them, also their character offsets, (T, 2)."""
        if trace.token_ids is None:
            encoding = self._tokenizer.encode(trace.text, add_special_tokens=False)
            return np.array(encoding.ids, np.int64), np.array(encoding.offsets, np.int64).reshape(-1, 2)
        ids: IntArray = np.array(trace.token_ids, np.int64)
        if len(ids) and ids.max() >= len(self.vocabulary.tokens):
            raise InputError(
                f"trace '{excerpt(trace.id)}' contains the token id {ids.max()}, but the tokenizer has "
                f"{len(self.vocabulary.tokens):,} ids; name the tokenizer of the model that wrote the trace"
            )
        return ids, None

    def _spell(self, trace: Trace, ids: IntArray, by_policy: BoolArray) -> list[bytes]:
        """Return the bytes of each token; those that it has in the text if that holds the policy's turns alone."""
        pieces = self.vocabulary.spell(ids.tolist())
        if by_policy.all() or b"".join(pieces).strip() == trace.text.encode("utf-8", "surrogatepass").strip():
            return pieces
        return turn_pieces(pieces, by_policy.tolist())

    def _spell_special(self, token_id: int) -> str:
        return str(self._tokenizer.decode([token_id], skip_special_tokens=False))

    def spells(self, trace: Trace, tokens: TokenMarks) -> bool:
        """Return whether the token ids of `trace` spell its text, apart from spaces at its ends.

        True if the trace has no ids, or the tokenizer does not keep the text.
        """
        if tokens.pieces is None or not self.vocabulary.keeps_text:
            return True
        return b"".join(tokens.pieces).strip() == trace.text.encode("utf-8", "surrogatepass").strip()

    def first_entropies(self, trace: Trace, tokens: TokenMarks, marks: TextMarks) -> FloatArray | None:
        """Return the entropy of the first token of each span, (spans,), in nats; NaN if the policy did not write it.

        None if the trace has no entropies, or its ids do not spell its text.
        """
        if tokens.pieces is None or trace.entropies is None:
            return None
        text_bytes = b"".join(tokens.pieces)
        if text_bytes != trace.text.encode("utf-8", "surrogatepass"):
            return None
        token_ends = np.cumsum([len(piece) for piece in tokens.pieces])
        starts = marks.starts if trace.text.isascii() else _byte_offsets(text_bytes, marks.starts)
        by_policy = policy_mask(trace, len(trace.entropies))
        entropies: FloatArray = np.where(by_policy, np.array(trace.entropies, np.float64), np.nan)
        return entropies[np.searchsorted(token_ends, starts, "right")]


def policy_mask(trace: Trace, n_ids: int) -> BoolArray:
    """Return which of `n_ids` token ids of a trace the policy wrote, bool (n_ids,).

    >>> policy_mask(Trace(id="a", text="so 4", token_ids=(1, 2, 3), meta={"policy_ids": [[0, 1], [2, 3]]}), 3)
    array([ True, False,  True])
    """
    by_policy = written_by_policy(trace)
    return np.ones(n_ids, bool) if by_policy is None else np.array(by_policy, bool)


def _check_range(trace: Trace, field: str, numbers: FloatArray | None, low: float, high: float) -> None:
    """Raise `InputError` if a number, in nats, lies outside [low, high]."""
    if numbers is None:
        return
    invalid = np.flatnonzero((numbers < low - POSITIVE_LOGPROB) | (numbers > high + POSITIVE_LOGPROB))
    if len(invalid):
        raise InputError(
            f"trace '{excerpt(trace.id)}' has {numbers[invalid[0]]:.6g} in `{field}`, which must be in nats, from "
            f"{low:.6g} to {high:.6g} here; correct it or remove the field"
        )


def token_sums(mask: BoolArray, entropies: FloatArray | None, surprisals: FloatArray | None) -> TokenSums:
    """Return the sums over the planning and over the execution tokens of one trace.

    `mask` is its planning mask, (T,); `entropies` and `surprisals` (negative log-probabilities) are (T,) in nats, or
    None if they were not recorded.

    >>> token_sums(np.array([True, False, False]), np.array([2.0, 0.5, 0.25]), None)
    TokenSums(tokens=(1, 2), entropy=(2.0, 0.75), nll=None)
    """
    n_planning = int(mask.sum())
    return TokenSums((n_planning, len(mask) - n_planning), _class_sums(mask, entropies), _class_sums(mask, surprisals))


def _class_sums(mask: BoolArray, numbers: FloatArray | None) -> tuple[float, float] | None:
    return None if numbers is None else (float(numbers[mask].sum()), float(numbers[~mask].sum()))


def _byte_offsets(text_bytes: bytes, characters: IntArray) -> IntArray:
    """Return the byte offsets of `characters`, which are character offsets into the UTF-8 text."""
    first_bytes: IntArray = np.flatnonzero((np.frombuffer(text_bytes, np.uint8) & 0xC0) != 0x80)
    return first_bytes[characters]


def tokenizer_digest(tokenizer: str) -> str:
    """Return a digest of a tokenizer and of its model's number of ids; it does not depend on where they are stored.

    A `tokenizer` that is neither a file nor a folder with tokenizer.json is identified by its name.
    """
    path = Path(tokenizer)
    file = path / "tokenizer.json" if path.is_dir() else path
    identity = file.read_bytes() if file.is_file() else tokenizer.encode()
    return digest(identity + f" {_model_vocab_size(path)}".encode())


def _model_vocab_size(tokenizer: Path) -> int | None:
    """Return `vocab_size` in the model's config.json beside the tokenizer; None if it is missing or invalid."""
    file = (tokenizer if tokenizer.is_dir() else tokenizer.parent) / "config.json"
    try:
        config = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    size = config.get("vocab_size") if isinstance(config, dict) else None
    return size if isinstance(size, int) and 0 < size < _MAX_VOCAB_SIZE else None
