"""A run: whole in its directory, read when it is finished, and the same to the bit however often it was killed."""

import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sgram.errors import InputError, SgramError, UsageError
from sgram.files import canonical_json
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.mining import MiningConfig, mine
from sgram.run_directory import lock_folder
from sgram.traces import read_traces
from sgram.training.experiments import setup
from sgram.training.experiments.run import read_finished_run, replace_folder, run_directory, run_identity, train
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.step_log import make_row
from tests.builders import tiny_policy
from tests.builders.paths import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

# a policy warmed up for three steps earns nothing: the entropy bonus is what moves its weights
CONFIG = RunConfig(
    sft_steps=3,
    steps=4,
    save_every=1,
    prompts=2,
    samples=4,
    max_tokens=24,
    eval_samples=16,
    eval_every=2,
    method="entropy",
    entropy_coef=0.5,
)


class Done:
    """A run that nobody disturbed."""

    def __init__(self, root: Path):
        self.root, self.told = root, []
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("SGRAM_CACHE", str(root / "cache"))
            self.result = train(CONFIG, root / "runs", self.told.append)
        self.directory = self.result.directory


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return Done(tmp_path_factory.mktemp("done"))


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_a_run_is_whole_in_its_directory(done):
    result = done.result
    assert result.config == CONFIG
    assert result.directory.parent == done.root / "runs"
    assert [row["step"] for row in result.steps] == [1, 2, 3, 4]
    assert result.frame()["step"].tolist() == [1, 2, 3, 4]
    assert [row["step"] for row in done.told if "step" in row] == [1, 2, 3, 4]
    assert [row["step"] for row in result.evaluations] == [2]  # the last is the final one
    for measured in (result.start, result.final):
        assert measured.n == 16
        assert 0 <= measured.pass_at_1 <= 1
        assert measured.length <= 24
        assert measured.planning_share is not None
    for row in result.steps:
        assert {"reward", "pass_at_1", "planning_share", "entropy_execution", "length", "seconds", "loss"} <= row.keys()
    lines = (done.directory / "metrics.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    assert not [name for line in lines for name in json.loads(line) if "time" in name or "second" in name]
    timings = [json.loads(line) for line in (done.directory / "timings.jsonl").read_bytes().splitlines()]
    assert [row["step"] for row in timings] == [1, 2, 3, 4]
    assert all({"step", "seconds", "time/masking", "time/judging"} == row.keys() for row in timings)
    names = {path.name for path in done.directory.iterdir()}
    assert {"run.json", "lexicon.json", "metrics.jsonl", "result.json", "model", "rollouts"} <= names
    assert not [name for name in names if name.startswith((".", "checkpoint-"))]
    assert {"warm-up", "measuring"} <= {row.get("stage") for row in done.told}


def test_a_run_keeps_its_sentence_scorer_and_says_what_it_marked(done, tmp_path, monkeypatch):
    monkeypatch.setenv("SGRAM_CACHE", str(done.root / "cache"))
    config = replace(CONFIG, mask="sentences", steps=1, eval_every=0, eval_samples=4)
    result = train(config, tmp_path / "runs")
    digest = SentenceScorer.load("sgram").digest
    assert SentenceScorer.load(result.directory / "scorer.json").digest == digest
    document = json.loads((result.directory / "result.json").read_bytes())
    identity = json.loads((result.directory / "run.json").read_bytes())
    assert (document["mask"], document["scorer"], result.scorer) == ("sentences", digest, digest)
    assert digest in str(identity)
    assert "scorer.json" not in {path.name for path in done.directory.iterdir()}
    # the start is measured with this mask, so it is not that of the other runs
    (path,) = (tmp_path / "runs").glob("start-*.json")
    assert path.name not in {other.name for other in (done.root / "runs").iterdir()}


def test_a_run_of_the_hard_testbed_logs_method_and_execution_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("SGRAM_CACHE", str(tmp_path / "cache"))
    options = {"preset": "hard", "sloppy_steps": 1, "warmup_batch": 2}
    result = train(replace(CONFIG, task_options=options, steps=1, eval_every=0), tmp_path / "runs")
    (row,) = result.steps
    traces = list(read_traces(sorted((result.directory / "rollouts").iterdir())))
    for name in ("testbed/right_method", "testbed/right_execution"):
        facts = [trace.meta[name] for trace in traces if name in trace.meta]  # no execution without a method
        assert len(facts) == len(traces) or name == "testbed/right_execution"
        assert row.get(name) == (sum(facts) / len(facts) if facts else None)
    for measured in (result.start, result.final):
        assert set(measured.details) <= {"testbed/right_method", "testbed/right_execution"}
        assert 0 <= measured.details["testbed/right_method"] <= 1
    assert result.start == read_finished_run(result.config, tmp_path / "runs").start


def test_its_rollouts_can_be_read_and_mined(done):
    files = sorted((done.directory / "rollouts").iterdir())
    assert len(files) == 4
    traces = list(read_traces(files))
    assert len(traces) == 4 * 8
    assert {trace.step for trace in traces} == {0, 1, 2, 3}
    assert len({trace.group for trace in traces}) == 4 * 2
    assert len({trace.id for trace in traces}) == len(traces)
    assert all(trace.correct is not None and len(trace.entropies) == len(trace.token_ids) for trace in traces)
    lexicon = mine(traces, MiningConfig(scorer="contrast", embedder="hash", min_df=1, min_problems=1))
    assert isinstance(lexicon, Lexicon)


def test_its_model_can_be_loaded_and_is_another_than_at_the_start(done):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = done.directory / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    warm = AutoModelForCausalLM.from_pretrained(next((done.root / "cache").glob("policy-*")))
    assert tokenizer.decode(tokenizer("Two crates")["input_ids"]).strip() == "Two crates"
    changes = [float((a - b).abs().max()) for a, b in zip(model.parameters(), warm.parameters(), strict=True)]
    assert max(changes) > 1e-4
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_a_finished_run_is_only_read(done):
    before = contents(done.root / "runs")
    progress = []
    again = train(CONFIG, done.root / "runs", progress.append)
    assert again == done.result == read_finished_run(CONFIG, done.root / "runs")
    assert progress == []
    assert contents(done.root / "runs") == before
    assert read_finished_run(RunConfig(seed=5), done.root / "runs") is None


def test_a_second_process_of_the_same_run_is_refused_at_once(done, tmp_path):
    config = replace(CONFIG, seed=1)
    directory = run_directory(config, tmp_path)
    with lock_folder(directory), pytest.raises(SgramError, match=rf"another process .*{directory.name}\); wait for it"):
        train(config, tmp_path)
    assert sorted(path.name for path in directory.iterdir()) == ["lock", "run.json"], "nothing else was touched"
    with lock_folder(done.directory):  # a finished run is read while another process holds it
        assert train(CONFIG, done.root / "runs") == done.result


@pytest.mark.parametrize("name", ["result.json", "metrics.jsonl"])
def test_a_finished_run_that_is_damaged_is_told(done, tmp_path, name):
    import shutil

    copy = tmp_path / "runs" / done.directory.name
    shutil.copytree(done.directory, copy)
    (copy / name).write_bytes((copy / name).read_bytes()[:-20])
    with pytest.raises(InputError, match=r"cannot read the result .* delete the directory and run again"):
        train(CONFIG, tmp_path / "runs")


def start(root: Path) -> subprocess.Popen:
    """The run as a process, with a cache of its own."""
    root_folder = ROOT
    environment = {
        **os.environ,
        "SGRAM_CACHE": str(root / "cache"),
        "PYTHONPATH": str(root_folder),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "sgram.training.experiments.run_process", str(root / "runs")],
        env=environment,
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(root / "talk").open("wb"),
    )
    process.stdin.write(canonical_json(CONFIG.identity()))
    process.stdin.close()
    return process


def kill_when(root: Path, reached) -> None:
    """Start the run, and SIGKILL it at the first row for which `reached`."""
    process = start(root)
    try:
        for line in process.stdout:
            if reached(json.loads(line)["row"]):
                process.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail(f"the run ended first: {(root / 'talk').read_text()[-2000:]}")
    finally:
        process.kill()
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL


def test_a_run_that_is_killed_ends_in_the_same_bytes(done, tmp_path, monkeypatch):
    kill_when(tmp_path, lambda row: row.get("step") == 3)
    monkeypatch.setenv("SGRAM_CACHE", str(tmp_path / "cache"))
    progress = []
    result = train(CONFIG, tmp_path / "runs", progress.append)
    assert not [row for row in progress if row.get("stage") == "warm-up"]
    assert len([row for row in progress if "step" in row]) <= 2
    ours, theirs = both = contents(result.directory), contents(done.directory)
    timings = [{row["step"] for row in map(json.loads, files.pop("timings.jsonl").splitlines())} for files in both]
    assert timings == [{1, 2, 3, 4}] * 2
    assert {name for name in ours if not name.startswith(".")} == theirs.keys()
    for name in theirs:
        assert ours[name] == theirs[name], name
    assert (result.start, result.final, result.evaluations) == (
        done.result.start,
        done.result.final,
        done.result.evaluations,
    )


def test_what_names_a_run_is_what_shapes_it(tmp_path):
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"problem": "1+1", "answer": "2"}\n')
    first = run_identity(RunConfig(task=str(problems)))
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(problems.read_bytes())
    assert run_identity(RunConfig(task=str(copy))) == first  # a file is what it holds
    copy.write_text("another")
    assert run_identity(RunConfig(task=str(copy))) != first
    assert run_identity(RunConfig(seed=1)) != run_identity(RunConfig())
    # a sentence scorer counts by its digest, and only where the mask needs one
    scorer = SentenceScorer.load("sgram")
    scorer.save(tmp_path / "scorer.json")
    sentences = run_identity(RunConfig(mask="sentences"))
    assert (sentences["config"]["mask"], sentences["config"]["scorer"]) == ("sentences", scorer.digest)
    assert run_identity(RunConfig(mask="sentences", scorer=str(tmp_path / "scorer.json"))) == sentences
    assert run_identity(RunConfig(scorer=str(tmp_path / "scorer.json"))) == run_identity(RunConfig())
    assert json.loads(canonical_json(first)) == first


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    target = tmp_path / "model"
    with contextlib.suppress(KeyboardInterrupt), replace_folder(target) as folder:
        (folder / "part").write_text("half")
        raise KeyboardInterrupt
    assert not target.exists()
    for text in ("first", "second"):
        with replace_folder(target) as folder:
            assert list(folder.iterdir()) == []  # nothing of an earlier try
            (folder / text).write_text(text)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in target.iterdir()] == ["second"]


def test_a_row_holds_finite_numbers_by_the_names_of_the_house():
    logs = {
        "step": 3,
        "pass@1": 0.5,
        "step_time": 2.0,
        "planning/share": float("nan"),
        "x": float("inf"),
        "y": "text",
        "z": True,
        "n": None,
        "loss": -0.0,
        "error/format": 0.0,
    }
    unknown = {"error_strategic": None, "error_procedural": None}  # the task does not recognize these kinds
    assert make_row(logs) == {"step": 3, "pass_at_1": 0.5, "seconds": 2.0, "loss": 0.0, "error_format": 0.0, **unknown}


def test_the_tiny_model_is_for_the_testbed_alone(tmp_path):
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"problem": "1+1", "answer": "2"}\n')
    with pytest.raises(UsageError, match="warmed up on the task testbed"):
        train(RunConfig(task=str(problems)), tmp_path / "runs")


def test_a_lexicon_that_changes_while_the_run_starts_is_refused(done, tmp_path, monkeypatch):
    path = tmp_path / "lexicon.json"
    path.write_bytes((done.directory / "lexicon.json").read_bytes())
    make_lexicon = setup.make_lexicon

    def make_and_change(*arguments):
        lexicon = make_lexicon(*arguments)
        path.write_bytes(path.read_bytes() + b"\n")
        return lexicon

    monkeypatch.setattr(setup, "make_lexicon", make_and_change)
    with pytest.raises(InputError, match=r"lexicon\.json changed while it was read"):
        train(replace(CONFIG, lexicon=str(path)), done.root / "runs of a changed lexicon")


# -- a model that is not the testbed's ------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """A run of an adapter on a model with a chat template and a file of problems: (config, root, result, progress)."""
    pytest.importorskip("peft", reason="needs sgram[lora]")
    import torch

    from sgram.training.models import LoadedModel, save_model

    root = tmp_path_factory.mktemp("adapted")
    tokenizer = copy.deepcopy(tiny_policy.tokenizer())
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}A: "
    with torch.random.fork_rng():
        save_model(LoadedModel(tiny_policy.model(), tokenizer), root / "base")
    problems = root / "problems.jsonl"
    problems.write_text("".join(f'{{"problem": "{n} and 1?", "answer": "{n + 1}"}}\n' for n in range(8)))
    config = RunConfig(
        task=str(problems),
        model=str(root / "base"),
        method="entropy",  # without rewards, its bonus moves the weights
        entropy_coef=5.0,
        learning_rate=0.05,
        lora_rank=2,
        mask="grams",
        steps=2,  # the learning rate of the first one is 0
        prompts=1,
        samples=2,
        max_tokens=6,
        eval_samples=4,
    )
    progress = []
    return config, root, train(config, root / "runs", progress.append), progress


def test_prompts_are_chats_where_the_tokenizer_has_a_template_and_the_run_says_so(adapted):
    config, root, result, progress = adapted
    notes = [row["note"] for row in progress if row.get("stage") == "start"]
    assert notes == [f"prompts are chats, by the chat template of {root / 'base'}; --no-chat sends plain text"]
    assert result.chat
    assert json.loads((result.directory / "result.json").read_bytes())["chat"] is True
    assert json.loads((result.directory / "run.json").read_bytes())["config"]["chat"] is None
    trace = next(iter(read_traces([result.directory / "rollouts"])))
    assert trace.prompt.endswith(" and 1?\n\nPut your final answer in \\boxed{}.")
    assert run_identity(replace(config, chat=False)) != run_identity(config)


def test_an_adapter_that_a_run_leaves_can_be_loaded_merged_later_and_trained_on(adapted):
    import torch

    from sgram.training.models import adapter_base, load_model

    config, root, result, _ = adapted
    model = result.directory / "model"
    assert adapter_base(model) == str((root / "base").resolve())
    assert not (result.directory / "merged").exists()
    before, after = (load_model(str(folder)).model.state_dict() for folder in (root / "base", model))
    assert max(float((after[name] - before[name]).abs().max()) for name in after) > 1e-4
    merging = replace(config, merge=True)
    assert read_finished_run(merging, root / "runs") is None, "its adapter is not merged yet"
    progress = []
    assert train(merging, root / "runs", progress.append).directory == result.directory
    assert [row["stage"] for row in progress] == ["merging"], "the finished run is not trained again"
    merged = load_model(str(result.directory / "merged")).model.state_dict()
    assert all(torch.equal(merged[name], after[name]) for name in after)
    sentences = setup.describe_start(
        replace(config, model=str(model)), setup.make_policy(*load_model(str(model)), config)
    )
    assert sentences[1] == (
        f"the adapter in {model} is merged into its base {root / 'base'}, and a new adapter of rank 2 is trained from "
        "there"
    )
    with pytest.raises(UsageError, match="set lora_rank, or leave merge out"):
        RunConfig(merge=True)
