"""The page of the comparison on the hard testbed: sentences, tables and verdicts, made from records of runs alone."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gradient_cosines import PLACES
from training_design import (
    ALL_RATES,
    ARMS,
    BASELINE,
    CONTROLS,
    CREDITS,
    FIRST_STARTS,
    RATE_PAIRS,
    REGULARIZER_PAIRS,
    REGULARIZERS,
    STEPS,
    TREATMENT,
    choose_rate,
    mean_by_rate,
)
from training_records import RunRecord

from sgram.statistics import (
    MeanInterval,
    complete_pairs,
    crossed_error,
    detectable_difference,
    holm,
    pair_interval,
    t_interval,
)
from sgram.training.experiments.comparison_io import format_number, format_p_value
from sgram.training.experiments.markdown_tables import table_head, table_line

FIGURE_LINES = ("![Accuracy by step, and HICRA less each control](training_comparison.png)", "")
Records = Mapping[tuple[str, float, int, int], RunRecord]
Cosines = Mapping[tuple[str, int, str], Mapping[str, float]]
Measure = Callable[[RunRecord], float | None]

LEVELS = (0.2, 0.3, 0.6)
SIGNIFICANCE, POWER = 0.05, 0.8


def mean_of_run(record: RunRecord) -> float:
    """Return the primary measure of a run."""
    return record.mean_of_run


MEASURES: Mapping[str, Measure] = {
    "mean of run": mean_of_run,
    "held-out accuracy": lambda record: record.after.get("pass_at_1"),
    "right method": lambda record: record.after.get("right_method"),
    "right execution": lambda record: record.after.get("right_execution"),
    "maj@16": lambda record: record.last("maj@16"),
    "semantic entropy": lambda record: record.after.get("semantic_entropy"),
    "planning entropy": lambda record: record.after.get("planning_entropy"),
    "execution entropy": lambda record: record.after.get("execution_entropy"),
}
"""Exploratory measures, but the first of the end of a run; maj@16 is on the problems of the last 20 steps."""


class PrimaryRow(NamedTuple):
    """The treatment less one control in the mean of run."""

    control: str
    interval: MeanInterval
    holm_p: float | None
    given_starts: MeanInterval
    """Over seeds alone, for these start models."""
    detectable: tuple[float, float] | None
    """Smallest difference found with 80 %: at level .05, and at the first level of Holm's procedure."""

    @property
    def verdict(self) -> str:
        """What the family says of this control."""
        return self.interval.direction if self.holm_p is not None and self.holm_p < SIGNIFICANCE else "cannot say"


class Design(NamedTuple):
    """The runs of the comparison that there are, and those that are planned."""

    records: Records
    arms: Sequence[str]
    seeds: Sequence[int]
    starts: Sequence[int]

    @property
    def rates(self) -> dict[str, float]:
        """The chosen rate of each arm whose choice is complete."""
        means = {key: record.mean_of_run for key, record in self.records.items()}
        return {arm: rate for arm in self.arms if (rate := choose_rate(means, arm)) is not None}

    def runs(self, arm: str) -> list[RunRecord]:
        """Return the runs of an arm in the comparison, or of a regularizer."""
        if arm in REGULARIZERS:
            pairs, rate = set(REGULARIZER_PAIRS), self.rates.get(BASELINE)
        else:
            pairs, rate = {(seed, start) for seed in self.seeds for start in self.starts}, self.rates.get(arm)
        runs = [record for key, record in self.records.items() if key[:2] == (arm, rate) and record.pair in pairs]
        return sorted(runs, key=lambda record: record.key)

    def differences(self, arm: str, control: str, measure: Measure) -> dict[tuple[int, int], float]:
        """Return (seed, start model) -> arm less control, for the pairs that both have."""
        numbers = [{record.pair: measure(record) for record in self.runs(name)} for name in (arm, control)]
        differences: dict[tuple[int, int], float] = {}
        for pair in sorted(numbers[0].keys() & numbers[1].keys()):
            minuend, subtrahend = numbers[0][pair], numbers[1][pair]
            if minuend is not None and subtrahend is not None:
                differences[pair] = minuend - subtrahend
        return differences


def page(records: Records, cosines: Cosines, arms: Sequence[str], seeds: Sequence[int], starts: Sequence[int]) -> str:
    """Return the page as Markdown."""
    design = Design(records, arms, seeds, starts)
    family = primary_family(design)
    lines = [
        "# Is it the planning tokens?",
        "",
        *summary(design, family),
        "",
        *(FIGURE_LINES if design.runs(BASELINE) and design.runs(TREATMENT) else ()),
        *primary_table(design, family),
        *claims_table(design, family),
        *arms_table(design, cosines),
        *rates_table(design),
        *exploratory_tables(design),
        *regularizer_table(design),
        *method_section(design),
    ]
    return "\n".join(lines).rstrip() + "\n"


def primary_family(design: Design) -> list[PrimaryRow]:
    """Return the comparisons of the primary family, with Holm's correction among them."""
    differences = [design.differences(TREATMENT, control, mean_of_run) for control in CONTROLS]
    intervals = [pair_interval(pairs) for pairs in differences]
    adjusted = holm([interval.p for interval in intervals])
    return [
        PrimaryRow(control, interval, p_value, _given_starts(pairs), _detectable(pairs))
        for control, interval, p_value, pairs in zip(CONTROLS, intervals, adjusted, differences, strict=True)
    ]


def _given_starts(pairs: Mapping[tuple[int, int], float]) -> MeanInterval:
    """Return Student's interval over the seeds' means; seeds that a start model lacks are left out."""
    complete = complete_pairs(pairs)
    seeds = sorted({seed for seed, _ in complete})
    return t_interval([statistics.fmean(complete[pair] for pair in complete if pair[0] == seed) for seed in seeds])


def _detectable(pairs: Mapping[tuple[int, int], float]) -> tuple[float, float] | None:
    complete = complete_pairs(pairs)
    if len({seed for seed, _ in complete}) < 2 or len({start for _, start in complete}) < 2:
        return None
    error = crossed_error(complete)
    if error is None:
        return None
    by_itself, as_first = (
        detectable_difference(*error, level, POWER) for level in (SIGNIFICANCE, SIGNIFICANCE / len(CONTROLS))
    )
    return by_itself, as_first


def summary(design: Design, family: Sequence[PrimaryRow]) -> list[str]:
    """Return three sentences on what came of it, as the primary family says it."""
    n_planned = len(design.arms) * len(design.seeds) * len(design.starts)
    n_runs = sum(len(design.runs(arm)) for arm in design.arms)
    if n_runs < n_planned:
        chosen = f"the rates of {len(design.rates)} of {len(design.arms)} arms are chosen"
        return [
            f"**Not complete: {n_runs} of {n_planned} runs of the comparison are there, and {chosen}; no verdict below "
            "is final.** The same command adds the rest."
        ]
    by_verdict: dict[str, list[str]] = {"higher": [], "lower": [], "cannot say": []}
    for row in family:
        by_verdict[row.verdict].append(row.control)
    baseline = next(row for row in family if row.control == BASELINE)
    arm_runs, control_runs = design.runs(TREATMENT), design.runs(BASELINE)
    levels = (statistics.fmean(record.mean_of_run for record in runs) for runs in (arm_runs, control_runs))
    means = " and ".join(format_number(level) for level in levels)
    sentences = [
        f"HICRA at alpha 1 and GRPO, each at its best of three learning rates, have a mean accuracy over {STEPS} "
        f"steps of {means}: {_say(baseline)}.",
        f"Of its {len(family)} controls, HICRA is above {_names(by_verdict['higher'])}, below "
        f"{_names(by_verdict['lower'])}, and cannot be told from {_names(by_verdict['cannot say'])}.",
    ]
    detectable = [row.detectable[0] for row in family if row.detectable is not None]
    if detectable:
        sentences.append(
            f"With {len(design.seeds)} seeds and {len(design.starts)} start models the smallest difference that a "
            f"comparison finds in four of five cases is {format_number(min(detectable))} to "
            f"{format_number(max(detectable))}, so that smaller ones stay open."
        )
    return sentences


def _say(row: PrimaryRow) -> str:
    figures = f"{_interval(row.interval)}, Holm's p among {len(CONTROLS)} comparisons {format_p_value(row.holm_p)}"
    if row.verdict == "cannot say":
        alone = row.interval.direction
        shown = "no difference is shown"
        if alone != "cannot say":
            shown = f"HICRA is {alone} by itself, which is not shown when all controls are judged together"
        return f"{shown} ({figures})"
    return f"HICRA is {row.verdict} ({figures})"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def primary_table(design: Design, family: Sequence[PrimaryRow]) -> list[str]:
    """Return the table of the primary family."""
    lines = [
        "## Primary family: mean of run, HICRA (alpha 1) less each control",
        "",
        *table_head(
            [
                *("less", "its credit", "difference", "above 0", "p", "Holm's p", "verdict", "for these start models"),
                *("found with 80 %", "as the first of the family"),
            ]
        ),
    ]
    for row in family:
        detectable = ("-", "-") if row.detectable is None else tuple(format_number(x) for x in row.detectable)
        above = f"{row.interval.n_above} of {row.interval.n}"
        cells = [
            row.control,
            CREDITS[row.control],
            _interval(row.interval),
            above,
            format_p_value(row.interval.p),
            format_p_value(row.holm_p),
        ]
        cells.append(row.verdict + _by_itself(row))
        lines.append(table_line([*cells, _interval(row.given_starts), *detectable]))
    return [
        *lines,
        "",
        "HICRA's credit is A + alpha abs(A) on planning tokens and A on all others, which is scale and push together "
        "([what HICRA does](../docs/what_hicra_does.md)). A is GRPO's advantage, p the share of right responses in a "
        "group, sigma their deviation; alpha stands behind the names. "
        "Mean of run: share of right responses over all steps, 12,800 responses. Differences are paired by seed and "
        "start model; brackets are 95 % intervals over both factors (`sgram.statistics.crossed_interval`; coverage "
        ".94 to .99 for 4 x 3, .95 to .99 for 4 x 5, README of the benchmarks). The column for these start models has "
        "Student's interval over seeds: it says nothing of other start models. The last two columns are the smallest "
        "true differences that a test finds with 80 % probability at the observed variances, by itself and at the "
        "level of Holm's first step.",
        "",
        *_first_look(design),
    ]


def _first_look(design: Design) -> list[str]:
    """Return what the family said before start models were added, if there are runs of added ones."""
    added = [start for start in design.starts if start not in FIRST_STARTS]
    if not added or not any(record.start in added for record in design.runs(TREATMENT)):
        return []
    rows = primary_family(design._replace(starts=FIRST_STARTS))
    looks = "; ".join(f"{row.control} {_interval(row.interval)}" for row in rows)
    return [
        f"Start models {_list(added)} were added when the result from {_list(FIRST_STARTS)} was known, to narrow the "
        "intervals; rates were not chosen again, and p values are not corrected for the second look. From the first "
        f"{len(FIRST_STARTS)} start models, HICRA less each control: {looks}.",
        "",
    ]


def claims_table(design: Design, family: Sequence[PrimaryRow]) -> list[str]:
    """Return the verdicts on the claims of the method, by the primary family and exploratory measures."""
    baseline = next(row for row in family if row.control == BASELINE)
    answers = {"higher": "yes", "lower": "no: lower", "cannot say": "cannot say"}
    semantic, planning, method, majority = (
        _exploratory(design, [TREATMENT], name).get(TREATMENT)
        for name in ("semantic entropy", "planning entropy", "right method", "maj@16")
    )
    rows = [
        (
            "HICRA learns faster than GRPO (mean of run)",
            answers[baseline.verdict] + _by_itself(baseline),
            _interval(baseline.interval)
            + ("" if baseline.holm_p is None else f", Holm's p {format_p_value(baseline.holm_p)}"),
        ),
        _entropy_claim(semantic, planning),
        ("Strategic errors fall more under HICRA (right method, held out)", *_answer(method)),
        ("HICRA's maj@16 is above GRPO's", *_answer(majority)),
        *_regularizer_claims(design),
    ]
    lines = ["## Verdicts on the claims", "", *table_head(["claim", "verdict", "figures"])]
    lines += [table_line(row) for row in rows]
    return [
        *lines,
        "",
        "The first verdict is that of the primary family. The others are exploratory: intervals over seeds and start "
        "models, p values with Holm's correction among all exploratory comparisons of their kind (tables below).",
        "",
    ]


def _by_itself(row: PrimaryRow) -> str:
    """Return what the comparison says by itself where the family cannot say anything."""
    alone = row.interval.direction
    return f" ({alone} by itself)" if row.verdict == "cannot say" != alone else ""


class Exploratory(NamedTuple):
    """An arm less GRPO in an exploratory measure."""

    interval: MeanInterval
    holm_p: float | None

    @property
    def verdict(self) -> str:
        """What is said after the correction."""
        return self.interval.direction if self.holm_p is not None and self.holm_p < SIGNIFICANCE else "cannot say"


def _answer(row: "Exploratory | None") -> tuple[str, str]:
    if row is None:
        return "cannot say", "no runs"
    answers = {"higher": "yes", "lower": "no: lower", "cannot say": "cannot say"}
    return answers[row.verdict], f"{_interval(row.interval)}, Holm's p {format_p_value(row.holm_p)}"


def _entropy_claim(semantic: "Exploratory | None", planning: "Exploratory | None") -> tuple[str, str, str]:
    claim = "Semantic entropy is higher under HICRA while token entropy on planning tokens is lower"
    if semantic is None or planning is None:
        return claim, "cannot say", "no runs"
    verdicts = semantic.verdict, planning.verdict
    if verdicts == ("higher", "lower"):
        answer = "yes"
    elif verdicts[0] == "lower" or verdicts[1] == "higher":
        answer = "no"
    else:
        answer = "cannot say"
    return claim, answer, f"semantic {_interval(semantic.interval)}, planning tokens {_interval(planning.interval)}"


def _regularizer_claims(design: Design) -> list[tuple[str, str, str]]:
    rows = []
    for kind, claim, good in (
        ("entropy", "A uniform entropy bonus hurts (mean of run, some strength)", "lower"),
        ("siren", "SIREN does not hurt (mean of run, all strengths)", "not lower"),
    ):
        arms = [arm for arm in REGULARIZERS if arm.startswith(kind)]
        intervals = {arm: _regularizer_interval(design, arm) for arm in arms}
        p_values = holm([intervals[arm].p for arm in arms])
        directions = [
            intervals[arm].direction if p is not None and p < SIGNIFICANCE else "cannot say"
            for arm, p in zip(arms, p_values, strict=True)
        ]
        answer = "cannot say"
        if good == "lower" and "lower" in directions:
            answer = "yes"
        if good == "not lower" and "lower" in directions:
            answer = "no"
        figures = "; ".join(f"{arm}: {_interval(intervals[arm])}" for arm in arms)
        rows.append((claim, answer, figures))
    return rows


def _regularizer_interval(design: Design, arm: str) -> MeanInterval:
    return pair_interval(design.differences(arm, BASELINE, mean_of_run))


def arms_table(design: Design, cosines: Cosines) -> list[str]:
    """Return what each arm came to."""
    titles = ["arm", "rate", "runs", "mean of run", *(f"steps to {level:g}" for level in LEVELS), "held out"]
    titles += ["right method", "right execution", "maj@16", "pass@16", "H planning", "H execution", "H semantic"]
    titles += ["tokens", "cosine at the start", "cosine at the end"]
    lines = ["## Arms", "", *table_head(titles)]
    for arm in design.arms:
        runs = design.runs(arm)
        cells = [arm, format_rate(design.rates.get(arm)), str(len(runs)), _mean(record.mean_of_run for record in runs)]
        cells += [_steps(runs, level) for level in LEVELS]
        cells += [_mean(record.after.get(name) for record in runs) for name in ("pass_at_1", *_DETAILS)]
        cells += [_mean(record.last(name) for record in runs) for name in ("maj@16", "pass@16")]
        cells += [_mean(record.after.get(name) for record in runs) for name in _ENTROPIES]
        cells.append(_mean(record.after.get("length") for record in runs))
        for place in PLACES:
            known = [row["cosine"] for key, row in cosines.items() if (key[0], key[2]) == (arm, place)]
            cells.append("1" if arm == BASELINE else _mean(known))
        lines.append(table_line(cells))
    starts = [next((run for run in design.runs(BASELINE) if run.start == start), None) for start in design.starts]
    before = ", ".join(
        f"{start}: {format_number(run.before['pass_at_1'])}"
        for start, run in zip(design.starts, starts, strict=True)
        if run is not None
    )
    return [
        *lines,
        "",
        "Means over runs. Steps to a level: first step at which the mean of the last 10 steps reaches it, median over "
        f"runs; > {STEPS} where half of the runs never do. Held out, right method, right execution (of the announced "
        "method), "
        "entropies (nats) and tokens: 2,040 responses to held-out problems after the last step. maj@16 and pass@16: "
        "problems of the last 20 steps. Cosine: between the gradient with and without the arm's credit, mean over "
        f"batches and start models, of the start policy and behind GRPO's run. Held-out accuracy of the start models: "
        f"{before or '-'}.",
        "",
    ]


_DETAILS = ("right_method", "right_execution")
_ENTROPIES = ("planning_entropy", "execution_entropy", "semantic_entropy")


def rates_table(design: Design) -> list[str]:
    """Return the choice of learning rates."""
    means = {key: record.mean_of_run for key, record in design.records.items()}
    head = table_head(["arm", *(format_rate(rate) for rate in ALL_RATES), "chosen"])
    lines = ["## Choice of learning rates: mean of run", "", *head]
    for arm in design.arms:
        by_rate, chosen = mean_by_rate(means, arm), design.rates.get(arm)
        edge = " (the last one tried)" if chosen in (min(ALL_RATES), max(ALL_RATES)) else ""
        cells = [format_number(by_rate.get(rate)) for rate in ALL_RATES]
        lines.append(table_line([arm, *cells, f"{format_rate(chosen)}{edge}" if chosen else "not yet"]))
    pairs = " and ".join(f"seed {seed} from start model {start}" for seed, start in RATE_PAIRS)
    return [
        *lines,
        "",
        f"Means of two runs: {pairs}. No comparison uses these seeds. The smallest and the largest rate are tried "
        "where the best of the others is next to them.",
        "",
    ]


def exploratory_tables(design: Design) -> list[str]:
    """Return every arm less GRPO in the exploratory measures."""
    others = [arm for arm in design.arms if arm != BASELINE]
    lines = ["## Exploratory: each arm less GRPO", "", *table_head(["arm", *MEASURES])]
    tables = {name: _exploratory(design, others, name) for name in MEASURES}
    for arm in others:
        cells = []
        for name in MEASURES:
            row = tables[name].get(arm)
            if row is None:
                cells.append("-")
            else:
                said = "" if row.verdict == "cannot say" else f", {row.verdict}"
                cells.append(f"{_interval(row.interval)}{said}")
        lines.append(table_line([arm, *cells]))
    return [
        *lines,
        "",
        "Mean of run, then measures of the end of a run. 95 % intervals over seeds and start models; higher and lower "
        "are said where Holm's p within the column is below .05.",
        "",
    ]


def _exploratory(design: Design, arms: Sequence[str], name: str) -> dict[str, Exploratory]:
    others = [arm for arm in design.arms if arm != BASELINE]
    pairs = {arm: design.differences(arm, BASELINE, MEASURES[name]) for arm in others}
    intervals = {arm: pair_interval(differences) for arm, differences in pairs.items() if differences}
    adjusted = dict(zip(intervals, holm([interval.p for interval in intervals.values()]), strict=True))
    return {arm: Exploratory(intervals[arm], adjusted[arm]) for arm in arms if arm in intervals}


def regularizer_table(design: Design) -> list[str]:
    """Return the uniform entropy bonus and SIREN beside GRPO."""
    titles = [
        "arm",
        "runs",
        "mean of run",
        "less grpo",
        "held out",
        "H planning",
        "H execution",
        "H semantic",
        "tokens",
    ]
    lines = ["## Uniform entropy bonus and SIREN, at GRPO's rate", "", *table_head(titles)]
    baseline = [record for record in design.runs(BASELINE) if record.pair in REGULARIZER_PAIRS]
    for arm in (BASELINE, *REGULARIZERS):
        runs = baseline if arm == BASELINE else design.runs(arm)
        less = "" if arm == BASELINE else _interval(_regularizer_interval(design, arm))
        names = ("pass_at_1", *_ENTROPIES, "length")
        cells = [_mean(record.after.get(name) for record in runs) for name in names]
        lines.append(table_line([arm, str(len(runs)), _mean(record.mean_of_run for record in runs), less, *cells]))
    return [*lines, "", "Two seeds from one start model; numbers behind the names are coefficients.", ""]


def method_section(design: Design) -> list[str]:
    """Return how it was done, and what it took."""
    matrix = [record for arm in design.arms for record in design.runs(arm)]
    seconds = sorted(record.seconds for record in design.records.values())
    cost = "no run is there"
    if seconds:
        cost = (
            f"a run took {seconds[0]:.0f} to {seconds[-1]:.0f} s on the clock, {statistics.median(seconds):.0f} in the "
            "middle, on one thread, some beside other work"
        )
    return [
        "## How",
        "",
        f"`python benchmarks/training_comparison.py`: `--preset hard`, {STEPS} steps of 8 problems x 16 responses; "
        f"{len(matrix)} runs with seeds {_list(design.seeds)} from start models {_list(design.starts)}; the "
        "controls on execution tokens draw their tokens by the seed, as many as plan in responses of the start model. "
        f"With the runs of the rates and of the regularizers there are {len(design.records)}; {cost}, two at once. "
        "Arms: "
        + ", ".join(f"{name} = `{notation}`" for name, notation in ARMS.items())
        + ". Why this testbed: [docs/testbed.md](../docs/testbed.md); what HICRA's formula consists of: "
        "[docs/what_hicra_does.md](../docs/what_hicra_does.md). An earlier comparison on the default testbed, which "
        "cannot show HICRA by construction: [easy_testbed_comparison.md](easy_testbed_comparison.md).",
        "",
    ]


def format_rate(rate: float | None) -> str:
    """Return a learning rate for a table.

    >>> format_rate(5e-4), format_rate(1e-3), format_rate(None)
    ('5e-4', '10e-4', '-')
    """
    return "-" if rate is None else f"{10_000 * rate:g}e-4"


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _mean(numbers: Iterable[float | None]) -> str:
    known = [number for number in numbers if number is not None]
    return format_number(math.fsum(known) / len(known)) if known else "-"


def _steps(runs: Sequence[RunRecord], level: float) -> str:
    if not runs:
        return "-"
    steps = sorted(record.steps_to(level) or STEPS + 1 for record in runs)
    median = statistics.median(steps)
    return f"> {STEPS}" if median > STEPS else f"{median:.0f}"


def _interval(interval: MeanInterval) -> str:
    if interval.mean is None:
        return "-"
    mean = format_number(interval.mean, True)
    if interval.low is None or interval.high is None:
        return f"{mean} ({interval.undefined})"
    return f"{mean} [{format_number(interval.low, True)}, {format_number(interval.high, True)}]"
