"""`show`: a text or trace with its planning marked, for a notebook or a terminal."""

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import DEFAULT_LEXICON, LexiconLike, SentenceScorerLike, as_lexicon
from sgram.reports.notebooks.marked_text import MarkedText
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.spans import MaskKind
from sgram.traces import Trace


def show(
    text_or_trace: str | Trace,
    lexicon: LexiconLike = DEFAULT_LEXICON,
    mask: MaskKind = "grams",
    scorer: SentenceScorerLike = "sgram",
) -> MarkedText:
    """Return a text or the text of a trace with its planning marked, which notebooks show in color.

    `lexicon` is a `Lexicon`, its path, the name of a preset or a list of phrases. `mask` says what is marked: grams,
    planning sentences by `scorer`, or the grams inside of these (as in `find_spans`). Raise `UsageError` for anything
    but a text or trace, and what loading the lexicon raises.

    >>> show("Wait, let me double-check. So it is 7.", "wang2025", mask="grams-in-sentences")
    2 spans of 'wang2025' in 38 characters
    [Wait|verification], [let me|verification] double-check. So it is 7.
    """
    if not isinstance(text_or_trace, str | Trace):
        type_name = excerpt(type(text_or_trace).__name__, 60)
        raise UsageError(f"show takes a text or a Trace (got {type_name}); of several traces, show one at a time")
    trace = text_or_trace if isinstance(text_or_trace, Trace) else None
    text = text_or_trace.text if isinstance(text_or_trace, Trace) else text_or_trace
    known_lexicon = as_lexicon(lexicon)
    return MarkedText(text, PlanningFinder(known_lexicon, mask, scorer)(text), known_lexicon, trace)
