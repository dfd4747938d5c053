"""Where grams stand in a text, by hand, by a second search made of regular expressions, and at random."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import Cluster, Gram, Lexicon
from sgram.tagging.spans import Span, find_spans, longest_first
from sgram.text import gram_words
from tests.builders.paths import ROOT


def found(text: str, *grams: str) -> list[str]:
    """What stands in `text` under the spans of `grams`."""
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
        # an apostrophe or hyphen that does not stand between two letters is passed over
        ("'wait' let- -me-", "wait' let- -me"),
        ("wait'' let '' me", "wait'' let '' me"),
    ],
)
def test_a_gram_is_found_whatever_stands_between_its_words(text, surface):
    assert found(text, "wait let me") == [surface]


@pytest.mark.parametrize(
    "end", [*".?!;\n0_=+$%&@|~^#>\\</²½", "…", "。", "？", "！", "；", "😀", "×", "→", "≤", "\u2028", "\x00", "\ufffd"]
)
def test_a_sentence_end_between_two_words_separates_them(end):
    assert found(f"wait {end} let me", "wait let", "let me", "wait") == ["wait", "let me"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\r", " \n ", "\n\n"])
def test_a_line_end_is_a_sentence_end_and_a_lone_carriage_return_is_not(line_end):
    assert found(f"wait{line_end}let me", "wait let", "let me") == ["let me"]
    assert found("wait\rlet me", "wait let", "let me") == ["wait\rlet", "let me"]


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
    assert found(text, "wait") == []


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
    assert found(text, "let's see") == [f"let{apostrophe}s see"]
    assert found(text, "let’s see") == [f"let{apostrophe}s see"]
    assert found(text, "let", "s", "lets see") == []


@pytest.mark.parametrize("hyphen", "-‐‑－")
def test_every_form_of_the_hyphen_is_the_same(hyphen):
    text = f"I double{hyphen}check it"
    assert found(text, "double-check") == [f"double{hyphen}check"]
    assert found(text, "double", "check", "check it") == []
    assert found(f"double {hyphen} check", "double-check", "double check") == [f"double {hyphen} check"]


def test_case_is_folded_in_ascii_only():
    assert found("Été été ÉTÉ", "été") == ["été"]
    assert found("Été", "Été") == ["Été"]
    assert found("\u212aept", "kept") == []  # the sign of Kelvin is no k


def test_a_word_with_a_combining_mark_is_another_word():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert found(f"{composed} {decomposed}", composed) == [composed]
    assert found(f"{composed} {decomposed}", decomposed) == [decomposed]


def test_grams_of_other_scripts_are_found():
    assert found("שלום, עולם", "שלום עולם") == ["שלום, עולם"]
    assert found("等等，让我看看。", "等等 让我看看") == ["等等，让我看看"]


def test_a_text_without_a_gram_has_no_span():
    for text in ("", " ", "\n", "let me", "?!", "'", "12", "\\"):
        assert found(text, "wait") == []


def test_a_gram_may_be_the_whole_text_or_stand_at_either_end():
    assert found("wait", "wait") == ["wait"]
    assert found("wait then wait", "wait") == ["wait", "wait"]
    assert found("let me check", "let me", "me check", "let me check") == ["let me check", "let me", "me check"]


def test_a_gram_cut_by_the_end_of_the_text_is_not_found():
    assert found("so let me", "let me check", "me check") == []


def test_the_six_words_of_the_longest_gram_are_found():
    text = "a b c d e f g"
    assert found(text, "a b c d e f", "b c d e f g") == ["a b c d e f", "b c d e f g"]


def test_every_occurrence_is_given_nested_and_overlapping_ones_too():
    # starts: so 0, let 3, me 7, check 10, if 16; of those that start together the longest first
    text = "so let me check if"
    grams = ["so let", "let me check", "let", "let me", "me", "check if", "check"]
    spans = find_spans(text, Lexicon.from_grams(grams))
    assert [(span.start, span.end) for span in spans] == [(0, 6), (3, 15), (3, 9), (3, 6), (7, 9), (10, 18), (10, 15)]


def test_a_gram_that_overlaps_itself_is_found_each_time():
    assert found("no no no", "no no") == ["no no", "no no"]


def test_a_span_carries_the_move_the_cluster_and_the_gram():
    waits = Cluster(0, (Gram(("wait",)), Gram(("hold", "on"))), 7, "wait", "backtracking")
    checks = Cluster(0, (Gram(("let", "me", "check")),), 9, "let me check", "verification")
    lexicon = Lexicon.build("made", [waits, checks], {})  # by df: the checks are cluster 0, the waits cluster 1
    # "Hold — on" 0-9, "LET me check" 12-24
    assert find_spans("Hold — on…: LET me check", lexicon) == [
        Span(0, 9, "backtracking", 1, "hold on"),
        Span(12, 24, "verification", 0, "let me check"),
    ]


def test_all_grams_count_the_pruned_ones_too():
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
    for text, gram, answer in TABLE:
        text = text.replace("\\r", "\r").replace("\\n", "\n")  # written out there
        assert bool(found(text, gram)) == (answer == "yes"), text


# -- against a second search, made from the written rules alone -------------------------------------------

LETTER, APOSTROPHE, HYPHEN = "[A-Za-z]", "['‘’]", "[-‐‑]"
CONNECTOR = "['‘’‐‑-]"
# passed over: the listed characters, and a connector that does not stand between two letters
BETWEEN = rf"(?:[ \t\r,:\"`()\[\]{{}}*–—“”]|{CONNECTOR}(?!{LETTER})|(?<!{LETTER}){CONNECTOR})+"
# no letter before or after, nor one joined on by a connector; no digit or underscore on either side, no escape before
OPENING = rf"(?<![A-Za-z0-9_\\</])(?<!{LETTER}{CONNECTOR})"
CLOSING = rf"(?![A-Za-z0-9_])(?!{CONNECTOR}{LETTER})"


def searched(text: str, grams: set[str]) -> set[tuple[int, int, str]]:
    """(start, end, gram) of every occurrence, by one regular expression a gram. ASCII and curly quotes only."""
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
    assert {(span.start, span.end, span.gram) for span in spans} == searched(text, grams)
    assert len(set(spans)) == len(spans)
    assert spans == sorted(spans, key=lambda span: (span.start, -span.n_words))


def test_the_second_search_finds_what_a_reader_finds():
    text = "Wait — let’s re‑do: \\let me; x1 let me"
    assert searched(text, {"wait let's re-do", "let me", "wait"}) == {
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
def test_a_line_feed_makes_two_texts_of_one(first, second, grams):
    lexicon = Lexicon.from_grams(grams)
    moved = [
        Span(span.start + len(first) + 1, span.end + len(first) + 1, span.label, span.cluster, span.gram)
        for span in find_spans(second, lexicon)
    ]
    assert find_spans(f"{first}\n{second}", lexicon) == find_spans(first, lexicon) + moved


# -- what people are shown ------------------------------------------------------------------------------


def shown(text: str, *grams: str) -> list[str]:
    return [span.gram for span in longest_first(find_spans(text, Lexicon.from_grams(grams)))]


def test_the_gram_with_the_most_words_stays():
    assert shown("let me check if", "check if", "let me check", "let me", "me") == ["let me check"]
    assert shown("so let me check", "so let", "let me check") == ["let me check"]


def test_words_count_not_characters():
    # "considerations" is longer than "a b" in characters only
    assert shown("a b considerations", "b considerations", "a b considerations") == ["a b considerations"]
    assert longest_first([Span(0, 30, "other", 0, "considerations"), Span(29, 34, "other", 1, "a b")]) == [
        Span(29, 34, "other", 1, "a b")
    ]


def test_of_equals_the_one_that_begins_first_stays():
    assert shown("a b c", "b c", "a b") == ["a b"]
    assert longest_first(find_spans("no no no", Lexicon.from_grams(["no no"]))) == [Span(0, 5, "other", 0, "no no")]
    # "let me" goes before "me check", so "check it" has room
    assert shown("let me check it", "me check", "let me", "check it") == ["let me", "check it"]


def test_a_long_gram_removes_two_that_fit_beside_each_other():
    assert shown("a b c d e", "a b", "b c d", "d e") == ["b c d"]


def test_what_is_left_out_removes_nothing():
    # "b c d e" (4 words) removes "a b c" (3), which would have removed "a"
    assert shown("a b c d e", "a", "a b c", "b c d e") == ["a", "b c d e"]


def test_spans_that_only_touch_both_stay():
    for first, second in (("wait", "a b"), ("a b", "wait")):  # whichever is taken first
        spans = [Span(0, 4, "other", 0, first), Span(4, 6, "other", 0, second)]
        assert longest_first(spans) == spans


@pytest.mark.parametrize("other", [Span(0, 5, "other", 0, "x"), Span(8, 12, "other", 0, "x")])
def test_one_shared_character_is_an_overlap(other):
    long = Span(4, 9, "other", 0, "a b")
    assert longest_first([other, long]) == [long]


def test_nothing_is_shown_of_nothing():
    assert longest_first([]) == []
    assert longest_first(iter([])) == []


def test_a_mask_covers_more_than_what_is_shown():
    # the union reaches to the end of "if", what is shown ends with "check"
    text = "let me check if"
    spans = find_spans(text, Lexicon.from_grams(["let me check", "check if"]))
    assert max(span.end for span in spans) == len(text)
    assert max(span.end for span in longest_first(spans)) == len("let me check")


def greedy(spans: list[Span]) -> list[Span]:
    """The same by the letter of the rule: take the best that is left, cross out what overlaps it, again."""
    left, taken = list(spans), []
    while left:
        best = min(left, key=lambda span: (-len(span.gram.split()), span.start))
        taken.append(best)
        left = [span for span in left if span.end <= best.start or span.start >= best.end]
    return sorted(taken, key=lambda span: span.start)


dense = st.lists(st.sampled_from(["wait", "let", "me", "a", "."]), max_size=20).map(" ".join)
short = st.lists(st.sampled_from(["wait", "let", "me", "a"]), min_size=1, max_size=3).map(" ".join)


@given(dense | texts, st.sets(short, min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_longest_first_takes_the_best_that_is_left(text, grams, chance: random.Random):
    spans = find_spans(text, Lexicon.from_grams(grams))
    taken = longest_first(spans)
    assert taken == greedy(spans)
    assert longest_first(taken) == taken
    assert all(one.end <= other.start for one, other in zip(taken, taken[1:], strict=False))
    shuffled = list(spans)
    chance.shuffle(shuffled)
    assert longest_first(shuffled) == taken
