"""How others mark planning tokens, restated from what their code is described to do. Knows nothing about our tagger.

A rule is built from the grams (words in normal form, one space between them) and what it needs of a tokenizer;
called with rows of token ids it gives one bool array a row.

- `IdSequences` over `id_sequences`: every occurrence of a gram's own token ids; bare, or with a leading space, or
  also with a capital first letter.
- `WindowRegex`: from each token on, windows that grow to `width` tokens, each the tokens' stripped texts with one space
  between them, searched case-insensitively; the first window with a gram in it is marked whole.
- `DecodeSearchEncode`: decode a row, search its text with one alternation, encode the text again for offsets.
- `ByteRegex`: the exact rule of `sgram.text` as one regular expression over the bytes of the tokens.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby

import numpy as np

from sgram.text import APOSTROPHE, DIGIT, ESCAPE, HYPHEN, LETTER, PASS, character_class

Rows = Sequence[Sequence[int]]
Rule = Callable[[Rows], list[np.ndarray]]

_BLANK = np.isin(np.arange(256), list(b" \t\r\n"))
_WIDE_BLANK = re.compile(rb"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe2\x81\x9f|\xe3\x80\x80")


def id_sequences(
    grams: Iterable[str], encode: Callable[[str], Sequence[int]], *, spaced: bool = False, capital: bool = False
) -> set[tuple[int, ...]]:
    """Token ids of the grams, and of their variants with a leading space and a capital first letter."""
    found = set()
    for gram in grams:
        forms = {gram, gram[:1].upper() + gram[1:]} if capital else {gram}
        for form in forms:
            found.add(tuple(encode(form)))
            if spaced:
                found.add(tuple(encode(f" {form}")))
    return found - {()}


class IdSequences:
    """Marks every occurrence of `sequences`, overlapping ones too; a trie, so that their number hardly matters."""

    def __init__(self, sequences: Iterable[Sequence[int]]) -> None:
        self._trie: dict = {}
        for sequence in sequences:
            node = self._trie
            for token in sequence:
                node = node.setdefault(token, {})
            node[None] = True

    def __call__(self, rows: Rows) -> list[np.ndarray]:
        return [_covered(self._found(list(row)), len(row)) for row in rows]

    def _found(self, row: list[int]) -> list[tuple[int, int]]:
        """The longest sequence at each place; a shorter one that begins there lies inside it."""
        found = []
        trie, length = self._trie, len(row)
        for start, token in enumerate(row):
            node, at, end = trie.get(token), start + 1, 0
            while node is not None:
                if None in node:
                    end = at
                node = node.get(row[at]) if at < length else None
                at += 1
            if end:
                found.append((start, end))
        return found


class WindowRegex:
    """The sliding window; `pieces` are the tokens as the tokenizer shows them (``Ġlet``), ``None`` for no such id.

    Widening a window keeps what it holds, so the first window with a gram is found from the earliest end among
    all occurrences that begin at or after its start: one search a row instead of one a window.
    """

    def __init__(self, grams: Sequence[str], pieces: Sequence[str | None], width: int = 5) -> None:
        self.width = max(width, *(len(gram.split(" ")) for gram in grams))
        shortest_first = sorted(grams, key=lambda gram: (len(gram), gram))
        self._pattern = re.compile(rf"(?=(\b(?:{_alternation(shortest_first)})\b))", re.IGNORECASE)
        self._pieces = [(piece or "").replace("\u2581", " ").replace("Ġ", " ").strip() for piece in pieces]

    def __call__(self, rows: Rows) -> list[np.ndarray]:
        return [self._mask(row) for row in rows]

    def _mask(self, row: Sequence[int]) -> np.ndarray:
        pieces = [self._pieces[token] for token in row]
        filled = [place for place, piece in enumerate(pieces) if piece]
        ends = list(accumulate(len(pieces[place]) + 1 for place in filled))  # ends of "piece "
        text = " ".join(pieces[place] for place in filled)
        matches = [(match.start(1), match.end(1) - 1) for match in self._pattern.finditer(text)]
        places = np.searchsorted(ends, np.array(matches, dtype=np.int64).reshape(-1, 2), side="right")
        firsts, lasts = np.array([*filled, 0])[places].T
        nearest = np.full(len(row) + 1, len(row) + self.width)
        np.minimum.at(nearest, firsts, lasts)
        nearest = np.minimum.accumulate(nearest[::-1])[::-1][:-1]
        starts = np.flatnonzero(nearest - np.arange(len(row)) < self.width)
        return _covered(np.stack([starts, nearest[starts] + 1], axis=1), len(row))


class DecodeSearchEncode:
    """Decode, search, encode again for offsets; `tokenizer` is a ``tokenizers.Tokenizer``."""

    def __init__(self, grams: Sequence[str], tokenizer) -> None:
        self._tokenizer = tokenizer
        longest_first = sorted(grams, key=lambda gram: (-len(gram), gram))
        self._pattern = re.compile(rf"\b(?:{_alternation(longest_first)})\b", re.IGNORECASE)

    def __call__(self, rows: Rows) -> list[np.ndarray]:
        return self.aligned(rows)[0]

    def aligned(self, rows: Rows) -> tuple[list[np.ndarray], list[bool]]:
        """Masks, and whether encoding gave a row's own ids again; if not, the mask is cut or padded to its length."""
        texts = self._tokenizer.decode_batch(rows, skip_special_tokens=False)
        masks, same = [], []
        encoded = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        for row, text, encoding in zip(rows, texts, encoded, strict=True):
            marked = _covered([match.span() for match in self._pattern.finditer(text)], len(text))
            held = np.concatenate([[0], np.cumsum(marked)])
            offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
            mask = held[offsets[:, 1]] > held[offsets[:, 0]]
            masks.append(np.pad(mask[: len(row)], (0, max(0, len(row) - len(mask)))))
            same.append(encoding.ids == list(row))
        return masks, same


class ByteRegex:
    """The exact rule as a regular expression; equal to `find_spans` on the decoded text, projected by bytes.

    `tokens` are the bytes behind each id, None for ids that hold no text. Before the search, case is folded and every
    character that is not ASCII is replaced by as many bytes of its class, so that the expression stays small.
    `plain` writes the grams one after the other; otherwise those that begin alike share their beginning.
    """

    def __init__(self, grams: Iterable[str], tokens: Sequence[bytes | None], *, plain: bool = False) -> None:
        self._tokens = [b"\n" if token is None else token for token in tokens]
        self._lengths = np.array([len(token) for token in self._tokens], dtype=np.int64)
        symbols = [_symbols(gram) for gram in grams]
        source = _plain(symbols) if plain else _grouped(symbols)
        self._pattern = re.compile(source, re.DOTALL)

    def __call__(self, rows: Rows) -> list[np.ndarray]:
        flat = np.fromiter((token for row in rows for token in row), dtype=np.int64)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        joined = [b"\n" + b"".join([self._tokens[token] for token in row]) for row in rows]
        data = b"".join(joined) + b"\n"
        extra = np.zeros(len(flat) + 1, dtype=np.int64)  # the newline before each row
        np.add.at(extra, np.cumsum(lengths) - lengths, 1)
        starts = np.cumsum(np.concatenate([[0], self._lengths[flat]]) + extra)
        marked = _covered(self.spans(data), len(data)) & ~blank_bytes(data)
        held = np.concatenate([[0], np.cumsum(marked)])
        ends = starts[:-1] + self._lengths[flat]
        return np.split(held[ends] > held[starts[:-1]], np.cumsum(lengths)[:-1]) if len(rows) else []

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Byte offsets of the longest gram at each place; a newline must stand at both ends of `data`."""
        folded = _NOT_ASCII.sub(_folded, data.lower())
        return [(found.start(), found.end(found.lastindex)) for found in self._pattern.finditer(folded)]


def blank_bytes(data: bytes) -> np.ndarray:
    """Which bytes belong to a space or line break, as far as a mask is concerned."""
    blank = _BLANK[np.frombuffer(data, dtype=np.uint8)]
    for found in _WIDE_BLANK.finditer(data):
        blank[found.start() : found.end()] = True
    return blank


def _covered(spans, length: int) -> np.ndarray:
    """Bool (length,): inside any of the half-open spans."""
    spans = np.array(spans, dtype=np.int64).reshape(-1, 2)
    opened = np.bincount(spans[:, 0], minlength=length + 1) - np.bincount(spans[:, 1], minlength=length + 1)
    return np.cumsum(opened[:length]) > 0


def _alternation(grams: Iterable[str]) -> str:
    return "|".join(re.escape(gram).replace(r"\ ", r"\s+") for gram in grams)


# The exact rule. After folding, bytes are: a-z and 0x80-0xFE letters; 0-9 _ digits; \ < / escapes; ' and - with
# 0xFF after them for the rest of a wide one; the rest as `sgram.text` has it, wide ones as several of their kind.
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_STANDS_FOR = {DIGIT: b"0", ESCAPE: b"\\", PASS: b" "}
_LETTER = rb"a-z\x80-\xfe"
_JOIN = rb"['\-]\xff*+"
_GAP = rb"(?:[ \t\r,:\"`()\[\]{}*]|" + _JOIN + rb"(?![" + _LETTER + rb"]))[ \t\r,:\"`()\[\]{}*'\-\xff]*+"
# Looks back over the first byte of a word, which has been read already: that byte is what an engine seeks fast.
_BEGINS = b"".join(rb"(?<![" + _LETTER + rb"]['\-]" + wide + rb".)" for wide in (b"", rb"\xff", rb"\xff\xff"))
_BEGINS = rb"(?<![" + _LETTER + rb"0-9_\\</].)" + _BEGINS
_ENDS = rb"(?![" + _LETTER + rb"0-9_]|" + _JOIN + rb"[" + _LETTER + rb"])"
_SYMBOLS = {" ": _GAP, "'": rb"'\xff*+", "-": rb"-\xff*+"}


def _folded(found: re.Match[bytes]) -> bytes:
    """A run of bytes that are not ASCII, each replaced by what its character is to the rule."""
    run, kept, at = found[0], [], 0
    while at < len(run):
        width = 2 if run[at] < 0xE0 else 3 if run[at] < 0xF0 else 4
        surface = run[at : at + width]
        try:
            kind = character_class(surface.decode())
        except UnicodeDecodeError:
            kept.append(b"\n")
            at += 1
            continue
        at += width
        if kind == LETTER:
            kept.append(surface)
        elif kind in (APOSTROPHE, HYPHEN):
            kept.append((b"'" if kind == APOSTROPHE else b"-").ljust(width, b"\xff"))
        else:
            kept.append(_STANDS_FOR.get(kind, b"\n") * width)
    return b"".join(kept)


def _symbols(gram: str) -> tuple[bytes, ...]:
    """A gram as expressions, one a byte, a connector or a gap."""
    found: list[bytes] = []
    for character in gram:
        special = _SYMBOLS.get(character)
        found += [special] if special else [re.escape(bytes([byte])) for byte in character.encode()]
    return tuple(found)


def _plain(symbols: Sequence[tuple[bytes, ...]]) -> bytes:
    """One alternative a gram, those of more words first, inside a lookahead: an occurrence consumes nothing."""
    ranked = sorted(symbols, key=lambda gram: (-gram.count(_GAP), -len(gram), gram))
    grams = b"|".join(b"".join(gram) for gram in ranked)
    behind = _BEGINS.replace(rb".)", b")")
    return behind + rb"(?=((?:" + grams + rb")" + _ENDS + rb"))"


def _grouped(symbols: Sequence[tuple[bytes, ...]]) -> bytes:
    """A branch a first byte, and below it a tree of what follows, longer paths first."""
    branches = []
    for first, alike in groupby(sorted(set(symbols)), key=lambda gram: gram[0]):
        rest = [gram[1:] for gram in alike]
        branches.append(first + _BEGINS + rb"(?=(" + _tree(rest) + _ENDS + rb"))")
    return b"|".join(branches)


def _tree(paths: list[tuple[bytes, ...]]) -> bytes:
    """Expression of sorted `paths` in which those that begin alike share their beginning."""
    source = b""
    while len(paths) > 1 or paths[0]:
        if paths[0] and paths[0][0] == paths[-1][0]:
            source += paths[0][0]
            paths = [path[1:] for path in paths]
            continue
        return source + rb"(?:" + b"|".join(_branches(paths)) + rb")"
    return source


def _branches(paths: list[tuple[bytes, ...]]) -> Iterator[bytes]:
    """Alternatives of paths that do not all begin alike; that nothing follows is the last."""
    ended = not paths[0]
    for first, alike in groupby(paths[1:] if ended else paths, key=lambda path: path[0]):
        yield first + _tree([path[1:] for path in alike])
    if ended:
        yield b""
