"""The bytes behind token ids, whoever made the tokenizer. Knows nothing about grams, masks or how a text is cut.

Joining the bytes of a row of ids gives the text that they spell. Where they are read off:

==============================================  ================================================================
`tokenizers.Tokenizer`, fast `transformers`     each token's string, spelled as the decoder would (`spelling.py`)
`sentencepiece` processor                       its pieces: "▁" is a space, byte pieces are bytes
slow `transformers`                             the processor or `tiktoken` encoding inside, and its added tokens
`tiktoken` encoding, ranks, list of bytes       the bytes that they are made of
==============================================  ================================================================

A special token spells no text (`None`): one that the tokenizer marks as special, and the unknown token. Other added
tokens ("<think>", "<tool_call>") are text. What was recovered is checked: probe texts are encoded, and the joined
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
from typing import Any, NamedTuple

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
"""Larger than any vocabulary; a table of that many ids still fits into memory."""

PROBES = (
    "Wait, let me double-check: 12 + 30 = 42, isn't it?",
    "“That’s not so” – she said; let’s try x = 3.5 again.",
    "First  case:\n\n\tn is even (so 2 divides n).\nSecond case",
    "a naïve café über Ærø",
    "so x² holds",
    "Hmm 🤔 so",
    "再想一想",
)
"""What is encoded to see whether the bytes are right, and whether encoding keeps a text. All are in NFC, one not in
NFKC: a tokenizer that turns "x²" into "x2" does not keep texts. Each tries one thing, so that a tokenizer which loses
one and decodes another carelessly is still told by the rest."""

_KINDS = (
    "a transformers, tokenizers, tiktoken or sentencepiece tokenizer, a dict of ranks (bytes to id), a list of byte "
    "strings (index = id, None for special tokens), or a Vocabulary"
)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Vocabulary:
    """The bytes of each token of a tokenizer; ``Vocabulary.from_tokenizer(tokenizer)`` reads them."""

    name: str
    """For people and for what is written: never a path of the machine, at most 200 characters."""
    tokens: tuple[bytes | None, ...] = field(repr=False)
    """Index = id. None: a special token, or an id that no token has; b"": an ordinary token that spells nothing."""
    strips_first_space: bool
    """Whether the tokenizer's own decode drops one space at the start of a text, which its encode has put there."""
    keeps_text: bool
    """False where encoding loses text (WordPiece: case and line breaks; T5: runs of spaces): the bytes then spell
    what is left of it."""
    digest: str = field(init=False)
    """SHA-256 of the tokens, in hex."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", _digest(self.tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def from_tokenizer(cls, tokenizer: Any, vocab_size: int | None = None) -> "Vocabulary":
        """The vocabulary of `tokenizer`, with `None` up to `vocab_size` where the model's own table is larger.

        Read once for each tokenizer object, and again when it has got other tokens since; no tokenizer is kept
        alive. Raises `InputError` when the bytes cannot be recovered, `UsageError` when this is no tokenizer, or
        when `vocab_size` is smaller than it.
        """
        if isinstance(tokenizer, Vocabulary):
            return _padded(tokenizer, vocab_size)
        tokenizer = _unwrapped(tokenizer)
        if isinstance(tokenizer, list | tuple | Mapping):  # may change under our hands, and is read fast
            return _padded(_built(tokenizer), vocab_size)
        key = id(tokenizer)
        try:
            ref = weakref.ref(tokenizer, lambda _, known=_KNOWN: known.pop(key, None))
        except TypeError:
            return _padded(_built(tokenizer), vocab_size)
        state = _state(tokenizer)
        known = _KNOWN.get(key)
        if known is None or known.ref() is not tokenizer or known.state != state:
            known = _KNOWN[key] = _Known(ref, state, {None: _built(tokenizer)})
        if vocab_size not in known.sizes:
            known.sizes[vocab_size] = _padded(known.sizes[None], vocab_size)
        return known.sizes[vocab_size]

    def spell(self, ids: Iterable[int]) -> list[bytes]:
        """Bytes of each token of one row (a list, an array, a tensor), b"" for a special one."""
        row = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        for each in row:
            if isinstance(each, list) or not 0 <= each < len(self.tokens):
                raise UsageError(
                    f"{excerpt(repr(each), 40)} is no id of the vocabulary {self.name}, which has 0 to"
                    f" {len(self.tokens) - 1}; give one row of ids, and vocab_size where the model's table is larger"
                )
        return [self.tokens[each] or b"" for each in row]


class _Known(NamedTuple):
    """What was read before: for which object, in which state, and padded to which sizes."""

    ref: weakref.ref
    state: Hashable
    sizes: dict[int | None, Vocabulary]


_KNOWN: dict[int, _Known] = {}  # by id(tokenizer); an entry goes with its tokenizer


class _Source(NamedTuple):
    """A tokenizer as it was read, not yet checked."""

    kind: str
    tokens: list[bytes | None]
    strips_first_space: bool = False
    encode: Callable[[str], Sequence[int]] | None = None
    decode: Callable[[list[int]], str] | None = None
    moves_spaces: bool = False


def _digest(tokens: Sequence[bytes | None]) -> str:
    """Number of tokens, length of each (-1 for None), bytes of all: no two tables share that."""
    lengths = [-1 if token is None else len(token) for token in tokens]
    head = struct.pack(f"<q{len(lengths)}i", len(lengths), *lengths)
    return hashlib.sha256(head + b"".join(filter(None, tokens))).hexdigest()


def _padded(vocabulary: Vocabulary, vocab_size: int | None) -> Vocabulary:
    n_tokens = len(vocabulary.tokens)
    if vocab_size is None or vocab_size == n_tokens:
        return vocabulary
    if not isinstance(vocab_size, Integral) or not n_tokens < vocab_size <= MAX_IDS:
        raise UsageError(
            f"vocab_size is {excerpt(repr(vocab_size), 40)}, but {vocabulary.name} has {n_tokens} ids;"
            " give the number of rows of the model's embedding, or nothing"
        )
    tokens = vocabulary.tokens + (None,) * (int(vocab_size) - n_tokens)
    return Vocabulary(vocabulary.name, tokens, vocabulary.strips_first_space, vocabulary.keeps_text)


def _name(tokenizer: Any, kind: str) -> str:
    """Its name on the hub, the last two parts of its path, tiktoken's name, else the kind."""
    given = getattr(tokenizer, "name_or_path", None) or getattr(tokenizer, "name", None)
    parts = re.split(r"[/\\]+", given.strip("/\\")) if isinstance(given, str) else [""]
    cached = next((part for part in parts if part.startswith("models--")), None)  # the hub's cache on disk
    return excerpt("/".join(cached.split("--")[1:] if cached else parts[-2:])) or kind


def _unrecoverable(name: str, why: str) -> InputError:
    return InputError(
        f"the bytes behind the tokens of {name} cannot be recovered: {why}; give a list of byte strings instead"
        " (index = id, None for special tokens)"
    )


# -- one tokenizer ---------------------------------------------------------------------------------------


def _backend(tokenizer: Any) -> Any | None:
    """The `tokenizers.Tokenizer` that does the work, which may be `tokenizer` itself."""
    held = (getattr(tokenizer, name, None) for name in ("backend_tokenizer", "_tokenizer"))
    return next((each for each in (*held, tokenizer) if hasattr(each, "get_added_tokens_decoder")), None)


def _pieces(tokenizer: Any) -> Any | None:
    """The sentencepiece processor or tiktoken encoding that does the work, which may be `tokenizer` itself."""
    held = (getattr(tokenizer, name, None) for name in ("sp_model", "model", "tokenizer"))
    marks = ("id_to_piece", "decode_single_token_bytes")
    return next((each for each in (tokenizer, *held) if any(hasattr(each, mark) for mark in marks)), None)


def _unwrapped(tokenizer: Any) -> Any:
    """`tokenizer`, or the one inside a multimodal model's processor."""
    if isinstance(tokenizer, type):
        raise UsageError(f"{tokenizer.__name__} is a class; give {_KINDS}")
    if _backend(tokenizer) is None and _pieces(tokenizer) is None:
        inner = getattr(tokenizer, "tokenizer", None)
        if _backend(inner) is not None or _pieces(inner) is not None:
            return inner
    return tokenizer


def _state(tokenizer: Any) -> Hashable:
    """What stays the same as long as the vocabulary does: sizes, special and added tokens, and a sample of others."""
    backend, pieces = _backend(tokenizer), _pieces(tokenizer)
    own = (_name(tokenizer, ""), tuple(getattr(tokenizer, "all_special_ids", ())))
    if backend is not None:
        size, text_of = backend.get_vocab_size(with_added_tokens=True), backend.id_to_token
        added = frozenset((i, each.content, each.special) for i, each in backend.get_added_tokens_decoder().items())
        own = (*own, added, decoder_settings(backend))
    elif hasattr(pieces, "id_to_piece"):
        size, text_of = pieces.get_piece_size(), pieces.id_to_piece
    else:
        size, text_of = getattr(pieces, "n_vocab", 0), repr
    added_size = len(getattr(tokenizer, "added_tokens_decoder", ())) if backend is None else 0
    return (*own, size, added_size, *(text_of(each) for each in range(0, size, max(1, size // 64))))


def _built(tokenizer: Any) -> Vocabulary:
    if isinstance(tokenizer, list | tuple):
        source = _from_list(tokenizer)
    elif isinstance(tokenizer, Mapping):
        source = _from_ranks(tokenizer)
    elif _backend(tokenizer) is not None:
        source = _from_backend(tokenizer, _backend(tokenizer))
    elif _pieces(tokenizer) is not None:
        source = _from_pieces(tokenizer, _pieces(tokenizer))
    elif hasattr(tokenizer, "encode") and hasattr(tokenizer, "decode"):
        kind = type(tokenizer).__name__
        raise _unrecoverable(_name(tokenizer, kind), f"a {kind} is of no known kind")
    else:
        hint = "; load it first (AutoTokenizer.from_pretrained)" if isinstance(tokenizer, str) else ""
        raise UsageError(f"a {type(tokenizer).__name__} is no tokenizer{hint}; give {_KINDS}")
    name = _name(tokenizer, source.kind)
    if all(token is None for token in source.tokens):
        raise UsageError(f"the vocabulary of {name} is empty; give {_KINDS}")
    return Vocabulary(name, tuple(source.tokens), source.strips_first_space, _checked(name, source))


def _checked(name: str, source: _Source) -> bool:
    """Whether the tokenizer keeps texts; raises `InputError` when the bytes are not what it decodes."""
    keeps = True
    for probe in PROBES if source.encode and source.decode else ():
        try:
            encoded = source.encode(probe)
        except (AttributeError, TypeError) as error:
            raise _unrecoverable(name, f"its encode cannot be called ({error})") from error
        except Exception:  # whatever a library raises for a character that it does not know
            keeps = False
            continue
        if max(encoded, default=0) >= len(source.tokens):
            raise _unrecoverable(name, f"it encodes to the id {max(encoded)}, which is none of its vocabulary's")
        ids = [each for each in encoded if source.tokens[each] is not None]
        spelled = b"".join(source.tokens[each] for each in ids).decode(errors="replace")
        if spelled.removeprefix(" ") != probe:
            keeps = False
            _compare(name, source, spelled, ids)
    return keeps


def _compare(name: str, source: _Source, spelled: str, ids: list[int]) -> None:
    try:
        decoded = source.decode(ids)
    except Exception as error:
        raise _unrecoverable(name, f"its decode fails ({error})") from error
    if source.strips_first_space:
        spelled = spelled.removeprefix(" ")
    if _comparable(spelled, source) != _comparable(decoded, source):
        raise _unrecoverable(name, f"they spell {excerpt(spelled)!r} where it decodes {excerpt(decoded)!r}")


def _comparable(text: str, source: _Source) -> str:
    """`text` less what two right decodings may differ in: how many U+FFFD stand for bytes that are no UTF-8."""
    text = re.sub("\ufffd+", "\ufffd", text)
    return text.replace(" ", "") if source.moves_spaces else text


# -- kinds of tokenizers ---------------------------------------------------------------------------------


def _table(tokens: Iterable[tuple[int, bytes]]) -> list[bytes | None]:
    """Tokens at their ids, None elsewhere."""
    table: list[bytes | None] = []
    for place, token in tokens:
        if not 0 <= place < MAX_IDS:
            raise UsageError(f"{excerpt(token)!r} has the id {place}; an id is 0 to {MAX_IDS - 1}")
        if place >= len(table):
            table.extend([None] * (place + 1 - len(table)))
        if table[place] is not None:
            raise UsageError(
                f"two tokens, {excerpt(table[place])!r} and {excerpt(token)!r}, have the id {place}; give each its own"
            )
        table[place] = token
    return table


def _from_list(given: Sequence[bytes | None]) -> _Source:
    if len(given) > MAX_IDS:
        raise UsageError(f"a list of {len(given)} tokens is no vocabulary; {MAX_IDS} is the most")
    for place, token in enumerate(given):
        if token is not None and not isinstance(token, bytes | bytearray):
            raise UsageError(
                f"item {place} of the vocabulary is a {type(token).__name__}; give bytes, or None for a special token"
            )
    return _Source("list of bytes", [None if token is None else bytes(token) for token in given])


def _from_ranks(given: Mapping[bytes, int]) -> _Source:
    for token, place in given.items():
        if not isinstance(token, bytes):
            raise UsageError(
                f"the ranks hold {excerpt(repr(token), 40)}, a {type(token).__name__}; a dict of ranks is from bytes to"
                " id (where it came from a tokenizer's get_vocab(), give the tokenizer itself)"
            )
        if not isinstance(place, Integral) or isinstance(place, bool):
            raise UsageError(f"the rank of {excerpt(token)!r} is {excerpt(repr(place), 40)}; a rank is a whole number")
    return _Source("dict of ranks", _table((int(place), token) for token, place in given.items()))


def _without(tokens: list[bytes | None], ids: Iterable[int | None]) -> None:
    for each in ids:
        if each is not None and each < len(tokens):
            tokens[each] = None


def _spelling(backend: Any, name: str) -> Spelling:
    settings = decoder_settings(backend)
    if settings is None and type(backend.model).__name__ != "WordLevel":
        raise _unrecoverable(name, "it has no decoder (set tokenizer.decoder to the one that it is meant for)")
    try:
        return read_decoder(json.loads(settings) if settings else None)
    except CannotSpellError as error:
        raise _unrecoverable(name, str(error)) from error


def _from_backend(tokenizer: Any, backend: Any) -> _Source:
    model = backend.model
    kind = f"tokenizers {type(model).__name__}"
    spelling = _spelling(backend, _name(tokenizer, kind))
    added = backend.get_added_tokens_decoder()
    # An added token that the model had before keeps the model's spelling: Gemma's "▁▁" are two spaces.
    new = {i: token for i, token in added.items() if model.token_to_id(token.content) != i}
    base = [(i, string) for string, i in backend.get_vocab(with_added_tokens=False).items() if i not in new]
    spelled = zip((i for i, _ in base), spelling(string for _, string in base), strict=True)
    tokens = _table([*spelled, *((i, spelling.added(token.content)) for i, token in new.items())])
    _without(tokens, [i for i, token in added.items() if token.special])
    _without(tokens, unknown_ids(model))
    if hasattr(tokenizer, "all_special_ids"):
        _without(tokens, tokenizer.all_special_ids)
        calls = _hub_calls(tokenizer)
    else:
        calls = (lambda text: backend.encode(text, add_special_tokens=False).ids, backend.decode)
    return _Source(kind, tokens, spelling.strips_first_space, *calls, spelling.moves_spaces)


def _hub_calls(tokenizer: Any) -> tuple[Callable[[str], Sequence[int]], Callable[[list[int]], str]]:
    """Encode and decode of a `transformers` tokenizer, neither adding nor tidying anything."""
    return (
        lambda text: tokenizer.encode(text, add_special_tokens=False),
        lambda ids: tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False),
    )


def _from_pieces(tokenizer: Any, pieces: Any) -> _Source:
    if hasattr(pieces, "id_to_piece"):
        tokens, strips = processor_tokens(pieces)
        source = _Source("sentencepiece", tokens, strips, pieces.encode_as_ids, pieces.decode_ids)
    else:  # tiktoken's bytes are its own: there is nothing to check, and encoding keeps every text
        source = _Source("tiktoken", encoding_tokens(pieces))
    if pieces is tokenizer:
        return source
    tokens = list(source.tokens)
    added = getattr(tokenizer, "added_tokens_decoder", {})
    tokens.extend([None] * (max(added, default=-1) + 1 - len(tokens)))
    for place, token in added.items():
        if token.special:
            tokens[place] = None
        elif tokens[place] is None:
            tokens[place] = token.content.encode()
    _without(tokens, getattr(tokenizer, "all_special_ids", ()))
    encode, decode = _hub_calls(tokenizer)
    return _Source(
        source.kind,
        tokens,
        source.strips_first_space,
        encode,
        lambda ids: spell_byte_pieces(decode(ids)),
        moves_spaces=True,
    )
