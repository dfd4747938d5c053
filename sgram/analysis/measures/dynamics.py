"""Measures `curves`, `settling` and `aha`: quantities over training steps, when they settle, and what grows."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sgram.analysis.arms import ArmContrast
from sgram.analysis.figure_specs import CurveLine, CurvePanel, CurvePlot, DotMark, DotPlot, Panel
from sgram.analysis.findings import Change, Discoveries, Finding, FindingContext, Question, Verdict
from sgram.analysis.kind_change import KindChange
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.measures.entropies import gram_spans
from sgram.analysis.step_series import AT_MOST, MIN_STEPS, StepSeries, placebo_curve
from sgram.analysis.table import Table
from sgram.analysis.table_columns import INTERVAL, LIST, SOURCE, STEP, count, number, text
from sgram.analysis.trace_counts import PLACEBO, SGS, TraceCounts
from sgram.diagnosis.kind_shares import RIVALS
from sgram.diagnosis.kinds import KINDS, Kind
from sgram.metrics import change_point, growth, settle, trend_draws

REFLECTION = ("backtracking", "verification", "branching")
"""Moves whose growth is called an "aha moment"."""
_MAX_CLUSTERS = 30
_KIND_SUBJECTS: Mapping[Kind, str] = {
    "unfinished": "the share of unfinished traces",
    "degenerate": "the share of degenerate traces",
    "not-wrong": "the share of traces that are not wrong by their answers",
    "undecided": "the share of wrong traces of an undecided kind",
}
"""Subjects of sentences about kinds that are no errors of planning or form."""


def _curve_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source, source_series in data.series.items():
        for series in source_series:
            for record in (*_lexicon_records(series), *_placebo_records(series)):
                yield {"source": data.counts.source_names[source], "series": series.name, **record}


def _lexicon_records(series: StepSeries) -> Iterator[dict[str, Any]]:
    curve = series.curve
    for index, (step, height) in enumerate(zip(curve.steps, curve.values, strict=True)):
        yield {
            "step": step,
            "list": SGS if series.depends_on_lexicon else None,
            "value": height,
            "low": series.low[index],
            "high": series.high[index],
            "n": series.n_traces[index],
            "relative": height / curve.values[0] if curve.values[0] else None,
        }


def _placebo_records(series: StepSeries) -> Iterator[dict[str, Any]]:
    mean_curve = placebo_curve(series)
    if mean_curve is None:
        return
    n_traces = dict(zip(series.curve.steps, series.n_traces, strict=True))
    for step, height in zip(mean_curve.steps, mean_curve.values, strict=True):
        draws = [curve.values[curve.steps.index(step)] for curve in series.placebo_curves if step in curve.steps]
        yield {
            "step": step,
            "list": PLACEBO,
            "value": height,
            "low": min(draws) if len(draws) > 1 else None,
            "high": max(draws) if len(draws) > 1 else None,
            "n": n_traces.get(step),
            "relative": height / mean_curve.values[0] if mean_curve.values[0] else None,
        }


def _last_step(title: str, series: str, unit: str, *, is_matched: bool = False) -> Quantity:
    return Quantity(
        f"{title} at the last step", where={"series": series}, last_step=True, unit=unit, is_matched=is_matched
    )


def _sgs_and_placebo(series: str) -> tuple[CurveLine, ...]:
    return CurveLine(series, "placebo", "placebo", "placebo"), CurveLine(series, "SGs", "SGs")


def _by_class(token_measure: str) -> tuple[CurveLine, ...]:
    return (
        CurveLine(f"planning {token_measure}", "placebo", "placebo", "placebo"),
        CurveLine(f"execution {token_measure}", "SGs", "execution", "execution"),
        CurveLine(f"planning {token_measure}", "SGs", "planning", "planning"),
    )


CURVES = Measure(
    "curves",
    "Over the steps of training",
    (
        SOURCE,
        STEP,
        text(
            "series",
            "what is followed; entropies in nats, lengths in words, errors as shares of judged traces; at most: with "
            "the undecided; details of a checker by their names",
        ),
        LIST,
        number("value", "the value at this step"),
        *INTERVAL,
        count("n", "traces at this step"),
        number("relative", "value by the value at the first step"),
    ),
    _curve_records,
    "Semantic, cluster and conditional entropy are at one number of occurrences for all steps of a source, with "
    "jackknife intervals; steps with fewer occurrences are left out. The list is empty where the lexicon decides "
    "nothing.",
    needs="Curves need training steps: give a run of `sgram train`, or traces whose rows hold a `step`",
    section="dynamics",
    quantities=(
        _last_step("planning share", "planning share", "share", is_matched=True),
        _last_step("semantic entropy", "semantic entropy", "nats"),
        _last_step("token entropy of planning tokens", "planning entropy", "nats"),
    ),
    figures=(
        CurvePlot(
            "dynamics",
            "Do planning tokens grow certain as execution tokens do?",
            "Entropies and perplexities of tokens, divided by their value at the first step; placebo: the tokens that "
            "lists of random grams mark.",
            (
                CurvePanel("token entropy / first step", _by_class("entropy"), is_relative=True),
                CurvePanel("perplexity / first step", _by_class("perplexity"), is_relative=True),
            ),
        ),
        CurvePlot(
            "exploration",
            "Does exploration grow?",
            "Which SGs and clusters occur, and what follows them, at one size for all steps; a rise that the placebo "
            "shows, too, is not about strategy.",
            (
                CurvePanel("semantic entropy over grams, nats", _sgs_and_placebo("semantic entropy")),
                CurvePanel("semantic entropy over clusters, nats", _sgs_and_placebo("cluster entropy")),
                CurvePanel("entropy of what follows an SG, nats", _sgs_and_placebo("conditional entropy")),
            ),
        ),
    ),
    questions=(
        Change(name="accuracy over training", subject="accuracy", series="pass@1", rank=1),
        ArmContrast(name="accuracy of methods", subject="accuracy", series="pass@1", rank=2),
        *(
            KindChange(
                name=f"{kind} errors over training",
                subject=_KIND_SUBJECTS.get(kind, f"{kind} errors"),
                series=f"{kind} errors",
                rank=3 if kind in RIVALS else 0,
            )
            for kind in KINDS
        ),
        Change(
            name="exploration over training",
            subject="strategic exploration (semantic entropy)",
            unit="nats",
            series="semantic entropy",
            rank=4,
        ),
        Change(name="planning over training", subject="the planning share", series="planning share", rank=5),
        Change(name="length over training", subject="the length of traces", unit="words", series="length", rank=7),
    ),
)


class PhaseOrderQuestion(Question):
    """Whether execution tokens settle before planning tokens, by their entropy."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield "up" if execution settles first, "down" if planning does; the estimate is in steps between them."""
        verdicts: dict[str, Verdict] = {"yes": "up", "no": "down", "cannot say": "cannot say"}
        for source, order in context.phase_orders.items():
            placebo = context.placebo_phase_orders.get(source)
            verdict = verdicts[order.answer]
            if placebo is not None and placebo.answer == order.answer != "cannot say":
                verdict = "as placebo"
            reason = (order.difference.undefined,) if order.difference.undefined else ()
            placebo_steps = None if placebo is None or placebo.difference.value is None else placebo.difference
            estimate = None if order.difference.value is None else order.difference
            yield Finding(measure, self, source, estimate, placebo_steps, verdict, order.n_steps, reason)


def _settling_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    seed, n_draws = data.counts.config.seed, data.counts.config.n_draws
    for source, source_series in data.series.items():
        bounds = {series.name for series in source_series if series.name.endswith(AT_MOST)}
        for series in source_series:
            if series.name in bounds or f"{series.name}{AT_MOST}" in bounds:  # its change may be another one
                continue
            curve = series.curve
            draws = None if curve.samples is None else trend_draws(curve, n_draws, seed)
            settling = settle(curve.steps, curve.values, resamples=draws, seed=seed)
            bend = change_point(curve.steps, curve.values, seed, n_draws)
            yield {
                "source": data.counts.source_names[source],
                "series": series.name,
                "total_change": settling.total_change,
                "step90": settling.step,
                "low": settling.low,
                "high": settling.high,
                "change_point": bend.step,
                "change_low": bend.low,
                "change_high": bend.high,
                "p_value": bend.p_value,
            }


SETTLING = Measure(
    "settling",
    "When curves settle",
    (
        SOURCE,
        text("series", "what is followed"),
        number("total_change", "mean of the last fifth of the steps less the start"),
        count("step90", "step from which 90 % of the change is made for good; empty where no change is shown"),
        number("low", "lower end of its 95 % interval"),
        number("high", "upper end"),
        count("change_point", "step at which the slope changes most"),
        number("change_low", "lower end of its 95 % interval"),
        number("change_high", "upper end"),
        number("p_value", "of the curve being one line with noise"),
    ),
    _settling_records,
    "Series that depend on a list are the lexicon's. A change that its noise could have made has no step. Kinds of "
    "errors are left out if some traces are undecided.",
    needs="The step at which a curve settles needs traces of at least a handful of training steps",
    section="dynamics",
    questions=(PhaseOrderQuestion(name="what settles first", subject="execution", unit="steps", rank=4),),
)


def _growth_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source in range(data.counts.n_sources):
        yield from _cluster_records(data.counts, source)


def _cluster_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    steps = counts.steps(source)
    if len(steps) < MIN_STEPS:
        return
    rows = counts.rows_with_step(source)
    spans = gram_spans(counts, source, 0, rows)
    step_of_trace = np.searchsorted(steps, counts.columns.step[rows])
    kilowords = np.bincount(step_of_trace, counts.columns.words[rows], len(steps)) / 1000
    clusters = counts.lexicon(source).clusters
    cluster_of_gram = np.array([cluster.id for cluster in clusters for _ in cluster.grams], np.int64)
    span_counts = np.zeros((len(clusters), len(steps)))
    np.add.at(span_counts, (cluster_of_gram[spans.labels], step_of_trace[spans.traces]), 1)
    gram_counts = np.bincount(spans.labels, minlength=len(cluster_of_gram))
    reflection = [cluster for cluster in clusters if cluster.move in REFLECTION and span_counts[cluster.id].any()]
    reflection.sort(key=lambda cluster: (-span_counts[cluster.id].sum(), cluster.id))
    for cluster in reflection[:_MAX_CLUSTERS]:
        cluster_growth = growth(steps, span_counts[cluster.id].tolist(), kilowords.tolist())
        yield {
            "source": counts.source_names[source],
            "cluster": cluster.id,
            "move": cluster.move,
            "gram": cluster.grams[int(gram_counts[cluster_of_gram == cluster.id].argmax())].text,
            "medoid": cluster.medoid,
            "first_step": cluster_growth.first_step,
            "start_rate": cluster_growth.start_rate,
            "end_rate": cluster_growth.end_rate,
            "ratio": cluster_growth.ratio,
            "low": cluster_growth.low,
            "high": cluster_growth.high,
        }


class ClusterGrowth(Discoveries):
    """Which clusters have become rarer or more frequent; a finding's subject is the most frequent gram of a cluster."""


AHA = Measure(
    "aha",
    "Growth of reflection",
    (
        SOURCE,
        count("cluster", "number of the cluster in the lexicon"),
        text("move", "what it does"),
        text("gram", "its gram that these traces hold most often, which names it here"),
        text("medoid", "its gram nearest to all others, which names it in the lexicon"),
        count("first_step", "step at which it first occurs"),
        number("start_rate", "spans per 1,000 words over the first fifth of the steps"),
        number("end_rate", "the same over the last fifth"),
        number("ratio", "end by start; empty where it starts from 0"),
        number("low", "lower end of the 95 % interval of the ratio"),
        number("high", "upper end"),
    ),
    _growth_records,
    f"Clusters of the moves {', '.join(REFLECTION)}; of a source at most the {_MAX_CLUSTERS} most frequent. "
    "Intervals are of rates of counts, widened for bursts, each for itself.",
    needs="The growth of reflection phrases needs traces of several training steps",
    section="dynamics",
    figures=(
        DotPlot(
            "reflection",
            "Reflection that grows",
            "Rates of the clusters of backtracking, verification and branching per 1,000 words, at the first steps "
            "(gray) and at the last (blue), and their ratio: the clusters with the largest growth or decline, each "
            "named by its gram that these traces hold most often.",
            (
                Panel(
                    "",
                    "SGs of the cluster per 1,000 words",
                    (DotMark("start", "start_rate", "", ""), DotMark("SGs", "end_rate", "", "")),
                ),
            ),
            row_by="gram",
            remark="× {ratio} [{low} to {high}], from step {first_step}",
            largest=("end_rate", "start_rate"),
            max_rows=12,
            one_line=True,
            key="gray: first steps; blue: last steps; right: ratio with 95 % interval, first appearance",
        ),
    ),
    questions=(
        ClusterGrowth(
            name="reflection over training",
            subject="reflection",
            unit="ratio",
            value="ratio",
            things="clusters of reflection phrases",
            named_by="gram",
            words=("rarer at the end", "more frequent at the end"),
            none="has become rarer or more frequent",
        ),
    ),
)
