"""An independent implementation of planning masks, and texts to compare it on.

The oracle decodes bytes, calls the reference `find_spans`, and projects its spans character by character. It shares no
code with the tables and machines that it checks.
"""

import codecs
import random
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from hypothesis import strategies as st

from sgram import Lexicon, find_spans
from sgram.lexicon import SentenceScorerLike
from sgram.tagging.spans import MaskKind

_invalid_ranges: list[tuple[int, int]] = []


def _note_invalid_range(error: UnicodeDecodeError) -> tuple[str, int]:
    _invalid_ranges.append((error.start, error.end))
    return "\ufffd", error.end


codecs.register_error("sgram-tests", _note_invalid_range)


def characters(text_bytes: bytes) -> list[tuple[str, int, int]]:
    """Return (character, first byte, end byte) of each character; invalid UTF-8 is U+FFFD."""
    _invalid_ranges.clear()
    text = text_bytes.decode("utf-8", "sgram-tests")
    invalid_ranges, begin, triples = iter(list(_invalid_ranges)), 0, []
    for character in text:
        end = begin + len(character.encode())
        if character == "\ufffd" and text_bytes[begin:end] != b"\xef\xbf\xbd":
            start, end = next(invalid_ranges)
            assert start == begin
        triples.append((character, begin, end))
        begin = end
    assert begin == len(text_bytes)
    return triples


def is_white(character: str) -> bool:
    """Whether docs/tagging.md calls a character white space: a separator of Unicode (category Zs), tab, CR or LF."""
    return character in "\t\r\n" or unicodedata.category(character) == "Zs"


def oracle_mask(
    tokens: Sequence[bytes | None],
    lexicon: Lexicon,
    mask_kind: MaskKind = "grams",
    scorer: SentenceScorerLike = "sgram",
) -> list[bool]:
    """Return the mask of a row: whether a token has a byte of a non-space character inside a span; None ends a text."""
    mask = [False] * len(tokens)
    begin = 0
    while begin < len(tokens):
        if tokens[begin] is None:
            begin += 1
            continue
        end = begin
        while end < len(tokens) and tokens[end] is not None:
            end += 1
        planning = _planning_bytes(b"".join(tokens[begin:end]), lexicon, mask_kind, scorer)
        first_byte = 0
        for index in range(begin, end):
            end_byte = first_byte + len(tokens[index])
            mask[index] = any(byte in planning for byte in range(first_byte, end_byte))
            first_byte = end_byte
        begin = end
    return mask


@lru_cache(maxsize=32)
def _planning_bytes(
    text_bytes: bytes, lexicon: Lexicon, mask_kind: MaskKind, scorer: SentenceScorerLike
) -> frozenset[int]:
    """Return the positions of the bytes of non-space characters inside a span; a text is cut in many ways."""
    triples = characters(text_bytes)
    planning: set[int] = set()
    for span in find_spans("".join(character for character, _, _ in triples), lexicon, mask_kind, scorer):
        for character, first, after in triples[span.start : span.end]:
            if not is_white(character):
                planning.update(range(first, after))
    return frozenset(planning)


class Cutter:
    """Splits bytes into tokens of a vocabulary at random, in every way that the tokens allow."""

    def __init__(self, tokens: Sequence[bytes | None]):
        self.token_ids = {token: token_id for token_id, token in enumerate(tokens) if token}
        self.max_length = max(map(len, self.token_ids))
        self._text_bytes, self._sizes = b"", {}

    def sizes(self, text_bytes: bytes, at: int) -> list[int]:
        """Return the lengths of the tokens that begin at a byte, ascending; kept for the text asked for last."""
        if text_bytes != self._text_bytes:
            self._text_bytes, self._sizes = text_bytes, {}
        if at not in self._sizes:
            longest = min(self.max_length, len(text_bytes) - at)
            self._sizes[at] = [n for n in range(1, longest + 1) if text_bytes[at : at + n] in self.token_ids]
        return self._sizes[at]

    def cut(self, text_bytes: bytes, rng: random.Random, longest_share: float) -> list[int] | None:
        """Return ids that spell `text_bytes`, or None; with probability `longest_share` the longest token is taken."""
        ids, at = [], 0
        while at < len(text_bytes):
            sizes = self.sizes(text_bytes, at)
            if not sizes:
                return None
            size = sizes[-1] if rng.random() < longest_share else rng.choice(sizes)
            ids.append(self.token_ids[text_bytes[at : at + size]])
            at += size
        return ids


WORDS = [
    "wait",
    "let",
    "me",
    "let's",
    "let’s",
    "double-check",
    "double‑check",
    "so",
    "we",
    "can",
    "use",
    "the",
    "fact",
    "that",
    "that's",
    "Hmm",
    "WAIT",
    "naïve",
    "idea",
    "é",
    "ça",
    "x",
    "n",
    "a",
    "I",
    "another",
    "approach",
    "再想",
    "straightforwardly",
    "counterrevolutionaries",
    "wait-and-see",
    "o'clock's",
    "don't",
    "сумма",
]
GLUE = [
    " ",
    " ",
    " ",
    " ",
    " ",
    ", ",
    ",",
    " - ",
    "—",
    "–",
    "-",
    "--",
    "’",
    "'",
    "''",
    '"',
    "“",
    "” ",
    " (",
    ") ",
    "*",
    "**",
    ": ",
    ". ",
    ".",
    "? ",
    "! ",
    "; ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    "  ",
    "1",
    " 2 ",
    "x1",
    "_",
    "\\",
    " \\",
    "<",
    ">",
    "/",
    "</think>",
    "<think>",
    "=",
    "+",
    "…",
    "²",
    "½",
    "\u00a0",
    "\u3000",
    "\u2009",
    "\u200b",
    "\ufeff",
    "\u0301",
    "🤔",
    "👍🏽",
    "，",
    "。",
    "「",
    "\u202e",
    "\x00",
    "\x7f",
    "\u0085",
    "\u2028",
    "𝑥",
    "\ufffd",
    "",
    "\u1680",
    "\U000e0001",
    "\U0010ffff",
    "\u05be",
    "٣",
    "\u00ad",
]


INSIDE = [
    " ",
    " ",
    ", ",
    "\u00a0",
    "\u3000",
    "\u2009 ",
    "—",
    "\u200b",
    " “",
    "''",
    " - ",
    "*",
    "\u0020\u00a0",
    "，",
    "\r",
]
"""What can be between two words of a gram."""
SURFACES = {"'": ["'", "’", "ʼ"], "-": ["-", "‑", "‐"]}


@st.composite
def texts(draw) -> str:
    """Texts of words, of characters that can split them, and of anything else."""
    parts = draw(
        st.lists(
            st.one_of(st.sampled_from(WORDS), st.sampled_from(GLUE), st.sampled_from(GLUE), st.text(max_size=3)),
            max_size=24,
        )
    )
    return "".join(parts).encode("utf-8", "ignore").decode()


@st.composite
def surfaces(draw, lexicon: Lexicon) -> str:
    """A gram of the lexicon as a text can contain it, or nearly."""
    gram = draw(st.sampled_from(lexicon.grams))
    inside = draw(st.lists(st.sampled_from(INSIDE), min_size=len(gram.words), max_size=len(gram.words)))
    text = "".join(word + between for word, between in zip(gram.words, inside, strict=True))
    for plain, forms in SURFACES.items():
        text = text.replace(plain, draw(st.sampled_from(forms)))
    return draw(st.sampled_from([text, text.capitalize(), text.upper()]))


@st.composite
def cases(draw) -> tuple[Lexicon, str]:
    """A lexicon of a few grams, some nested or overlapping, and a text that contains them."""
    grams = draw(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=6))
    phrases = {" ".join(gram) for gram in grams} | {" ".join(gram[:2]) for gram in grams[::2]}
    lexicon = Lexicon.from_grams(sorted(phrases))
    parts = draw(st.lists(st.one_of(surfaces(lexicon), surfaces(lexicon), st.sampled_from(GLUE), texts()), max_size=8))
    return lexicon, "".join(parts)
