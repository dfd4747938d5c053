"""The bytes that single tokens spell, by the rules of each tokenizer library.

A decoder of `tokenizers` turns the tokens of a row into a text. Most decoders work token by token, so that the text is
the concatenation of the tokens' bytes; `Spelling` is that rule. The settings are the decoder's own JSON, parsed:

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
Fuse, Sequence      join the tokens; decoders one after the other
(none)              a space before each token
==================  ==============================================================================================

CTC drops repeated tokens, and a regular expression can match across tokens: these decoders have no such rule. A
`sentencepiece` processor says what each of its pieces is; a `tiktoken` encoding has the bytes themselves.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

SPACE_MARK = "▁"
"""What SentencePiece writes for a space (U+2581)."""

DecoderStep: TypeAlias = Callable[[str], str | bytes]
"""One step of a decoder. Later steps do not change a token that has become bytes."""

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class CannotSpellError(ValueError):
    """No rule gives the bytes of single tokens. The message names the decoder that prevents it."""


def _byte_level_table() -> dict[int, int]:
    """Return GPT-2's map from code points to bytes, for `str.translate`.

    Printable Latin-1 characters stand for themselves, the other 68 bytes for U+0100 and following. Latin-1 characters
    outside the map become U+FFFF.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    unprintable = [byte for byte in range(256) if byte not in printable]
    return (
        dict.fromkeys(unprintable, 0xFFFF)
        | {byte: byte for byte in printable}
        | {0x100 + index: byte for index, byte in enumerate(unprintable)}
    )


_BYTE_LEVEL = _byte_level_table()


def byte_level(token: str) -> bytes:
    """Return the bytes of a byte-level token.

    A token with a character outside GPT-2's map is its own UTF-8, as in the Rust decoder.

    >>> byte_level("Ġlet"), byte_level("…")
    (b' let', b'\\xe2\\x80\\xa6')
    """
    try:
        return token.translate(_BYTE_LEVEL).encode("latin-1")
    except UnicodeEncodeError:
        return token.encode()


@dataclass(slots=True)
class Spelling:
    """How a decoder spells single tokens: ``spelling(tokens)`` is a list of their bytes."""

    steps: list[DecoderStep] = field(default_factory=list)
    strips_first_space: bool = False
    """Whether the decoder drops one space at the start of a text."""
    moves_spaces: bool = False
    """Whether the decoder changes spaces depending on their neighbors, which no rule for single tokens can do."""
    byte_level: bool = False
    joined: bool = False
    """Whether the tokens are one text at this point, so that later decoders see across them."""

    def __call__(self, tokens: Iterable[str]) -> list[bytes]:
        spelled: list[str | bytes] = list(tokens)
        for step in self.steps:
            spelled = [token if isinstance(token, bytes) else step(token) for token in spelled]
        return [token if isinstance(token, bytes) else token.encode() for token in spelled]

    def spell_added(self, token: str) -> bytes:
        """Return the bytes of a token that was added to the vocabulary: byte-level decoders write it as plain text."""
        return token.encode() if self.byte_level else self([token])[0]


def _byte_fallback(token: str) -> str | bytes:
    match = _BYTE_TOKEN.fullmatch(token)
    return bytes([int(match[1], 16)]) if match else token


def _read_byte_level(options: Mapping[str, Any], spelling: Spelling) -> None:
    spelling.steps.append(byte_level)
    spelling.byte_level = spelling.joined = True


def _read_metaspace(options: Mapping[str, Any], spelling: Spelling) -> None:
    mark = options.get("replacement", SPACE_MARK)
    spelling.steps.append(lambda token: token.replace(mark, " "))
    spelling.strips_first_space |= options.get("prepend_scheme", "always") != "never"


def _read_replace(options: Mapping[str, Any], spelling: Spelling) -> None:
    old, new = options["pattern"].get("String"), options["content"]
    if old is None:
        raise CannotSpellError("its decoder replaces a regular expression")
    if spelling.byte_level or (spelling.joined and len(old) > 1):
        raise CannotSpellError(f"its decoder replaces {old!r} after the tokens are joined")
    spelling.steps.append(lambda token: token.replace(old, new))


def _read_byte_fallback(options: Mapping[str, Any], spelling: Spelling) -> None:
    spelling.steps.append(_byte_fallback)


def _read_word_piece(options: Mapping[str, Any], spelling: Spelling) -> None:
    prefix = options.get("prefix", "##")
    spelling.steps.append(lambda token: token.removeprefix(prefix) if token.startswith(prefix) else " " + token)
    spelling.strips_first_space = True
    spelling.moves_spaces = bool(options.get("cleanup", True))


def _read_suffix(options: Mapping[str, Any], spelling: Spelling) -> None:
    suffix = options.get("suffix", "</w>")
    spelling.steps.append(lambda token: token.replace(suffix, " "))
    spelling.moves_spaces = True  # the last token's suffix is no space


def _read_strip(options: Mapping[str, Any], spelling: Spelling) -> None:
    content, start, stop = options["content"], options["start"], options["stop"]
    if not spelling.joined:
        spelling.steps.append(lambda token: _strip(token, content, start, stop))
    elif (content, start, stop) == (" ", 1, 0):
        spelling.strips_first_space = True
    elif start or stop:
        raise CannotSpellError(f"its decoder strips {content!r} off the whole text")


def _strip(token: str, content: str, start: int, stop: int) -> str:
    """Return `token` without `content`, at most `start` times in front and `stop` times at the end."""
    for _ in range(start):
        token = token.removeprefix(content)
    for _ in range(stop):
        token = token.removesuffix(content)
    return token


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


def _flatten_decoder(decoder: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the decoders of nested sequences, in order."""
    if decoder.get("type") != "Sequence":
        yield decoder
        return
    for part in decoder["decoders"]:
        yield from _flatten_decoder(part)


def decoder_settings(tokenizer: Any) -> bytes | None:
    """Return the JSON of a `tokenizers` tokenizer's decoder, None without one; for one written in Python its type."""
    if tokenizer.decoder is None:
        return None
    try:
        settings: bytes = tokenizer.decoder.__getstate__()
    except Exception:  # the library raises Exception itself
        return b'{"type":"written in Python"}'
    return settings


def read_decoder(decoder: Mapping[str, Any] | None) -> Spelling:
    """Return the rule of the decoder with these settings; `None` is a tokenizer without a decoder.

    Raise `CannotSpellError` if the bytes of a token depend on its neighbors, or if the decoder is unknown.

    >>> read_decoder({"type": "WordPiece", "prefix": "##"})(["let", "##s"])
    [b' let', b's']
    """
    spelling = Spelling()
    if decoder is None:  # the library then writes the tokens with a space between them
        spelling.steps.append(lambda token: " " + token)
        spelling.strips_first_space = True
        return spelling
    for part in _flatten_decoder(decoder):
        kind = part.get("type")
        if kind not in _READERS:
            raise CannotSpellError(f"its decoder {kind} does not work token by token")
        if spelling.joined and kind not in _AFTER_JOINING:
            raise CannotSpellError(f"its decoder {kind} comes after the tokens are joined")
        _READERS[kind](part, spelling)
    return spelling


def processor_tokens(processor: Any) -> tuple[list[bytes | None], bool]:
    """Return the bytes of each piece of a `sentencepiece` processor, and whether it drops the first space of a text.

    None: control pieces ("<s>"), unused pieces and the unknown piece.
    """
    tokens: list[bytes | None] = []
    for token_id in range(processor.get_piece_size()):
        piece = processor.id_to_piece(token_id)
        if processor.is_control(token_id) or processor.is_unknown(token_id) or processor.is_unused(token_id):
            tokens.append(None)
            continue
        spelled = _byte_fallback(piece) if processor.is_byte(token_id) else piece.replace(SPACE_MARK, " ")
        tokens.append(spelled if isinstance(spelled, bytes) else spelled.encode())
    # The processor has no setting for it, but decoding a piece that begins with a space shows it.
    starting = next((token_id for token_id, token in enumerate(tokens) if token and token[:1] == b" " != token), None)
    return tokens, starting is not None and not processor.decode_ids([starting]).startswith(" ")


def unknown_ids(model: Any) -> list[int]:
    """Return the id of the unknown token of the model of a `tokenizers` tokenizer, as a list of at most one."""
    if hasattr(model, "unk_token"):
        token_id = model.token_to_id(model.unk_token) if model.unk_token else None
        return [] if token_id is None else [token_id]
    # Unigram has it only in its settings. Quotes inside a token are escaped there, so this matches the key only.
    match = re.search(rb'"unk_id":\s*(\d+)', model.__getstate__())
    return [int(match[1])] if match else []


def spell_byte_pieces(text: str) -> str:
    """Replace runs of "<0x0A>" in `text` by the text of those bytes; slow `transformers` tokenizers write the names.

    >>> spell_byte_pieces("caf<0xC3><0xA9>")
    'café'
    """

    def decode_run(match: re.Match[str]) -> str:
        return bytes.fromhex(re.sub("<0x|>", "", match[0])).decode(errors="replace")

    return re.sub(f"(?:{_BYTE_TOKEN.pattern})+", decode_run, text)


def encoding_tokens(encoding: Any) -> list[bytes | None]:
    """Return the bytes of each token of a `tiktoken` encoding; None: special tokens, and ids without a token."""
    special_ids = {encoding.encode_single_token(token) for token in encoding.special_tokens_set}
    tokens: list[bytes | None] = []
    for token_id in range(encoding.n_vocab):
        try:
            token = encoding.decode_single_token_bytes(token_id)
        except KeyError:
            token = None
        tokens.append(None if token_id in special_ids else token)
    return tokens
