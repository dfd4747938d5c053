"""How often does an error kind seem to rise or fall where the order of the steps says nothing?

    python benchmarks/error_trends.py [--runs FOLDER] [--steps 40] [--shuffles 100]

`sgram train` trains the testbed's tiny policy for 40 steps of 8 problems with 8 responses (once: a finished run in
FOLDER is read). Its steps are then put into random order, and every series is asked whether it rose or fell from the
first to the last tenth of the steps, as `sgram metrics` and `sgram report` do. Each "rose" or "fell" is a false alarm;
5 % of the shuffles may raise one. "Within steps" is the verdict by intervals over the problems of each step alone;
"and from step to step" covers the noise between steps, too (`sgram.statistics.step_noise`). Kinds are those that the
task's checker recorded, then those of the offline diagnosis. The last column is the verdict in the true order. About
four minutes on one core, of which the training takes three.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sgram.analysis.build_series import outcome_series
from sgram.analysis.collect_traces import collect_traces
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.diagnoses import diagnose_sampled_traces, error_kinds, error_weights
from sgram.analysis.findings import FindingContext
from sgram.analysis.input_passes import AnalysisInputs
from sgram.analysis.kind_change import KindChange
from sgram.analysis.measure import AnalysisData
from sgram.analysis.measures.dynamics import CURVES
from sgram.analysis.sources import find_inputs
from sgram.array_types import IntArray
from sgram.lexicon import Lexicon
from sgram.statistics import Interval, wilson_interval
from sgram.training.experiments.run import train
from sgram.training.experiments.run_config import RunConfig

ENDS = ("within steps", "and from step to step")


class WithinSteps(KindChange):
    """A change with an interval over the problems of the first and the last steps alone."""

    def cover_steps(self, change: Interval, values: Sequence[float]) -> Interval:
        """Return the change as it is."""
        return change


QUESTIONS = [
    question
    for question in CURVES.questions
    if isinstance(question, KindChange) or question.name in ("accuracy over training", "length over training")
]


def read_run(folder: Path, config: AnalysisConfig) -> AnalysisData:
    """Return the counts and the error kinds of the traces of a run."""
    sources, _ = find_inputs([folder])
    lexicons = tuple(Lexicon.load(source.lexicon or "sgram") for source in sources)
    inputs = AnalysisInputs(tuple(sources), lexicons, (None,) * len(sources))
    collected = collect_traces(inputs, config, ignore, ())
    diagnoses, _ = diagnose_sampled_traces(collected, ignore)
    kinds = error_kinds(collected.counts, diagnoses)
    return AnalysisData(collected.counts, kinds, error_weights(collected.counts, kinds))


def ignore(stage: str, done: int, total: int) -> None:
    """Show no progress."""


def verdicts(data: AnalysisData, steps: IntArray) -> Iterator[tuple[str, str, str]]:
    """Yield (subject, which noise the interval covers, verdict) with the steps of the traces as given."""
    counts = replace(data.counts, columns=replace(data.counts.columns, step=steps))
    series = {0: list(outcome_series(counts, np.arange(len(steps)), data.error_kinds, data.error_weights))}
    curves = CURVES.table(replace(data, counts=counts, series=series))
    context = FindingContext({"curves": curves}, counts.source_names)
    for question in QUESTIONS:
        fields = {name: getattr(question, name) for name in ("name", "subject", "series", "unit")}
        for covered, asked in zip(ENDS, (WithinSteps(**fields), question), strict=True):
            for finding in asked.findings("curves", curves, context):
                yield question.subject, covered, finding.verdict


def shuffled(steps: IntArray, seed: int) -> IntArray:
    """Return the steps of the traces after the distinct steps were put into random order."""
    distinct, index = np.unique(steps, return_inverse=True)
    return np.random.default_rng(seed).permutation(distinct)[index]


def table(data: AnalysisData, n_shuffles: int) -> Iterator[str]:
    """Yield the lines of a table with a row for each series."""
    steps = data.counts.columns.step
    true_order = {(subject, covered): verdict for subject, covered, verdict in verdicts(data, steps)}
    alarms: Counter[tuple[str, str]] = Counter()
    for seed in range(n_shuffles):
        for subject, covered, verdict in verdicts(data, shuffled(steps, seed)):
            alarms[subject, covered] += verdict in ("up", "down")
    yield f"| subject | {' | '.join(f'{covered}, false of {n_shuffles}' for covered in ENDS)} | 95 % | true order |"
    yield "|---|--:|--:|---|---|"
    for subject in dict.fromkeys(subject for subject, _ in true_order):
        before, after = (alarms[subject, covered] for covered in ENDS)
        low, high = wilson_interval(after, n_shuffles)
        yield f"| {subject} | {before} | {after} | [{low:.3f}, {high:.3f}] | {true_order[subject, ENDS[1]]} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir(), "sgram-error-trends"))
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--shuffles", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="seed of the training")
    asked = parser.parse_args(arguments)
    run = train(RunConfig(method="grpo", steps=asked.steps, seed=asked.seed), asked.runs, lambda row: None)
    for recorded, title in ((True, "as the checker recorded them"), (False, "as the offline diagnosis finds them")):
        data = read_run(run.directory, AnalysisConfig(n_placebos=0, recorded_errors=recorded))
        columns = data.counts.columns
        n_wrong = int((columns.outcome == 1).sum())
        print(f"\nKinds {title}: {len(columns):,} traces, {n_wrong:,} wrong, {asked.steps} steps\n")
        for line in table(data, asked.shuffles):
            print(line, flush=True)


if __name__ == "__main__":
    main()
