"""The section ``algorithm.sgram`` of verl's configuration: what it may hold, and what verl cannot carry."""

import re
from dataclasses import replace

import pytest

from sgram.errors import InputError, UsageError
from sgram.integrations.verl.settings import KEYS, VERL_SETTINGS, check_loss, find_section, read_settings, refusal
from sgram.training import METHODS, Method
from tests.builders.paths import ROOT

PAGE = (ROOT / "docs" / "other_trainers.md").read_text(encoding="utf-8")
HICRA = {"method": "hicra", "lexicon": ["wait", "let me"]}
GRPO = {"adv_estimator": "grpo", "norm_adv_by_std_in_grpo": True}


def first_cells(head: str) -> list[list[str]]:
    """Return the cells of the table of the page whose first column is called `head`."""
    table = re.search(rf"^\| {head} .*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_the_defaults_are_those_of_the_page():
    settings = read_settings(HICRA, GRPO)
    defaults = {row[0].strip("`"): row[2].strip("`") for row in first_cells("setting below")}
    assert list(defaults) == list(KEYS)
    for name in ("alpha", "mask", "scorer", "min_mask_share"):
        assert str(getattr(settings, name)) == defaults[name]


def test_the_table_of_the_page_says_of_every_method_whether_verl_can_carry_it():
    rows = first_cells("method")
    carried = {name: row[1] for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}
    assert carried == {name: "no" if refusal(method) else "yes" for name, method in METHODS.items()}
    for row in rows:  # what is said to be verl's own
        for name in re.findall(r"`([\w-]+)`", row[0]):
            assert ("verl has" in row[2]) == (name in VERL_SETTINGS)


def test_what_reads_entropies_is_what_the_page_says():
    assert {name for name, method in METHODS.items() if "entropies" in method.needs} == {
        *("hicra-gated", "high-entropy", "entropy-advantage")
    }


def test_a_section_of_any_mapping_becomes_a_dict():
    class Node:
        """What OmegaConf's nodes have in common with dicts."""

        def __init__(self, entries):
            self.entries = entries

        def items(self):
            return self.entries.items()

        def get(self, name, default):
            return self.entries.get(name, default)

    algorithm = Node({"sgram": Node({"method": "ktae", "method_options": Node({"ktae_weight": 0.5})})})
    assert find_section(algorithm) == {"method": "ktae", "method_options": {"ktae_weight": 0.5}}
    assert find_section(Node({})) is None
    assert find_section(None) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": None}, r"algorithm.sgram has no method: add \+algorithm.sgram.method=hicra"),
        ({"method": "hicar"}, r"unknown method 'hicar' \(did you mean hicra"),
        ({"method": "clip-cov"}, r"verl cannot carry method clip-cov: .* set policy_loss.loss_mode=clip_cov"),
        ({"method": "siren"}, r"verl cannot carry method siren: .* use HICRATrainer"),
        ({"method": "placebo"}, r"verl cannot carry method placebo: .*draw_placebo_lexicon"),
        ({"alhpa": 0.5}, r"unknown setting algorithm.sgram.alhpa \(did you mean alpha\?\); the settings are method, "),
        ({"alpha": -1}, r"alpha must be a finite number >= 0"),
        ({"alpha": "much"}, r"alpha must be a finite number >= 0"),
        ({"mask": "words"}, r"mask must be grams, "),
        ({"min_mask_share": 2}, r"algorithm.sgram.min_mask_share must be a finite number >= 0 and <= 1"),
        ({"method_options": 2}, r"method_options must be settings by name"),
        ({"method_options": {"ktae": 2}}, r"algorithm.sgram.method_options: unknown option 'ktae'"),
        ({"method_options": {"alpha": 2}}, r"alpha is a setting of its own: \+algorithm.sgram.alpha=2"),
        ({"lexicon": None}, r"method hicra .* needs a lexicon: \+algorithm.sgram.lexicon=lexicon.json"),
        ({"lexicon": 7}, r"lexicon must be a path, a preset or a list of phrases \(got 7\)"),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_name(changes, message):
    with pytest.raises(UsageError, match=message):
        read_settings({**HICRA, **changes}, GRPO)


def test_a_lexicon_that_is_not_there_is_an_error():
    with pytest.raises((UsageError, InputError), match=r"nowhere\.json"):
        read_settings({**HICRA, "lexicon": "nowhere.json"}, GRPO)


@pytest.mark.parametrize(("scale", "divides"), [("std", False), ("none", True)])
def test_a_method_that_prescribes_another_scale_than_verl_is_refused(scale, divides):
    method = Method("scaled", "", "", scale_rewards=scale, at_rollout=lambda batch, _: batch.advantages)
    section = {"method": method}
    with pytest.raises(UsageError, match=rf"norm_adv_by_std_in_grpo={not divides} \(got grpo and {divides}\)"):
        read_settings(section, {**GRPO, "norm_adv_by_std_in_grpo": divides})
    with pytest.raises(UsageError, match=r"set algorithm.adv_estimator=grpo"):
        read_settings(section, {**GRPO, "adv_estimator": "rloo", "norm_adv_by_std_in_grpo": not divides})
    settings = read_settings(section, {**GRPO, "norm_adv_by_std_in_grpo": not divides})
    assert settings.method == replace(method, scale_rewards=None) or settings.method.scale_rewards is None


def test_entropies_that_verl_does_not_compute_are_refused():
    section = {"method": "high-entropy"}
    assert read_settings(section, {**GRPO, "rollout_correction": {"bypass_mode": False}}).needs_entropies
    with pytest.raises(UsageError, match=r"high-entropy reads the entropies of the old policy.*bypass_mode=True"):
        read_settings(section, {**GRPO, "rollout_correction": {"bypass_mode": True}})


def test_a_loss_that_averages_the_advantages_of_a_response_is_refused():
    config = {"actor_rollout_ref": {"actor": {"policy_loss": {"loss_mode": "geo_mean"}}}}
    check_loss(read_settings({"method": "grpo"}, GRPO), config)
    check_loss(read_settings(HICRA, GRPO), {})
    with pytest.raises(UsageError, match=r"loss_mode=geo_mean averages the advantages of a response, so method hicra"):
        check_loss(read_settings(HICRA, GRPO), config)
