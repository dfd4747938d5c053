"""Sentences of a text as people read them, and the tokens by which a sentence is scored.

A gram lies inside a sentence of `sgram.text`, which ends at each digit, operator and symbol. Whether a model plans is
said in a longer stretch: "Wait, 3 + 4 is 7, so let me check that." is one sentence here and three there.

Where a sentence ends
---------------------
1. At a line end.
2. Behind a full-width stop (。！？).
3. Behind stops (. ? ! …) and the quotes, brackets and asterisks that follow them, if spaces or tabs come next and then
   a letter that is not a lower-case ASCII letter. Two cases are excepted: stops of a sentence that has no letter yet
   ("1. Find x" is one sentence), and a full stop behind a word of `ABBREVIATIONS`.

A stretch without a word is no sentence. The offsets of a sentence leave out the white space around it.

Tokens
------
The tokens of a sentence are ``^``, its words in the normal form of `sgram.text`, marks of what stands between them, and
``$``. Marks are, in this order: ``#`` (ASCII digits), ``?``, ``...`` (three dots, or an ellipsis), ``=`` and ``:``; or
``|`` if there is none of them and a sentence of `sgram.text` ends there.

`find_sentences` is the readable implementation; `sgram.tagging.kernel.sentence_scan` is the fast one, and tests hold
them equal.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sgram.text import LETTER, Word, character_class, find_words

START, END = "^", "$"
NUMBER, QUESTION, ELLIPSIS, EQUALS, COLON, BREAK = "#", "?", "...", "=", ":", "|"
MARKS = (START, END, NUMBER, QUESTION, ELLIPSIS, EQUALS, COLON, BREAK)
"""Tokens that are no words."""
SENTENCE_FORM = "sgram-sentences-1"
"""Name of the rules of this module; a scorer says which rules its grams follow."""
STOPS = ".?!…"
WIDE_STOPS = "。！？"
CLOSERS = "\"'”’)]}*_»"
"""Characters that may stand between a stop and the white space behind it."""
BLANKS = " \t"
WHITE_SPACE = " \t\r\n"
ABBREVIATIONS = frozenset({"dr", "eq", "fig", "mr", "mrs", "ms", "prof", "st", "vs"})


class Sentence(NamedTuple):
    """A sentence: half-open character offsets without the white space around it, and its tokens.

    >>> sentence = find_sentences("Wait, 3 + 4?")[0]
    >>> sentence.start, sentence.end, sentence.tokens
    (0, 12, ('^', 'wait', '#', '?', '$'))
    """

    start: int
    end: int
    tokens: tuple[str, ...]


def find_sentences(text: str) -> list[Sentence]:
    r"""Return the sentences of a text in order; the rules are in the module's docstring.

    >>> text = "1. Find x. Mr. Lee has 3 (or 4?) Then:\nstop"
    >>> [text[sentence.start:sentence.end] for sentence in find_sentences(text)]
    ['1. Find x.', 'Mr. Lee has 3 (or 4?)', 'Then:', 'stop']
    """
    sentences: list[Sentence] = []
    words: list[Word] = []  # of the sentence at hand
    tokens: list[str] = [START]
    start, position, has_letter = 0, 0, False
    for word in (*find_words(text), None):
        gap_end = len(text) if word is None else word.start
        for boundary in _boundaries(text, position, gap_end, has_letter, words[-1] if words else None):
            if words:
                tokens += (*_marks(text[words[-1].end : boundary]), END)
                sentences.append(Sentence(*_without_space(text, start, boundary), tuple(tokens)))
            start, words, tokens = boundary, [], [START]
        if word is None:
            break
        marks = _marks(text[words[-1].end if words else start : word.start])
        if not marks and words and word.sentence != words[-1].sentence:
            marks = (BREAK,)
        tokens += (*marks, word.text)
        words.append(word)
        position, has_letter = word.end, True
    if words:
        tokens += (*_marks(text[words[-1].end :]), END)
        sentences.append(Sentence(*_without_space(text, start, len(text)), tuple(tokens)))
    return sentences


def _boundaries(text: str, start: int, end: int, has_letter: bool, word: Word | None) -> Iterator[int]:
    """Yield where sentences end in ``text[start:end]``, which stands between two words.

    `has_letter` says whether the sentence at hand has a letter before `start`, `word` is its last word.
    """
    position = start
    while position < end:
        character = text[position]
        if character == "\n" or character in WIDE_STOPS:
            position += 1
            has_letter = False
            yield position
        elif character in STOPS and has_letter:
            is_abbreviation = (
                character == "." and word is not None and word.end == position and word.text in ABBREVIATIONS
            )
            stop_end = _skip(text, _skip(text, position, STOPS), CLOSERS)
            following = _skip(text, stop_end, BLANKS)
            position = stop_end
            if following > stop_end and _begins_sentence(text[following : following + 1]) and not is_abbreviation:
                has_letter = False
                yield stop_end
        else:
            has_letter = has_letter or character_class(character) == LETTER
            position += 1


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _begins_sentence(character: str) -> bool:
    return character != "" and character_class(character) == LETTER and not "a" <= character <= "z"


def _marks(gap: str) -> tuple[str, ...]:
    """Return the marks of what stands between two words."""
    return tuple(
        mark
        for mark, stands in (
            (NUMBER, any("0" <= character <= "9" for character in gap)),
            (QUESTION, "?" in gap),
            (ELLIPSIS, "..." in gap or "…" in gap),
            (EQUALS, "=" in gap),
            (COLON, ":" in gap),
        )
        if stands
    )


def _without_space(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in WHITE_SPACE:
        start += 1
    while end > start and text[end - 1] in WHITE_SPACE:
        end -= 1
    return start, end


def grams_of(tokens: tuple[str, ...], max_tokens: int) -> Iterator[tuple[str, ...]]:
    """Yield the grams of 1 to `max_tokens` tokens of a sentence, without ``^`` and ``$`` alone.

    >>> list(grams_of(("^", "so", "$"), 2))
    [('so',), ('^', 'so'), ('so', '$')]
    """
    for length in range(1, max_tokens + 1):
        for start in range(len(tokens) - length + 1):
            gram = tokens[start : start + length]
            if gram not in ((START,), (END,)):
                yield gram


def sentence_tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of a text as one sentence, whatever ends in it; none if it has no word.

    >>> sentence_tokens("Wait. Is it 4?")
    ('^', 'wait', '|', 'is', 'it', '#', '?', '$')
    """
    words = find_words(text)
    if not words:
        return ()
    tokens, position = [START], 0
    for number, word in enumerate(words):
        marks = _marks(text[position : word.start])
        if not marks and number and word.sentence != words[number - 1].sentence:
            marks = (BREAK,)
        tokens += (*marks, word.text)
        position = word.end
    return (*tokens, *_marks(text[position:]), END)
