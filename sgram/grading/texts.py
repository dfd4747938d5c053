"""Answers that are words: one normal form for those that people take for the same."""

import re
import unicodedata

from sgram.grading.notation import plain

MAX_WORDS = 12
"""Words of the longest text that counts as an answer; a longer one is prose."""
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_ARTICLES = {"a", "an", "the"}
_TIME = re.compile(r"\b(\d{1,2})(?::(\d\d))?\s*([ap])\.?\s?m?\b\.*", re.IGNORECASE)
_NEGATIONS = re.compile(
    r"\b(?:not|never|no|neither|nor|without|isn't|aren't|wasn't|doesn't|don't|cannot|can't|non|rather than|instead of|"
    r"unlike|than)\b",
    re.IGNORECASE,
)
_HEDGES = re.compile(
    r"\b(?:perhaps|maybe|might|could|should|would|let me|let's|let us|i need|we need|suppose|if)\b", re.IGNORECASE
)
_REASONS = re.compile(r"\b(?:because|since|although|as opposed to|while|whereas)\b", re.IGNORECASE)
_LEAD_INS = re.compile(
    r"^\W*(?:(?:so|thus|therefore|hence|then|and|finally|in conclusion|overall|consequently)\b\W*)+", re.IGNORECASE
)
_OTHERS = {"against", "over", "from", "before", "behind", "after", "beats", "beat", "defeats", "like", "of", "with"}
_VERBS = {
    "is",
    "are",
    "was",
    "were",
    "be",
    "becomes",
    "equals",
    "on",
    "in",
    "at",
    "to",
    "called",
    "named",
    "choose",
    "chose",
}
_SHORT_WORD = re.compile(
    r"[A-Z]{3}|(?i:no|yes|odd|all|any|off|old|eye|ear|egg|ice|oil|[bcdfghjklmnpqrstvwz][aeiou][bcdfghjklmnpqrstvwy])"
)
"""Words of three letters, not products of three variables: capitals, or a vowel between two consonants."""
_FORMULA = re.compile(r"[\\^_=<>{}+*/|]|\d[a-zA-Z]|[a-zA-Z]\d")


def normal_text(text: str) -> str:
    r"""Return the normal form of words: no case, no articles, no punctuation, no layout.

    >>> normal_text("\\text{The East.}"), normal_text("4:30 p.m.") == normal_text("4:30 PM")
    ('east', True)
    """
    text = unicodedata.normalize("NFKC", plain(text)).casefold()
    text = _TIME.sub(lambda time: f"{int(time[1])} {time[2] or '00'} {time[3].lower()}m", text)
    words = [word.replace(".", "").replace("’", "'") for word in _WORD.findall(text.replace("-", " "))]
    return " ".join(word for word in words if word not in _ARTICLES) or " ".join(words)


def is_words(text: str) -> bool:
    r"""Return whether an answer is words, not a formula or a single letter.

    >>> is_words("\\text{odd}"), is_words("x"), is_words("2x + 1")
    (True, False, False)
    """
    content = plain(text)
    words = _WORD.findall(content)
    if _FORMULA.search(content):
        is_text = re.fullmatch(r"[\w\s.,:;!?'\"()/&+-]*", content) and any(len(word) > 3 for word in words)
        if not is_text:
            return False
    has_word = any(re.search(r"[^\W\d_]{2}", word) for word in words)
    is_set_as_text = re.search(r"\\(?:text|mbox|textbf|textit|textrm)\s*\{", text) is not None
    letters = sum(len(word) for word in words if word.isalpha())
    is_short_word = len(words) == 1 and _SHORT_WORD.fullmatch(words[0]) is not None
    return has_word and (is_set_as_text or letters >= 4 or len(words) > 1 or is_short_word)


def n_words(text: str) -> int:
    """Return the number of words of two letters or more."""
    return len(re.findall(r"[^\W\d_]{2,}", plain(text)))


def states(sentence: str, reference: str) -> bool:
    """Return whether a final sentence states `reference`, a normal form: where a sentence has its answer.

    That is behind a verb such as "is", at its end or at its beginning, without a denial before it.

    >>> states("The function is even.", "even"), states("It is not even.", "even"), states("So Ann won.", "ann")
    (True, False, True)
    >>> states("Perhaps even functions are more useful.", "even")
    False
    """
    if _HEDGES.search(sentence) or sentence.rstrip().endswith("?"):
        return False
    clause = _REASONS.split(_LEAD_INS.sub("", sentence), maxsplit=1)[0]
    parts = re.split(r"[;,]|\bbut\b|\band\b", clause, flags=re.IGNORECASE) if len(reference.split()) < 3 else [clause]
    for part in parts:
        words = f" {normal_text(part)} "
        before, match, after = words.partition(f" {reference} ")
        if match and before.split()[-1:] and before.split()[-1] in _OTHERS:
            continue
        if match and (not after.strip() or not before.strip() or before.split()[-1] in _VERBS):
            return _NEGATIONS.search(f"{before} ") is None or _NEGATIONS.match(reference) is not None
    return False
