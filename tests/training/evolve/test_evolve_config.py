"""Settings of a run of evolve, its slots, and how much it samples."""

import json
from dataclasses import replace

import pytest

from sgram.errors import UsageError
from sgram.files import canonical_json
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.evolve_matrix import evolve_cells, parse_evolve_arms
from sgram.training.evolve.slots import count_generations, slot_roles, slot_rows


@pytest.mark.parametrize(
    ("settings", "roles"),
    [
        ({}, ("proposer", "solver", "judge")),
        ({"judge": "frozen"}, ("proposer", "solver")),  # a judge that is not the policy is not trained
        ({"proposer": "frozen"}, ("solver", "judge")),
        ({"proposer": "none", "judge": "oracle"}, ("solver",)),
        ({"train_roles": "judge+solver"}, ("solver", "judge")),  # in the order of the slots
        ({"judge": "oracle", "train_roles": "solver, judge"}, ("solver", "judge")),
    ],
)
def test_roles_that_are_trained_follow_from_who_proposes_and_judges(settings, roles):
    assert EvolveConfig(**settings).roles == roles


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"judge": "me"}, "judge must be one of policy, frozen, oracle, random, or the URL"),
        ({"judge": "http://localhost:8000/v1"}, "belong together"),
        ({"judge_model": "m"}, "belong together"),
        ({"gate": "often"}, "--gate must be a quantile"),
        ({"train_roles": "solver,critic"}, "train_roles names critic"),
        ({"train_roles": ""}, "names no role"),
        ({"train_roles": "proposer,solver", "proposer": "frozen"}, "a proposer that is frozen cannot be trained"),
        ({"proposals": 18}, "proposals must be a multiple of answers, 4"),
        ({"judge_rows": 10}, "judge_rows must be a multiple of answers"),
        ({"method": "entropy"}, "acts on the texts of every role"),
        ({"method": "hicra", "train_roles": "proposer"}, "add solver to train_roles"),
        ({"trials": 0}, "without trials no difficulty is known"),
        ({"answers": 1}, "answers must be >= 2"),
        ({"references": 1.5}, "references must be >= 0 and <= 1"),
        ({"difficulty": "maybe"}, "difficulty must be one of on, off"),
        ({"lexicon": "mined"}, "lexicon mined needs a run of sgram train"),
        ({"temperature": 0}, "temperature must be > 0"),
        ({"task": "q.jsonl", "model": "smollm2", "judge_quality": 0.8}, "shapes the warm-up of the model testbed"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_what_to_do(settings, message):
    with pytest.raises(UsageError, match=message):
        EvolveConfig(**settings)


def test_a_proposer_that_nobody_trains_may_have_any_number_of_rows():
    assert EvolveConfig(proposer="frozen", proposals=18).rows == 40 + 12


def test_a_configuration_survives_json_to_the_last_setting():
    config = EvolveConfig(gate="0.7", task_options={"b": 1, "a": 2}, method="hicra", judge="oracle")
    again = EvolveConfig.from_mapping(json.loads(canonical_json(config.identity())))
    assert again.identity() == config.identity()
    assert EvolveConfig.from_mapping({"gate": 0.7, "learning-rate": 1}).gate == "0.7"
    with pytest.raises(UsageError, match="unknown setting jugde; did you mean judge"):
        EvolveConfig.from_mapping({"jugde": "oracle"})


def test_the_testbed_has_the_rate_at_which_a_random_judge_does_no_harm():
    assert EvolveConfig().learning_rate == 1.75e-4
    assert EvolveConfig(task="q.jsonl", model="smollm2").learning_rate == 1e-6
    assert EvolveConfig().run_config().learning_rate == 1.75e-4


def test_trl_is_given_one_row_for_each_group_of_slots_in_their_order():
    config = EvolveConfig(proposals=4, questions=2, answers=2, judge_rows=2)
    # rows: 4 proposals, 2 x 2 answers, 2 judgements
    assert slot_roles(config) == ("proposer",) * 4 + ("solver",) * 4 + ("judge",) * 2
    assert [row["prompt"] for row in slot_rows(config)] == [
        "proposer 0",
        "proposer 1",
        "solver 2",
        "solver 3",
        "judge 4",
    ]
    assert config.run_config().prompts * config.run_config().samples == 10


def test_generations_of_a_step_are_counted_by_kind():
    config = EvolveConfig(proposals=20, trials=2, questions=10, answers=4, judge_rows=12, judge_samples=3)
    assert count_generations(config) == {
        "proposals": 20,
        "trial answers": 40,
        "answers": 40,
        "judge rows": 12,
        "judgements of proposals": 60,
        "judgements of trial answers": 120,
        "judgements of answers": 120,
    }
    # the oracle writes nothing, and without proposer there are no trial answers
    fixed = replace(config, judge="oracle", proposer="none", train_roles="solver")
    assert {kind: n for kind, n in count_generations(fixed).items() if n} == {"answers": 40}


def test_arms_are_short_names_or_settings_and_two_that_are_one_run_are_refused():
    arms = parse_evolve_arms("evolve,fixed-questions,evolve:method=hicra:gate=0.7,evolve:train_roles=solver+judge")
    configs = [arm.apply(EvolveConfig(steps=5), seed=3) for arm in arms]
    assert [(config.judge, config.proposer, config.method, config.gate) for config in configs] == [
        ("policy", "learned", "grpo", "q0.5"),
        ("oracle", "none", "grpo", "q0.5"),
        ("policy", "learned", "hicra", "0.7"),
        ("policy", "learned", "grpo", "q0.5"),
    ]
    assert configs[3].roles == ("solver", "judge")
    assert {(config.seed, config.steps) for config in configs} == {(3, 5)}
    with pytest.raises(UsageError, match="sets steps, which all arms share"):
        parse_evolve_arms("evolve:steps=3")
    with pytest.raises(UsageError, match="unknown method evolves"):
        parse_evolve_arms("evolves")
    with pytest.raises(UsageError, match="are the same run"):
        evolve_cells(EvolveConfig(), parse_evolve_arms("evolve,evolve:difficulty=on"), [0], [0])
    cells = evolve_cells(EvolveConfig(), arms, [1, 0], [0])
    assert [(cell.arm, cell.config.seed) for cell in cells][:5:4] == [("evolve", 0), ("evolve", 1)]
