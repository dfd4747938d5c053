"""How runs of several methods end beside each other, in a sentence.

Runs are arms by their names (``hicra, seed 0``). Means over the last tenth of the steps are compared seed by seed: each
arm with GRPO (or else the first arm), and with the placebo where it ran, which credits random tokens.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.source_selection import group_records
from sgram.reports.findings.dynamics import ends
from sgram.reports.findings.wording import Sentence, listed, points
from sgram.statistics import Interval, difference, mean, select_discoveries

if TYPE_CHECKING:
    from sgram.analysis.table import Table

_RUN = re.compile(r"(?P<method>.+?), seed (?P<seed>[^\s,]+)(?P<rest>, .+)?", re.DOTALL)
_BASE, _CONTROL = "grpo", "placebo"
_MAX_NAMED = 4
"""Most differences that a sentence holds."""


@dataclass(frozen=True, slots=True)
class _ArmDifference:
    arm: str
    baseline: str
    n_seeds: int
    interval: Interval

    def __str__(self) -> str:
        return f"{self.arm} less {self.baseline} {points(self.interval)}"


def arms(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether any arm ends with another accuracy than the one that it is to be compared with."""
    records_by_series = group_records(table, "source", "series")
    by_arm: dict[str, dict[str, Interval]] = {}
    for source in sources:
        name, both = _RUN.fullmatch(source), ends(records_by_series.get((source, "pass@1"), ()))
        if name is not None and both is not None:
            by_arm.setdefault(name["method"] + (name["rest"] or ""), {})[name["seed"]] = both[1]
    pairs = _pairs(by_arm)
    if not pairs:
        return []
    discoveries = select_discoveries(pairs, lambda pair: pair.interval)
    named_pairs = discoveries[:_MAX_NAMED] if discoveries else pairs[:_MAX_NAMED]
    text = f"Accuracy (pass@1) over the last tenth of the steps: {listed([str(pair) for pair in named_pairs])}"
    if len(named_pairs) < len(pairs):
        text += f" ({len(named_pairs)} of {len(pairs)} comparisons)"
    several = " when all are judged together (Benjamini and Hochberg, 5 %)" if len(pairs) > 1 else ""
    if discoveries:
        verdict = f"{listed([_verdict(pair) for pair in named_pairs])}{several}"
    else:
        verdict = f"no arm can be told from another{several}"
    n_seeds = min(pair.n_seeds for pair in pairs)
    runs = "one seed each" if n_seeds == 1 else f"{n_seeds} seeds each"
    return [
        Sentence(
            f"{text}; {verdict}. Intervals are over problems, {runs}: another seed may say otherwise.",
            section="dynamics",
            lead=f"With {runs}, {verdict.removesuffix(several)} by the accuracy (pass@1) at the end of training.",
        )
    ]


def _pairs(by_arm: Mapping[str, Mapping[str, Interval]]) -> list[_ArmDifference]:
    """Arms with the first one that stands for no method, then with the control, each over the seeds of both."""
    base = _BASE if _BASE in by_arm else next(iter(by_arm), "")
    beside = [base] + [_CONTROL] * (_CONTROL in by_arm and base != _CONTROL)
    pairs = []
    for index, baseline in enumerate(beside):
        for arm in by_arm:
            seeds = [seed for seed in by_arm[arm] if seed in by_arm[baseline]]
            if seeds and arm not in beside[: index + 1]:
                interval = mean([difference(by_arm[arm][seed], by_arm[baseline][seed]) for seed in seeds])
                pairs.append(_ArmDifference(arm, baseline, len(seeds), interval))
    return pairs


def _verdict(pair: _ArmDifference) -> str:
    return f"{pair.arm} ends {'above' if pair.interval.value > 0 else 'below'} {pair.baseline}"
