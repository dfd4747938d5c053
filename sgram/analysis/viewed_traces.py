"""Every trace of some inputs with its spans and its diagnosis, one after the other: what `sgram view` shows."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from sgram.analysis.examples import TraceExample
from sgram.analysis.sources import Source, find_inputs, label_sources
from sgram.diagnosis.diagnose_traces import CorpusDiagnosis
from sgram.diagnosis.kinds import Diagnosis
from sgram.grading.fill_correct import AnswerGrader
from sgram.lexicon import DEFAULT_LEXICON, Lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import remove_overlaps
from sgram.traces import ReadOptions, Trace
from sgram.traces.trace_keys import trace_identity


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How traces are read, tagged and diagnosed."""

    lexicon: str | None = None
    """Lexicon file or preset for all inputs. If None, a run uses its own lexicon and other traces the default one."""
    options: ReadOptions = field(default_factory=ReadOptions)
    dialect: str = "auto"
    judge_answers: bool = True
    """Judge traces that do not say whether they are correct by their reference answers."""
    max_diagnosed: int = 5000
    """Most wrong traces that are diagnosed; 0 for none."""


class ViewedTraces:
    """The traces of `paths`, read four times: to judge, to read siblings, to diagnose, and to be yielded.

    Iterating yields a `TraceExample` a trace, without equations, in the order of the inputs. A few hundred bytes a
    wrong trace are kept, never a text. Raise `UsageError` and `InputError` as `find_inputs` and `TraceReader` do.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from sgram.traces import write_traces
    >>> path = Path(tempfile.mkdtemp(), "rollouts.jsonl")
    >>> text = "But wait, we get 6 + 9 = 14. The answer is 14."
    >>> _ = write_traces([Trace(id="1", text=text, model="gpt", correct=False)], path)
    >>> [(example.source, example.spans[0].gram, example.diagnosis.kind) for example in ViewedTraces([path])]
    [('gpt', 'but wait', 'procedural')]
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], settings: ViewSettings | None = None) -> None:
        self.settings = settings or ViewSettings()
        self.sources, self.notes = find_inputs(paths)
        self.readers = [source.reader(self.settings.options, self.settings.dialect) for source in self.sources]
        """Readers of the first pass, whose reports say what was set aside."""
        lexicon_names = [self.settings.lexicon or source.lexicon or DEFAULT_LEXICON for source in self.sources]
        self.lexicons = {name: Lexicon.load(name) for name in dict.fromkeys(lexicon_names)}
        finders = {name: SpanFinder(lexicon) for name, lexicon in self.lexicons.items()}
        self._finders = [finders[name] for name in lexicon_names]
        self._n_passes = 0

    def __iter__(self) -> Iterator[TraceExample]:
        """Yield every trace with its spans and its diagnosis."""
        with ExitStack() as graders:
            fill = graders.enter_context(AnswerGrader(needs_formulas=False)) if self.settings.judge_answers else None
            diagnoses = self._diagnose(fill)
            keys = {source.source_key(trace) for source, _, trace in self._read(None)}
            names = label_sources(sorted(keys))
            for source, finder, trace in self._read(fill):
                spans = tuple(remove_overlaps(finder(trace.text)))
                diagnosis = diagnoses.get(trace_identity(trace))
                yield TraceExample(trace, names[source.source_key(trace)], spans, (), diagnosis)

    def _diagnose(self, fill: AnswerGrader | None) -> dict[int, Diagnosis]:
        """Return the diagnoses of the wrong traces, by `trace_identity`."""
        if not self.settings.max_diagnosed:
            return {}
        corpus = CorpusDiagnosis(
            lambda stage: (trace for _, _, trace in self._read(None)),
            self._finders[0],
            fill,
            max_diagnosed=self.settings.max_diagnosed,
        )
        return {trace_identity(trace): diagnosis for trace, diagnosis in corpus}

    def _read(self, fill: AnswerGrader | None) -> Iterator[tuple[Source, SpanFinder, Trace]]:
        """Yield (source, its span finder, trace); `fill` judges traces by their references."""
        readers = self.readers if not self._n_passes else [reader.reread() for reader in self.readers]
        self._n_passes += 1
        for source, finder, reader in zip(self.sources, self._finders, readers, strict=True):
            traces: Iterable[Trace] = reader if fill is None else fill(reader)
            for trace in traces:
                yield source, finder, trace
