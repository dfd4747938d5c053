"""The bytes of token ids, for the tokenizers of every library.

The bytes of a row of ids, joined, are the text that the ids spell. Where the bytes come from:

==============================================  ================================================================
`tokenizers.Tokenizer`, fast `transformers`     each token's string, spelled as the decoder would (`spelling.py`)
`sentencepiece` processor                       its pieces: "▁" is a space, byte pieces are bytes
slow `transformers`                             the processor or `tiktoken` encoding inside, and its added tokens
`tiktoken` encoding, ranks, list of bytes       the bytes themselves
==============================================  ================================================================

A special token spells no text (`None`): a token that the tokenizer marks as special, and the unknown token. Other added
tokens ("<think>", "<tool_call>") are text. The recovered bytes are checked: probe texts are encoded, and the joined
bytes must be the text itself or what the tokenizer decodes. None of these libraries is imported here.
"""

import hashlib
import json
import re
import struct
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.tagging.spelling import (
    CannotSpellError,
    Spelling,
    decoder_settings,
    encoding_tokens,
    processor_tokens,
    read_decoder,
    spell_byte_pieces,
    unknown_ids,
)

MAX_IDS = 1 << 24
"""Larger than any vocabulary, yet a table of that many ids fits into memory."""

PROBES = (
    "Wait, let me double-check: 12 + 30 = 42, isn't it?",
    "“That’s not so” – she said; let’s try x = 3.5 again.",
    "First  case:\n\n\tn is even (so 2 divides n).\nSecond case",
    "a naïve café über Ærø",
    "so x² holds",
    "Hmm 🤔 so",
    "再想一想",
)
"""Texts that are encoded to check the bytes, and whether encoding keeps a text. All are in NFC, one is not in NFKC: a
tokenizer that turns "x²" into "x2" does not keep texts. Each text tests one property, so that a tokenizer that loses
one text and decodes another one wrongly is still detected."""

_TOKENIZER_KINDS = (
    "a transformers, tokenizers, tiktoken or sentencepiece tokenizer, a dict of ranks (bytes to id), a list of byte "
    "strings (index = id, None for special tokens), or a Vocabulary"
)

Encode: TypeAlias = Callable[[str], Sequence[int]]
Decode: TypeAlias = Callable[[list[int]], str]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Vocabulary:
    """The bytes of each token of a tokenizer; ``Vocabulary.from_tokenizer(tokenizer)`` reads them."""

    name: str
    """For display and files: never a path of the machine, at most 200 characters."""
    tokens: tuple[bytes | None, ...] = field(repr=False)
    """Index = id. None: a special token, or an id without a token; b"": an ordinary token that spells nothing."""
    strips_first_space: bool
    """Whether the tokenizer's decode drops one space at the start of a text, which its encode has put there."""
    keeps_text: bool
    """False if encoding loses text (WordPiece: case and line breaks; T5: runs of spaces). The bytes then spell the
    remaining text."""
    digest: str = field(init=False)
    """SHA-256 of the tokens, in hex."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", _digest(self.tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def from_tokenizer(cls, tokenizer: Any, vocab_size: int | None = None) -> "Vocabulary":
        """Return the vocabulary of `tokenizer`, padded with `None` to `vocab_size` if the model's table is larger.

        A tokenizer object is read once, and again if its tokens have changed; no tokenizer is kept alive. Raise
        `InputError` if the bytes cannot be recovered, `UsageError` if `tokenizer` is no tokenizer or `vocab_size` is
        smaller than it.

        >>> Vocabulary.from_tokenizer([b"let", b" me", None]).tokens
        (b'let', b' me', None)
        """
        if isinstance(tokenizer, Vocabulary):
            return _pad(tokenizer, vocab_size)
        tokenizer = _unwrap(tokenizer)
        if isinstance(tokenizer, list | tuple | Mapping):  # can change later, and is fast to read
            return _pad(_read_tokenizer(tokenizer), vocab_size)
        key = id(tokenizer)
        try:
            reference = weakref.ref(tokenizer, _remover(key))
        except TypeError:
            return _pad(_read_tokenizer(tokenizer), vocab_size)
        state = _state(tokenizer)
        cached = _CACHE.get(key)
        if cached is None or cached.reference() is not tokenizer or cached.state != state:
            cached = _CACHE[key] = _CachedVocabulary(reference, state, {None: _read_tokenizer(tokenizer)})
        if vocab_size not in cached.by_size:
            cached.by_size[vocab_size] = _pad(cached.by_size[None], vocab_size)
        return cached.by_size[vocab_size]

    def spell(self, ids: Iterable[int]) -> list[bytes]:
        """Return the bytes of each token of one row (a list, an array, a tensor), b"" for a special token.

        Raise `UsageError` if an id is out of range.

        >>> Vocabulary.from_tokenizer([b"let", b" me", None]).spell([0, 1, 2])
        [b'let', b' me', b'']
        """
        row = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        for token_id in row:
            if isinstance(token_id, list) or not 0 <= token_id < len(self.tokens):
                raise UsageError(
                    f"invalid id {excerpt(repr(token_id), 40)}: the ids of the vocabulary {self.name} are 0 to"
                    f" {len(self.tokens) - 1}; give one row of ids, and vocab_size if the model's table is larger"
                )
        return [self.tokens[token_id] or b"" for token_id in row]


class _CachedVocabulary(NamedTuple):
    """The vocabulary of one tokenizer object in one state, by the size to which it is padded."""

    reference: "weakref.ref[Any]"
    state: Hashable
    by_size: dict[int | None, Vocabulary]


_CACHE: dict[int, _CachedVocabulary] = {}  # by id(tokenizer); an entry is removed with its tokenizer


def _remover(key: int) -> Callable[[Any], None]:
    """Return a callback that removes a cache entry. It holds the cache itself, which may go first at exit."""
    cache = _CACHE

    def remove(_: Any) -> None:
        cache.pop(key, None)

    return remove


class _TokenTable(NamedTuple):
    """A tokenizer as it was read, not yet checked."""

    kind: str
    tokens: list[bytes | None]
    strips_first_space: bool = False
    encode: Encode | None = None
    decode: Decode | None = None
    moves_spaces: bool = False


def _digest(tokens: Sequence[bytes | None]) -> str:
    """Return a digest of the number of tokens, the length of each (-1 for None) and all bytes: unique to a table."""
    lengths = [-1 if token is None else len(token) for token in tokens]
    header = struct.pack(f"<q{len(lengths)}i", len(lengths), *lengths)
    return hashlib.sha256(header + b"".join(filter(None, tokens))).hexdigest()


def _pad(vocabulary: Vocabulary, vocab_size: int | None) -> Vocabulary:
    n_tokens = len(vocabulary.tokens)
    if vocab_size is None or vocab_size == n_tokens:
        return vocabulary
    if not isinstance(vocab_size, Integral) or not n_tokens < vocab_size <= MAX_IDS:
        raise UsageError(
            f"vocab_size must be an integer from {n_tokens}, the size of {vocabulary.name}, to {MAX_IDS}"
            f" (got {excerpt(repr(vocab_size), 40)}); give the number of rows of the model's embedding, or None"
        )
    tokens = vocabulary.tokens + (None,) * (int(vocab_size) - n_tokens)
    return Vocabulary(vocabulary.name, tokens, vocabulary.strips_first_space, vocabulary.keeps_text)


def _name(tokenizer: Any, kind: str) -> str:
    """Return its name on the hub, the last two parts of its path, tiktoken's name, else the kind."""
    own_name = getattr(tokenizer, "name_or_path", None) or getattr(tokenizer, "name", None)
    parts = re.split(r"[/\\]+", own_name.strip("/\\")) if isinstance(own_name, str) else [""]
    hub_folder = next((part for part in parts if part.startswith("models--")), None)  # the hub's cache on disk
    return excerpt("/".join(hub_folder.split("--")[1:] if hub_folder else parts[-2:])) or kind


def _unrecoverable_error(name: str, reason: str) -> InputError:
    return InputError(
        f"the bytes of the tokens of {name} cannot be recovered: {reason}; give a list of byte strings instead"
        " (index = id, None for special tokens)"
    )


# -- one tokenizer ---------------------------------------------------------------------------------------


def _find_backend(tokenizer: Any) -> Any | None:
    """Return the `tokenizers.Tokenizer` that does the work, which can be `tokenizer` itself."""
    inner = (getattr(tokenizer, name, None) for name in ("backend_tokenizer", "_tokenizer"))
    return next((backend for backend in (*inner, tokenizer) if hasattr(backend, "get_added_tokens_decoder")), None)


def _find_processor(tokenizer: Any) -> Any | None:
    """Return the sentencepiece processor or tiktoken encoding that does the work, which can be `tokenizer` itself."""
    inner = (getattr(tokenizer, name, None) for name in ("sp_model", "model", "tokenizer"))
    methods = ("id_to_piece", "decode_single_token_bytes")
    return next(
        (processor for processor in (tokenizer, *inner) if any(hasattr(processor, method) for method in methods)), None
    )


def _unwrap(tokenizer: Any) -> Any:
    """Return `tokenizer`, or the one inside a multimodal model's processor."""
    if isinstance(tokenizer, type):
        raise UsageError(f"tokenizer must be an object (got the class {tokenizer.__name__}); give {_TOKENIZER_KINDS}")
    if _find_backend(tokenizer) is None and _find_processor(tokenizer) is None:
        inner = getattr(tokenizer, "tokenizer", None)
        if _find_backend(inner) is not None or _find_processor(inner) is not None:
            return inner
    return tokenizer


def _state(tokenizer: Any) -> Hashable:
    """Return what is constant while the vocabulary is: sizes, special and added tokens, and a sample of the others."""
    backend, processor = _find_backend(tokenizer), _find_processor(tokenizer)
    parts: list[Hashable] = [_name(tokenizer, ""), tuple(getattr(tokenizer, "all_special_ids", ()))]
    text_of: Callable[[int], Hashable] = repr
    if backend is not None:
        size, text_of = backend.get_vocab_size(with_added_tokens=True), backend.id_to_token
        added_tokens = backend.get_added_tokens_decoder().items()
        parts.append(frozenset((token_id, token.content, token.special) for token_id, token in added_tokens))
        parts.append(decoder_settings(backend))
    elif processor is not None and hasattr(processor, "id_to_piece"):
        size, text_of = processor.get_piece_size(), processor.id_to_piece
    else:
        size = getattr(processor, "n_vocab", 0)
    added_size = len(getattr(tokenizer, "added_tokens_decoder", ())) if backend is None else 0
    sample = (text_of(token_id) for token_id in range(0, size, max(1, size // 64)))
    return (*parts, size, added_size, *sample)


def _read_tokenizer(tokenizer: Any) -> Vocabulary:
    """Return the checked vocabulary of a tokenizer of any kind."""
    backend, processor = _find_backend(tokenizer), _find_processor(tokenizer)
    if isinstance(tokenizer, list | tuple):
        table = _read_list(tokenizer)
    elif isinstance(tokenizer, Mapping):
        table = _read_ranks(tokenizer)
    elif backend is not None:
        table = _read_backend(tokenizer, backend)
    elif processor is not None:
        table = _read_processor(tokenizer, processor)
    elif hasattr(tokenizer, "encode") and hasattr(tokenizer, "decode"):
        kind = type(tokenizer).__name__
        raise _unrecoverable_error(_name(tokenizer, kind), f"{kind} is an unknown kind of tokenizer")
    else:
        hint = "; load it first (AutoTokenizer.from_pretrained)" if isinstance(tokenizer, str) else ""
        raise UsageError(f"invalid tokenizer of type {type(tokenizer).__name__}{hint}; give {_TOKENIZER_KINDS}")
    name = _name(tokenizer, table.kind)
    if all(token is None for token in table.tokens):
        raise UsageError(f"the vocabulary of {name} is empty; give {_TOKENIZER_KINDS}")
    return Vocabulary(name, tuple(table.tokens), table.strips_first_space, _check_table(name, table))


def _check_table(name: str, table: _TokenTable) -> bool:
    """Return whether the tokenizer keeps texts. Raise `InputError` if the bytes differ from what it decodes."""
    if table.encode is None or table.decode is None:
        return True
    keeps_text = True
    for probe in PROBES:
        try:
            encoded = table.encode(probe)
        except (AttributeError, TypeError) as error:
            raise _unrecoverable_error(name, f"its encode cannot be called ({error})") from error
        except Exception:  # whatever a library raises for an unknown character
            keeps_text = False
            continue
        if max(encoded, default=0) >= len(table.tokens):
            raise _unrecoverable_error(name, f"it encodes to the id {max(encoded)}, which its vocabulary lacks")
        ids = [token_id for token_id in encoded if table.tokens[token_id] is not None]
        text = b"".join(table.tokens[token_id] or b"" for token_id in ids).decode(errors="replace")
        if text.removeprefix(" ") != probe:
            keeps_text = False
            _compare_with_decoder(name, table, table.decode, text, ids)
    return keeps_text


def _compare_with_decoder(name: str, table: _TokenTable, decode: Decode, text: str, ids: list[int]) -> None:
    """Raise `InputError` if `text`, spelled by the tokens of `ids`, is not what the tokenizer decodes."""
    try:
        decoded = decode(ids)
    except Exception as error:
        raise _unrecoverable_error(name, f"its decode fails ({error})") from error
    if table.strips_first_space:
        text = text.removeprefix(" ")
    if _normalize_decoded(text, table) != _normalize_decoded(decoded, table):
        raise _unrecoverable_error(name, f"they spell {excerpt(text)!r} where it decodes {excerpt(decoded)!r}")


def _normalize_decoded(text: str, table: _TokenTable) -> str:
    """Return `text` without what two correct decodings may differ in: how many U+FFFD stand for invalid UTF-8."""
    text = re.sub("\ufffd+", "\ufffd", text)
    return text.replace(" ", "") if table.moves_spaces else text


# -- kinds of tokenizers ---------------------------------------------------------------------------------


def _index_by_id(tokens: Iterable[tuple[int, bytes]]) -> list[bytes | None]:
    """Return the tokens at the index of their id, None at other indices."""
    table: list[bytes | None] = []
    for token_id, token in tokens:
        if not 0 <= token_id < MAX_IDS:
            raise UsageError(f"the id of {excerpt(token)!r} must be between 0 and {MAX_IDS - 1} (got {token_id})")
        if token_id >= len(table):
            table.extend([None] * (token_id + 1 - len(table)))
        existing = table[token_id]
        if existing is not None:
            raise UsageError(
                f"two tokens, {excerpt(existing)!r} and {excerpt(token)!r}, have the id {token_id}; give each its own"
            )
        table[token_id] = token
    return table


def _read_list(tokens: Sequence[bytes | None]) -> _TokenTable:
    if len(tokens) > MAX_IDS:
        raise UsageError(f"a vocabulary must have at most {MAX_IDS} tokens (got {len(tokens)})")
    for token_id, token in enumerate(tokens):
        if token is not None and not isinstance(token, bytes | bytearray):
            raise UsageError(
                f"token {token_id} of the vocabulary must be bytes, or None for a special token"
                f" (got {type(token).__name__})"
            )
    return _TokenTable("list of bytes", [None if token is None else bytes(token) for token in tokens])


def _read_ranks(ranks: Mapping[bytes, int]) -> _TokenTable:
    for token, rank in ranks.items():
        if not isinstance(token, bytes):
            raise UsageError(
                f"the keys of a dict of ranks must be bytes (got {excerpt(repr(token), 40)}, a"
                f" {type(token).__name__}); if it is a tokenizer's get_vocab(), give the tokenizer itself"
            )
        if not isinstance(rank, Integral) or isinstance(rank, bool):
            raise UsageError(f"the rank of {excerpt(token)!r} must be an integer (got {excerpt(repr(rank), 40)})")
    return _TokenTable("dict of ranks", _index_by_id((int(rank), token) for token, rank in ranks.items()))


def _remove_text(tokens: list[bytes | None], ids: Iterable[int | None]) -> None:
    """Set the tokens of `ids` to None, in place."""
    for token_id in ids:
        if token_id is not None and token_id < len(tokens):
            tokens[token_id] = None


def _read_spelling(backend: Any, name: str) -> Spelling:
    settings = decoder_settings(backend)
    if settings is None and type(backend.model).__name__ != "WordLevel":
        raise _unrecoverable_error(name, "it has no decoder (set tokenizer.decoder to the one that fits its model)")
    try:
        return read_decoder(json.loads(settings) if settings else None)
    except CannotSpellError as error:
        raise _unrecoverable_error(name, str(error)) from error


def _read_backend(tokenizer: Any, backend: Any) -> _TokenTable:
    model = backend.model
    kind = f"tokenizers {type(model).__name__}"
    spelling = _read_spelling(backend, _name(tokenizer, kind))
    added = backend.get_added_tokens_decoder()
    # An added token that the model already had keeps the model's spelling: Gemma's "▁▁" are two spaces.
    new_tokens = {token_id: token for token_id, token in added.items() if model.token_to_id(token.content) != token_id}
    base = [
        (token_id, string)
        for string, token_id in backend.get_vocab(with_added_tokens=False).items()
        if token_id not in new_tokens
    ]
    spelled = zip((token_id for token_id, _ in base), spelling(string for _, string in base), strict=True)
    new_spelled = ((token_id, spelling.spell_added(token.content)) for token_id, token in new_tokens.items())
    tokens = _index_by_id([*spelled, *new_spelled])
    _remove_text(tokens, [token_id for token_id, token in added.items() if token.special])
    _remove_text(tokens, unknown_ids(model))
    encode: Encode
    decode: Decode
    if hasattr(tokenizer, "all_special_ids"):
        _remove_text(tokens, tokenizer.all_special_ids)
        encode, decode = _transformers_calls(tokenizer)
    else:
        encode, decode = (lambda text: backend.encode(text, add_special_tokens=False).ids), backend.decode
    return _TokenTable(kind, tokens, spelling.strips_first_space, encode, decode, spelling.moves_spaces)


def _transformers_calls(tokenizer: Any) -> tuple[Encode, Decode]:
    """Return encode and decode of a `transformers` tokenizer, without special tokens and without clean-up."""
    return (
        lambda text: tokenizer.encode(text, add_special_tokens=False),
        lambda ids: tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False),
    )


def _read_processor(tokenizer: Any, processor: Any) -> _TokenTable:
    """Return the table of a sentencepiece processor or tiktoken encoding, and of the tokenizer around it, if any."""
    if hasattr(processor, "id_to_piece"):
        tokens, strips_first_space = processor_tokens(processor)
        table = _TokenTable("sentencepiece", tokens, strips_first_space, processor.encode_as_ids, processor.decode_ids)
    else:  # tiktoken has the bytes themselves: there is nothing to check, and encoding keeps every text
        table = _TokenTable("tiktoken", encoding_tokens(processor))
    if processor is tokenizer:
        return table
    tokens = list(table.tokens)
    added = getattr(tokenizer, "added_tokens_decoder", {})
    tokens.extend([None] * (max(added, default=-1) + 1 - len(tokens)))
    for token_id, token in added.items():
        if token.special:
            tokens[token_id] = None
        elif tokens[token_id] is None:
            tokens[token_id] = token.content.encode()
    _remove_text(tokens, getattr(tokenizer, "all_special_ids", ()))
    encode, decode = _transformers_calls(tokenizer)
    return _TokenTable(
        table.kind,
        tokens,
        table.strips_first_space,
        encode,
        lambda ids: spell_byte_pieces(decode(ids)),
        moves_spaces=True,
    )
