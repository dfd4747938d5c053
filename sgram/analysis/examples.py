"""Example traces and pairs of sibling traces, with their spans, equations and diagnoses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sgram.analysis.sample_plan import SamplePlan
from sgram.diagnosis.kinds import Diagnosis
from sgram.diagnosis.siblings import Divergence, text_divergence
from sgram.equations import Equation, check_equations
from sgram.lexicon import Lexicon
from sgram.tagging.part_marks import find_part_spans
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import Span, remove_overlaps
from sgram.traces import Trace
from sgram.traces.part_texts import part_text
from sgram.traces.parts import PartChoice

_MAX_RANKED_SPANS = 40
"""Spans of a candidate that count in its favor; longer traces have more spans and are not better examples."""


class SampledTrace(NamedTuple):
    """A trace whose text is kept, with the name of its source."""

    source: str
    trace: Trace


@dataclass(frozen=True, slots=True)
class TraceExample:
    """A whole trace with its planning spans and its equations."""

    trace: Trace
    source: str
    spans: tuple[Span, ...]
    """Spans that do not overlap, by start; those of the part that is analyzed."""
    equations: tuple[Equation, ...]
    diagnosis: Diagnosis | None = None
    """None if the trace is not wrong or was not diagnosed."""


@dataclass(frozen=True, slots=True)
class SiblingPair:
    """A correct and a wrong trace of one group, with about equal lengths."""

    prompt: str
    correct: TraceExample
    wrong: TraceExample
    divergence: Divergence | None
    """Where the wrong trace leaves the correct one; None if they have nothing to compare."""


class ExampleBuilder:
    """Builds examples of sampled traces, which are mapped by their keys."""

    def __init__(
        self,
        sampled_traces: Mapping[int, SampledTrace],
        lexicon_of_source: Callable[[str], Lexicon],
        diagnoses: Mapping[int, Diagnosis],
        part: PartChoice = "all",
    ) -> None:
        self._sampled_traces, self._diagnoses = sampled_traces, diagnoses
        self._lexicon_of_source = lexicon_of_source
        self._finders: dict[str, SpanFinder] = {}
        self._part: PartChoice = part

    def _find_spans(self, key: int) -> tuple[Span, ...]:
        source, trace = self._sampled_traces[key]
        lexicon = self._lexicon_of_source(source)
        if lexicon.digest not in self._finders:
            self._finders[lexicon.digest] = SpanFinder(lexicon)
        part = part_text(trace, self._part)
        return tuple(remove_overlaps(find_part_spans(self._finders[lexicon.digest], part))) if part else ()

    def build_example(self, key: int) -> TraceExample:
        """Return the example of the trace with that key."""
        source, trace = self._sampled_traces[key]
        equations = tuple(check_equations(trace.text))
        return TraceExample(trace, source, self._find_spans(key), equations, self._diagnoses.get(key))

    def build_examples(self, plan: SamplePlan) -> tuple[TraceExample, ...]:
        """Return one example for each slot: the candidate with the most kinds of moves, then the most spans."""
        examples = []
        for slot in plan.slots:
            ranked = []
            for key in slot.candidates:
                spans = self._find_spans(key)
                n_moves = len({span.label for span in spans})
                ranked.append((-n_moves, -min(len(spans), _MAX_RANKED_SPANS), key))
            *_, best_key = min(ranked)
            examples.append(self.build_example(best_key))
        return tuple(examples)

    def build_lookup(self, source_names: Sequence[str], max_characters: int) -> tuple[TraceExample, ...]:
        """Return the traces whose texts fit into `max_characters`, those with the smallest keys, in a reader's order.

        The order is that of `source_names`, then step, id and key.
        """
        keys = []
        for key in sorted(self._sampled_traces):
            n_characters = len(self._sampled_traces[key].trace.text)
            if n_characters <= max_characters:
                max_characters -= n_characters
                keys.append(key)
        order = {name: index for index, name in enumerate(source_names)}

        def rank(key: int) -> tuple[int, int, str, int]:
            source, trace = self._sampled_traces[key]
            return order[source], -1 if trace.step is None else trace.step, trace.id, key

        return tuple(self.build_example(key) for key in sorted(keys, key=rank))

    def build_sibling_pairs(self, plan: SamplePlan) -> tuple[SiblingPair, ...]:
        """Return the pairs of a correct and a wrong trace of one group."""
        pairs = []
        for correct_key, wrong_key in plan.pairs:
            correct, wrong = self.build_example(correct_key), self.build_example(wrong_key)
            prompt = wrong.trace.prompt or correct.trace.prompt or ""
            pairs.append(SiblingPair(prompt, correct, wrong, text_divergence(wrong.trace.text, correct.trace.text)))
        return tuple(pairs)
