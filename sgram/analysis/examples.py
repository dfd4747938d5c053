"""Traces to look at, with all that is known of their texts. Knows nothing about how they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sgram.analysis.sample_plan import Choice
from sgram.diagnosis.kinds import Diagnosis
from sgram.diagnosis.siblings import Divergence, divergence
from sgram.equations.equations import Equation, check_equations
from sgram.lexicon import Lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import Span, longest_first
from sgram.traces import Trace


@dataclass(frozen=True, slots=True)
class Example:
    """A trace, whole, with its planning spans and its equations."""

    trace: Trace
    source: str
    spans: tuple[Span, ...]
    """None overlapping another, by start."""
    equations: tuple[Equation, ...]
    diagnosis: Diagnosis | None = None
    """None where the trace is not wrong, or was not among those diagnosed."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """A correct and a wrong trace of one group, of about equal lengths."""

    prompt: str
    correct: Example
    wrong: Example
    divergence: Divergence | None
    """Where the wrong one leaves the correct one; None where nothing can be compared."""


class Showing:
    """Makes examples of held traces; `lexicon_of` gives the lexicon of a source by its name."""

    def __init__(
        self,
        held: Mapping[int, tuple[str, Trace]],
        lexicon_of: Callable[[str], Lexicon],
        diagnoses: Mapping[int, Diagnosis],
    ):
        self._held, self._diagnoses = held, diagnoses
        self._lexicon_of, self._finders = lexicon_of, {}

    def _spans(self, key: int) -> tuple[Span, ...]:
        source, trace = self._held[key]
        lexicon = self._lexicon_of(source)
        if lexicon.digest not in self._finders:
            self._finders[lexicon.digest] = SpanFinder(lexicon)
        return tuple(longest_first(self._finders[lexicon.digest](trace.text)))

    def example(self, key: int) -> Example:
        """The trace of that key."""
        source, trace = self._held[key]
        equations = tuple(check_equations(trace.text))
        return Example(trace, source, self._spans(key), equations, self._diagnoses.get(key))

    def examples(self, choice: Choice) -> tuple[Example, ...]:
        """One for each slot: of its candidates the one with the most kinds of moves, then the most spans."""
        made = []
        for slot in choice.slots:
            ranked = []
            for key in slot.candidates:
                spans = self._spans(key)
                ranked.append((-len({span.label for span in spans}), -min(len(spans), 40), key))
            made.append(self.example(min(ranked)[2]))
        return tuple(made)

    def siblings(self, choice: Choice) -> tuple[Siblings, ...]:
        """Pairs of traces of one group."""
        made = []
        for correct, wrong in choice.pairs:
            pair = self.example(correct), self.example(wrong)
            prompt = pair[1].trace.prompt or pair[0].trace.prompt or ""
            apart = divergence(pair[1].trace.text, pair[0].trace.text)
            made.append(Siblings(prompt, *pair, apart))
        return tuple(made)
