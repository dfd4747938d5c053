"""What `sgram train` reads from a launcher's environment, and what it refuses there; the processes run elsewhere."""

import pytest

from sgram.cli.train import train
from sgram.cli.train_config import MatrixFlags
from sgram.errors import UsageError
from sgram.training.experiments.ranks import Ranks, check_ranks, launched_ranks
from sgram.training.experiments.run import run_directory
from sgram.training.experiments.run_config import RunConfig


def launch(monkeypatch, **environment: str) -> None:
    for name, setting in environment.items():
        monkeypatch.setenv(name, setting)


def test_without_a_launcher_a_process_is_on_its_own(monkeypatch):
    assert launched_ranks() == Ranks()
    launch(monkeypatch, RANK="1", WORLD_SIZE="2")
    assert launched_ranks() == Ranks()  # of a cluster, not of a launcher
    launch(monkeypatch, LOCAL_RANK="1")
    assert launched_ranks() == Ranks(1, 2)
    launch(monkeypatch, ACCELERATE_USE_FSDP="true")
    assert launched_ranks() == Ranks(1, 2, "fsdp")
    launch(monkeypatch, ACCELERATE_USE_DEEPSPEED="true")
    assert launched_ranks().sharding == "deepspeed"


def test_a_run_of_several_processes_has_a_directory_of_its_own(monkeypatch, tmp_path):
    # its processes draw random numbers of their own, so that it samples other responses
    config, directories = RunConfig(), set()
    for environment in (
        {},
        {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"},
        {"ACCELERATE_USE_FSDP": "true"},
        {"WORLD_SIZE": "4"},
    ):
        launch(monkeypatch, **environment)
        directories.add(run_directory(config, tmp_path))
    assert len(directories) == 4


@pytest.mark.parametrize(
    ("settings", "n_processes", "message"),
    [
        ({"prompts": 3, "samples": 5}, 2, "2 processes cannot share the 15 responses of a step evenly"),
        ({"accumulation": 32}, 4, "4 processes cannot share the 64 responses of a step in 32 parts evenly"),
        ({"accumulation": 32}, 2, None),  # one response a process and micro-batch
        ({"prompts": 3, "samples": 4}, 2, None),  # two processes share a group
    ],
)
def test_the_responses_of_a_step_are_shared_evenly(settings, n_processes, message):
    ranks, config = Ranks(0, n_processes), RunConfig(**settings)
    if message is None:
        check_ranks(ranks, config)
        return
    with pytest.raises(UsageError, match=message):
        check_ranks(ranks, config)


@pytest.mark.parametrize(
    ("sharding", "version", "settings", "message"),
    [
        ("deepspeed", "2", {}, "not with DeepSpeed"),
        ("fsdp", "1", {}, "set fsdp_version: 2"),
        ("fsdp", "2", {"method": "siren", "siren_coef": 0.1}, "method siren projects hidden states"),
        ("fsdp", "2", {"eval_every": 5}, "leave --eval-every out"),
        ("fsdp", "2", {"lora_rank": 4}, "LoRA adapters are not trained on a sharded model"),
    ],
)
def test_what_a_sharded_model_cannot_do_is_refused(monkeypatch, sharding, version, settings, message):
    launch(monkeypatch, FSDP_VERSION=version)
    with pytest.raises(UsageError, match=message):
        check_ranks(Ranks(0, 2, sharding), RunConfig(**settings))


def test_a_comparison_is_not_started_by_a_launcher(monkeypatch, tmp_path):
    launch(monkeypatch, RANK="0", LOCAL_RANK="0", WORLD_SIZE="2")
    with pytest.raises(UsageError, match="train one run together: leave --compare and several seeds out"):
        train(matrix=MatrixFlags(seeds="0,1"), out=tmp_path, dry_run=True)


def test_only_the_main_process_shows_a_plan(monkeypatch, tmp_path, capsys):
    launch(monkeypatch, RANK="1", LOCAL_RANK="1", WORLD_SIZE="2")
    assert train(out=tmp_path, dry_run=True) == 0
    assert capsys.readouterr() == ("", "")
