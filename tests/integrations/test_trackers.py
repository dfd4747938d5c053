"""Numbers in experiment trackers: those of training by TRL's `report_to`, those of an analysis by `log`."""

import os
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from sgram.analysis import AnalysisConfig, Column, analyze, build_table
from sgram.analysis.measure import Measure, Quantity
from sgram.errors import SgramError, UsageError
from sgram.integrations import trackers
from tests.builders.analysis_examples import build_trace, write_rollouts, write_run


class Recorder:
    """A tracker of one's own."""

    def __init__(self):
        self.calls = []

    def log(self, numbers, step=None):
        self.calls.append((step, dict(numbers)))


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    """Two runs of 12 steps: of two responses a step, one is right, from step 6 both are."""
    root = tmp_path_factory.mktemp("runs")
    traces = [
        build_trace(
            f"{step}-{problem}",
            "so it" if problem == "p" else "so we wait",
            step=step,
            model=None,
            prompt=problem,
            group=f"{step}-{problem}",
            correct=problem == "p" or step >= 6,
        )
        for step in range(12)
        for problem in "pq"
    ]
    for method in ("hicra", "grpo"):
        write_run(root, method, traces, method=method)
    return analyze([root], AnalysisConfig(n_placebos=2, n_draws=20))


def test_curves_are_logged_by_step_and_whole_runs_once(analysis):
    recorder = Recorder()
    n_numbers = trackers.log(analysis, recorder)
    assert n_numbers == sum(len(numbers) for _, numbers in recorder.calls)
    assert [step for step, _ in recorder.calls] == [None, *range(12)]
    for run in ("grpo_seed_0", "hicra_seed_0"):
        # 12 + 6 of 24 are right
        assert recorder.calls[0][1][f"sgram/success/pass_1/{run}"] == 18 / 24
        assert recorder.calls[0][1][f"sgram/success/pass_1/problems/{run}"] == 2
        curve = [numbers[f"sgram/curves/pass_1/{run}"] for _, numbers in recorder.calls[1:]]
        assert curve == [0.5] * 6 + [1.0] * 6
    assert not [name for name in recorder.calls[0][1] if name.startswith("sgram/curves/")]


def test_numbers_stand_beside_their_interval_and_their_placebo(analysis):
    numbers = trackers.numbers_by_step(analysis)[None]
    (row,) = analysis.tables["shares"].records(source="grpo, seed 0", outcome="all", list="SGs")
    name = f"sgram/shares/all/{row['unit']}/grpo_seed_0"
    assert (numbers[name], numbers[f"{name}_low"], numbers[f"{name}_high"]) == (row["value"], row["low"], row["high"])
    assert not [other for other in numbers if other.startswith("sgram/shares/") and "placebo" in other], "it is matched"
    (placebo,) = analysis.tables["conditional_entropy"].records(source="grpo, seed 0", list="placebo")
    assert numbers["sgram/conditional_entropy/placebo/grpo_seed_0"] == placebo["value"]


def test_undefined_numbers_are_left_out(analysis):
    table = analysis.tables["success"]
    records = [{**record, "low": None} for record in table.records()]
    records[0]["value"] = None  # of grpo
    changed = build_table("success", "", table.columns, records)
    numbers = trackers.numbers_by_step(replace(analysis, tables={"success": changed}))[None]
    assert sorted(name for name in numbers if "/pass_1/" in name and "_seed_0" in name) == [
        "sgram/success/pass_1/hicra_seed_0",
        "sgram/success/pass_1/hicra_seed_0_high",
        "sgram/success/pass_1/problems/hicra_seed_0",
        "sgram/success/pass_1/samples/hicra_seed_0",
    ]


def test_runs_whose_names_differ_only_in_signs_keep_apart(tmp_path):
    traces = [build_trace(str(number), "so we wait", model=model) for number, model in enumerate(("a b", "a,b"))]
    analysis = analyze([write_rollouts(tmp_path, traces)], AnalysisConfig(n_placebos=0, n_draws=20))
    names = trackers.numbers_by_step(analysis, prefix="mine")[None]
    assert {name.rsplit("/", 1)[1] for name in names if name.startswith("mine/shares/all/")} >= {"a_b", "a_b-2"}


def test_rows_that_the_keys_do_not_tell_apart_are_refused(analysis):
    columns = (Column("source", "run"), Column("value", "number", "number"))
    table = build_table("twice", "Twice", columns, [{"source": "grpo, seed 0", "value": 1.0}] * 2)
    measure = Measure("twice", "Twice", columns, lambda data: [], quantities=(Quantity("a number"),))
    changed = replace(analysis, tables={"twice": table}, measures=(measure,))
    with pytest.raises(SgramError, match="two numbers of the measure 'twice' have the name sgram/twice/grpo_seed_0"):
        trackers.numbers_by_step(changed)


@pytest.mark.parametrize("tracker", ["tensorbord", 3, print])
def test_what_is_no_tracker_is_refused_with_those_that_are(analysis, tracker):
    with pytest.raises(UsageError, match=r"a tracker is mlflow, tensorboard, trackio, wandb, a SummaryWriter, or an"):
        trackers.log(analysis, tracker)


# -- libraries ------------------------------------------------------------------------------------------


def read_events(directory):
    """Return {tag: {step: number}} of the event files of TensorBoard in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory))
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def read_trackio(run):
    """Return {name: {step: number}} of a run of the project `sgram`."""
    from trackio.sqlite_storage import SQLiteStorage

    numbers = {}
    for row in SQLiteStorage.get_logs("sgram", run):
        for name, number in row.items():
            if name not in ("timestamp", "step"):
                numbers.setdefault(name, {})[row["step"]] = number
    return numbers


@pytest.fixture(scope="module")
def trackio():
    """The library, whose files are in a folder of the tests (tests/conftest.py)."""
    library = pytest.importorskip("trackio", reason="needs sgram[trackio]")
    assert str(library.utils.TRACKIO_DIR) == os.environ["TRACKIO_DIR"]
    return library


@pytest.fixture(scope="module")
def tracked(tmp_path_factory, trackio):
    """A trainer after two steps that were reported to both, and the folder of TensorBoard."""
    pytest.importorskip("tensorboard", reason="needs sgram[tensorboard]")
    from tests.builders.tiny_policy import trained

    folder = tmp_path_factory.mktemp("events")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSORBOARD_LOGGING_DIR", str(folder))
        ours = trained(
            tmp_path_factory.mktemp("out"), report_to=["tensorboard", "trackio"], project="sgram", run_name="training"
        )
    return ours, folder


LOGGED = (
    *(f"{token_class}/{name}" for token_class in ("planning", "execution") for name in ("entropy", "advantage", "nll")),
    *("planning/share", "credit/share", "credit/changed", "semantic_entropy", "pass@1", "pass@4", "time/masking"),
)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_every_number_of_a_step_is_in_the_trackers_of_report_to(tracked):
    ours, folder = tracked
    events, rows = read_events(folder), read_trackio("training")
    logs = [row for row in ours.state.log_history if "loss" in row]
    assert len(logs) == 2
    for log in logs:
        assert set(LOGGED) <= log.keys()
        for name, number in log.items():
            if name != "step":
                tag = f"train/{name}"
                assert events[tag][log["step"]] == pytest.approx(number, rel=1e-6)  # it stores 32 bits
                assert rows[tag][log["step"]] == number


@pytest.mark.filterwarnings("ignore:A test tried to use socket")  # urllib3 looks for IPv6 when it is imported
def test_an_analysis_is_written_to_tensorboard(analysis, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="needs sgram[tensorboard]")
    monkeypatch.chdir(tmp_path)
    trackers.log(analysis, "tensorboard")
    (folder,) = (tmp_path / "runs").iterdir()
    events = read_events(folder)
    expected = {}
    for step, numbers in trackers.numbers_by_step(analysis).items():
        for name, number in numbers.items():
            expected.setdefault(name, {})[step or 0] = pytest.approx(number, rel=1e-6)
    assert events == expected


def test_an_analysis_is_written_to_the_open_run_of_trackio(analysis, trackio):
    with pytest.raises(UsageError, match=r"trackio has no open run; call trackio\.init"):
        trackers.log(analysis, "trackio")
    trackio.init(project="sgram", name="analysis", auto_log_cpu=False)
    trackers.log(analysis, trackio)
    trackio.finish()
    rows, by_step = read_trackio("analysis"), trackers.numbers_by_step(analysis)
    assert rows.keys() == {name for numbers in by_step.values() for name in numbers}
    assert rows["sgram/curves/pass_1/grpo_seed_0"] == {step: 0.5 if step < 6 else 1.0 for step in range(12)}


def test_steps_in_wandb_have_an_axis_of_their_own(analysis):
    """W&B drops what is logged at an earlier step than the last; its own steps go on."""
    calls = []
    run = SimpleNamespace(
        define_metric=lambda name, step_metric=None: calls.append((name, step_metric)), log=calls.append, summary={}
    )
    trackers.log(analysis, run)
    assert calls[:2] == [("sgram/step", None), ("sgram/*", "sgram/step")]
    assert [numbers["sgram/step"] for numbers in calls[2:]] == list(range(12))
    assert run.summary == trackers.numbers_by_step(analysis)[None]


def test_a_library_that_is_missing_is_named_with_its_extra(analysis, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SgramError, match=r"pip install 'sgram\[wandb\]'"):
        trackers.log(analysis, "wandb")
