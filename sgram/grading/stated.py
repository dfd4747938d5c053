"""The number that a response without a marked answer ends on. Knows nothing about reference answers.

What is looked at is the last statement that holds a number: the last such sentence, of it what is bold, of that what
follows the last ``=``. Where it holds several numbers ("After 2 hours the cars are 20 miles apart", "It takes 160
minutes, which is 2 hours and 40 minutes"), the one that the response computed last is the answer: the one that was
last written behind a ``=`` before the statement. Where none was, the last one is.
"""

import re

_NUMBER = r"(?<![\w.])-?\$?(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:/\d+)?|\.\d+)"
_NUMBERS = re.compile(_NUMBER)
_RESULTS = re.compile(rf"[=≈]\s*(?:\\boxed\{{)?\**\s*({_NUMBER})")
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z*(\\$])")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf|textit|mbox)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}")
_SEPARATORS = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!]|[\u00a0\u2007\u2009\u202f])(?=\d{3}(?!\d))")
_SPACING = re.compile(r"\\[,;:! ]|[~\u00a0\u2007\u2009\u202f]")
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2212": "-"})
_OPERATIONS = re.compile(r"[\\^_=+*/×÷<>]")


def stated_number(ending: str) -> str | None:
    """The number, digits alone, that the end of a response states as its answer; None where it holds no number."""
    text = _plain(ending)
    lines = [line for line in text.split("\n") if _NUMBERS.search(line)]
    if not lines:
        return None
    said = [part for part in _SENTENCES.split(lines[-1]) if _NUMBERS.search(part)][-1]
    bold = [part for part in _BOLD.findall(lines[-1]) if _NUMBERS.search(part)]
    if bold:
        said = bold[-1]
    result = _NUMBERS.findall(said.rpartition("=")[2]) if "=" in said else []
    if result:
        return _digits(result[0])
    numbers = [_digits(each) for each in _NUMBERS.findall(said)]
    before = text[: text.rfind(lines[-1])]
    computed = (_digits(each) for each in reversed(_RESULTS.findall(before)))
    return next((each for each in computed if each in numbers), numbers[-1])


def only_number(answer: str) -> str | None:
    """The one number of an answer that is a sentence ("Jean is 23 years old."); None where it is anything else."""
    text = _plain(answer)
    numbers = {_digits(each) for each in _NUMBERS.findall(text)}
    in_words = re.search(r"[^\W\d_]{3,}", text) and not _OPERATIONS.search(text)
    return numbers.pop() if len(numbers) == 1 and in_words else None


def _plain(text: str) -> str:
    """`text` with numbers as one would type them: no LaTeX spacing, no escaped currency, thousands without spaces."""
    text = _TEXT.sub(r"\1", text.replace("\\$", "$").replace("\\%", "%"))
    return _FRACTION.sub(r"\1/\2", _SPACING.sub(" ", _SEPARATORS.sub("", text))).translate(_DASHES)


def _digits(number: str) -> str:
    """One spelling for one value: no currency, no separators, no zeros behind a decimal point."""
    plain = number.replace("$", "").replace(",", "")
    if "." in plain and "/" not in plain:
        plain = plain.rstrip("0").rstrip(".")
        plain = re.sub(r"^(-?)(?=\.|$)", r"\g<1>0", plain)
    return plain
