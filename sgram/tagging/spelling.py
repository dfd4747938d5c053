"""What single tokens spell, in the words of each library. Knows nothing about whole vocabularies or their names.

A decoder of `tokenizers` turns the tokens of a row into a text. Most do it token by token, so that the text is the
tokens' bytes joined; `Spelling` is that rule. The settings come as the decoder's own JSON, parsed:

==================  ==============================================================================================
decoder             bytes of a token
==================  ==============================================================================================
ByteLevel           each character stands for one byte; a token with any other character is its own UTF-8
Metaspace           "▁" is a space
Replace             a plain string becomes another
ByteFallback        "<0x0A>" is that byte
WordPiece           "##x" is "x"; every other token has a space before it
BPEDecoder          the suffix "</w>" is a space
Strip               before the tokens are joined: cut off each token; after: the text's first space
Fuse, Sequence      join the tokens, decoders one after the other
(none)              a space before each token
==================  ==============================================================================================

CTC drops repeated tokens, and a regular expression may match across tokens: they have no such rule. A
`sentencepiece` processor tells what each of its pieces is, a `tiktoken` encoding has the bytes themselves.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SPACE_MARK = "▁"
"""What SentencePiece writes for a space (U+2581)."""

Piece = str | bytes  # bytes: spelled already, later steps leave it alone
Step = Callable[[Piece], Piece]

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class CannotSpellError(ValueError):
    """No rule gives the bytes of a single token; the message says which decoder is to blame."""


def _byte_level_table() -> dict[int, int]:
    """Code point -> byte of GPT-2's map, for `str.translate`; Latin-1 characters outside the map become U+FFFF.

    Printable Latin-1 characters stand for themselves, the other 68 bytes for U+0100 and following.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return (
        dict.fromkeys(others, 0xFFFF)
        | {byte: byte for byte in printable}
        | {0x100 + place: byte for place, byte in enumerate(others)}
    )


_BYTE_LEVEL = _byte_level_table()


def byte_level(token: str) -> bytes:
    """Bytes of a byte-level token; of one with a character outside the map its UTF-8, as the Rust decoder has it."""
    try:
        return token.translate(_BYTE_LEVEL).encode("latin-1")
    except UnicodeEncodeError:
        return token.encode()


@dataclass(slots=True)
class Spelling:
    """How a decoder spells one token: ``spelling(tokens)`` is a list of their bytes."""

    steps: list[Step] = field(default_factory=list)
    strips_first_space: bool = False
    """Whether the decoder itself drops one space at the start of a text."""
    moves_spaces: bool = False
    """Whether the decoder tidies spaces by what stands next to them, which no rule for one token can."""
    byte_level: bool = False
    joined: bool = False
    """Whether the tokens are one text by now: what comes later sees across them."""

    def __call__(self, tokens: Iterable[str]) -> list[bytes]:
        pieces: list[Piece] = list(tokens)
        for step in self.steps:
            pieces = [piece if type(piece) is bytes else step(piece) for piece in pieces]
        return [piece if type(piece) is bytes else piece.encode() for piece in pieces]

    def added(self, token: str) -> bytes:
        """Bytes of a token that was added to the vocabulary by hand: a byte-level one is written as plain text."""
        return token.encode() if self.byte_level else self([token])[0]


def _byte_fallback(piece: Piece) -> Piece:
    found = _BYTE_TOKEN.fullmatch(piece)
    return bytes([int(found[1], 16)]) if found else piece


def _read_byte_level(options: Mapping[str, Any], spelling: Spelling) -> None:
    spelling.steps.append(byte_level)
    spelling.byte_level = spelling.joined = True


def _read_metaspace(options: Mapping[str, Any], spelling: Spelling) -> None:
    mark = options.get("replacement", SPACE_MARK)
    spelling.steps.append(lambda piece: piece.replace(mark, " "))
    spelling.strips_first_space |= options.get("prepend_scheme", "always") != "never"


def _read_replace(options: Mapping[str, Any], spelling: Spelling) -> None:
    old, new = options["pattern"].get("String"), options["content"]
    if old is None:
        raise CannotSpellError("its decoder replaces a regular expression")
    if spelling.byte_level or (spelling.joined and len(old) > 1):
        raise CannotSpellError(f"its decoder replaces {old!r} after the tokens are joined")
    spelling.steps.append(lambda piece: piece.replace(old, new))


def _read_byte_fallback(options: Mapping[str, Any], spelling: Spelling) -> None:
    spelling.steps.append(_byte_fallback)


def _read_word_piece(options: Mapping[str, Any], spelling: Spelling) -> None:
    prefix = options.get("prefix", "##")
    spelling.steps.append(lambda piece: piece.removeprefix(prefix) if piece.startswith(prefix) else " " + piece)
    spelling.strips_first_space = True
    spelling.moves_spaces = bool(options.get("cleanup", True))


def _read_suffix(options: Mapping[str, Any], spelling: Spelling) -> None:
    suffix = options.get("suffix", "</w>")
    spelling.steps.append(lambda piece: piece.replace(suffix, " "))
    spelling.moves_spaces = True  # the last token's suffix is no space


def _read_strip(options: Mapping[str, Any], spelling: Spelling) -> None:
    content, start, stop = options["content"], options["start"], options["stop"]
    if not spelling.joined:
        spelling.steps.append(lambda piece: _stripped(piece, content, start, stop))
    elif (content, start, stop) == (" ", 1, 0):
        spelling.strips_first_space = True
    elif start or stop:
        raise CannotSpellError(f"its decoder strips {content!r} off the whole text")


def _stripped(piece: str, content: str, start: int, stop: int) -> str:
    """`piece` less at most `start` times `content` in front and `stop` times behind."""
    for _ in range(start):
        piece = piece.removeprefix(content)
    for _ in range(stop):
        piece = piece.removesuffix(content)
    return piece


def _read_fuse(options: Mapping[str, Any], spelling: Spelling) -> None:
    spelling.joined = True


_READERS = {
    "ByteLevel": _read_byte_level,
    "Metaspace": _read_metaspace,
    "Replace": _read_replace,
    "ByteFallback": _read_byte_fallback,
    "WordPiece": _read_word_piece,
    "BPEDecoder": _read_suffix,
    "Strip": _read_strip,
    "Fuse": _read_fuse,
}
_AFTER_JOINING = {"Replace", "Strip", "Fuse"}


def _parts(decoder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if decoder.get("type") != "Sequence":
        yield decoder
        return
    for part in decoder["decoders"]:
        yield from _parts(part)


def decoder_settings(tokenizer: Any) -> bytes | None:
    """The JSON of a `tokenizers` tokenizer's decoder, None without one; of one written in Python only its type."""
    if tokenizer.decoder is None:
        return None
    try:
        return tokenizer.decoder.__getstate__()
    except Exception:  # the library has no narrower one
        return b'{"type":"written in Python"}'


def read_decoder(decoder: Mapping[str, Any] | None) -> Spelling:
    """The rule that the decoder with these settings follows; `None` is a tokenizer without one.

    Raises `CannotSpellError` where the bytes of a token depend on its neighbors, and for a decoder that is not known.
    """
    spelling = Spelling()
    if decoder is None:  # the library then writes the tokens with a space between them
        spelling.steps.append(lambda piece: " " + piece)
        spelling.strips_first_space = True
        return spelling
    for part in _parts(decoder):
        kind = part.get("type")
        if kind not in _READERS:
            raise CannotSpellError(f"its decoder {kind} does not work token by token")
        if spelling.joined and kind not in _AFTER_JOINING:
            raise CannotSpellError(f"its decoder {kind} comes after the tokens are joined")
        _READERS[kind](part, spelling)
    return spelling


def processor_tokens(processor: Any) -> tuple[list[bytes | None], bool]:
    """Bytes of each piece of a `sentencepiece` processor, and whether it drops the first space of a text.

    None: control pieces ("<s>"), unused ones and the unknown piece.
    """
    tokens: list[bytes | None] = []
    for place in range(processor.get_piece_size()):
        piece = processor.id_to_piece(place)
        if processor.is_control(place) or processor.is_unknown(place) or processor.is_unused(place):
            tokens.append(None)
        elif processor.is_byte(place):
            tokens.append(_byte_fallback(piece))
        else:
            tokens.append(piece.replace(SPACE_MARK, " ").encode())
    # The processor does not say it, but decoding a piece that begins with a space shows it.
    starting = next((i for i, token in enumerate(tokens) if token and token[:1] == b" " != token), None)
    return tokens, starting is not None and not processor.decode_ids([starting]).startswith(" ")


def unknown_ids(model: Any) -> list[int]:
    """Id of the token by which the model of a `tokenizers` tokenizer replaces what it does not know, if any."""
    if hasattr(model, "unk_token"):
        found = model.token_to_id(model.unk_token) if model.unk_token else None
        return [] if found is None else [found]
    # Unigram says it in its settings alone. Quotes inside a token are escaped there, so that this is the key.
    key = re.search(rb'"unk_id":\s*(\d+)', model.__getstate__())
    return [int(key[1])] if key else []


def spell_byte_pieces(text: str) -> str:
    """`text` with runs of "<0x0A>" as the text of those bytes: slow `transformers` tokenizers write out the names."""

    def spelled(run: re.Match) -> str:
        return bytes.fromhex(re.sub("<0x|>", "", run[0])).decode(errors="replace")

    return re.sub(f"(?:{_BYTE_TOKEN.pattern})+", spelled, text)


def encoding_tokens(encoding: Any) -> list[bytes | None]:
    """Bytes of each token of a `tiktoken` encoding; None: special tokens, and ids that no token has."""
    special = {encoding.encode_single_token(token) for token in encoding.special_tokens_set}
    tokens: list[bytes | None] = []
    for place in range(encoding.n_vocab):
        try:
            token = encoding.decode_single_token_bytes(place)
        except KeyError:
            token = None
        tokens.append(None if place in special else token)
    return tokens
