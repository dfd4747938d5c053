"""Traces as compact JSON values, from which the script of a page builds them by DOM calls.

A text is stored once, as it is; marks are offsets into it, counted in UTF-16 units as scripts count. The script makes
what is invisible visible (`sgram/reports/pages/trace_text.js`). The report page and `sgram view` use the same records.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sgram.lexicon import MOVES
from sgram.reports.pages.report_traces import (
    LONGEST_REASON,
    MAX_NOTES,
    OUTCOMES,
    equation_marks,
    evidence_marks,
    format_diagnosis,
    list_facts,
    step_marks,
)
from sgram.reports.pages.templates import shorten
from sgram.traces.trace_keys import trace_identity

if TYPE_CHECKING:
    from sgram.analysis import TraceExample

_LONGEST_PROMPT = 6000
_MAX_LISTED_SPANS = 20_000
TEX_SIGNS = ("$", "\\(", "\\[", "\\begin{")
"""Signs one of which begins every formula."""


def trace_record(example: "TraceExample") -> dict[str, Any]:
    """Return a trace with its marks: JSON values whose keys are those that `trace_text.js` reads.

    >>> from sgram.analysis import TraceExample
    >>> from sgram.tagging.spans import Span
    >>> from sgram.traces import Trace
    >>> example = TraceExample(Trace(id="1", text="so wait"), "m", (Span(3, 7, "backtracking"),), ())
    >>> trace_record(example)["spans"]  # gap before the span, its length, index of its move
    [3, 4, 2]
    """
    trace, diagnosis = example.trace, example.diagnosis
    offsets = Utf16Offsets(trace.text)
    evidence = list(diagnosis.evidence) if diagnosis is not None else []
    wrong_equations = [equation for equation in example.equations if equation.verdict == "wrong"]
    evidence_of = {mark.number: mark for mark in evidence_marks(trace.text, evidence)}
    record: dict[str, Any] = {
        **trace_summary(example),
        "text": trace.text,
        "spans": _span_offsets(example, offsets),
        "equations": [
            [offsets(mark.start), offsets(mark.end), int(mark.name == "wrong"), mark.title, mark.number]
            for mark in equation_marks(example.equations, wrong_equations)
        ],
        "diagnosis": format_diagnosis(diagnosis),
        "evidence": [
            [shorten(reason.sentence, LONGEST_REASON), *_ends(evidence_of.get(number), offsets)]
            for number, reason in enumerate(evidence[:MAX_NOTES], 1)
        ],
        "step": [offset for mark in step_marks(diagnosis, trace.text) for offset in _ends(mark, offsets)],
    }
    if trace.prompt:
        record["prompt"] = shorten(trace.prompt, _LONGEST_PROMPT)
    return record


def trace_summary(example: "TraceExample") -> dict[str, Any]:
    """Return what a list of traces shows of one, and what it is filtered by."""
    return {
        "key": trace_key(example),
        "id": shorten(example.trace.id),
        "source": shorten(example.source),
        "outcome": OUTCOMES[example.trace.correct],
        "kind": "" if example.diagnosis is None else shorten(example.diagnosis.kind),
        "facts": list(list_facts(example)),
        "moves": sorted({_move_index(span.label) for span in example.spans}),
    }


def trace_key(example: "TraceExample") -> str:
    """Return the trace's name in addresses (12 hex digits): it depends on model, run, step, id and text alone."""
    return f"{trace_identity(example.trace):016x}"[-12:]


def lookup_data(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a page embeds to look traces up: the records, and the distinct prompts that they refer to by index.

    >>> lookup_data([{"id": "1", "prompt": "Why?"}, {"id": "2", "prompt": "Why?"}])
    {'prompts': ['Why?'], 'traces': [{'id': '1', 'prompt': 0}, {'id': '2', 'prompt': 0}]}
    """
    indexes: dict[str, int] = {}
    traces = [
        {**record} | ({"prompt": indexes.setdefault(record["prompt"], len(indexes))} if "prompt" in record else {})
        for record in records
    ]
    return {"prompts": list(indexes), "traces": traces}


def lookup_choices(records: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the sources, outcomes, kinds of error and moves that occur, for the filters.

    >>> lookup_choices([{"source": "m", "outcome": "wrong", "kind": "", "moves": [2]}])["move"]
    ['backtracking']
    """
    values: dict[str, set[str]] = {"source": set(), "outcome": set(), "kind": set(), "move": set()}
    for record in records:
        for name in ("source", "outcome", "kind"):
            values[name].add(record[name])
        values["move"].update(MOVES[index] for index in record["moves"])
    orders = {"outcome": list(OUTCOMES.values()), "move": list(MOVES)}
    return {
        name: [text for text in orders[name] if text in texts] if name in orders else sorted(texts - {""})
        for name, texts in values.items()
    }


def has_tex(texts: Iterable[str]) -> bool:
    """Return whether a text has a sign that begins a formula.

    >>> has_tex(["It costs 5."]), has_tex(["So $x$."])
    (False, True)
    """
    return any(sign in text for text in texts for sign in TEX_SIGNS)


class Utf16Offsets:
    """Offsets of characters in UTF-16 units, as scripts count them.

    >>> Utf16Offsets("a" + chr(0x1F600) + "b")(2)
    3
    """

    def __init__(self, text: str) -> None:
        is_plain = text.isascii() or max(text) <= "\uffff"
        self._astral = [] if is_plain else [index for index, character in enumerate(text) if character > "\uffff"]

    def __call__(self, offset: int) -> int:
        """Return the offset in UTF-16 units of the character at `offset`."""
        return offset + bisect_left(self._astral, offset)


def _span_offsets(example: "TraceExample", offsets: Utf16Offsets) -> list[int]:
    """Return gap, length and index of the move of each span, one after the other."""
    numbers, end = [], 0
    for span in example.spans[:_MAX_LISTED_SPANS]:
        span_start, span_end = offsets(span.start), offsets(span.end)
        numbers += [span_start - end, span_end - span_start, _move_index(span.label)]
        end = span_end
    return numbers


def _move_index(move: str) -> int:
    return MOVES.index(move) if move in MOVES else len(MOVES) - 1


def _ends(mark: Any, offsets: Utf16Offsets) -> Sequence[int]:
    return () if mark is None else (offsets(mark.start), offsets(mark.end))
