"""A run that is cut off goes on to the bit, and a checkpoint of another run is refused."""

import json
import shutil
from collections import Counter
from functools import partial

import pytest
import torch

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json
from sgram.lexicon import Lexicon
from sgram.traces import read_traces
from sgram.training.trainer.checkpoints import list_checkpoints
from sgram.training.trainer.refresh_lexicon import refresh_lexicon
from sgram.training.trainer.state import TrainerState
from tests.builders.tiny_policy import lexicon, losses, responses, same, scorer, sentences, trainer, weights

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

KEEP = {"save_strategy": "steps", "save_steps": 1, "save_total_limit": None}
SETTINGS = {
    # 4 problems, 2 a step: the third step begins the second epoch, with another order
    "plain": {"max_steps": 4},
    "two iterations": {"max_steps": 4, "num_iterations": 2},
    # one sampling, of 16 responses, lasts for two steps, which are made twice
    "sampled for two steps, twice": {
        "max_steps": 4,
        "gradient_accumulation_steps": 1,
        "steps_per_generation": 2,
        "num_iterations": 2,
    },
    "siren": {"max_steps": 3, "method": "siren", "siren_coef": 5.0, "num_iterations": 2},
    "placebo": {"max_steps": 3, "method": "placebo", "alpha": 0.5},
    "placebo-execution": {"max_steps": 3, "method": "placebo-execution", "alpha": 0.5},
    "placebo of sentences": {"max_steps": 3, "method": "placebo", "alpha": 0.5, "mask": "sentences"},
    "placebo inside of sentences": {"max_steps": 3, "method": "placebo", "alpha": 0.5, "mask": "grams-in-sentences"},
    "grams in sentences": {"max_steps": 3, "alpha": 0.5, "mask": "grams-in-sentences"},
    "clip-cov": {
        "max_steps": 3,
        "method": "clip-cov",
        "drop_finished_rows": True,
        "method_options": {"clip_cov_ratio": 0.3, "clip_cov_low": 0.0},
    },
}


def make_trainer(directory, **settings):
    """A trainer with what a placebo is matched on; resumed ones get other responses, which may not matter."""
    draw = settings.pop("draw", 0)
    sampled = None
    if settings.get("method", "").startswith("placebo"):
        sampled = sentences(seed=draw) if "mask" in settings else responses(seed=draw)
    if "mask" in settings:
        path = directory / "scorer.json"
        scorer().save(path)
        settings = {"scorer": str(path), **settings}
    return trainer(directory, placebo_responses=sampled, **{**KEEP, **settings})


def rollouts_of(directory) -> dict[int, list]:
    """The traces of each file by the step at which they were sampled."""
    return {int(path.name[5:11]): list(read_traces([path])) for path in directory.glob("rollouts/step-*")}


def log_rows(ours) -> list[dict]:
    """What was logged, without what a clock says."""
    clocks = ("time", "second", "runtime")
    return [
        {name: value for name, value in row.items() if not any(clock in name for clock in clocks)}
        for row in ours.state.log_history
        if "loss" in row
    ]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_run_goes_on_from_each_of_its_checkpoints_to_the_bit(tmp_path, settings):
    whole = make_trainer(tmp_path / "whole", **settings)
    whole.train()
    paths = list_checkpoints(tmp_path / "whole")
    assert len(paths) == settings["max_steps"]
    assert all(norm > 1e-4 for _, norm in losses(whole))
    for number, checkpoint in enumerate(paths[:-1], 1):
        again = tmp_path / f"again-{number}"
        shutil.copytree(checkpoint, again / checkpoint.name)
        torch.manual_seed(99 + number)
        resumed = make_trainer(again, draw=1, **settings)
        resumed.train(resume_from_checkpoint=str(again / checkpoint.name))
        assert same(weights(whole), weights(resumed))
        assert losses(resumed) == losses(whole)  # the earlier ones are remembered
        assert log_rows(resumed) == log_rows(whole)
        assert resumed.anchor == whole.anchor
        assert resumed._mask_share.n_tokens == whole._mask_share.n_tokens
        assert (resumed.placebo and resumed.placebo.to_json()) == (whole.placebo and whole.placebo.to_json())
        # rollouts are written when the loss has seen them all; those that were not, by then, are written now
        steps = settings.get("steps_per_generation", 1) // settings.get("gradient_accumulation_steps", 2) or 1
        written = rollouts_of(tmp_path / "whole")
        assert rollouts_of(again) == {step: traces for step, traces in written.items() if step + steps > number}


def most_said(traces) -> Lexicon:
    """A lexicon that depends on what it is mined from, at no cost."""
    counts = Counter(word for trace in traces for word in trace.text.lower().split() if word.isalpha())
    return Lexicon.from_grams([word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:6]])


def test_a_lexicon_mined_on_the_way_goes_on_to_the_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("sgram.training.trainer.trainer.refresh_lexicon", partial(refresh_lexicon, mine=most_said))
    settings = {"max_steps": 4, "refresh_lexicon": 2, "alpha": 1.0}
    whole = make_trainer(tmp_path, **settings)
    whole.train()
    assert whole.lexicon.digest not in ("", lexicon().digest)
    bytes_of = {path.name: path.read_bytes() for path in (tmp_path / "rollouts").iterdir()}
    for checkpoint in list_checkpoints(tmp_path)[:-1]:  # in the same directory: later rollouts lie there already
        resumed = make_trainer(tmp_path, **settings)
        resumed.train(resume_from_checkpoint=str(checkpoint))
        assert resumed.lexicon.digest == whole.lexicon.digest
        assert same(weights(whole), weights(resumed))
    assert {path.name: path.read_bytes() for path in (tmp_path / "rollouts").iterdir()} == bytes_of


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """One of a run of two steps of HICRA."""
    directory = tmp_path_factory.mktemp("refused")
    make_trainer(directory, max_steps=1).train()
    return directory / "checkpoint-1"


def changed(checkpoint, directory, **state):
    """A copy of a checkpoint that says something else of itself; None: it says nothing."""
    copy = directory / checkpoint.name
    shutil.copytree(checkpoint, copy)
    path = copy / "sgram_state.json"
    document = json.loads(path.read_bytes())
    path.write_bytes(canonical_json({**document, **state}))
    return copy


def test_a_checkpoint_of_another_method_is_refused(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"was trained by method hicra, not grpo-matched: use the same method"):
        make_trainer(tmp_path, method="grpo-matched").train(resume_from_checkpoint=str(checkpoint))


@pytest.mark.parametrize("grams", [["wait", "so"], None], ids=["another", "none"])
def test_a_checkpoint_of_another_lexicon_is_refused(checkpoint, tmp_path, grams):
    method, grams = ("hicra", Lexicon.from_grams(grams)) if grams else ("grpo", None)
    changed_checkpoint = changed(checkpoint, tmp_path, method=method)
    with pytest.raises(InputError, match="was trained with another lexicon: use the same one"):
        make_trainer(tmp_path, method=method, grams=grams).train(resume_from_checkpoint=str(changed_checkpoint))


def test_a_checkpoint_of_another_mask_or_scorer_is_refused(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"was trained with the mask grams, not sentences: use the same one"):
        make_trainer(tmp_path, mask="sentences").train(resume_from_checkpoint=str(checkpoint))
    changed_checkpoint = changed(checkpoint, tmp_path, mask="sentences", scorer="ab12")
    with pytest.raises(InputError, match="was trained with another sentence scorer: use the same one"):
        make_trainer(tmp_path, mask="sentences").train(resume_from_checkpoint=str(changed_checkpoint))


def test_an_empty_mask_is_noticed_by_a_run_that_was_cut_off_too(tmp_path):
    settings = {"max_steps": 6, "grams": Lexicon.from_grams(["heteroscedastic quaternions"])}
    with pytest.raises(UsageError, match="of the first 5 steps"):
        make_trainer(tmp_path, **settings).train()
    checkpoint = list_checkpoints(tmp_path)[-1]  # the fifth step is checked before its checkpoint is written
    assert checkpoint.name == "checkpoint-4"
    with pytest.raises(UsageError, match="of the first 5 steps") as raised:
        make_trainer(tmp_path, **settings).train(resume_from_checkpoint=str(checkpoint))
    n_tokens = sum(len(trace.token_ids) for traces in rollouts_of(tmp_path).values() for trace in traces)
    assert f"{n_tokens:,} response tokens" in str(raised.value)


@pytest.mark.parametrize("broken", [None, b"{", b"[]", b"\xff"], ids=["absent", "cut off", "a list", "no text"])
def test_a_checkpoint_of_another_trainer_is_refused(checkpoint, tmp_path, broken):
    changed_checkpoint = changed(checkpoint, tmp_path)
    path = changed_checkpoint / "sgram_state.json"
    path.unlink() if broken is None else path.write_bytes(broken)
    with pytest.raises(InputError, match=r"sgram_state\.json .*(not a checkpoint of HICRATrainer|another version)"):
        make_trainer(tmp_path).train(resume_from_checkpoint=str(changed_checkpoint))


def test_a_checkpoint_of_another_version_is_refused(checkpoint, tmp_path):
    changed_checkpoint = changed(checkpoint, tmp_path, version=2)
    with pytest.raises(InputError, match="was written by another version of sgram"):
        make_trainer(tmp_path).train(resume_from_checkpoint=str(changed_checkpoint))


def test_unused_samples_of_two_processes_are_no_whole_step_for_one(tmp_path):
    samples = [{"row": torch.arange(2)}]
    state = TrainerState(1, "grpo", None, None, False, None, sampled_batches=samples)
    for process in (0, 1):
        state.save(tmp_path, process)
    load = partial(TrainerState.load, tmp_path, 1, torch.device("cpu"), method="grpo", lexicon_digest=None)
    assert torch.equal(load(n_processes=2).sampled_batches[0]["row"], torch.arange(2))
    for n_processes in (1, 3):
        with pytest.raises(
            InputError, match=rf"samples of 2 processes .* as many processes as then \(now: {n_processes}"
        ):
            load(n_processes=n_processes)
