"""Tasks by their names."""

import importlib.util
import json

import pytest

from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.testbed import TestbedConfig, TwoStepConfig
from sgram.training.tasks import task_names as make
from sgram.training.tasks.task_names import make_task


@pytest.fixture
def without(monkeypatch):
    """Makes a library look as if it were not installed."""
    real = importlib.util.find_spec

    def hide(library):
        monkeypatch.setattr(make.importlib.util, "find_spec", lambda name: None if name == library else real(name))

    return hide


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps({"problem": f"p{n}", "answer": n}) + "\n" for n in range(10)))
    return str(path)


def test_the_testbed_takes_its_own_options():
    task = make_task("testbed", {"methods": 3})
    assert task.config.methods == 3
    with pytest.raises(UsageError, match=r"testbed has no option 'metods' \(did you mean methods\?\); it has "):
        make_task("testbed", {"metods": 3})


def test_a_preset_of_the_testbed_has_options_of_its_own():
    assert make_task("testbed", {"preset": "long", "methods": 3}).config == TestbedConfig(3, largest=99, execution=3)
    assert make_task("testbed", {"preset": "hard", "omits": 0.4}).config == TwoStepConfig(omits=0.4)
    with pytest.raises(UsageError, match="testbed with preset=hard has no option 'methods'"):
        make_task("testbed", {"preset": "hard", "methods": 3})
    with pytest.raises(UsageError, match="testbed has no preset 'harder'; it has default, middle, long, hard"):
        make_task("testbed", {"preset": "harder"})


@pytest.mark.skipif(importlib.util.find_spec("math_verify") is None, reason="needs sgram[train]")
def test_a_path_is_a_file_of_problems(problems):
    task = make_task(problems, {"test_share": 0.5, "workers": 1, "seconds": 2.0})
    assert len(task.problems("train")) + len(task.problems("test")) == 10
    assert task.name == "problems.jsonl"
    assert (task.config.workers, task.config.seconds) == (1, 2.0)
    with pytest.raises(UsageError, match=r"a file of problems has no option 'test_shar' \(did you mean test_share\?\)"):
        make_task(problems, {"test_shar": 0.5})
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.jsonl"):
        make_task("nowhere.jsonl")


@pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="needs sgram[gym]")
def test_options_of_a_gym_go_to_the_task_or_to_the_dataset():
    task = make_task("gym:countdown", {"size": 7, "min_numbers": 3})
    assert (task.name, task.config.size, dict(task.config.dataset)) == ("gym:countdown", 7, {"min_numbers": 3})


def test_a_name_that_means_nothing_is_refused():
    with pytest.raises(UsageError, match=r"unknown task 'tesbed' \(did you mean testbed\?\); a task is testbed, gym:"):
        make_task("tesbed")
    with pytest.raises(UsageError, match=r"unknown task 'zzz'; a task is"):
        make_task("zzz")


def test_what_is_not_installed_is_said(without, problems):
    without("reasoning_gym")
    with pytest.raises(MissingExtraError, match=r"gym:countdown needs reasoning-gym: pip install 'sgram\[gym\]'"):
        make_task("gym:countdown")
    without("math_verify")
    with pytest.raises(MissingExtraError, match=r"needs math-verify: pip install 'sgram\[train\]'"):
        make_task(problems)
