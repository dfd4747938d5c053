"""Planning and execution tokens of a trace, by several lists at once. Knows nothing about tables or files of traces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram.analysis.columns_store import TokenSums
from sgram.analysis.text_marker import Marks
from sgram.errors import InputError
from sgram.files import digest, excerpt
from sgram.lexicon import Lexicon
from sgram.metrics.entropy import POSITIVE_LOGPROB
from sgram.tagging.projection import project
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.tagging.vocabulary import Vocabulary
from sgram.traces import Trace
from sgram.traces.tokens import load_tokenizer

LEAST_LOGPROB = -1e6
"""Less is no logarithm of a probability; engines write -9999 for a token that they rule out."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenMarks:
    """The tokens of one trace."""

    ids: np.ndarray
    masks: tuple[np.ndarray, ...]
    """bool (T,) of each list."""
    sums: tuple[TokenSums, ...]
    """Of each list."""
    spelled: list[bytes] | None = None
    """What each token spells; None where the trace has no ids of its own."""


class TokenMarker:
    """Marks tokens by lexicons, with the tokenizer of the model that wrote them: a file, or its folder."""

    def __init__(self, tokenizer: str, lexicons: Sequence[Lexicon]):
        self._tokenizer = load_tokenizer(tokenizer)
        known = Vocabulary.of(self._tokenizer)
        padded = _model_ids(Path(tokenizer))
        if padded is not None and padded > len(known.tokens):
            known = Vocabulary.of(self._tokenizer, padded)
        self.vocabulary = known
        self._taggers = [PlanningTagger(lexicon, known) for lexicon in lexicons]
        self._finders = [SpanFinder(lexicon) for lexicon in lexicons]

    def __call__(self, trace: Trace) -> TokenMarks:
        """The tokens of `trace` as sampled, or else of its text encoded; `InputError` for ids that there are not."""
        offsets = None
        if trace.token_ids is not None:
            ids = np.array(trace.token_ids, np.int64)
            if len(ids) and ids.max() >= len(self.vocabulary.tokens):
                raise InputError(
                    f"trace '{excerpt(trace.id)}' holds the token id {ids.max()}, but the tokenizer has "
                    f"{len(self.vocabulary.tokens):,} ids; name the tokenizer of the model that wrote it"
                )
        else:
            encoding = self._tokenizer.encode(trace.text, add_special_tokens=False)
            ids = np.array(encoding.ids, np.int64)
            offsets = None if self.vocabulary.keeps_text else encoding.offsets
        if offsets is None:
            masks = tuple(tagger.rows([ids])[0] for tagger in self._taggers)
        else:
            masks = tuple(project(find(trace.text), trace.text, offsets) for find in self._finders)
        known = trace.token_ids is not None
        entropies, nll = (
            np.array(values, np.float64) if known and values is not None else None
            for values in (trace.entropies, trace.logprobs)
        )
        self._check(trace, "entropies", entropies, 0.0, math.log(2 * len(self.vocabulary)))
        self._check(trace, "logprobs", nll, LEAST_LOGPROB, 0.0)
        sums = tuple(token_sums(mask, entropies, None if nll is None else -nll) for mask in masks)
        return TokenMarks(ids, masks, sums, self.vocabulary.spell(ids.tolist()) if known else None)

    def _check(self, trace: Trace, name: str, values: np.ndarray | None, low: float, high: float) -> None:
        """`InputError` for numbers that nothing recorded in nats can be."""
        if values is None:
            return
        wrong = np.flatnonzero((values < low - POSITIVE_LOGPROB) | (values > high + POSITIVE_LOGPROB))
        if len(wrong):
            raise InputError(
                f"trace '{excerpt(trace.id)}' holds {values[wrong[0]]:.6g} in its {name}, which are in nats, from "
                f"{low:.6g} to {high:.6g} here; mend it, or take the field off"
            )

    def spells(self, trace: Trace, tokens: TokenMarks) -> bool:
        """Whether the ids of `trace` spell its text, but for spaces at its ends; True where nothing can be said."""
        if tokens.spelled is None or not self.vocabulary.keeps_text:
            return True
        return b"".join(tokens.spelled).strip() == trace.text.encode("utf-8", "surrogatepass").strip()

    def first_entropies(self, trace: Trace, tokens: TokenMarks, marks: Marks) -> np.ndarray | None:
        """Entropy of the first token of each span, (spans,); None where entropies or places are not known."""
        if tokens.spelled is None or trace.entropies is None:
            return None
        whole = b"".join(tokens.spelled)
        if whole != trace.text.encode("utf-8", "surrogatepass"):
            return None
        ends = np.cumsum([len(piece) for piece in tokens.spelled])
        starts = marks.starts if trace.text.isascii() else _bytes_at(whole, marks.starts)
        return np.array(trace.entropies)[np.searchsorted(ends, starts, "right")]


def token_sums(mask: np.ndarray, entropies: np.ndarray | None, nll: np.ndarray | None) -> TokenSums:
    """Sums over planning and execution tokens; sums of nothing are 0."""
    n = int(mask.sum())
    return TokenSums((n, len(mask) - n), _by_class(mask, entropies), _by_class(mask, nll))


def _by_class(mask: np.ndarray, values: np.ndarray | None) -> tuple[float, float] | None:
    return None if values is None else (float(values[mask].sum()), float(values[~mask].sum()))


def _bytes_at(data: bytes, characters: np.ndarray) -> np.ndarray:
    """Byte offsets of characters: of those bytes that begin one."""
    begins = np.flatnonzero((np.frombuffer(data, np.uint8) & 0xC0) != 0x80)
    return begins[characters]


def tokenizer_digest(place: str) -> str:
    """What stands for a tokenizer and its model's number of ids, wherever they lie; the name for what is no folder."""
    path = Path(place)
    file = path / "tokenizer.json" if path.is_dir() else path
    held = file.read_bytes() if file.is_file() else place.encode()
    return digest(held + f" {_model_ids(path)}".encode())


def _model_ids(place: Path) -> int | None:
    """Rows of the model whose configuration lies beside the tokenizer."""
    file = (place if place.is_dir() else place.parent) / "config.json"
    try:
        held: Any = orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    size = held.get("vocab_size") if isinstance(held, dict) else None
    return size if isinstance(size, int) and 0 < size < 1 << 24 else None
