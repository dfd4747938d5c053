"""Traces that labels say nothing about: what statistics may be counted on. Knows nothing about grams."""

from collections.abc import Iterable, Iterator, Sequence

from sgram.evaluation.labels import LabeledDocument
from sgram.traces import Trace


class HeldOut:
    """Lets traces through that are not on a labeled problem and are no labeled text; counts those it keeps back."""

    def __init__(self, documents: Sequence[LabeledDocument]):
        self.problems = {document.problem for document in documents if document.problem}
        self.texts = {document.text for document in documents}
        self.n_kept_back = 0

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Those of `traces` that may be used. A problem is known by the trace's group or its prompt."""
        for trace in traces:
            known = trace.group in self.problems or trace.prompt in self.problems
            if known or trace.text in self.texts:
                self.n_kept_back += 1
            else:
                yield trace
