"""The first pass: the traces of an input are surveyed, and what its reader reports is kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sgram.analysis.config import AnalysisConfig
from sgram.analysis.sample_plan import TraceSurvey
from sgram.analysis.sources import Source
from sgram.grading.fill_correct import GradingReport
from sgram.traces import Trace
from sgram.traces.ids import IdLog
from sgram.traces.part_texts import PartSelection
from sgram.traces.readers import ReadReport


@dataclass(slots=True, eq=False)
class PassSurvey:
    """What the first pass yields of one input, or of one file of it; it can be pickled."""

    traces: TraceSurvey
    selection: PartSelection
    report: ReadReport = field(default_factory=ReadReport)
    grading: GradingReport = field(default_factory=GradingReport)
    id_log: IdLog = field(default_factory=IdLog)
    """Empty if all files of the input were read together."""
    digests: tuple[str, ...] = ()
    """SHA-256 of each file that was read."""
    n_bytes: int = 0
    """Bytes of these files."""

    def merge(self, survey: "PassSurvey") -> None:
        """Add the traces of another survey; `report`, `id_log` and `n_bytes` stay."""
        self.traces.merge(survey.traces)
        self.selection.n_traces += survey.selection.n_traces
        self.selection.n_left_out += survey.selection.n_left_out
        self.grading.merge(survey.grading)
        self.digests += survey.digests


def survey_traces(traces: Iterable[Trace], source: Source, config: AnalysisConfig) -> PassSurvey:
    """Return the survey of the traces of one input that have the part."""
    survey = PassSurvey(TraceSurvey(config), PartSelection(config.part))
    for trace in traces:
        part = survey.selection.select(trace)
        if part is not None:
            survey.traces.add(trace, source.source_key(trace, config.pool_runs), part.text)
    return survey
