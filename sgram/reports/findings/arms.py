"""How runs of several methods end beside each other, in a sentence. Knows nothing about how they were trained.

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
_MOST = 4
"""Most differences that a sentence holds."""


@dataclass(frozen=True, slots=True)
class _Pair:
    one: str
    other: str
    n_seeds: int
    found: Interval

    def __str__(self) -> str:
        return f"{self.one} less {self.other} {points(self.found)}"


def arms(table: "Table", sources: Sequence[str]) -> list[Sentence]:
    """Whether any arm ends with another accuracy than the one that it is to be compared with."""
    held = group_records(table, "source", "series")
    by_arm: dict[str, dict[str, Interval]] = {}
    for source in sources:
        name, both = _RUN.fullmatch(source), ends(held.get((source, "pass@1"), ()))
        if name is not None and both is not None:
            by_arm.setdefault(name["method"] + (name["rest"] or ""), {})[name["seed"]] = both[1]
    pairs = _pairs(by_arm)
    if not pairs:
        return []
    stand = select_discoveries(pairs, lambda pair: pair.found)
    told = stand[:_MOST] if stand else pairs[:_MOST]
    text = f"Accuracy (pass@1) over the last tenth of the steps: {listed([str(pair) for pair in told])}"
    if len(told) < len(pairs):
        text += f" ({len(told)} of {len(pairs)} comparisons)"
    several = " when all are judged together (Benjamini and Hochberg, 5 %)" if len(pairs) > 1 else ""
    if stand:
        verdict = f"{listed([_verdict(pair) for pair in told])}{several}"
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


def _pairs(by_arm: Mapping[str, Mapping[str, Interval]]) -> list[_Pair]:
    """Arms with the first one that stands for no method, then with the control, each over the seeds of both."""
    base = _BASE if _BASE in by_arm else next(iter(by_arm), "")
    beside = [base] + [_CONTROL] * (_CONTROL in by_arm and base != _CONTROL)
    pairs = []
    for place, other in enumerate(beside):
        for one in by_arm:
            seeds = [seed for seed in by_arm[one] if seed in by_arm[other]]
            if seeds and one not in beside[: place + 1]:
                found = mean([difference(by_arm[one][seed], by_arm[other][seed]) for seed in seeds])
                pairs.append(_Pair(one, other, len(seeds), found))
    return pairs


def _verdict(pair: _Pair) -> str:
    return f"{pair.one} ends {'above' if pair.found.value > 0 else 'below'} {pair.other}"
