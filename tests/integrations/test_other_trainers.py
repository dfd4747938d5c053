"""docs/other_trainers.md: its recipes run, on small objects with the names of the real trainers."""

import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from sgram import Lexicon
from tests.builders.paths import ROOT

PAGE = (ROOT / "docs" / "other_trainers.md").read_text(encoding="utf-8")
RECIPES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TOKENIZER = [b"<pad>", b"Wait", b", let me", b" add", b" 4"]


class ExperienceMaker:
    """What `RemoteExperienceMaker` of OpenRLHF 0.11.2 has: one advantage on every action of a row."""

    def __init__(self):
        self.tokenizer = TOKENIZER
        self.args = SimpleNamespace(rollout=SimpleNamespace(n_samples_per_prompt=2))

    def compute_advantages_and_returns(self, experiences):
        for experience in experiences:
            experience.advantages = experience.rewards[:, None] * experience.action_mask
        return experiences


class Batch(dict):
    """What `TrainingInputBatch` of SkyRL 0.3.0 is: tensors by name, and metadata."""

    def __init__(self, metadata, **tensors):
        super().__init__(tensors)
        self.metadata = metadata


class PPOTrainer:
    """What `RayPPOTrainer` of SkyRL 0.3.0 has: one advantage on every token of a response."""

    def __init__(self):
        self.tokenizer = TOKENIZER
        self.all_metrics = {}

    def compute_advantages_and_returns(self, data):
        data["advantages"] = data["rewards"].sum(1, keepdim=True) * data["response_mask"]
        return data


@pytest.fixture
def run_recipe(tmp_path, monkeypatch):
    """Function from a name in a recipe, and the modules that it imports, to what the recipe defines by that name."""
    Lexicon.from_grams(["let me"]).save(tmp_path / "lexicon.json")
    monkeypatch.chdir(tmp_path)

    def run(name: str, **classes_by_module: type) -> type:
        for path, defined in classes_by_module.items():
            parts = path.split("__")
            for depth in range(1, len(parts) + 1):
                monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(parts[depth - 1]))
            setattr(sys.modules[".".join(parts)], defined.__name__, defined)
        (recipe,) = (recipe for recipe in RECIPES if f"class {name}(" in recipe)
        scope: dict = {}
        exec(compile(recipe, "other_trainers.md", "exec"), scope)  # noqa: S102
        return scope[name]

    return run


def test_the_recipe_for_openrlhf_shapes_the_actions_of_each_experience(run_recipe):
    maker_class = type("RemoteExperienceMaker", (ExperienceMaker,), {})
    maker = run_recipe("PlanningMaker", openrlhf__trainer__ppo_utils__experience_maker=maker_class)()
    # prompt, then the response; the action at t is the token at t + 1, so a row of T tokens has T - 1 actions
    experience = SimpleNamespace(
        sequences=torch.tensor([[3, 1, 2, 4], [3, 4, 2, 0]]),
        action_mask=torch.tensor([[1, 1, 1], [1, 1, 0]]),
        rewards=torch.tensor([1.0, -1.0]),
        index=[0, 1],
        info={},
    )
    (shaped,) = maker.compute_advantages_and_returns([experience])
    torch.testing.assert_close(shaped.advantages, torch.tensor([[1.0, 1.2, 1.0], [-1.0, -0.8, 0.0]]))
    torch.testing.assert_close(shaped.info["planning_share"], torch.tensor([0.4, 0.4]))


def test_the_recipe_for_skyrl_shapes_the_ends_of_the_sequences(run_recipe):
    trainer_class = type("RayPPOTrainer", (PPOTrainer,), {})
    trainer = run_recipe("PlanningTrainer", skyrl__train__trainer=trainer_class)()
    # padding, prompt, response: all end in the last column; what is as long as a response is, too
    data = Batch(
        {"uids": ["a", "a"]},
        sequences=torch.tensor([[3, 2, 1, 2, 4], [0, 0, 3, 4, 2]]),
        response_mask=torch.tensor([[1, 1, 1], [0, 1, 1]]),
        loss_mask=torch.tensor([[1, 1, 1], [0, 1, 1]]),
        rewards=torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]),
    )
    shaped = trainer.compute_advantages_and_returns(data)["advantages"]
    torch.testing.assert_close(shaped, torch.tensor([[1.0, 1.2, 1.0], [0.0, -1.0, -0.8]]))
    assert trainer.all_metrics["credit/share"] == pytest.approx(0.4)


def test_every_recipe_of_the_page_is_run_here():
    assert [re.search(r"^class (\w+)", recipe, re.MULTILINE)[1] for recipe in RECIPES] == [
        *("PlanningMaker", "PlanningTrainer")
    ]


def test_links_of_the_page_lead_to_files_and_headings():
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE):
        name, _, anchor = link.partition("#")
        headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}, link
