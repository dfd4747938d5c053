"""The numbers of an analysis in an experiment tracker: W&B, MLflow, TensorBoard, trackio, or an object of your own.

Log to the run that is open in the tracker's library::

    wandb.init(project="planning")
    trackers.log(analyze("reports"), "wandb")

Names are ``sgram/<measure>/<run>``; what tells the numbers of a measure apart stands between the two, as in
``sgram/tokens/planning/entropy/hicra_seed_0``. Numbers of random phrases have ``placebo`` before the run. Every
character but letters, digits, ``_``, ``-`` and ``.`` becomes ``_``, which all trackers accept.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sgram.analysis.trace_counts import PLACEBO
from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import excerpt
from sgram.statistics import Estimate

if TYPE_CHECKING:
    from sgram.analysis import Analysis, Table
    from sgram.analysis.measure import Measure

PREFIX = "sgram"
TRACKERS = ("mlflow", "tensorboard", "trackio", "wandb")
"""Names that `log` takes."""


class Tracker(Protocol):
    """What `log` calls; runs of W&B and trackio have it."""

    def log(self, numbers: dict[str, float], /, step: int | None = None) -> Any:
        """Store `numbers` by their names. `step` is a training step; None for numbers of whole runs."""


def log(analysis: "Analysis", tracker: Any, *, prefix: str = PREFIX) -> int:
    """Log the numbers of an analysis to `tracker`, and return how many there were.

    `tracker` is the name of a library (``wandb``, ``mlflow``, ``trackio``: its open run; ``tensorboard``: a new folder
    in ``runs/``), a run of it, a ``SummaryWriter``, or a `Tracker`. Curves over training (`sgram.analysis`, table
    ``curves``) are logged by run and step; the quantities of the other measures once, by run, with their sample sizes
    and upper bounds. Intervals are ``<name>_low`` and ``<name>_high`` (of the placebo: the range of its draws).
    Undefined numbers are left out.

    In W&B the steps are those of ``sgram/step``, so that a run that has trained keeps its own, and what has no step is
    in the run's summary. Raise `UsageError` for another tracker, or if its library has no open run, and
    `MissingExtraError` if the library is not installed.

    >>> from sgram.analysis import AnalysisConfig, analyze
    >>> from sgram.traces import Trace
    >>> traces = [Trace(id="1", text="Wait, it is four.", model="gpt", correct=True)]
    >>> analysis = analyze(traces, AnalysisConfig(n_placebos=0))
    >>> class Printer:
    ...     def log(self, numbers, step=None):
    ...         print(step, numbers["sgram/shares/all/words/gpt"])
    >>> log(analysis, Printer())
    None 0.25
    19
    """
    by_step = numbers_by_step(analysis, prefix=prefix)
    with _open_tracker(tracker, prefix) as opened:
        for step, numbers in by_step.items():
            opened.log(numbers, step=step)
    return sum(map(len, by_step.values()))


def numbers_by_step(analysis: "Analysis", *, prefix: str = PREFIX) -> dict[int | None, dict[str, float]]:
    """Return training step -> name -> number, first None -> the numbers of whole runs, then the steps in order.

    A step without a number is absent. Raise `SgramError` if two numbers have one name, because the keys of a measure do
    not tell its rows apart.
    """
    rows: list[_Row] = []
    for measure in analysis.measures:
        if measure.name in analysis.tables:
            rows += _summary_rows(measure, analysis.tables[measure.name])
    if "curves" in analysis.tables:
        rows += sorted(_curve_rows(analysis.tables["curves"]), key=lambda row: row.step or 0)
    run_names = _run_names(analysis.sources)
    by_step: dict[int | None, dict[str, float]] = {None: {}}
    for row in rows:
        path = [*row.path, *([PLACEBO] if row.is_placebo else [])]
        run = [run_names[row.source]] if row.source in run_names else []
        name = "/".join([prefix, *map(_clean, path), *run])
        numbers = by_step.setdefault(row.step, {})
        if name in numbers:
            raise SgramError(
                f"two numbers of the measure {row.path[0]!r} have the name {name}; add keys to its quantity"
            )
        for suffix, number in (("", row.estimate.value), ("_low", row.estimate.low), ("_high", row.estimate.high)):
            if number is not None:
                numbers[name + suffix] = number
    return {step: numbers for step, numbers in by_step.items() if numbers}


class _Row(NamedTuple):
    """A number of a table."""

    step: int | None
    path: tuple[str, ...]
    """Measure, and what tells its numbers apart."""
    source: str
    is_placebo: bool
    estimate: Estimate


def _summary_rows(measure: "Measure", table: "Table") -> Iterator[_Row]:
    """Yield the quantities of a measure, each beside its placebo; those of the last step belong to a curve."""
    quantities = [quantity for quantity in measure.quantities if not quantity.last_step]
    for quantity in quantities:
        value = (quantity.value,) if len(quantities) > 1 else ()
        for record, placebo in quantity.pairs(table):
            keys = [record.text(key) for key in quantity.keys if key != "source"]
            path, source = (measure.name, *filter(None, keys), *value), record.text("source")
            yield _Row(None, path, source, False, quantity.estimate(record))
            if placebo is not None:
                yield _Row(None, path, source, True, quantity.estimate(placebo))
            for name in quantity.extra:
                yield _Row(None, (*path, name), source, False, Estimate(record.number(name)))


def _curve_rows(table: "Table") -> Iterator[_Row]:
    for record in table.records():
        estimate = Estimate(record.number("value"), record.number("low"), record.number("high"))
        path, is_placebo = (table.name, record.text("series")), record.text("list") == PLACEBO
        yield _Row(int(record.number("step") or 0), path, record.text("source"), is_placebo, estimate)


def _clean(text: str) -> str:
    """Return a part of a name in the characters that all trackers accept.

    >>> _clean("hicra, seed 0"), _clean("pass@1")
    ('hicra_seed_0', 'pass_1')
    """
    return re.sub(r"[^-\w.]+", "_", text, flags=re.ASCII).strip("_") or "_"


def _run_names(sources: Sequence[str]) -> dict[str, str]:
    """Return source -> its part of a name; a number tells apart what `_clean` makes equal.

    >>> _run_names(["a b", "a,b", "c"])
    {'a b': 'a_b', 'a,b': 'a_b-2', 'c': 'c'}
    """
    names: dict[str, str] = {}
    for source in sources:
        name, number = _clean(source), 1
        while name in names.values():
            number += 1
            name = f"{_clean(source)}-{number}"
        names[source] = name
    return names


# -- trackers -------------------------------------------------------------------------------------------


class _WandbRun:
    """A run of W&B. Its own steps only grow, so that steps of training have an axis of their own."""

    def __init__(self, run: Any, prefix: str) -> None:
        self._run, self._step_name = run, f"{prefix}/step"
        run.define_metric(self._step_name)
        run.define_metric(f"{prefix}/*", step_metric=self._step_name)

    def log(self, numbers: dict[str, float], step: int | None = None) -> None:
        if step is None:
            self._run.summary.update(numbers)
        else:
            self._run.log({**numbers, self._step_name: step})


class _TensorBoardWriter:
    """A ``SummaryWriter`` of TensorBoard; numbers without a step are at step 0."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def log(self, numbers: dict[str, float], step: int | None = None) -> None:
        for name, number in numbers.items():
            self._writer.add_scalar(name, number, step or 0)
        self._writer.flush()


class _MlflowRun:
    """The open run of MLflow; numbers without a step are at step 0."""

    def __init__(self, mlflow: Any) -> None:
        self._mlflow = mlflow

    def log(self, numbers: dict[str, float], step: int | None = None) -> None:
        self._mlflow.log_metrics(numbers, step=step or 0)


@contextmanager
def _open_tracker(tracker: Any, prefix: str) -> Iterator[Tracker]:
    """Yield the `Tracker` that `log` was given, and close what was opened for it."""
    name = tracker if isinstance(tracker, str) else getattr(tracker, "__name__", "")
    if name == "tensorboard":
        writer = _tensorboard_writer()
        try:
            yield _TensorBoardWriter(writer)
        finally:
            writer.close()
    elif name in TRACKERS:
        yield {"wandb": _open_wandb, "mlflow": _open_mlflow, "trackio": _open_trackio}[name](prefix)
    elif hasattr(tracker, "add_scalar"):
        yield _TensorBoardWriter(tracker)
    elif hasattr(tracker, "define_metric"):
        yield _WandbRun(tracker, prefix)
    elif callable(getattr(tracker, "log", None)):
        yield tracker
    else:
        raise UsageError(
            f"a tracker is {', '.join(TRACKERS)}, a SummaryWriter, or an object with log(numbers, step=) "
            f"(got {excerpt(repr(tracker), 60)})"
        )


def _open_wandb(prefix: str) -> Tracker:
    try:
        import wandb
    except ImportError as error:
        raise _missing("wandb", error) from error
    if wandb.run is None:
        raise UsageError("W&B has no open run; call wandb.init(project=...) before")
    return _WandbRun(wandb.run, prefix)


def _open_mlflow(_: str) -> Tracker:
    try:
        import mlflow
    except ImportError as error:
        raise _missing("mlflow", error) from error
    if mlflow.active_run() is None:
        raise UsageError("MLflow has no open run; call mlflow.start_run() before")
    return _MlflowRun(mlflow)


def _open_trackio(_: str) -> Tracker:
    try:
        from trackio import context_vars
    except ImportError as error:
        raise _missing("trackio", error) from error
    run: Tracker | None = context_vars.current_run.get()
    if run is None:
        raise UsageError("trackio has no open run; call trackio.init(project=...) before")
    return run


def _tensorboard_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise _missing("tensorboard", error) from error
    return SummaryWriter()


def _missing(name: str, error: ImportError) -> MissingExtraError:
    return MissingExtraError(f"logging to {name} needs a library ({error}); pip install 'sgram[{name}]'")
