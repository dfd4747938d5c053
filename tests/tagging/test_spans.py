"""Occurrences of grams in a text: by hand, compared with a search by regular expressions, and at random."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.tagging.spans import Span, find_spans, remove_overlaps
from sgram.text import gram_words
from tests.builders.paths import ROOT


def find_surfaces(text: str, *grams: str) -> list[str]:
    """Return the characters of `text` in each span of `grams`."""
    return [text[span.start : span.end] for span in find_spans(text, Lexicon.from_grams(grams))]


# -- where a gram occurs, by hand -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        # case
        ("WAIT, Let ME see", "WAIT, Let ME"),
        # passed over between two words: spaces, commas, colons, dashes, quotes, brackets, asterisks, CR
        ("so wait let me", "wait let me"),
        ("wait , let: me", "wait , let: me"),
        ("wait—let – me", "wait—let – me"),
        ("wait - let -- me", "wait - let -- me"),
        ('wait "let" `me`', 'wait "let" `me'),
        ("wait “let” ‘me’", "wait “let” ‘me"),
        ("wait (let) [me] {x}", "wait (let) [me"),
        ("**wait** let *me*", "wait** let *me"),
        ("wait\tlet\rme", "wait\tlet\rme"),
        ("wait\u00a0let\u2009me", "wait\u00a0let\u2009me"),
        # marks of zero width: zero-width space, joiner, right-to-left mark, variation selector, BOM
        ("wait\u200blet\u200dme", "wait\u200blet\u200dme"),
        ("wait\u200flet \ufe0fme\ufeff", "wait\u200flet \ufe0fme"),
        # full-width and CJK commas and quotes
        ("等等，wait、let「me」", "wait、let「me"),
        # an apostrophe or hyphen that is not between two letters is passed over
        ("'wait' let- -me-", "wait' let- -me"),
        ("wait'' let '' me", "wait'' let '' me"),
    ],
)
def test_a_gram_is_found_with_any_gap_between_its_words(text, surface):
    assert find_surfaces(text, "wait let me") == [surface]


@pytest.mark.parametrize(
    "end", [*".?!;\n0_=+$%&@|~^#>\\</²½", "…", "。", "？", "！", "；", "😀", "×", "→", "≤", "\u2028", "\x00", "\ufffd"]
)
def test_a_sentence_end_between_two_words_separates_them(end):
    assert find_surfaces(f"wait {end} let me", "wait let", "let me", "wait") == ["wait", "let me"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\r", " \n ", "\n\n"])
def test_a_line_end_is_a_sentence_end_and_a_lone_carriage_return_is_not(line_end):
    assert find_surfaces(f"wait{line_end}let me", "wait let", "let me") == ["let me"]
    assert find_surfaces("wait\rlet me", "wait let", "let me") == ["wait\rlet", "let me"]


@pytest.mark.parametrize(
    "text",
    [
        r"\wait",
        r"\frac\wait",
        "<wait>",
        "</wait>",
        "a/wait",
        "wait1",
        "1wait",
        "wait_x",
        "x_wait",
        "wait²",
        "x2wait",
        "wait0.5",
        "wait__",
        "awaiting",
        "waits",
        "wait's",
        "re-wait",
        "wait-list",
        "wait’s",
        "wait‑list",
        "o'wait",
        "waité",
        "éwait",
        "wait\u0301",
        "等等wait",
        "waitは",
        "שwait",
        "ｗait",
        "wаit",  # the last has a Cyrillic а
        "ＷＡＩＴ",
        "w a i t",
        "wai t",
        "wa-it",
        "",
    ],
)
def test_no_gram_is_found_in_code_markup_or_a_longer_word(text):
    assert find_surfaces(text, "wait") == []


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("<think>wait</think>", 7),  # the tag's name is no word, what stands inside is
        (r"$\frac{wait}{2}$", 7),
        (r"\( wait \)", 3),
        ("x=wait", 2),
        ("wait.", 0),
        ("...wait", 3),
        ("\ufeffwait", 1),
        ("😀wait😀", 1),  # offsets count characters, so an emoji is one
        ("👩\u200d👩\u200d👧 wait", 6),  # three emoji and two joiners, a space
        ("等等 wait", 3),
        ("שלום wait", 5),
        ("\u202bwait\u202c", 1),  # marks of writing direction
        ("e\u0301 wait", 3),
        ("１ wait", 2),  # a full-width digit, which does not touch the word
        ("-wait-", 1),
        ("'wait'", 1),
        ("wait/2", 0),  # a slash ends the sentence; only the word after it is lost
        ("wait\\", 0),
        ("wait<br>", 0),
    ],
)
def test_a_gram_is_found_beside_markup_symbols_and_other_scripts(text, start):
    (span,) = find_spans(text, Lexicon.from_grams(["wait"]))
    assert (span.start, span.end) == (start, start + 4)


@pytest.mark.parametrize("apostrophe", "'’‘‛´ʼ＇")
def test_every_form_of_the_apostrophe_is_the_same(apostrophe):
    text = f"So let{apostrophe}s see"
    assert find_surfaces(text, "let's see") == [f"let{apostrophe}s see"]
    assert find_surfaces(text, "let’s see") == [f"let{apostrophe}s see"]
    assert find_surfaces(text, "let", "s", "lets see") == []


@pytest.mark.parametrize("hyphen", "-‐‑－")
def test_every_form_of_the_hyphen_is_the_same(hyphen):
    text = f"I double{hyphen}check it"
    assert find_surfaces(text, "double-check") == [f"double{hyphen}check"]
    assert find_surfaces(text, "double", "check", "check it") == []
    assert find_surfaces(f"double {hyphen} check", "double-check", "double check") == [f"double {hyphen} check"]


def test_case_is_folded_in_ascii_only():
    assert find_surfaces("Été été ÉTÉ", "été") == ["été"]
    assert find_surfaces("Été", "Été") == ["Été"]
    assert find_surfaces("\u212aept", "kept") == []  # the sign of Kelvin is no k


def test_a_word_with_a_combining_mark_is_another_word():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert find_surfaces(f"{composed} {decomposed}", composed) == [composed]
    assert find_surfaces(f"{composed} {decomposed}", decomposed) == [decomposed]


def test_grams_of_other_scripts_are_found():
    assert find_surfaces("שלום, עולם", "שלום עולם") == ["שלום, עולם"]
    assert find_surfaces("等等，让我看看。", "等等 让我看看") == ["等等，让我看看"]


def test_a_text_without_a_gram_has_no_span():
    for text in ("", " ", "\n", "let me", "?!", "'", "12", "\\"):
        assert find_surfaces(text, "wait") == []


def test_a_gram_may_be_the_whole_text_or_stand_at_either_end():
    assert find_surfaces("wait", "wait") == ["wait"]
    assert find_surfaces("wait then wait", "wait") == ["wait", "wait"]
    assert find_surfaces("let me check", "let me", "me check", "let me check") == ["let me check", "let me", "me check"]


def test_a_gram_cut_by_the_end_of_the_text_is_not_found():
    assert find_surfaces("so let me", "let me check", "me check") == []


def test_the_six_words_of_the_longest_gram_are_found():
    text = "a b c d e f g"
    assert find_surfaces(text, "a b c d e f", "b c d e f g") == ["a b c d e f", "b c d e f g"]


def test_every_occurrence_is_given_nested_and_overlapping_ones_too():
    # starts: so 0, let 3, me 7, check 10, if 16; of those that start together the longest first
    text = "so let me check if"
    grams = ["so let", "let me check", "let", "let me", "me", "check if", "check"]
    spans = find_spans(text, Lexicon.from_grams(grams))
    assert [(span.start, span.end) for span in spans] == [(0, 6), (3, 15), (3, 9), (3, 6), (7, 9), (10, 18), (10, 15)]


def test_a_gram_that_overlaps_itself_is_found_each_time():
    assert find_surfaces("no no no", "no no") == ["no no", "no no"]


def test_a_span_carries_the_move_the_cluster_and_the_gram():
    waits = Cluster(0, (Gram(("wait",)), Gram(("hold", "on"))), 7, "wait", "backtracking")
    checks = Cluster(0, (Gram(("let", "me", "check")),), 9, "let me check", "verification")
    lexicon = Lexicon.build("made", [waits, checks], {})  # by df: the checks are cluster 0, the waits cluster 1
    # "Hold — on" 0-9, "LET me check" 12-24
    assert find_spans("Hold — on…: LET me check", lexicon) == [
        Span(0, 9, "backtracking", 1, "hold on"),
        Span(12, 24, "verification", 0, "let me check"),
    ]


def test_pruned_grams_are_found_too():
    pruned = Cluster(0, (Gram(("wait",)), Gram(("hold", "on"), core=False)), None, "wait", "other")
    spans = find_spans("hold on", Lexicon.build("made", [pruned], {}))
    assert [span.gram for span in spans] == ["hold on"]


def test_a_span_is_a_value():
    span = Span(0, 4, "other", 2, "wait a bit")
    assert span == Span(0, 4, "other", 2, "wait a bit")
    assert len({span, Span(0, 4, "other", 2, "wait a bit")}) == 1
    assert span.n_words == 3
    assert sorted([Span(4, 5, "other"), Span(0, 9, "other"), Span(0, 4, "other")])[0] == Span(0, 4, "other")
    with pytest.raises(AttributeError):
        span.start = 1


TABLE = re.findall(
    r"^\| `(.+?)` \| `(.+?)` \| (yes|no) \|", (ROOT / "docs" / "tagging.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_the_table_in_the_documentation_is_right():
    assert len(TABLE) >= 15
    for text, gram, is_found in TABLE:
        text = text.replace("\\r", "\r").replace("\\n", "\n")  # escaped in the table
        assert bool(find_surfaces(text, gram)) == (is_found == "yes"), text


# -- compared with a search by regular expressions, written from the rules alone ------------------------

LETTER, APOSTROPHE, HYPHEN = "[A-Za-z]", "['‘’]", "[-‐‑]"
CONNECTOR = "['‘’‐‑-]"
# passed over: the listed characters, and a connector that is not between two letters
BETWEEN = rf"(?:[ \t\r,:\"`()\[\]{{}}*–—“”]|{CONNECTOR}(?!{LETTER})|(?<!{LETTER}){CONNECTOR})+"
# no letter before or after, also none joined by a connector; no digit or underscore on either side, no escape before
OPENING = rf"(?<![A-Za-z0-9_\\</])(?<!{LETTER}{CONNECTOR})"
CLOSING = rf"(?![A-Za-z0-9_])(?!{CONNECTOR}{LETTER})"


def search_by_regex(text: str, grams: set[str]) -> set[tuple[int, int, str]]:
    """Return (start, end, gram) of every occurrence, by one regular expression per gram; ASCII and curly quotes."""
    occurrences = set()
    for gram in grams:
        words = [word.replace("'", APOSTROPHE).replace("-", HYPHEN) for word in gram.split(" ")]
        pattern = rf"(?=({OPENING}{BETWEEN.join(words)}{CLOSING}))"
        for match in re.finditer(pattern, text, re.IGNORECASE | re.ASCII):
            occurrences.add((match.start(1), match.end(1), gram))
    return occurrences


PIECES = [
    "wait",
    "Wait",
    "let",
    "LET",
    "me",
    "a",
    "let's",
    "let’s",
    "re-do",
    "re‑do",
    "don''t",
    "me-",
    "-a",
    "'a",
    "a'",
    " ",
    " ",
    " ",
    ", ",
    ",",
    ":",
    "—",
    "–",
    "“",
    "”",
    '"',
    "(",
    ")",
    "*",
    "`",
    "[",
    "{",
    "\t",
    "\r",
    ".",
    "?",
    ";",
    "\n",
    "\r\n",
    "=",
    "+",
    "$",
    "%",
    ">",
    "#",
    "1",
    "_",
    "x1",
    "f_",
    "\\",
    "\\frac",
    "<",
    "</",
    "/",
    "<think>",
    "'",
    "’",
    "‘",
    "-",
    "‐",
    "--",
    "''",
]
texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
phrases = st.lists(st.sampled_from(["wait", "let", "me", "a", "let's", "re-do", "don", "t"]), min_size=1, max_size=6)
grams = st.sets(phrases.map(" ".join), min_size=1, max_size=12)


@given(texts, grams)
def test_the_spans_are_those_of_a_search_by_regular_expressions(text, grams):
    spans = find_spans(text, Lexicon.from_grams(grams))
    assert {(span.start, span.end, span.gram) for span in spans} == search_by_regex(text, grams)
    assert len(set(spans)) == len(spans)
    assert spans == sorted(spans, key=lambda span: (span.start, -span.n_words))


def test_the_search_by_regular_expressions_finds_what_a_reader_finds():
    text = "Wait — let’s re‑do: \\let me; x1 let me"
    assert search_by_regex(text, {"wait let's re-do", "let me", "wait"}) == {
        (0, 18, "wait let's re-do"),
        (0, 4, "wait"),
        (32, 38, "let me"),
    }


TRICKY = [
    *PIECES,
    "é",
    "É",
    "e\u0301",
    "等",
    "。",
    "，",
    "😀",
    "\u200f",
    "ש",
    "\u00a0",
    "²",
    "…",
    "ｗ",
    "\ud800",
    "\U0001d44e",
]
any_texts = st.lists(st.sampled_from(TRICKY) | st.text(max_size=3), max_size=30).map("".join)


@given(any_texts, grams)
def test_the_text_under_a_span_normalizes_to_its_gram(text, grams):
    for span in find_spans(text, Lexicon.from_grams(grams)):
        assert " ".join(gram_words(text[span.start : span.end])) == span.gram
        assert span.gram in grams


@given(any_texts, any_texts, grams)
def test_a_line_feed_separates_two_texts(first, second, grams):
    lexicon = Lexicon.from_grams(grams)
    moved = [
        Span(span.start + len(first) + 1, span.end + len(first) + 1, span.label, span.cluster, span.gram)
        for span in find_spans(second, lexicon)
    ]
    assert find_spans(f"{first}\n{second}", lexicon) == find_spans(first, lexicon) + moved


# -- what is displayed ------------------------------------------------------------------------------


def displayed_grams(text: str, *grams: str) -> list[str]:
    return [span.gram for span in remove_overlaps(find_spans(text, Lexicon.from_grams(grams)))]


def test_the_gram_with_the_most_words_stays():
    assert displayed_grams("let me check if", "check if", "let me check", "let me", "me") == ["let me check"]
    assert displayed_grams("so let me check", "so let", "let me check") == ["let me check"]


def test_words_count_not_characters():
    # "considerations" is longer than "a b" in characters only
    assert displayed_grams("a b considerations", "b considerations", "a b considerations") == ["a b considerations"]
    assert remove_overlaps([Span(0, 30, "other", 0, "considerations"), Span(29, 34, "other", 1, "a b")]) == [
        Span(29, 34, "other", 1, "a b")
    ]


def test_of_equals_the_one_that_begins_first_stays():
    assert displayed_grams("a b c", "b c", "a b") == ["a b"]
    assert remove_overlaps(find_spans("no no no", Lexicon.from_grams(["no no"]))) == [Span(0, 5, "other", 0, "no no")]
    # "let me" goes before "me check", so "check it" has room
    assert displayed_grams("let me check it", "me check", "let me", "check it") == ["let me", "check it"]


def test_a_long_gram_removes_two_that_fit_beside_each_other():
    assert displayed_grams("a b c d e", "a b", "b c d", "d e") == ["b c d"]


def test_a_removed_span_removes_no_other():
    # "b c d e" (4 words) removes "a b c" (3), which would have removed "a"
    assert displayed_grams("a b c d e", "a", "a b c", "b c d e") == ["a", "b c d e"]


def test_spans_that_only_touch_both_stay():
    for first, second in (("wait", "a b"), ("a b", "wait")):  # in either order of rank
        spans = [Span(0, 4, "other", 0, first), Span(4, 6, "other", 0, second)]
        assert remove_overlaps(spans) == spans


@pytest.mark.parametrize("short", [Span(0, 5, "other", 0, "x"), Span(8, 12, "other", 0, "x")])
def test_one_shared_character_is_an_overlap(short):
    long = Span(4, 9, "other", 0, "a b")
    assert remove_overlaps([short, long]) == [long]


def test_without_spans_nothing_is_displayed():
    assert remove_overlaps([]) == []
    assert remove_overlaps(iter([])) == []


def test_a_mask_covers_more_than_what_is_displayed():
    # the union ends with "if", the displayed span with "check"
    text = "let me check if"
    spans = find_spans(text, Lexicon.from_grams(["let me check", "check if"]))
    assert max(span.end for span in spans) == len(text)
    assert max(span.end for span in remove_overlaps(spans)) == len("let me check")


def remove_greedily(spans: list[Span]) -> list[Span]:
    """Apply the rule literally: take the best remaining span, remove those that overlap it, and repeat."""
    remaining, separate = list(spans), []
    while remaining:
        best = min(remaining, key=lambda span: (-len(span.gram.split()), span.start))
        separate.append(best)
        remaining = [span for span in remaining if span.end <= best.start or span.start >= best.end]
    return sorted(separate, key=lambda span: span.start)


dense = st.lists(st.sampled_from(["wait", "let", "me", "a", "."]), max_size=20).map(" ".join)
short_grams = st.lists(st.sampled_from(["wait", "let", "me", "a"]), min_size=1, max_size=3).map(" ".join)


@given(dense | texts, st.sets(short_grams, min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_remove_overlaps_takes_the_best_remaining_span(text, grams, chance: random.Random):
    spans = find_spans(text, Lexicon.from_grams(grams))
    separate = remove_overlaps(spans)
    assert separate == remove_greedily(spans)
    assert remove_overlaps(separate) == separate
    assert all(first.end <= second.start for first, second in zip(separate, separate[1:], strict=False))
    shuffled = list(spans)
    chance.shuffle(shuffled)
    assert remove_overlaps(shuffled) == separate
