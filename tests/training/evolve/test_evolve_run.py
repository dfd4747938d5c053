"""A run of evolve: whole in its directory, its rollouts by role, and the same to the bit from every checkpoint."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sgram.errors import InputError, SgramError, UsageError
from sgram.lexicon import SentenceScorer
from sgram.run_directory import lock_folder
from sgram.traces import read_traces
from sgram.training.evolve import setup
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.evolve_matrix import evolve_cells, parse_evolve_arms, run_evolve_matrix
from sgram.training.evolve.evolve_run import EvolveRun
from sgram.training.evolve.run import evolve_directory, evolve_identity, read_finished_evolve, run_evolve
from sgram.training.experiments.matrix import Failure
from tests.builders.evolve_task import SMALL, TinyTask, patch_parts

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

# two updates a generation: every other checkpoint holds samples that are not used up
CONFIG = EvolveConfig(
    **{**SMALL, "steps": 4, "iterations": 2, "save_every": 1, "eval_every": 2, "gate": "q0.5", "method": "hicra"}
)


class Done:
    """A run that nobody disturbed, and copies of its directory while it ran."""

    def __init__(self, root: Path):
        self.root, self.told, self.copies = root, [], {}
        with pytest.MonkeyPatch.context() as patched:
            patch_parts(patched)
            self.result = run_evolve(CONFIG, root / "runs", self._listen)
        self.directory = self.result.directory

    def _listen(self, row):
        self.told.append(row)
        if row.get("step", 0) > 1:  # the checkpoint of the step before is there
            self.copies[row["step"] - 1] = self.root / f"copy-{row['step'] - 1}"
            shutil.copytree(self.root / "runs", self.copies[row["step"] - 1])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return Done(tmp_path_factory.mktemp("done"))


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    patch_parts(monkeypatch)


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_a_run_is_whole_in_its_directory(done):
    result = done.result
    names = {path.name for path in done.directory.iterdir()}
    assert names == {
        *("run.json", "lexicon.json", "metrics.jsonl", "timings.jsonl", "result.json", "lock"),
        *("model", "pools", "rollouts"),
    }
    assert [row["step"] for row in result.steps] == [1, 2, 3, 4] == [row["step"] for row in done.told if "step" in row]
    sampled = [row for row in result.steps if "generations" in row]
    assert [row["step"] for row in sampled] == [1, 3], "two updates a generation"
    measured = {name for row in sampled for name in row}
    assert measured >= {
        *("proposer/reward", "proposer/quality", "proposer/difficulty", "proposer/format", "proposer/readable"),
        *("proposer/valid", "proposer/true_difficulty", "proposer/kinds", "proposer/new", "proposer/entered"),
        *("solver/reward", "solver/score", "solver/format", "solver/true_accuracy", "solver/length"),
        *("judge/reward", "judge/format", "judge/score", "judge/unparsable", "pool/questions", "pool/pairs"),
    }
    assert [row["step"] for row in result.evaluations] == [2]
    runs = EvolveRun.from_parts(0, 0, result.steps, result.start, result.final, result.evaluations)
    assert [step for step, _ in runs.evaluations] == [0, 2, 4]
    assert result.final.accepted.n == sum(row["proposer/entered"] for row in sampled[1:])


def test_a_run_that_marks_sentences_keeps_its_scorer(tmp_path):
    config = replace(CONFIG, steps=2, iterations=1, mask="grams-in-sentences")
    result = run_evolve(config, tmp_path)
    assert (result.directory / "scorer.json").exists()
    assert evolve_identity(config)["config"]["scorer"] == SentenceScorer.load("sgram").digest


def test_rollouts_are_traces_of_the_roles(done):
    traces = list(read_traces(sorted((done.directory / "rollouts").iterdir())))
    assert len(traces) == 2 * 16
    by_role = {
        role: [trace for trace in traces if trace.meta["role"] == role] for role in ("proposer", "solver", "judge")
    }
    assert [len(rows) for rows in by_role.values()] == [2 * 4, 2 * 8, 2 * 4]
    assert all(trace.correct is None for role in ("proposer", "judge") for trace in by_role[role])
    assert all(trace.prompt.startswith("Ask ") for trace in by_role["proposer"])
    assert all(trace.prompt.endswith("Judge.") for trace in by_role["judge"])
    pools = done.directory / "pools" / "questions.jsonl"
    texts = {row["id"]: row["text"] for row in map(json.loads, pools.read_text().splitlines()[1:])}
    for trace in by_role["solver"]:
        assert trace.prompt == texts[trace.meta["question"]]
        assert trace.group == f"{trace.step:06d}-{trace.meta['question']}"
        valid = "a" in trace.prompt
        assert trace.correct == (("i" in trace.text) if valid else None)
        assert len(trace.entropies) == len(trace.token_ids)
    assert {trace.group for trace in by_role["proposer"]} == {"000000-proposer", "000002-proposer"}


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_run_ends_in_the_same_bytes_from_every_checkpoint(done, step):
    (directory,) = done.copies[step].glob("evolve-????????????")
    assert [path.name for path in directory.glob("checkpoint-*")] == [f"checkpoint-{step}"]
    progress = []
    result = run_evolve(CONFIG, done.copies[step], progress.append)
    assert [row["step"] for row in progress if "step" in row] == list(range(step + 1, 5))
    ours, theirs = contents(result.directory), contents(done.directory)
    ours.pop("timings.jsonl"), theirs.pop("timings.jsonl")
    assert ours.keys() == theirs.keys()
    for name in theirs:
        same = gzip.decompress(ours[name]) == gzip.decompress(theirs[name]) if name.endswith(".gz") else None
        assert ours[name] == theirs[name] if same is None else same, name


def test_a_finished_run_is_only_read(done):
    before = contents(done.root / "runs")
    progress = []
    assert run_evolve(CONFIG, done.root / "runs", progress.append) == done.result
    assert read_finished_evolve(CONFIG, done.root / "runs") == done.result
    assert progress == []
    assert contents(done.root / "runs") == before
    assert read_finished_evolve(replace(CONFIG, seed=5), done.root / "runs") is None


def test_a_second_process_of_the_same_run_is_refused(tmp_path):
    config = replace(CONFIG, seed=1)
    with (
        lock_folder(evolve_directory(config, tmp_path)),
        pytest.raises(SgramError, match=r"another process .*wait for it"),
    ):
        run_evolve(config, tmp_path)


def test_a_result_that_is_damaged_is_told(done, tmp_path):
    copy = tmp_path / done.directory.name
    shutil.copytree(done.directory, copy)
    (copy / "result.json").write_text('{"format": "another"}')
    with pytest.raises(InputError, match="delete the directory and run again"):
        run_evolve(CONFIG, tmp_path)


def test_files_among_the_settings_count_by_their_content(tmp_path):
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"problem": "1+1"}\n')
    config = EvolveConfig(task=str(questions), model="smollm2")
    first = evolve_identity(config)
    copy = questions.rename(tmp_path / "copy.jsonl")
    assert evolve_identity(replace(config, task=str(copy))) == first
    copy.write_text("another")
    assert evolve_identity(replace(config, task=str(copy))) != first


def test_a_judge_that_needs_a_truth_needs_a_task_that_knows_it(monkeypatch, tmp_path):
    monkeypatch.delattr(TinyTask, "read_question")
    monkeypatch.setattr(setup, "make_evolve_task", lambda config: TinyTask())
    for settings, message in (
        ({"gate": "oracle"}, "gate oracle needs a task that knows the truth"),
        ({"judge_reward": "calibrated"}, "judge_reward calibrated needs a task"),
        ({"judge": "oracle"}, "oracle needs a task that knows"),
    ):
        with pytest.raises(UsageError, match=message):
            run_evolve(EvolveConfig(**{**SMALL, **settings}), tmp_path)


def test_the_tiny_model_is_for_the_testbed_alone(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setattr(setup, "make_evolve_task", lambda config: TinyTask())
    with pytest.raises(UsageError, match="warmed up on the task testbed"):
        run_evolve(EvolveConfig(task="questions.jsonl", model="testbed"), tmp_path)


def test_arms_of_all_controls_run_one_after_the_other(tmp_path):
    arms = parse_evolve_arms("fixed-questions,frozen-proposer,judge=random")
    cells = evolve_cells(EvolveConfig(**SMALL), arms, [0], [0])
    events = []
    outcomes = run_evolve_matrix(cells, tmp_path, on_progress=events.append)
    assert not [outcome.message for outcome in outcomes if isinstance(outcome, Failure)]
    assert [event["arm"] for event in events if event["event"] == "finished"] == [arm.name for arm in arms]
    fixed, frozen, *_ = outcomes
    roles = [{name.partition("/")[0] for name in outcome.steps[0] if "/reward" in name} for outcome in (fixed, frozen)]
    assert roles == [{"solver"}, {"proposer", "solver", "judge"}]
    assert fixed.steps[0]["solver/score"] == fixed.steps[0]["solver/true_accuracy"], "the judge is the truth"
    # what a frozen proposer writes is rewarded for the record, and not trained on
    traces = list(read_traces([frozen.directory / "rollouts"]))
    assert {trace.meta["role"] for trace in traces} == {"solver", "judge"}
