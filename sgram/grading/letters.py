r"""Letters of multiple-choice questions: the options of a prompt, and the letter that an answer names.

A letter counts where it is set off: alone, in parentheses, bold, behind "option", before a full stop. A bare ``A``
within a sentence is an article unless the sentence says otherwise.
"""

import re
from collections.abc import Mapping

from sgram.grading.notation import plain

_REFERENCE = re.compile(r"^(?:(?:option|choice|answer)\s*:?\s*)?[(\[]?\s*([A-J])\s*[)\]]?\s*[.:]?$", re.IGNORECASE)
_REFERENCE_LETTERS = re.compile(r"^[(\[]?([A-J](?:\s*(?:,|;|and|&|\s)\s*[A-J])+)[)\]]?$")
_WITH_TEXT = re.compile(r"^[(\[]?([A-J])(?:[)\]]\s*[.:-]?|[.:]\s|\s*-\s)\s*(\S.*)$", re.DOTALL)
_OPTION_MARKS = (
    re.compile(r"\(\s*([A-Z])\s*\)"),
    re.compile(r"(?:^|(?<=\s))\**([A-Z])\s*[.):]\**(?=\s)", re.MULTILINE),
    re.compile(r"(?:^|(?<=\s))\[([A-Z])\]", re.MULTILINE),
    re.compile(r"\(\s*([a-z])\s*\)"),
    re.compile(r"^[^\S\n]*([a-z])[^\S\n]*[.)](?=\s)", re.MULTILINE),
)
_MIN_OPTIONS = 2
_MAX_PROMPT = 20_000
_WHOLE = re.compile(
    r"^(?:(?:the|my|final|correct|right|best)\s+)*(?:(?:answer|option|choice|letter|statement)s?(?:\s+is)?\s*:?\s*)?"
    r"[(\[{]*([A-Za-z])[)\]}]*\s*(?:$|(?P<mark>[.:),;]|-|\s-)(?P<text>.*)$)",
    re.DOTALL | re.IGNORECASE,
)
_SEVERAL = re.compile(r"[(\[]?[A-J][)\]]?(?:\s*(?:,|;|and|or|&|/)\s*[(\[]?[A-J][)\]]?)+[.!]?")
_SET_OFF = re.compile(r"(?:\(\s*([A-J])\s*\)|\[\s*([A-J])\s*\])\s*(?P<text>.*)$", re.DOTALL)
_SENTENCE_LETTERS = re.compile(
    r"\(\s*(?P<round>[A-Ja-j])\s*\)"
    r"|\[\s*(?P<square>[A-J])\s*\]"
    r"|\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter|OPTION|ANSWER|CHOICE)s?\s*:?\s+(?P<named>[A-J])(?![\w'’])"
    r"|(?<![\w'’.\\{(-])(?P<bare>[B-HJ])(?![\w'’({^_=+*/]|-\w|\s*[=+*/^])"
    r"|(?<![\w'’.\\{(-])(?P<article>[AI])(?=[.,;:)!]|\s*$|\s+(?:is|because|since|as|for|and|or|but|which|are)\b|\s*-\s)"
)
_DENIED = re.compile(
    r"\b(?:not|rather than|instead of|unlike|neither|nor|over|eliminat\w+|rul\w+ out|exclud\w+)\s+"
    r"(?:option |choice |answer |statement )?\(?([A-J])\b\)?"
)
_DENIED_AFTER = re.compile(
    r"\(?\b([A-J])\)?(?:\s*(?:,|and|or|&)\s*\(?([A-J])\)?)*\s+(?:is|are|was|were)(?:\s+\w+){0,2}\s*"
    r"(?:n't|not|wrong|incorrect|false|invalid|excluded|eliminated|odd one)\b"
)
_CHOSEN = re.compile(
    r"\b(?:choos\w+|chose|pick\w*|select\w*|go with|going with|prefer)\s+(?:option\s+|answer\s+)?\(?([A-J])\b\)?"
    r"(?!\s*(?:,|/|and|or|&)\s*\(?[A-J]\b)"
)
_REASON = re.compile(r"\b(?:because|since|as (?:it|the|this|they)|whereas|while|which)\b")


def reference_letters(reference: str, options: Mapping[str, str]) -> frozenset[str]:
    r"""Return the letters that a reference is; none if it is something else.

    >>> sorted(reference_letters("\\text{(B)}", {})), sorted(reference_letters("A, C", {}))
    (['B'], ['A', 'C'])
    """
    text = plain(reference)
    single = _REFERENCE.match(text)
    if single and (single[1].isupper() or single[1].upper() in options):
        return frozenset(single[1].upper())
    if several := _REFERENCE_LETTERS.match(text):
        return frozenset(re.findall("[A-J]", several[1]))
    if len(options) > 1 and len(text) > 1 and set(text) <= set(options) and len(set(text)) == len(text):
        return frozenset(text)  # ACD
    with_text = _WITH_TEXT.match(text)
    if with_text and (not options or with_text[1] in options) and re.search(r"\w", with_text[2]):
        return frozenset(with_text[1])
    return frozenset()


def parse_options(prompt: str) -> dict[str, str]:
    """Return the options of a multiple-choice question by their letters; none if the prompt has no such options.

    >>> parse_options("Which is even? (A) 1 (B) 2 (C) 3")
    {'A': '1', 'B': '2', 'C': '3'}
    """
    prompt = prompt[-_MAX_PROMPT:]
    for mark in _OPTION_MARKS:
        options = _options_by(mark, prompt)
        if len(options) >= _MIN_OPTIONS:
            return options
    return {}


def _options_by(mark: re.Pattern[str], prompt: str) -> dict[str, str]:
    """Return the last run of options that begin with `mark` and the letters A, B, C and so on."""
    matches = list(mark.finditer(prompt))
    runs: list[list[re.Match[str]]] = []
    for match in matches:
        letter = match[1].upper()
        if letter == "A":
            runs.append([match])
        elif runs and ord(letter) == ord(runs[-1][-1][1].upper()) + 1:
            runs[-1].append(match)
    runs = [run for run in runs if len(run) >= _MIN_OPTIONS]
    if not runs:
        return {}
    run = runs[-1]
    ends = [match.start() for match in run[1:]]
    last_end = re.compile(r"\n\s*\n|\n(?=[A-Z][a-z]+[ :])|$").search(prompt, run[-1].end())
    ends.append(last_end.start() if last_end else len(prompt))
    return {match[1].upper(): _option_text(prompt[match.end() : end]) for match, end in zip(run, ends, strict=True)}


def _option_text(text: str) -> str:
    r"""Return the text of an option without LaTeX spacing and commands that begin the next one."""
    text = re.sub(r"(?:\\q?quad|\\textbf\{|\\text\{|\\mathrm\{|\\hspace\{[^}]*\}|\\\\|[&,;}$~\s])+$", "", text)
    text = re.sub(r"^(?:[}$~\s&]|\\(?:,|;|:| |q?quad\b))+", "", text)
    return plain(text)


def exact_letters(answer: str, options: Mapping[str, str]) -> frozenset[str]:
    r"""Return the letters that a marked answer is; none if it is something else.

    >>> [sorted(exact_letters(text, {})) for text in ("\\text{(B)}", "B. 4 apples", "b", "A good one", "A and C")]
    [['B'], ['B'], ['B'], [], ['A', 'C']]
    """
    text = plain(answer)
    text = re.sub(r"^[({\[]*(?=[A-Za-z][)}\]]*$)", "", text).rstrip(")}]") if len(text) < 6 else text
    if _SEVERAL.fullmatch(text):
        return frozenset(re.findall("[A-J]", text))
    match = _WHOLE.match(text)
    if match:
        letter = match[1]
        option_text = (match["text"] or "").strip()
        if option_text and letter.islower() and letter.upper() not in options:
            return frozenset()
        several = re.fullmatch(
            r"[,;]?\s*(?:and|or)?\s*\(?([A-J])\)?(?:\s*[,;]?\s*(?:and|or)?\s*\(?([A-J])\)?)*", option_text
        )
        if option_text and several and match["mark"] in (",", ";"):
            return frozenset(re.findall("[A-J]", letter + option_text))
        if option_text and match["mark"] in ("-", " -") and re.match(r"\d", option_text):
            return frozenset()  # B-2
        return frozenset(letter.upper())
    set_off = _SET_OFF.match(text)
    if set_off:
        return frozenset(set_off[1] or set_off[2])
    if len(options) > 1 and 1 < len(text) <= len(options) and set(text) <= set(options):
        return frozenset(text)
    letter, _, option_text = text.partition(" ")
    if letter in options and option_text and plain(option_text).casefold() == options[letter].casefold():
        return frozenset(letter)
    return frozenset()


def stated_letters(sentence: str) -> frozenset[str]:
    """Return the letters that a statement names as its answer; denied ones are left out.

    >>> [sorted(stated_letters(text)) for text in ("So B.", "It is not A but C.", "B, because A is odd.", "A dog.")]
    [['B'], ['C'], ['B'], []]
    """
    text = _DENIED_AFTER.sub(" ", _DENIED.sub(" ", without_emphasis(sentence)))
    reason = _REASON.search(text)
    for part in (text[: reason.start()], text) if reason else (text,):
        letters = [name for match in _SENTENCE_LETTERS.finditer(part) for name in match.groups() if name]
        choices = list(_CHOSEN.finditer(part))
        if letters:
            return frozenset(letter.upper() for letter in (choices[-1].groups() if choices else letters))
    return frozenset()


def without_emphasis(text: str) -> str:
    r"""Return `text` with letters in bold or in LaTeX text as letters in parentheses.

    >>> without_emphasis("So **B**, or \\textbf{C}.")
    'So (B), or (C).'
    """
    text = re.sub(r"\*\*\s*\(?([A-Z])\)?\s*[.:)]?\s*\*\*", r"(\1)", text)
    text = re.sub(r"\$?\\(?:text|textbf|mathbf|mathrm|boxed)\s*\{\s*\(?([A-Z])\)?\s*\}\$?", r"(\1)", text)
    return re.sub(r"\$\s*\(?([A-Z])\)?\s*\$", r"(\1)", text)
