"""Token ids to planning masks: exact for any tokenizer, on the host or on a GPU."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar, overload

import numpy as np
import numpy.typing as npt

from sgram.array_types import AnyArray, BoolArray, IntArray
from sgram.errors import UsageError
from sgram.lexicon import Lexicon, LexiconLike, SentenceScorer, SentenceScorerLike, as_lexicon
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.compiled_types import Int8Array
from sgram.tagging.kernel.pieces import Pieces
from sgram.tagging.kernel.rows import tag_rows
from sgram.tagging.kernel.tables import Tables
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.sentence_rows import SentenceRows, labels_of
from sgram.tagging.spans import MaskKind, Span
from sgram.tagging.stream import GramStream, SentenceStream, TaggingStream
from sgram.tagging.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

    from sgram.tagging.kernel.gpu import DeviceTables

_MIN_TOKENS_PER_THREAD = 1 << 17
"""About a millisecond of work, so that a thread that wakes up late costs little."""

HostIds: TypeAlias = AnyArray | Sequence[int] | Sequence[Sequence[int]] | Sequence[AnyArray]
Ids: TypeAlias = "HostIds | torch.Tensor"
_T = TypeVar("_T")
_Scalar = TypeVar("_Scalar", bound=np.generic)


class PlanningTagger:
    """Tagger that marks the planning tokens of token ids as they were sampled: by default what spells a gram.

    The mask equals `find_spans` on the text that the ids spell, projected by byte offsets, whatever the tokenizer and
    wherever it split the text. A token is a planning token if at least one of its bytes belongs to a non-space
    character inside a span. Special tokens, positions where `attention_mask` is 0, and ids without a token have no
    text: they are never planning tokens, and the text after them begins anew.

    The kinds ``sentences`` and ``grams-in-sentences`` need whole sentences: the host computes their masks, wherever the
    ids are, and says so once if they are on another device.

    - `lexicon`: a `Lexicon`, its path, the name of a preset, or a list of phrases.
    - `tokenizer`: a tokenizer of transformers, tokenizers, tiktoken or sentencepiece, a list of byte strings by id
      (None: no text), a dict of byte strings to ids, or a `Vocabulary`.
    - `device`: where to put tables in advance. They follow the ids in any case.
    - `vocab_size`: the model's, if it is padded beyond the tokenizer's.
    - `workers`: number of threads, by default the number of cores.
    - `mask`: what is marked: ``grams``, ``sentences`` or ``grams-in-sentences``; `scorer`: the sentence scorer of the
      last two, a `SentenceScorer`, its path or the name of a preset.

    A tagger never changes, so threads can share it. Raise `UsageError` if an argument is invalid, `InputError` if the
    lexicon cannot be read or the tokenizer's bytes cannot be recovered.

    >>> tag = PlanningTagger(Lexicon.from_grams(["let me", "wait"]), [b"wait", b",", b" let", b" me", b" see"])
    >>> tag([0, 1, 2, 3, 4]).tolist()
    [True, False, True, True, False]
    """

    def __init__(
        self,
        lexicon: LexiconLike,
        tokenizer: Any,
        device: "str | torch.device | None" = None,
        *,
        vocab_size: int | None = None,
        workers: int | None = None,
        mask: MaskKind = "grams",
        scorer: SentenceScorerLike = "sgram",
    ):
        lexicon = as_lexicon(lexicon)
        self._finder = PlanningFinder(lexicon, mask, scorer)
        if workers is not None and workers < 1:
            raise UsageError(f"workers must be >= 1 (got {workers})")
        self.lexicon: Lexicon = lexicon
        self.vocabulary = Vocabulary.from_tokenizer(tokenizer, vocab_size)
        self.workers = workers or _count_cores()
        self._automaton = Automaton.from_lexicon(lexicon)
        pieces = _build_pieces(self.vocabulary)
        self._tables = Tables.build(pieces, self._automaton)
        self._sentence_rows = None if mask == "grams" else SentenceRows(self.vocabulary.tokens, pieces, self._finder)
        self._has_warned = False
        self._device_tables: dict[str, DeviceTables | None] = {}
        if device is not None:
            import torch

            if torch.device(device).type == "cuda":
                self._tables_on(torch.zeros(0, device=device).device)  # "cuda" is the current one of several devices

    @property
    def mask(self) -> MaskKind:
        """What is marked."""
        return self._finder.mask

    @property
    def scorer(self) -> SentenceScorer | None:
        """The sentence scorer; None for the kind ``grams``."""
        return self._finder.scorer

    @property
    def moves(self) -> tuple[str, ...]:
        """Names of the moves, by the numbers that `labels` returns: the lexicon's, or for sentences the scorer's."""
        return self._automaton.moves if self.scorer is None else labels_of(self.scorer)

    @overload
    def __call__(self, input_ids: "torch.Tensor", attention_mask: Any = None) -> "torch.Tensor": ...

    @overload
    def __call__(self, input_ids: HostIds, attention_mask: Any = None) -> BoolArray: ...

    def __call__(self, input_ids: Ids, attention_mask: Any = None) -> "AnyArray | torch.Tensor":
        """Return the planning mask, bool ``(B, T)`` or ``(T,)`` like `input_ids`; for a tensor, on the same device.

        Raise `UsageError` if an id is out of range or no integer, the batch is empty, or `attention_mask` has another
        shape. On a CUDA device nothing is copied to the host and nothing waits, so that a CUDA graph can capture the
        call; there an id out of range is no error: it has no text.
        """
        if self.mask != "grams":
            self._warn_of_host(input_ids)
        elif _is_tensor(input_ids) and input_ids.device.type == "cuda":
            device_tables = self._tables_on(input_ids.device)
            if device_tables is not None:
                return device_tables.tag(*_check_tensors(input_ids, attention_mask))
        ids, attention = _check_arrays(input_ids, attention_mask)
        return _convert_like(input_ids, self._tag(ids, attention, with_moves=False)[0].reshape(ids.shape))

    @overload
    def labels(self, input_ids: "torch.Tensor", attention_mask: Any = None) -> "torch.Tensor": ...

    @overload
    def labels(self, input_ids: HostIds, attention_mask: Any = None) -> Int8Array: ...

    def labels(self, input_ids: Ids, attention_mask: Any = None) -> "AnyArray | torch.Tensor":
        """Return the move of each token, int8, shape of `input_ids`: its index in `moves`, -1 for execution tokens.

        A token in several spans has the move of the span with the most words, of equals the one that begins first.
        The host does the work, wherever the ids are. Raise `UsageError` as a call does.
        """
        ids, attention = _check_arrays(input_ids, attention_mask)
        return _convert_like(input_ids, self._tag(ids, attention, with_moves=True)[1].reshape(ids.shape))

    def tag_rows(self, rows: Sequence[Sequence[int] | AnyArray]) -> list[BoolArray]:
        """Return the planning masks of rows of any lengths (also 0), one bool array per row.

        Raise `UsageError` if a row is no sequence of integers or an id is out of range.

        >>> tag = PlanningTagger(Lexicon.from_grams(["let me"]), [b"let", b" me"])
        >>> [mask.tolist() for mask in tag.tag_rows([[0, 1], [1]])]
        [[True, True], [False]]
        """
        arrays = [_as_array(row, "a row of ids") for row in rows]
        for index, array in enumerate(arrays):
            if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
                raise UsageError(f"invalid row {index}: token ids must be a sequence of integers")
        if not arrays:
            return []
        row_ends = np.cumsum([0, *(array.size for array in arrays)], dtype=np.int64)
        ids = np.concatenate(arrays, dtype=np.int64, casting="unsafe")
        mask = self._tag(ids, np.zeros(0, np.bool_), with_moves=False, row_ends=row_ends)[0]
        return np.split(mask, row_ends[1:-1])

    def spans(self, ids: Ids, attention_mask: Any = None) -> list[Span] | list[list[Span]]:
        """Return every occurrence of the lexicon's grams: a list for 1-D ids, a list per row for 2-D ids.

        Offsets are characters of `decode` of the same ids.
        """

        def read_spans(row: IntArray, attention: BoolArray) -> list[Span]:
            return self._read_row(row, attention)[1]

        spans = self._map_rows(ids, attention_mask, read_spans)
        return spans

    def decode(self, ids: Ids, attention_mask: Any = None) -> str | list[str]:
        """Return the text that the ids spell, without special tokens and masked positions: one text per row.

        >>> PlanningTagger(Lexicon.from_grams(["let me"]), [b"let", b" me", None]).decode([0, 2, 1])
        'let me'
        """
        return self._map_rows(ids, attention_mask, lambda row, attention: self._read_row(row, attention)[0])

    def stream(self) -> TaggingStream:
        """Return a tagger of one sequence whose ids arrive a few at a time.

        Whether a sentence plans is known at its end: the kinds with sentences settle its tokens then.
        """
        if self._sentence_rows is None:
            return GramStream(self._tables, self._automaton, self.vocabulary)

        def tag(ids: IntArray) -> BoolArray:
            return self._tag(ids, np.zeros(0, np.bool_), with_moves=False)[0]

        return SentenceStream(tag, self._sentence_rows.heads, self.vocabulary)

    def _tag(
        self, ids: IntArray, attention_mask: BoolArray, *, with_moves: bool, row_ends: IntArray | None = None
    ) -> tuple[BoolArray, Int8Array]:
        """Return flat (mask, moves) of `ids`. Without `row_ends` the rows are those of the last axis of `ids`."""
        flat_ids, attention_mask = ids.reshape(-1), attention_mask.reshape(-1)
        if row_ends is None:
            row_ends = np.arange(0, ids.size + 1, ids.shape[-1], dtype=np.int64)
        mask = np.zeros(flat_ids.size, np.bool_)
        moves = np.full(flat_ids.size if with_moves or self._sentence_rows else 0, -1, np.int8)
        n_rows = len(row_ends) - 1
        n_blocks = max(1, min(self.workers, n_rows, flat_ids.size // _MIN_TOKENS_PER_THREAD))
        cuts = [n_rows * block // n_blocks for block in range(n_blocks + 1)]
        all_ends = row_ends

        def tag_block(block: int) -> int:
            block_ends = all_ends[cuts[block] : cuts[block + 1] + 1]
            return self._tag_block(flat_ids, attention_mask, block_ends, mask, moves, with_moves)

        if n_blocks == 1:
            invalid_indices = [tag_block(0)]
        else:
            with ThreadPoolExecutor(n_blocks) as pool:
                invalid_indices = list(pool.map(tag_block, range(n_blocks)))
        invalid_index = next((index for index in invalid_indices if index >= 0), None)
        if invalid_index is not None:
            raise self._out_of_range_error(int(flat_ids[invalid_index]), invalid_index, row_ends)
        return (mask if self._sentence_rows is None else moves >= 0), moves

    def _tag_block(
        self,
        ids: IntArray,
        attention_mask: BoolArray,
        row_ends: IntArray,
        mask: BoolArray,
        moves: Int8Array,
        with_moves: bool,
    ) -> int:
        """Mark some rows; return the index of an id that is out of range, or -1.

        For the kinds with sentences `moves` is the result, and `mask` that of the grams, if the kind needs them.
        """
        none = np.zeros(0, np.int8)
        if self._sentence_rows is None:
            outputs = (mask, moves, np.zeros(moves.size, np.int8))
            return int(tag_rows(ids, attention_mask, row_ends, *self._tables, *outputs))
        gram_mask = mask if self.mask == "grams-in-sentences" else mask[:0]
        if gram_mask.size:
            invalid_index = int(tag_rows(ids, attention_mask, row_ends, *self._tables, gram_mask, none, none))
            if invalid_index >= 0:
                return invalid_index
        return self._sentence_rows.mark(ids, attention_mask, gram_mask, row_ends, moves, names_moves=with_moves)

    def _warn_of_host(self, input_ids: Ids) -> None:
        """Say once that ids on a device are copied to the host."""
        if _is_tensor(input_ids) and input_ids.device.type != "cpu" and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"the mask {self.mask} needs whole sentences: ids on {input_ids.device} are copied to the host and "
                "tagged there",
                RuntimeWarning,
                stacklevel=3,
            )

    def _out_of_range_error(self, token_id: int, index: int, row_ends: IntArray) -> UsageError:
        row = int(np.searchsorted(row_ends, index, side="right")) - 1
        return UsageError(
            f"id {token_id} in row {row}, position {index - int(row_ends[row])}, is out of range: the ids of tokenizer "
            f"'{self.vocabulary.name}' are 0 to {len(self.vocabulary.tokens) - 1}; tag with the tokenizer that "
            "encoded the text, pass vocab_size= if the model's vocabulary is padded, mask padding with attention_mask"
        )

    def _map_rows(
        self, input_ids: Ids, attention_mask: Any, read: Callable[[IntArray, BoolArray], _T]
    ) -> _T | list[_T]:
        """Return ``read(ids, attention_mask)`` of each row, or of the only row of 1-D ids."""
        if isinstance(input_ids, Sequence) and not len(input_ids):
            input_ids = np.zeros(0, np.int64)
        ids, attention = _check_arrays(input_ids, attention_mask, may_be_empty=True)
        attention = attention if attention.size else np.ones(ids.shape, np.bool_)
        rows = [read(*row) for row in zip(np.atleast_2d(ids), np.atleast_2d(attention), strict=True)]
        return rows if ids.ndim == 2 else rows[0]

    def _read_row(self, ids: IntArray, attention_mask: BoolArray) -> tuple[str, list[Span]]:
        """Return (text, spans) of one row. Each stretch between tokens without text is a text of its own."""
        tokens = self.vocabulary.tokens
        stretches: list[list[bytes]] = [[]]
        for position, (token_id, is_attended) in enumerate(zip(ids.tolist(), attention_mask.tolist(), strict=True)):
            if is_attended and not 0 <= token_id < len(tokens):
                raise self._out_of_range_error(token_id, position, np.array([0, len(ids)]))
            token = tokens[token_id] if is_attended else None
            if token is None:
                stretches.append([])
            else:
                stretches[-1].append(token)
        texts = [b"".join(stretch).decode("utf-8", "replace") for stretch in stretches]
        row_text = "".join(texts)
        n_stripped = int(self.vocabulary.strips_first_space and row_text.startswith(" "))
        spans: list[Span] = []
        offset = -n_stripped
        for text in texts:
            text_spans = self._finder(text) if text else []
            spans += [
                Span(span.start + offset, span.end + offset, span.label, span.cluster, span.gram) for span in text_spans
            ]
            offset += len(text)
        return row_text[n_stripped:], spans

    def _tables_on(self, device: "torch.device") -> "DeviceTables | None":
        """Return the tables on a CUDA device, None if Triton is missing: the host then tags such ids."""
        name = str(device)
        if name not in self._device_tables:
            try:
                from sgram.tagging.kernel.gpu import DeviceTables
            except ImportError as error:
                warnings.warn(
                    f"ids on {name} are copied to the host and tagged there, because Triton is missing ({error}); "
                    "pip install triton",
                    RuntimeWarning,
                    stacklevel=3,
                )
                self._device_tables[name] = None
            else:
                self._device_tables[name] = DeviceTables.from_tables(self._tables, device)
        return self._device_tables[name]

    def __repr__(self) -> str:
        n_ids = len(self.vocabulary.tokens)
        kind = "" if self.mask == "grams" else f", mask {self.mask} by {self.scorer!r}"
        return f"PlanningTagger({self.lexicon!r}, {self.vocabulary.name!r}, {n_ids} ids{kind})"


@lru_cache(maxsize=4)
def _build_pieces(vocabulary: Vocabulary) -> Pieces:
    """Return the pieces of a vocabulary, cached for the next lexicon."""
    return Pieces.from_tokens(vocabulary.tokens)


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_tensor(candidate: object) -> "TypeGuard[torch.Tensor]":
    torch = sys.modules.get("torch")  # if `candidate` is a tensor, torch is imported
    return torch is not None and isinstance(candidate, torch.Tensor)


def _convert_like(input_ids: Ids, array: AnyArray) -> "AnyArray | torch.Tensor":
    """Return `array`, as a tensor on the device of `input_ids` if these are a tensor."""
    if not _is_tensor(input_ids):
        return array
    import torch

    return torch.from_numpy(array).to(input_ids.device)


def _check_shapes(shape: tuple[int, ...], mask_shape: tuple[int, ...] | None, may_be_empty: bool) -> None:
    """Raise `UsageError` if the shape of the ids or of the attention mask is invalid."""
    if len(shape) not in (1, 2):
        raise UsageError(f"input_ids must have shape (B, T) or (T,) (got {shape})")
    if 0 in shape and not may_be_empty:
        raise UsageError(f"input_ids must have at least one token (got shape {shape})")
    if mask_shape is not None and mask_shape != shape:
        raise UsageError(f"attention_mask must have the shape of input_ids, {shape} (got {mask_shape})")


def _check_arrays(input_ids: Ids, attention_mask: Any, may_be_empty: bool = False) -> tuple[IntArray, BoolArray]:
    """Return the ids as int64 and the attention mask as bool, empty if it is None. Raise `UsageError` if invalid."""
    ids = _as_array(input_ids, "input_ids")
    attention = None if attention_mask is None else _as_array(attention_mask, "attention_mask")
    if ids.size and (ids.dtype.kind not in "iu"):
        raise UsageError(f"input_ids must be integers (got {ids.dtype})")
    _check_shapes(ids.shape, None if attention is None else attention.shape, may_be_empty)
    if attention is None:
        return _make_writable(ids, np.int64), np.zeros(0, np.bool_)
    return _make_writable(ids, np.int64), _make_writable(attention != 0, np.bool_)


def _as_array(array_like: Any, name: str) -> AnyArray:
    if _is_tensor(array_like):
        return np.asarray(array_like.detach().cpu().numpy())
    try:
        return np.asarray(array_like)
    except ValueError:
        raise UsageError(
            f"{name} must be rectangular, (B, T) or (T,); for rows of different lengths use PlanningTagger.tag_rows"
        ) from None


def _make_writable(array: AnyArray, dtype: type[_Scalar]) -> npt.NDArray[_Scalar]:
    """Return `array` contiguous and writable: the compiled code exists only for such arrays."""
    contiguous = np.ascontiguousarray(array, dtype)
    return contiguous if contiguous.flags.writeable else contiguous.copy()


def _check_tensors(input_ids: "torch.Tensor", attention_mask: Any) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Do the same as `_check_arrays` for tensors on a CUDA device, without reading a number of them."""
    import torch

    if input_ids.is_floating_point() or input_ids.is_complex() or input_ids.dtype == torch.bool:
        raise UsageError(f"input_ids must be integers (got {input_ids.dtype})")
    if attention_mask is not None and not (_is_tensor(attention_mask) and attention_mask.device == input_ids.device):
        raise UsageError(f"attention_mask must be a tensor on {input_ids.device}, like input_ids")
    shape = None if attention_mask is None else tuple(attention_mask.shape)
    _check_shapes(tuple(input_ids.shape), shape, may_be_empty=False)
    return input_ids.contiguous(), None if attention_mask is None else (attention_mask != 0).contiguous()
