"""Lexicon x token ids -> planning mask, exact under any tokenizer. Knows nothing about files or how to tokenize."""

import os
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sgram.errors import UsageError
from sgram.lexicon import Lexicon
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.pieces import Pieces
from sgram.tagging.kernel.rows import tag_rows
from sgram.tagging.kernel.tables import Tables
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import Span
from sgram.tagging.stream import TaggingStream
from sgram.tagging.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

    from sgram.tagging.kernel.gpu import DeviceTables

_WORTH_A_THREAD = 1 << 17
"""Tokens a thread should have, about a millisecond of work: one that wakes late is then no loss."""
_NOTHING = np.zeros(0, np.int8)

Ids: TypeAlias = "np.ndarray | torch.Tensor | Sequence[int] | Sequence[Sequence[int]]"


class PlanningTagger:
    """Marks the tokens that spell grams of a lexicon, for the ids as they were sampled.

    The mask is that of `find_spans` on the text that the ids spell, projected by byte offsets, whatever the
    tokenizer and however the text was cut into tokens: a token is a planning token when it holds at least one byte of a
    non-space character inside a span. Special tokens, positions where `attention_mask` is 0 and ids that no
    token has hold no text: they are never planning tokens, and the text after them starts anew.

    `tokenizer` is one of transformers, tokenizers, tiktoken or sentencepiece, a list of byte strings by id (None:
    no text), a dict of byte strings to ids, or a `Vocabulary`. `vocab_size` is that of the model, where it is
    padded beyond the tokenizer's. `device` says where tables are put beforehand; they follow the ids anyway. Made once,
    a tagger is never changed: threads may share it.
    """

    def __init__(
        self,
        lexicon: Lexicon | str | os.PathLike[str],
        tokenizer: Any,
        device: "str | torch.device | None" = None,
        *,
        vocab_size: int | None = None,
        workers: int | None = None,
    ):
        if isinstance(lexicon, str | os.PathLike):
            lexicon = Lexicon.load(lexicon)
        if not isinstance(lexicon, Lexicon):
            raise UsageError(f"a tagger needs a Lexicon, not {type(lexicon).__name__}; see Lexicon.from_grams")
        if workers is not None and workers < 1:
            raise UsageError(f"workers is a number from 1, not {workers}")
        self.lexicon = lexicon
        self.vocabulary = Vocabulary.of(tokenizer, vocab_size)
        self.workers = workers or _cores()
        self._automaton = Automaton.of(lexicon)
        self._tables = Tables.of(_pieces(self.vocabulary), self._automaton)
        self._finder = SpanFinder(lexicon)
        self._on_devices: dict[str, DeviceTables | None] = {}
        if device is not None:
            import torch

            if torch.device(device).type == "cuda":
                self._moved_to(torch.zeros(0, device=device).device)  # "cuda" is the current one of several

    def __call__(self, input_ids: Ids, attention_mask: Any = None) -> "np.ndarray | torch.Tensor":
        """The planning mask: bool, of the shape ``(B, T)`` or ``(T,)``, kind and device of `input_ids`.

        On a CUDA device nothing is copied to the host and nothing waits, so the call can be captured in a CUDA
        graph; there ids out of range are not an error but hold no text. Elsewhere they raise `UsageError`, like
        ids that are no integers, an empty batch, or an `attention_mask` of another shape.
        """
        if _is_tensor(input_ids) and input_ids.device.type == "cuda":
            tables = self._moved_to(input_ids.device)
            if tables is not None:
                return tables.tag(*_checked_tensors(input_ids, attention_mask))
        ids, attended = _checked_arrays(input_ids, attention_mask)
        return _like(input_ids, self._marked(ids, attended, False)[0].reshape(ids.shape))

    def labels(self, input_ids: Ids, attention_mask: Any = None) -> "np.ndarray | torch.Tensor":
        """The move of each token, int8 of the shape of `input_ids`: its place in `MOVES`, -1 on execution tokens.

        A token in several spans has the move of the one with the most words, of equals of the one that begins first.
        Tagged on the host, wherever the ids are.
        """
        ids, attended = _checked_arrays(input_ids, attention_mask)
        return _like(input_ids, self._marked(ids, attended, True)[1].reshape(ids.shape))

    def rows(self, rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """The planning masks of rows of any lengths, also of none: a bool array for each."""
        arrays = [_as_array(row, "a row of ids") for row in rows]
        for place, array in enumerate(arrays):
            if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
                raise UsageError(f"row {place} is no sequence of token ids, which are whole numbers")
        if not arrays:
            return []
        ends = np.cumsum([0, *(array.size for array in arrays)], dtype=np.int64)
        ids = np.concatenate(arrays, dtype=np.int64, casting="unsafe")
        mask = self._marked(ids, np.zeros(0, np.bool_), False, ends)[0]
        return np.split(mask, ends[1:-1])

    def spans(self, ids: Ids, attention_mask: Any = None) -> list[Span] | list[list[Span]]:
        """Every occurrence of the lexicon's grams, a list for 1-D ids, a list a row for 2-D.

        Offsets are characters of `decode` of the same ids.
        """
        return self._by_row(ids, attention_mask, lambda row, kept: self._read(row, kept)[1])

    def decode(self, ids: Ids, attention_mask: Any = None) -> str | list[str]:
        """The text that ids spell, special tokens and masked positions left out; a text for 1-D ids, a list for 2-D."""
        return self._by_row(ids, attention_mask, lambda row, kept: self._read(row, kept)[0])

    def stream(self) -> TaggingStream:
        """A tagger of one sequence whose ids come a few at a time."""
        return TaggingStream(self._tables, self._automaton, self.vocabulary)

    def _marked(
        self, ids: np.ndarray, attended: np.ndarray, want_moves: bool, row_ends: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(mask, moves) of flat rows; of the shape of `ids` where no `row_ends` are given."""
        flat, attended = ids.reshape(-1), attended.reshape(-1)
        if row_ends is None:
            row_ends = np.arange(0, ids.size + 1, ids.shape[-1], dtype=np.int64)
        mask = np.zeros(flat.size, np.bool_)
        moves = np.full(flat.size, -1, np.int8) if want_moves else _NOTHING.copy()
        marks = (mask, moves, np.zeros(moves.size, np.int8))
        n_rows = len(row_ends) - 1
        n_blocks = max(1, min(self.workers, n_rows, flat.size // _WORTH_A_THREAD))
        cuts = [n_rows * block // n_blocks for block in range(n_blocks + 1)]

        def tag_block(block: int) -> int:
            return tag_rows(flat, attended, row_ends[cuts[block] : cuts[block + 1] + 1], *self._tables, *marks)

        if n_blocks == 1:
            wrong = [tag_block(0)]
        else:
            with ThreadPoolExecutor(n_blocks) as pool:
                wrong = list(pool.map(tag_block, range(n_blocks)))
        place = next((each for each in wrong if each >= 0), None)
        if place is not None:
            raise self._out_of_range(int(flat[place]), int(place), row_ends)
        return mask, moves

    def _out_of_range(self, value: int, place: int, row_ends: np.ndarray) -> UsageError:
        row = int(np.searchsorted(row_ends, place, side="right")) - 1
        return UsageError(
            f"id {value} in row {row}, position {place - int(row_ends[row])}, is out of range: the ids of tokenizer "
            f"'{self.vocabulary.name}' run from 0 to {len(self.vocabulary.tokens) - 1}; tag with the tokenizer that "
            "made the ids, pass vocab_size= if the model's vocabulary is padded, mask padding with attention_mask"
        )

    def _by_row(self, input_ids: Ids, attention_mask: Any, read: Any) -> Any:
        if isinstance(input_ids, Sequence) and not len(input_ids):
            input_ids = np.zeros(0, np.int64)
        ids, attended = _checked_arrays(input_ids, attention_mask, may_be_empty=True)
        attended = attended if attended.size else np.ones(ids.shape, np.bool_)
        rows = [read(*row) for row in zip(np.atleast_2d(ids), np.atleast_2d(attended), strict=True)]
        return rows if ids.ndim == 2 else rows[0]

    def _read(self, ids: np.ndarray, attended: np.ndarray) -> tuple[str, list[Span]]:
        """Text and spans of one row: each stretch between tokens without text is a text of its own."""
        tokens = self.vocabulary.tokens
        stretches: list[list[bytes]] = [[]]
        for place, (value, kept) in enumerate(zip(ids.tolist(), attended.tolist(), strict=True)):
            if kept and not 0 <= value < len(tokens):
                raise self._out_of_range(value, place, np.array([0, len(ids)]))
            token = tokens[value] if kept else None
            if token is None:
                stretches.append([])
            else:
                stretches[-1].append(token)
        texts = [b"".join(stretch).decode("utf-8", "replace") for stretch in stretches]
        joined = "".join(texts)
        stripped = int(self.vocabulary.strips_first_space and joined.startswith(" "))
        spans, at = [], -stripped
        for text in texts:
            found = self._finder(text) if text else []
            spans += [Span(each.start + at, each.end + at, each.label, each.cluster, each.gram) for each in found]
            at += len(text)
        return joined[stripped:], spans

    def _moved_to(self, device: "torch.device") -> "DeviceTables | None":
        """The tables on a CUDA device, None where there is no Triton: such ids are tagged on the host."""
        name = str(device)
        if name not in self._on_devices:
            try:
                from sgram.tagging.kernel.gpu import DeviceTables
            except ImportError as error:
                warnings.warn(
                    f"ids on {name} are copied to the host and tagged there, because Triton is missing ({error}); "
                    "pip install triton",
                    RuntimeWarning,
                    stacklevel=3,
                )
                self._on_devices[name] = None
            else:
                self._on_devices[name] = DeviceTables.of(self._tables, device)
        return self._on_devices[name]

    def __repr__(self) -> str:
        return f"PlanningTagger({self.lexicon!r}, {self.vocabulary.name!r}, {len(self.vocabulary.tokens)} ids)"


@lru_cache(maxsize=4)
def _pieces(vocabulary: Vocabulary) -> Pieces:
    """Pieces of a vocabulary, kept for the next lexicon."""
    return Pieces.of(vocabulary.tokens)


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_tensor(values: Any) -> bool:
    torch = sys.modules.get("torch")  # whoever holds a tensor has imported it
    return torch is not None and isinstance(values, torch.Tensor)


def _like(input_ids: Any, result: np.ndarray) -> Any:
    """`result` as a tensor on the device of `input_ids`, if that is a tensor."""
    if not _is_tensor(input_ids):
        return result
    import torch

    return torch.from_numpy(result).to(input_ids.device)


def _check_shapes(shape: tuple[int, ...], mask_shape: tuple[int, ...] | None, may_be_empty: bool) -> None:
    shown = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if len(shape) not in (1, 2):
        raise UsageError(f"input_ids have shape (B, T) or (T,), not {shown}")
    if 0 in shape and not may_be_empty:
        raise UsageError(f"input_ids of shape {shown} are an empty batch: there is no token to tag")
    if mask_shape is not None and mask_shape != shape:
        other = ", ".join(map(str, mask_shape))
        raise UsageError(f"attention_mask has shape ({other}), input_ids have {shown}; they must be the same")


def _checked_arrays(input_ids: Any, attention_mask: Any, may_be_empty: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Ids as int64, and where they hold text as bool, or empty for everywhere."""
    ids = _as_array(input_ids, "input_ids")
    attended = None if attention_mask is None else _as_array(attention_mask, "attention_mask")
    if ids.size and (ids.dtype.kind not in "iu"):
        raise UsageError(f"input_ids are whole numbers, not {ids.dtype}")
    _check_shapes(ids.shape, None if attended is None else attended.shape, may_be_empty)
    if attended is None:
        return _owned(ids, np.int64), np.zeros(0, np.bool_)
    return _owned(ids, np.int64), _owned(attended != 0, np.bool_)


def _as_array(values: Any, name: str) -> np.ndarray:
    if _is_tensor(values):
        return values.detach().cpu().numpy()
    try:
        return np.asarray(values)
    except ValueError:
        raise UsageError(
            f"{name} must be rectangular, (B, T) or (T,); for rows of different lengths use PlanningTagger.rows"
        ) from None


def _owned(values: np.ndarray, dtype: type) -> np.ndarray:
    """Contiguous and writable: compiled code exists for such arrays only."""
    values = np.ascontiguousarray(values, dtype)
    return values if values.flags.writeable else values.copy()


def _checked_tensors(input_ids: "torch.Tensor", attention_mask: Any) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """The same for tensors that stay where they are; nothing here looks at a value."""
    import torch

    if input_ids.is_floating_point() or input_ids.is_complex() or input_ids.dtype == torch.bool:
        raise UsageError(f"input_ids are whole numbers, not {input_ids.dtype}")
    if attention_mask is not None and not (_is_tensor(attention_mask) and attention_mask.device == input_ids.device):
        raise UsageError(f"attention_mask must be a tensor on {input_ids.device}, like input_ids")
    shape = None if attention_mask is None else tuple(attention_mask.shape)
    _check_shapes(tuple(input_ids.shape), shape, may_be_empty=False)
    return input_ids.contiguous(), None if attention_mask is None else (attention_mask != 0).contiguous()
