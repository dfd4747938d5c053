"""Responses that run into a loop, or end before they are complete.

An exact loop is a stretch of text with a period. Repetition with small changes is detected by how far the text
compresses. Both take time linear in the length of the text.
"""

import re
import zlib
from dataclasses import dataclass

from sgram.files import excerpt
from sgram.grading.answers import marked_answer
from sgram.traces import Trace

MIN_STRETCH = 200
"""Fewest characters of a loop."""
MIN_REPEATS = 4
"""Fewest repeats of the unit of a loop."""
MIN_SHARE = 0.3
"""Smallest share of the response that is a loop, unless the loop has `LONG_STRETCH` characters."""
LONG_STRETCH = 1000
MAX_PERIOD = 4000
"""Longest unit that is searched for; a longer one is detected by the compression."""
LONG_TEXT = 3000
LOOP_RATIO = 0.12
"""A response of more than `LONG_TEXT` characters loops if it compresses to less than this share of its bytes."""
_ANCHOR = 24
_LIMITS = ("length", "max_tokens", "max_length", "token_limit")
_LIMIT_KEYS = ("finish_reason", "stop_reason", "stop")
_THINK_TAG = re.compile(r"<(?P<close>/?)(?P<tag>think|thinking|thought)>", re.IGNORECASE)
_THOUGHT_MARKS = ("<|begin_of_thought|>", "<|end_of_thought|>")
_END_MARKS = frozenset(".?!:;)]}>\"'”’*`$|。…0123456789%°")
_NAMED_ANSWER = re.compile(
    r"\b(?:answer|result|solution)s?\b[^.\n]{0,80}\d|"
    r"^\W*(?:(?:the|final|correct) )*(?:answer|solution|choice|option)s?\b\W*(?:(?:is|are|was)\b\W*)?(?!is\b|are\b)\w",
    re.IGNORECASE | re.MULTILINE,
)
_TAIL_CHARS = 300
"""Characters at the end of a response in which an answer is named."""
_END_CHARS = 80
"""Characters at the end of a response that evidence points at."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that supports a diagnosis, with the half-open character offsets that it refers to."""

    sentence: str
    start: int | None = None
    end: int | None = None


def find_loop(text: str) -> Evidence | None:
    """Return the loop that `text` runs into; None if there is none.

    A loop is a stretch of at least `MIN_REPEATS` equal units and `MIN_STRETCH` characters that makes up `MIN_SHARE` of
    the text or is `LONG_STRETCH` long. A text of more than `LONG_TEXT` characters also loops if it compresses to less
    than `LOOP_RATIO`.

    >>> find_loop("Let me think. " + "no, wait, " * 50).sentence
    "the last 501 characters repeat the same 10: 'no, wait,'"
    >>> find_loop("The answer is 4.") is None
    True
    """
    stretch = find_periodic_stretch(text)
    if stretch is not None and (
        stretch.length >= max(MIN_SHARE * len(text), MIN_STRETCH) or stretch.length >= LONG_STRETCH
    ):
        is_last = stretch.end >= len(text.rstrip()) - stretch.period
        size = (
            f"last {stretch.length:,} characters" if is_last else f"{stretch.length:,} of its {len(text):,} characters"
        )
        unit = excerpt(" ".join(text[stretch.start : stretch.start + stretch.period].split()), 60)
        sentence = f"the {size} repeat the same {stretch.period:,}: '{unit}'"
        return Evidence(sentence, stretch.start, stretch.end)
    ratio = compression_ratio(text)
    if len(text) > LONG_TEXT and ratio < LOOP_RATIO:
        sentence = (
            f"the response compresses to {ratio:.0%} of its size, less than {LOOP_RATIO:.0%}: it says the same again"
        )
        return Evidence(sentence, 0, len(text))
    return None


def compression_ratio(text: str) -> float:
    """Return the bytes of `text` after zlib divided by the bytes before; 1.0 for an empty text.

    >>> compression_ratio("again and " * 400) < 0.05
    True
    """
    raw = text.encode()
    return len(zlib.compress(raw)) / len(raw) if raw else 1.0


@dataclass(frozen=True, slots=True)
class PeriodicStretch:
    """A stretch `[start, end)` of text in which each character equals the one `period` before it."""

    start: int
    end: int
    period: int

    @property
    def length(self) -> int:
        """Number of characters."""
        return self.end - self.start


def find_periodic_stretch(text: str) -> PeriodicStretch | None:
    """Return the longest stretch of at least `MIN_REPEATS` units and `MIN_STRETCH` characters; None if there is none.

    Of equally long ones the first is returned. A stretch of spaces or of one sign (a rule, a row of dots) does not
    count. Anchors are closer together than the shortest stretch is long, so no stretch with units of up to
    `MAX_PERIOD` characters is missed.

    >>> find_periodic_stretch("Well. " + "no, wait, " * 30)
    PeriodicStretch(start=5, end=306, period=10)
    """
    longest, anchor = None, 0
    while anchor + _ANCHOR <= len(text):
        block = text[anchor : anchor + _ANCHOR]
        repeat = text.find(block, anchor + 1, anchor + MAX_PERIOD + _ANCHOR)
        if repeat < 0:
            anchor += _ANCHOR * 2
            continue
        period = repeat - anchor
        start = anchor - _matching_length(text, anchor, repeat, backward=True)
        end = repeat + _matching_length(text, anchor, repeat)
        is_long = end - start >= max(MIN_STRETCH, MIN_REPEATS * period)
        if is_long and any(map(str.isalnum, block)) and (longest is None or end - start > longest.length):
            longest = PeriodicStretch(start, end, period)
        anchor = max(anchor + _ANCHOR * 2, end - _ANCHOR if is_long else 0)
    return longest


def _matching_length(text: str, first: int, second: int, backward: bool = False) -> int:
    """Return how many characters from `first` on (or before it) equal those from `second` on."""
    step, length = 64, 0
    while step:
        if backward:
            low = first - length - step
            matches = low >= 0 and text[low : first - length] == text[second - length - step : second - length]
        else:
            high = second + length + step
            matches = high <= len(text) and text[first + length : first + length + step] == text[second + length : high]
        if matches:
            length += step
            step *= 2
        else:
            step //= 2
    return length


def has_answer(trace: Trace) -> bool:
    """Return whether the response gives an answer: recorded in the trace, marked, or named in its last lines.

    >>> has_answer(Trace(id="1", text="Final answer: C")), has_answer(Trace(id="1", text="we add and then stop."))
    (True, False)
    """
    return (
        trace.answer is not None
        or marked_answer(trace.text) is not None
        or _NAMED_ANSWER.search(trace.text[-_TAIL_CHARS:]) is not None
    )


_SERVICE_ERROR = re.compile(
    r"(?:\W*(?:error|exception|traceback|warning|failed|failure|api ?error|http(?:error| status)?|status code)\b.{0,60}"
    r"(?:respon|request|server|api|rate|limit|timeout|timed out|connect|model|token|quota|unavailable|internal|gateway|"
    r"service|\b[45]\d\d\b)|\W*(?:request timed out|rate limit|internal server error|service unavailable|"
    r"bad gateway|too many requests|connection (?:error|reset|refused|aborted)|failed to (?:get|fetch|generate)))",
    re.IGNORECASE | re.DOTALL,
)
_MAX_ERROR_CHARS = 400
_TEMPLATE = re.compile(
    r"<\|[a-z_]{1,30}\|>(?:system|user|assistant)?|</?s>|\[/?INST\]|^\s*(?:system|user|assistant)\s*$|"
    r"(?:please )?(?:reason|think) step by step,? and put your final answer (?:with)?in \\boxed\{\}\.?",
    re.IGNORECASE | re.MULTILINE,
)
_ECHO_SHARE = 0.9
"""Share of the words of a response that stand in the problem in the same order, from which it is an echo."""
_WORD = re.compile(r"\w+")


def find_no_response(trace: Trace) -> Evidence | None:
    """Return why the text is no response to the problem: an error message of a service, or an echo; else None.

    >>> find_no_response(Trace(id="1", text="Error: Failed to get response from the model")).sentence
    'it is an error message of a service'
    """
    text = trace.text.strip()
    if not text:
        return None
    if len(text) <= _MAX_ERROR_CHARS and _SERVICE_ERROR.match(text) and marked_answer(text) is None:
        return Evidence("it is an error message of a service", 0, len(trace.text))
    own_text = _TEMPLATE.sub(" ", text)
    words = _WORD.findall(own_text.lower())
    if not words:
        return Evidence("it has only marks and instructions of a chat template", 0, len(trace.text))
    problem = " ".join(_WORD.findall((trace.prompt or "").lower()))
    if problem and marked_answer(text) is None and len(words) <= 1.2 * len(problem.split()) and len(words) > 3:
        runs = [" ".join(words[at : at + 4]) for at in range(len(words) - 3)]
        if sum(run in problem for run in runs) >= _ECHO_SHARE * len(runs):
            return Evidence("it only repeats the problem", 0, len(trace.text))
    return None


def find_cutoff(trace: Trace) -> Evidence | None:
    """Return why the response is unfinished; None if it is complete.

    It is unfinished if it gives no final answer and was cut off or stops in the middle. Cut off: its metadata says so,
    its thinking is never closed, or a formula or box stays open. In the middle: the last character ends no sentence,
    and the last lines name no answer.

    >>> find_cutoff(Trace(id="1", text="We add 6 and 9, and then we")).sentence
    'it ends in the middle of a sentence, without an answer'
    """
    text = trace.text.rstrip()
    if not text:
        return None
    open_thought = _find_open_thought(text)
    tail = text[-_TAIL_CHARS:]
    if marked_answer(tail if open_thought is not None else text) is not None:
        return None
    end_start = max(0, len(text) - _END_CHARS)
    limit = _reached_limit(trace)
    if limit is not None:
        return Evidence(f"it ends at the token limit ({limit}) without an answer", end_start, len(text))
    if open_thought is not None:
        return Evidence("its thinking begins here and never ends", open_thought, len(text))
    if _NAMED_ANSWER.search(tail) or (trace.answer is not None and text[-1] in _END_MARKS):
        return None
    open_formula = _find_open_formula(text)
    if open_formula is not None:
        return Evidence("it ends inside a formula that begins here", open_formula, len(text))
    if text[-1] not in _END_MARKS:
        return Evidence("it ends in the middle of a sentence, without an answer", end_start, len(text))
    return None


def _reached_limit(trace: Trace) -> str | None:
    """Return the field of the metadata that says that sampling stopped at a limit; None if no field does."""
    for key in _LIMIT_KEYS:
        reason = trace.meta.get(key)
        if isinstance(reason, str) and reason.lower() in _LIMITS:
            return f"{key} is {reason.lower()}"
    return "truncated is true" if trace.meta.get("truncated") is True else None


def _find_open_thought(text: str) -> int | None:
    """Return the start of a thought that is never closed; None if every thought is closed."""
    start, end = (text.rfind(mark) for mark in _THOUGHT_MARKS)
    if start > end:
        return start
    last_tag = None
    for last_tag in _THINK_TAG.finditer(text):  # noqa: B007  the last one
        pass
    return last_tag.start() if last_tag is not None and not last_tag["close"] else None


def _find_open_formula(text: str) -> int | None:
    """Return the start of a displayed formula, code block or box that is never closed; None if all are closed."""
    for opening, closing in (("\\[", "\\]"), ("\\begin{", "\\end{")):
        start = text.rfind(opening)
        if start > text.rfind(closing):
            return start
    for mark in ("$$", "```"):
        starts = [match.start() for match in re.finditer(re.escape(mark), text)]
        if len(starts) % 2:
            return starts[-1]
    box_start = text.rfind("\\boxed{")
    if box_start >= 0 and text.count("{", box_start) > text.count("}", box_start):
        return box_start
    return None
