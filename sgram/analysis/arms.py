"""How runs of several methods end beside each other, run by run.

Runs are told apart by their names (``hicra, seed 0, warmup_seed 4``): a method, a seed, and the settings in which runs
of one method and seed differ. Means over the last tenth of the steps are compared: those of each method with those of
GRPO (or else of the first method), and with those of the placebo if it ran, which credits random tokens.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sgram.analysis.findings import Change, Finding, FindingContext, Verdict
from sgram.analysis.table import Table
from sgram.errors import MissingExtraError
from sgram.statistics import LEVEL, Direction, Estimate, MeanInterval, complete_pairs, holm, pair_interval

_RUN = re.compile(r"(?P<method>.+?), seed (?P<seed>[^\s,]+)(?P<rest>, .+)?", re.DOTALL)
_START = re.compile(r", warmup_seed (?P<number>\d+)(?=,|$)")
_BASE, _CONTROL = "grpo", "placebo"
_Differences = Mapping[tuple[str, str], float]
"""(seed, start model) -> a run less the run of the other method with the same seed, start model and settings."""
_VERDICTS: Mapping[Direction, Verdict] = {"higher": "up", "lower": "down", "cannot say": "cannot say"}


@dataclass(frozen=True, slots=True)
class _Run:
    """What the name of a run says of it."""

    method: str
    seed: str
    rest: str
    """The settings in which it differs from runs of the same method and seed, as they stand in its name."""

    @property
    def start(self) -> str:
        """The start model (warm-up seed); "" if the name has none."""
        start = _START.search(self.rest)
        return start["number"] if start else ""

    @property
    def settings(self) -> str:
        """`rest` without the start model."""
        return _START.sub("", self.rest, count=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmContrast(Change):
    """Whether a method ends above or below the one that it is compared with; all pairs of methods are judged together.

    Two runs are compared only if seed and start model are the same, and other settings in their names, unless the
    baseline ran with one choice of these only. The interval is over seeds, or over seeds and start models, so that it
    covers how far runs of one method differ.
    """

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the mean difference of each pair of methods with common runs; `n` is the number of their seeds."""
        last_of_run: dict[_Run, float] = {}
        for source in context.sources:
            name = _RUN.fullmatch(source)
            ends = self.ends(table.records(source=source, series=self.series)) if name else None
            if name and ends:
                last_of_run[_Run(name["method"], name["seed"], name["rest"] or "")] = ends[1].value
        contrasts = [
            (subject, *_mean_interval(differences)) for subject, differences in _pair_runs(last_of_run).items()
        ]
        holm_ps = holm([interval.p for _, interval, _ in contrasts])
        for (subject, interval, pairs), holm_p in zip(contrasts, holm_ps, strict=True):
            is_significant = holm_p is not None and holm_p < 1 - LEVEL
            verdict = _VERDICTS[interval.direction] if is_significant else "cannot say"
            starts = {start for _, start in pairs if start}
            notes = [f"start models: {len(starts)}"] if len(starts) > 1 else []
            notes += [interval.undefined] if interval.undefined else []
            if interval.direction != "cannot say" and not is_significant:
                notes.append(f"not shown when all {len(contrasts)} pairs of methods are judged together (Holm)")
            estimate = Estimate(interval.mean, interval.low, interval.high, interval.n, interval.undefined)
            n_seeds = len({seed for seed, _ in pairs})
            yield Finding(
                measure, self, None, estimate, verdict=verdict, n=n_seeds, notes=tuple(notes), subject=subject
            )


def _pair_runs(last_of_run: Mapping[_Run, float]) -> dict[str, _Differences]:
    """Return the differences of each pair of methods, by the pair's name; pairs without common runs are left out."""
    methods = list(dict.fromkeys(run.method for run in last_of_run))
    baselines = [_BASE if _BASE in methods else next(iter(methods), "")]
    baselines += [_CONTROL] if _CONTROL in methods and _CONTROL not in baselines else []
    differences: dict[str, dict[tuple[str, str], float]] = {}
    for index, baseline in enumerate(baselines):
        for method in methods:
            if method in baselines[: index + 1]:
                continue
            for run, last in last_of_run.items():
                partner = _find_partner(run, baseline, last_of_run) if run.method == method else None
                if partner is not None:
                    subject = f"{method}{run.settings} against {baseline}{partner.settings}"
                    differences.setdefault(subject, {})[run.seed, run.start] = last - last_of_run[partner]
    return dict(differences)


def _find_partner(run: _Run, baseline: str, runs: Iterable[_Run]) -> _Run | None:
    """Return the run of the baseline with the same seed, start model and settings, or the only one with other settings.

    None if there is none, or if several have other settings.
    """
    candidates = [other for other in runs if (other.method, other.seed, other.start) == (baseline, run.seed, run.start)]
    same = [other for other in candidates if other.settings == run.settings]
    return same[0] if same else candidates[0] if len(candidates) == 1 else None


def _mean_interval(differences: _Differences) -> tuple[MeanInterval, _Differences]:
    """Return the mean of `differences` with its 95 % interval, and those that it is the mean of.

    With several start models the interval is over seeds and start models, and seeds that one of them lacks are left
    out; with one start model, or without two complete seeds, it is Student's. Without scipy there is no interval.
    """
    numbers = {name: index for index, name in enumerate(sorted({name for pair in differences for name in pair}))}
    grid = {(numbers[seed], numbers[start]): number for (seed, start), number in differences.items()}
    try:
        interval = pair_interval(grid)
    except MissingExtraError as error:
        interval = MeanInterval(len(grid), math.fsum(grid.values()) / len(grid), undefined=str(error))
    complete = complete_pairs(grid)
    if interval.n == len(grid) != len(complete):  # Student's, over all
        return interval, differences
    chosen = [pair for pair in differences if (numbers[pair[0]], numbers[pair[1]]) in complete]
    return interval, {pair: differences[pair] for pair in chosen}
