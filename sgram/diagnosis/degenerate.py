"""Responses that loop, or end before they are done. Knows nothing about problems or right answers.

A loop is told exactly where it is one: a run with a period. Whatever repeats with small changes is told by how far it
compresses. Both cost time linear in the length of the text.
"""

import re
import zlib
from dataclasses import dataclass

from sgram.files import excerpt
from sgram.grading.answers import marked_answer
from sgram.traces import Trace

MIN_RUN = 200
"""Fewest characters of a loop."""
MIN_REPEATS = 4
"""Fewest times that its unit stands in it."""
MIN_SHARE = 0.3
"""Share of the response that a loop must be, unless it is `LONG_RUN` characters long."""
LONG_RUN = 1000
MAX_PERIOD = 4000
"""Longest unit that is looked for; a longer one shows in the compression."""
LONG_TEXT = 3000
LOOP_RATIO = 0.12
"""A response of more than `LONG_TEXT` characters that compresses to less than this share of its bytes loops."""
_ANCHOR = 24
_LIMITS = ("length", "max_tokens", "max_length", "token_limit")
_LIMIT_KEYS = ("finish_reason", "stop_reason", "stop")
_OPENED = re.compile(r"<(?P<close>/?)(?P<tag>think|thinking|thought)>", re.IGNORECASE)
_THOUGHT = ("<|begin_of_thought|>", "<|end_of_thought|>")
_END_MARKS = frozenset(".?!:;)]}>\"'”’*`$|。…0123456789%°")
_SAID = re.compile(
    r"\b(?:answer|result|solution)s?\b[^.\n]{0,80}\d|"
    r"^\W*(?:(?:the|final|correct) )*(?:answer|solution|choice|option)s?\b\W*(?:(?:is|are|was)\b\W*)?(?!is\b|are\b)\w",
    re.IGNORECASE | re.MULTILINE,
)
_TAIL = 300


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something that speaks for a diagnosis, in a sentence; where it stands, as half-open character offsets."""

    what: str
    start: int | None = None
    end: int | None = None


def is_degenerate(text: str) -> Evidence | None:
    """The loop that `text` runs into; None where it runs into none.

    A run of at least `MIN_REPEATS` equal units and `MIN_RUN` characters that makes up `MIN_SHARE` of the text (or is
    `LONG_RUN` long); else, of a text of more than `LONG_TEXT` characters, a compression to less than `LOOP_RATIO`.
    """
    run = longest_run(text)
    if run is not None and (run.end - run.start >= max(MIN_SHARE * len(text), MIN_RUN) or run.size >= LONG_RUN):
        where = "last" if run.end >= len(text.rstrip()) - run.period else f"{run.size:,} of its {len(text):,}"
        size = f" {run.size:,} characters" if where == "last" else " characters"
        unit = excerpt(" ".join(text[run.start : run.start + run.period].split()), 60)
        return Evidence(f"the {where}{size} repeat the same {run.period:,}: '{unit}'", run.start, run.end)
    ratio = compression(text)
    if len(text) > LONG_TEXT and ratio < LOOP_RATIO:
        told = f"the response compresses to {ratio:.0%} of its size, less than {LOOP_RATIO:.0%}: it says the same again"
        return Evidence(told, 0, len(text))
    return None


def compression(text: str) -> float:
    """Bytes of `text` after zlib by bytes before; 1.0 of an empty one."""
    raw = text.encode()
    return len(zlib.compress(raw)) / len(raw) if raw else 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in which each character is the one `period` before it."""

    start: int
    end: int
    period: int

    @property
    def size(self) -> int:
        """Its length in characters."""
        return self.end - self.start


def longest_run(text: str) -> Run | None:
    """The longest run of at least `MIN_REPEATS` units and `MIN_RUN` characters, the first of equals; None without one.

    A run of spaces or of one sign (a rule, a row of dots) is none. Anchors stand closer than the shortest run is
    long, so that every run of units of up to `MAX_PERIOD` characters is met.
    """
    found, at = None, 0
    while at + _ANCHOR <= len(text):
        block = text[at : at + _ANCHOR]
        again = text.find(block, at + 1, at + MAX_PERIOD + _ANCHOR)
        if again < 0:
            at += _ANCHOR * 2
            continue
        period = again - at
        start = at - _agree(text, at, again, backward=True)
        end = again + _agree(text, at, again)
        worth = end - start >= max(MIN_RUN, MIN_REPEATS * period)
        if worth and any(map(str.isalnum, block)) and (found is None or end - start > found.size):
            found = Run(start, end, period)
        at = max(at + _ANCHOR * 2, end - _ANCHOR if worth else 0)
    return found


def _agree(text: str, first: int, second: int, backward: bool = False) -> int:
    """How many characters from `first` on (or before it) are those from `second` on."""
    step, same = 64, 0
    while step:
        if backward:
            low = first - same - step
            fits = low >= 0 and text[low : first - same] == text[second - same - step : second - same]
        else:
            high = second + same + step
            fits = high <= len(text) and text[first + same : first + same + step] == text[second + same : high]
        if fits:
            same += step
            step *= 2
        else:
            step //= 2
    return same


def says_answer(trace: Trace) -> bool:
    """Whether the response answers anything: told, marked, or named in its last lines."""
    return (
        trace.answer is not None
        or marked_answer(trace.text) is not None
        or _SAID.search(trace.text[-_TAIL:]) is not None
    )


def is_unfinished(trace: Trace) -> Evidence | None:
    """Why the response is not done: it gives no final answer, and was cut off or stops in the middle; else None.

    Cut off: its metadata says so, its thinking is never closed, or a formula or box stays open. In the middle: the
    last character ends no sentence, and the last lines name no answer.
    """
    text = trace.text.rstrip()
    if not text:
        return None
    thinking = _open_thought(text)
    tail = text[-_TAIL:]
    if marked_answer(tail if thinking is not None else text) is not None:
        return None
    here = max(0, len(text) - 80)
    limited = _limited(trace)
    if limited is not None:
        return Evidence(f"it ends at the token limit ({limited}) without an answer", here, len(text))
    if thinking is not None:
        return Evidence("its thinking begins here and never ends", thinking, len(text))
    if _SAID.search(tail) or (trace.answer is not None and text[-1] in _END_MARKS):
        return None
    if (opened := _open_mark(text)) is not None:
        return Evidence("it ends inside a formula that begins here", opened, len(text))
    if text[-1] not in _END_MARKS:
        return Evidence("it ends in the middle of a sentence, without an answer", here, len(text))
    return None


def _limited(trace: Trace) -> str | None:
    """What in the metadata says that sampling stopped at a limit."""
    for key in _LIMIT_KEYS:
        value = trace.meta.get(key)
        if isinstance(value, str) and value.lower() in _LIMITS:
            return f"{key} is {value.lower()}"
    return "truncated is true" if trace.meta.get("truncated") is True else None


def _open_thought(text: str) -> int | None:
    """Where the thinking begins that is never closed."""
    begun, ended = (text.rfind(mark) for mark in _THOUGHT)
    if begun > ended:
        return begun
    last = None
    for last in _OPENED.finditer(text):  # noqa: B007  the last one
        pass
    return last.start() if last is not None and not last["close"] else None


def _open_mark(text: str) -> int | None:
    """Where a displayed formula, a block of code or a box begins that is never closed."""
    for opening, closing in (("\\[", "\\]"), ("\\begin{", "\\end{")):
        begun = text.rfind(opening)
        if begun > text.rfind(closing):
            return begun
    for mark in ("$$", "```"):
        places = [found.start() for found in re.finditer(re.escape(mark), text)]
        if len(places) % 2:
            return places[-1]
    boxed = text.rfind("\\boxed{")
    if boxed >= 0 and text.count("{", boxed) > text.count("}", boxed):
        return boxed
    return None
