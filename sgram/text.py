"""Words and sentences of a text: the only definition, shared by miner, span finder and tagger.

Normal form ``sgram-words-1``
-----------------------------
Each character of a text has one class. Its effect depends on that class and on its two neighbors, never on a
delimiter farther away. So the miner, the span finder and a parallel token tagger can share the rule, and TeX needs
no parser.

=============  ====================================================================  =====================
class          characters                                                            effect
=============  ====================================================================  =====================
LETTER         a-z A-Z; every non-ASCII character not listed in `NON_LETTERS`        part of a word
APOSTROPHE     ' and its curly forms                                                 inside a word between
                                                                                     two letters, else PASS
HYPHEN         - and U+2010, U+2011                                                  the same
PASS           space, tab, CR, comma, colon, dashes, quotes, backtick, brackets, *   between two words of
                                                                                     one sentence
STOP           . ? ! ; newline, ellipsis, operators, every other symbol              ends the sentence
DIGIT          0-9, underscore, super- and subscripts, fractions                     ends the sentence;
                                                                                     letters that touch it on
                                                                                     either side are not a word
ESCAPE         backslash, <, /                                                       ends the sentence;
                                                                                     letters right after it are
                                                                                     not a word
=============  ====================================================================  =====================

"wait, let me" therefore reads "wait let me". ``\\frac``, ``x1``, ``f_x`` and the tag names of ``<think>`` and
``</think>`` are not words but sentence ends. ASCII letters are lower-cased, others are not ("É" stays "É"). Curly
apostrophes become ', U+2010 and U+2011 become -.

Letters of any script are letters. Chinese and Japanese text is not segmented: a run of its letters is one long
"word", and its own punctuation (。，「」) works as . , and quotes do. Grams over it are therefore rarely useful.

`find_words` in this module is the readable implementation, ``sgram.scan`` is the fast one; tests hold them equal.
"""

from typing import NamedTuple

from sgram.errors import UsageError

NORMAL_FORM = "sgram-words-1"
MAX_WORDS = 6
"""Longest gram, in words."""

LETTER, APOSTROPHE, HYPHEN, PASS, STOP, DIGIT, ESCAPE = range(7)

_ASCII = {
    LETTER: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    APOSTROPHE: "'",
    HYPHEN: "-",
    PASS: ' \t\r,:"`()[]{}*',
    DIGIT: "0123456789_",
    ESCAPE: "\\</",
}  # every other ASCII character is STOP

# (first, last, class), sorted and disjoint. Listed here instead of taken from unicodedata, so that the normal form
# does not change with the Python version.
NON_LETTERS = (
    (0x0080, 0x009F, STOP),
    (0x00A0, 0x00A0, PASS),
    (0x00A1, 0x00A9, STOP),
    (0x00AB, 0x00AB, PASS),
    (0x00AC, 0x00AC, STOP),
    (0x00AD, 0x00AD, PASS),
    (0x00AE, 0x00B1, STOP),
    (0x00B2, 0x00B3, DIGIT),
    (0x00B4, 0x00B4, APOSTROPHE),
    (0x00B6, 0x00B8, STOP),
    (0x00B9, 0x00B9, DIGIT),
    (0x00BB, 0x00BB, PASS),
    (0x00BC, 0x00BE, DIGIT),
    (0x00BF, 0x00BF, STOP),
    (0x00D7, 0x00D7, STOP),
    (0x00F7, 0x00F7, STOP),
    (0x02BC, 0x02BC, APOSTROPHE),
    (0x037E, 0x037E, STOP),
    (0x0387, 0x0387, STOP),
    (0x0589, 0x0589, STOP),
    (0x05BE, 0x05BE, PASS),
    (0x060C, 0x060C, PASS),
    (0x061B, 0x061B, STOP),
    (0x061C, 0x061C, PASS),
    (0x061F, 0x061F, STOP),
    (0x0660, 0x0669, DIGIT),
    (0x066A, 0x066D, STOP),
    (0x06D4, 0x06D4, STOP),
    (0x06F0, 0x06F9, DIGIT),
    (0x0964, 0x0965, STOP),
    (0x0966, 0x096F, DIGIT),
    (0x2000, 0x200F, PASS),
    (0x2010, 0x2011, HYPHEN),
    (0x2012, 0x2015, PASS),
    (0x2016, 0x2017, STOP),
    (0x2018, 0x2019, APOSTROPHE),
    (0x201A, 0x201A, PASS),
    (0x201B, 0x201B, APOSTROPHE),
    (0x201C, 0x201F, PASS),
    (0x2020, 0x2029, STOP),
    (0x202A, 0x202F, PASS),
    (0x2030, 0x2038, STOP),
    (0x2039, 0x203A, PASS),
    (0x203B, 0x205E, STOP),
    (0x205F, 0x206F, PASS),
    (0x2070, 0x209F, DIGIT),
    (0x20A0, 0x214F, STOP),
    (0x2150, 0x218F, DIGIT),
    (0x2190, 0x2BFF, STOP),
    (0x2E00, 0x2E7F, STOP),
    (0x3000, 0x3001, PASS),
    (0x3002, 0x3004, STOP),
    (0x3008, 0x3011, PASS),
    (0x3012, 0x3013, STOP),
    (0x3014, 0x301F, PASS),
    (0x3020, 0x303F, STOP),
    (0xD800, 0xF8FF, STOP),
    (0xFE00, 0xFE0F, PASS),
    (0xFE10, 0xFE1F, STOP),
    (0xFE30, 0xFE4F, PASS),
    (0xFE50, 0xFE6F, STOP),
    (0xFEFF, 0xFEFF, PASS),
    (0xFF01, 0xFF01, STOP),
    (0xFF02, 0xFF02, PASS),
    (0xFF03, 0xFF06, STOP),
    (0xFF07, 0xFF07, APOSTROPHE),
    (0xFF08, 0xFF0A, PASS),
    (0xFF0B, 0xFF0B, STOP),
    (0xFF0C, 0xFF0C, PASS),
    (0xFF0D, 0xFF0D, HYPHEN),
    (0xFF0E, 0xFF0F, STOP),
    (0xFF10, 0xFF19, DIGIT),
    (0xFF1A, 0xFF1A, PASS),
    (0xFF1B, 0xFF20, STOP),
    (0xFF3B, 0xFF3B, PASS),
    (0xFF3C, 0xFF3C, ESCAPE),
    (0xFF3D, 0xFF3D, PASS),
    (0xFF3E, 0xFF3E, STOP),
    (0xFF3F, 0xFF3F, DIGIT),
    (0xFF40, 0xFF40, PASS),
    (0xFF5B, 0xFF5B, PASS),
    (0xFF5C, 0xFF5C, STOP),
    (0xFF5D, 0xFF5D, PASS),
    (0xFF5E, 0xFF5E, STOP),
    (0xFF5F, 0xFF60, PASS),
    (0xFF61, 0xFF61, STOP),
    (0xFF62, 0xFF64, PASS),
    (0xFF65, 0xFF65, STOP),
    (0xFFE0, 0xFFFF, STOP),
    (0x1D400, 0x1D7FF, STOP),
    (0x1F000, 0x1FAFF, STOP),
    (0xE0000, 0xE0FFF, PASS),
    (0xF0000, 0x10FFFF, STOP),
)

SPACES = (0x09, 0x0A, 0x0D, 0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
"""Code points of white space and line ends. A token whose bytes in a span are all white space is no planning token."""


def _bmp_classes() -> bytes:
    classes = bytearray(0x10000)  # LETTER is 0
    classes[:0x80] = bytes([STOP]) * 0x80
    for char_class, characters in _ASCII.items():
        for character in characters:
            classes[ord(character)] = char_class
    for first, last, char_class in NON_LETTERS:
        if last < 0x10000:
            classes[first : last + 1] = bytes([char_class]) * (last + 1 - first)
    return bytes(classes)


BMP_CLASSES = _bmp_classes()
"""Class of each code point below 0x10000; the few ranges above it are in `NON_LETTERS`."""


def character_class(character: str) -> int:
    """Return the class of one character.

    >>> character_class("a") == LETTER, character_class(",") == PASS, character_class("7") == DIGIT
    (True, True, True)
    """
    code = ord(character)
    if code < 0x10000:
        return BMP_CLASSES[code]
    return next((char_class for first, last, char_class in NON_LETTERS if first <= code <= last), LETTER)


class Word(NamedTuple):
    """Word of a text: normal form, character offsets ``[start, end)``, number of its sentence from 0."""

    text: str
    start: int
    end: int
    sentence: int


def _word_end(classes: list[int], start: int) -> int:
    """Return the end of the run of letters, and of connectors between two letters, that begins at `start`."""
    end = start
    while end < len(classes):
        is_connector = classes[end] in (APOSTROPHE, HYPHEN) and end + 1 < len(classes) and classes[end + 1] == LETTER
        if classes[end] != LETTER and not is_connector:
            break
        end += 1
    return end


def normal_word(surface: str) -> str:
    """Return the normal form of the characters of one word.

    >>> normal_word("Let\u2019s")
    "let's"
    """
    characters = []
    for character in surface:
        char_class = character_class(character)
        if char_class == APOSTROPHE:
            characters.append("'")
        elif char_class == HYPHEN:
            characters.append("-")
        else:
            characters.append(character.lower() if character.isascii() else character)
    return "".join(characters)


def find_words(text: str) -> list[Word]:
    """Return the words of `text` in order, their sentences numbered from 0 without gaps.

    This is the readable reference; `sgram.scan.find_words` is fast and equal.

    >>> for word in find_words("Wait, let me. x1 = 2"):
    ...     print(word)
    Word(text='wait', start=0, end=4, sentence=0)
    Word(text='let', start=6, end=9, sentence=0)
    Word(text='me', start=10, end=12, sentence=0)
    """
    classes = [character_class(character) for character in text]
    words: list[Word] = []
    sentence, position = 0, 0
    while position < len(text):
        if classes[position] != LETTER:
            ends_sentence = classes[position] in (STOP, DIGIT, ESCAPE)
            position += 1
        else:
            end = _word_end(classes, position)
            before = classes[position - 1] if position else PASS
            after = classes[end] if end < len(text) else PASS
            ends_sentence = before in (DIGIT, ESCAPE) or after == DIGIT
            if not ends_sentence:
                words.append(Word(normal_word(text[position:end]), position, end, sentence))
            position = end
        if ends_sentence and words and words[-1].sentence == sentence:
            sentence += 1
    return words


def find_sentences(text: str) -> list[tuple[str, ...]]:
    """Return the sentences of `text` as tuples of words.

    >>> find_sentences("Wait. Let me check: 3 + 4")
    [('wait',), ('let', 'me', 'check')]
    """
    sentences: list[list[str]] = []
    for word in find_words(text):
        if word.sentence == len(sentences):
            sentences.append([])
        sentences[-1].append(word.text)
    return [tuple(sentence) for sentence in sentences]


def gram_words(phrase: str) -> tuple[str, ...]:
    """Return the words of `phrase` as one gram: 1 to 6 words of one sentence.

    Raise `UsageError` if the phrase has no word, spans a sentence end, or has more than 6 words.

    >>> gram_words("Wait, let me check")
    ('wait', 'let', 'me', 'check')
    """
    sentences = find_sentences(phrase)
    if not sentences:
        raise UsageError(f"{phrase!r} holds no word; a gram is 1 to {MAX_WORDS} words")
    if len(sentences) > 1:
        sentence_texts = " | ".join(" ".join(sentence) for sentence in sentences)
        raise UsageError(f"{phrase!r} spans a sentence end ({sentence_texts}); a gram lies inside one sentence")
    if len(sentences[0]) > MAX_WORDS:
        raise UsageError(f"{phrase!r} has {len(sentences[0])} words; a gram has at most {MAX_WORDS}")
    return sentences[0]
