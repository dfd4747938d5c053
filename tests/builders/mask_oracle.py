"""What a planning mask should be, worked out the long way round, and texts to work it out for.

The oracle decodes bytes, calls the readable `find_spans`, and projects its spans character by character; it shares
nothing with the tables and machines that it judges.
"""

import codecs
import random
from collections.abc import Sequence

from hypothesis import strategies as st

from sgram import Lexicon, find_spans

_broken: list[tuple[int, int]] = []


def _note_broken(error: UnicodeDecodeError) -> tuple[str, int]:
    _broken.append((error.start, error.end))
    return "\ufffd", error.end


codecs.register_error("sgram-tests", _note_broken)


def characters(spelled: bytes) -> list[tuple[str, int, int]]:
    """(character, first byte, end byte) of each character; bytes that are no UTF-8 make U+FFFD."""
    _broken.clear()
    text = spelled.decode("utf-8", "sgram-tests")
    broken, at, found = iter(list(_broken)), 0, []
    for character in text:
        end = at + len(character.encode())
        if character == "\ufffd" and spelled[at:end] != b"\xef\xbf\xbd":
            start, end = next(broken)
            assert start == at
        found.append((character, at, end))
        at = end
    assert at == len(spelled)
    return found


def oracle_mask(tokens: Sequence[bytes | None], lexicon: Lexicon) -> list[bool]:
    """The mask of a row: a token is in it if it holds a byte of a non-space character inside a span; None cuts."""
    mask = [False] * len(tokens)
    begin = 0
    while begin < len(tokens):
        if tokens[begin] is None:
            begin += 1
            continue
        end = begin
        while end < len(tokens) and tokens[end] is not None:
            end += 1
        found = characters(b"".join(tokens[begin:end]))
        planning = set()
        for span in find_spans("".join(character for character, _, _ in found), lexicon):
            for character, first, after in found[span.start : span.end]:
                if not character.isspace():
                    planning.update(range(first, after))
        at = 0
        for place in range(begin, end):
            mask[place] = any(byte in planning for byte in range(at, at + len(tokens[place])))
            at += len(tokens[place])
        begin = end
    return mask


class Cutter:
    """Cuts bytes into tokens of a vocabulary at random, in all the ways that the tokens allow."""

    def __init__(self, tokens: Sequence[bytes | None]):
        self.id_of = {token: place for place, token in enumerate(tokens) if token}
        self.longest = max(map(len, self.id_of))

    def cut(self, spelled: bytes, rng: random.Random, taste: float) -> list[int] | None:
        """Ids that spell `spelled`, or None; the larger `taste`, the longer the tokens."""
        ids, at = [], 0
        while at < len(spelled):
            sizes = [n for n in range(1, self.longest + 1) if spelled[at : at + n] in self.id_of]
            sizes = [n for n in sizes if at + n <= len(spelled)]
            if not sizes:
                return None
            size = max(sizes) if rng.random() < taste else rng.choice(sizes)
            ids.append(self.id_of[spelled[at : at + size]])
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
"""What may stand between two words of a gram."""
SURFACES = {"'": ["'", "’", "ʼ"], "-": ["-", "‑", "‐"]}


@st.composite
def texts(draw) -> str:
    """Texts of words, whatever may break them, and anything else."""
    parts = draw(
        st.lists(
            st.one_of(st.sampled_from(WORDS), st.sampled_from(GLUE), st.sampled_from(GLUE), st.text(max_size=3)),
            max_size=24,
        )
    )
    return "".join(parts).encode("utf-8", "ignore").decode()


@st.composite
def surfaces(draw, lexicon: Lexicon) -> str:
    """A gram of the lexicon as a text may have it, or nearly."""
    gram = draw(st.sampled_from(lexicon.grams))
    inside = draw(st.lists(st.sampled_from(INSIDE), min_size=len(gram.words), max_size=len(gram.words)))
    text = "".join(word + between for word, between in zip(gram.words, inside, strict=True))
    for plain, forms in SURFACES.items():
        text = text.replace(plain, draw(st.sampled_from(forms)))
    return draw(st.sampled_from([text, text.capitalize(), text.upper()]))


@st.composite
def cases(draw) -> tuple[Lexicon, str]:
    """A lexicon of a few grams, nested and overlapping ones among them, and a text in which they stand."""
    grams = draw(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=6))
    whole = {" ".join(gram) for gram in grams} | {" ".join(gram[:2]) for gram in grams[::2]}
    lexicon = Lexicon.from_grams(sorted(whole))
    parts = draw(st.lists(st.one_of(surfaces(lexicon), surfaces(lexicon), st.sampled_from(GLUE), texts()), max_size=8))
    return lexicon, "".join(parts)
