"""Remove traces that share a problem or a text with labeled documents, to prevent leakage into statistics."""

from collections.abc import Iterable, Iterator, Sequence

from sgram.evaluation.labeled_documents import LabeledDocument
from sgram.traces import Trace


class HeldOutFilter:
    """Filter of traces that excludes those of labeled problems and those whose text is labeled.

    >>> leakage_filter = HeldOutFilter([LabeledDocument("a", "So x is 2.", (), problem="p1")])
    >>> traces = [Trace(id="t1", text="Wait.", group="p1"), Trace(id="t2", text="Let me see.", group="p2")]
    >>> [trace.id for trace in leakage_filter(traces)], leakage_filter.n_excluded
    (['t2'], 1)
    """

    def __init__(self, documents: Sequence[LabeledDocument]):
        self.problems = {document.problem for document in documents if document.problem}
        self.texts = {document.text for document in documents}
        self.n_excluded = 0
        """Traces excluded so far."""

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Yield the traces that are not excluded; a trace's problem is its group or its prompt."""
        for trace in traces:
            has_labeled_problem = trace.group in self.problems or trace.prompt in self.problems
            if has_labeled_problem or trace.text in self.texts:
                self.n_excluded += 1
            else:
                yield trace
