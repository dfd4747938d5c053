"""How runs of several methods end beside each other, seed by seed.

Runs are arms by their names (``hicra, seed 0``). Means over the last tenth of the steps are compared: each arm with
GRPO (or else the first arm), and with the placebo if it ran, which credits random tokens.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sgram.analysis.findings import Change, Comparison, Finding, FindingContext, judge, to_estimate
from sgram.analysis.table import Table
from sgram.statistics import Interval, difference, mean, select_discoveries

_RUN = re.compile(r"(?P<method>.+?), seed (?P<seed>[^\s,]+)(?P<rest>, .+)?", re.DOTALL)
_BASE, _CONTROL = "grpo", "placebo"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmContrast(Change):
    """Whether an arm ends above or below the arm that it is compared with; all pairs are judged together."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the difference of each pair of arms; `n` is the number of seeds that both have."""
        last_of_arm: dict[str, dict[str, Interval]] = {}
        for source in context.sources:
            name = _RUN.fullmatch(source)
            ends = self.ends(table.records(source=source, series=self.series)) if name else None
            if name and ends:
                last_of_arm.setdefault(name["method"] + (name["rest"] or ""), {})[name["seed"]] = ends[1]
        baselines = [_BASE if _BASE in last_of_arm else next(iter(last_of_arm), "")]
        baselines += [_CONTROL] if _CONTROL in last_of_arm and _CONTROL not in baselines else []
        pairs: list[tuple[Comparison, int]] = []
        for index, baseline in enumerate(baselines):
            for arm, last_of_seed in last_of_arm.items():
                seeds = [seed for seed in last_of_seed if seed in last_of_arm[baseline]]
                if seeds and arm not in baselines[: index + 1]:
                    gaps = [difference(last_of_seed[seed], last_of_arm[baseline][seed]) for seed in seeds]
                    pairs.append((Comparison(baseline, arm, mean(gaps)), len(seeds)))
        discoveries = select_discoveries(pairs, lambda pair: pair[0].interval)
        for pair in pairs:
            comparison, n_seeds = pair
            verdict = judge(comparison.interval) if pair in discoveries else "no change"
            estimate = to_estimate(comparison.interval)
            names = f"{comparison.subject} against {comparison.source}"
            yield Finding(measure, self, None, estimate, verdict=verdict, n=n_seeds, subject=names)
