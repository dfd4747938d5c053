"""How verl comes to know sgram: its entry point, and the names that its registry and its losses have."""

import logging
import subprocess
import sys
from importlib.metadata import entry_points

import verl.trainer.ppo.v1
from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY
from verl.trainer.ppo.v1.trainer_base import TRAINER_REGISTRY

from sgram.integrations.verl import plugin, settings, trainers

LOADED = """
import sys, verl
loaded = [name for name in ("sgram.integrations.verl.plugin", "verl.trainer", "sgram.tagging") if name in sys.modules]
print(*loaded)
"""


def test_the_entry_point_is_found_by_verl_and_loads_no_trainer():
    (entry,) = (entry for entry in entry_points(group="verl.plugins") if entry.name == "sgram")
    assert entry.load() is plugin
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["sgram.integrations.verl.plugin"]


def test_the_trainers_are_in_the_registry_of_verl():
    assert set(trainers.TRAINERS) <= set(TRAINER_REGISTRY)
    assert {mode for _, mode in trainers.TRAINERS.values()} == set(TRAINER_REGISTRY) - set(trainers.TRAINERS)


def test_what_does_not_fit_verl_is_logged_as_an_error_and_leaves_verl_as_it_is(monkeypatch, caplog):
    monkeypatch.delattr(verl.trainer.ppo.v1, "PPOTrainerSync")
    with caplog.at_level(logging.ERROR):
        plugin.prepare(verl.trainer.ppo.v1)
    assert "sgram does not fit verl.trainer.ppo.v1: algorithm.sgram has no effect" in caplog.text
    assert "PPOTrainerSync" in caplog.text


def test_the_losses_that_messages_name_are_those_of_verl():
    assert set(settings.SEQUENCE_LOSSES) <= set(POLICY_LOSS_REGISTRY)
    assert {"clip_cov", "kl_cov", "gspo", "vanilla"} <= set(POLICY_LOSS_REGISTRY)
