"""Whether errors of a kind rose or fell over training, if the kinds of some traces are undecided."""

from collections.abc import Iterator
from dataclasses import dataclass

from sgram.analysis.findings import Change, Finding, FindingContext, Verdict, judge, to_estimate
from sgram.analysis.step_series import AT_MOST
from sgram.analysis.table import Table
from sgram.statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KindChange(Change):
    """How the share of a kind changes, between its decided share and that with the undecided traces.

    Without undecided traces it is a `Change`. With them the kind fell only if at the end even all undecided traces
    leave it below its decided share at the beginning, and rose only if the reverse holds. The verdict is "cannot say"
    if the undecided leave open whether it rose or fell, and "no change" if only the noise does.
    """

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the change of each source that has the series at two steps or more."""
        for source in context.sources:
            decided = table.records(source=source, series=self.series)
            widest = table.records(source=source, series=f"{self.series}{AT_MOST}") or decided
            ends, widest_ends = self.ends(decided), self.ends(widest)
            if ends is None or widest_ends is None:
                continue
            n_steps = len({row["step"] for row in decided})
            if [end.value for end in ends] == [end.value for end in widest_ends]:
                yield self.compared(measure, source, *ends, self.change(decided), None, n_steps)
                continue
            # as the share may be anywhere between both series, the change may be anywhere between these two
            least, most = self.change(widest, decided), self.change(decided, widest)
            verdict: Verdict = "cannot say" if least.value <= 0 <= most.value else "no change"
            change = Interval(ends[1].value - ends[0].value, least.low, most.high)
            if judge(least) == "up":
                verdict, change = "up", least
            elif judge(most) == "down":
                verdict, change = "down", most
            yield Finding(
                measure,
                self,
                source,
                to_estimate(change),
                verdict=verdict,
                n=n_steps,
                sides=(to_estimate(ends[0]), to_estimate(ends[1])),
                at_most=(to_estimate(widest_ends[0]), to_estimate(widest_ends[1])),
            )
