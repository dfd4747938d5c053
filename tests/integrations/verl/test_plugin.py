"""The plug-in waits for verl's modules; here a package of their names, without verl."""

import subprocess
import sys

from tests.builders.paths import ROOT

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import sgram.integrations.verl.plugin as plugin
plugin.install()  # once is enough
hooks = [finder for finder in sys.meta_path if isinstance(finder, plugin.ImportHook)]
print(len(hooks), "verl" in sys.modules, "numpy" in sys.modules)
import verl.trainer.ppo.ray_trainer as trainer
print(trainer.compute_advantage("batch", config={}), trainer.compute_advantage.__name__)
import verl.trainer.ppo.v1
"""


def test_the_plugin_loads_nothing_wraps_what_it_waits_for_and_logs_what_does_not_fit(tmp_path):
    folder = tmp_path / "verl" / "trainer" / "ppo"
    (folder / "v1").mkdir(parents=True)
    (folder / "v1" / "__init__.py").write_text("")  # of a verl without register_trainer
    (folder / "ray_trainer.py").write_text("def compute_advantage(data, config=None):\n    return data\n")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.splitlines() == ["1 False False", "batch compute_advantage"]
    assert "sgram does not fit verl.trainer.ppo.v1: algorithm.sgram has no effect" in process.stderr
