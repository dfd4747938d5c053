"""What is chosen of many traces, by digests and budgets."""

from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.config import AnalysisConfig
from sgram.analysis.sample_plan import SmallestKeys, Survey, group_of, key_of, problem_of
from tests.builders.analysis_examples import trace


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 9)), unique_by=lambda each: each[0]), st.integers(1, 40)
)
def test_the_texts_with_the_smallest_keys_are_held_up_to_the_budget(rows, budget):
    held = SmallestKeys(budget)
    for key, size in rows:
        held.add(key, "x" * size)
    # of the rows by key, the shortest beginning that holds the budget
    wanted, total = [], 0
    for _, size in sorted(rows):
        if total >= budget:
            break
        wanted.append(size)
        total += size
    assert [len(text) for text in held.texts] == wanted
    assert held.n_seen == len(rows)
    assert held.chars_seen == sum(size for _, size in rows)


def test_keys_tell_parts_apart():
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of(None) != key_of("")
    assert 0 < key_of("a") < 1 << 62


def test_a_problem_is_the_prompt_of_a_run_and_the_group_of_rollouts():
    assert problem_of(trace("1", "x", group="g", prompt="p")) == "group g"
    assert problem_of(trace("1", "x", group="3-g", prompt="p", step=3)) == "prompt p"
    assert problem_of(trace("1", "x")) == "trace 1"
    assert group_of(trace("1", "x", prompt="p", step=3)) != group_of(trace("1", "x", prompt="p", step=4))


def surveyed(traces, **settings):
    survey = Survey(AnalysisConfig(**settings))
    for each in traces:
        survey.add(each, each.model)
    return survey.choose({name: name for name in survey.n_of})


def many():
    return [
        trace(f"{n}", "x" * (10 + n), group=f"g{n % 10}", correct=n % 3 != 0, model="ab"[n // 10 % 2])
        for n in range(90)
    ]


def test_no_more_wrong_traces_are_diagnosed_than_are_wanted():
    choice = surveyed(many(), max_diagnosed=7)
    assert (len(choice.diagnosed), choice.n_wrong) == (7, 30)
    keys = sorted(key_of(each.model, each.id, each.text) for each in many() if not each.correct)
    assert list(choice.diagnosed) == keys[:7], "those with the smallest keys"
    assert {len(keys) for keys in choice.checked.values()} == {7, 0}


def test_the_characters_that_are_held_have_a_budget():
    texts = {key_of(each.model, each.id, each.text): each.text for each in many()}
    choice = surveyed(many(), max_kept_chars=3000)
    diagnosed = {*choice.diagnosed, *(key for keys in choice.siblings.values() for key in keys)}
    assert sum(len(texts[key]) for key in diagnosed) <= 2000
    assert all(sum(len(texts[key]) for key in keys) <= 1000 for keys in choice.checked.values())
    assert len(choice.diagnosed) > 2


def test_siblings_are_correct_ones_of_the_group_its_own_source_first():
    by_key = {key_of(each.model, each.id, each.text): each for each in many()}
    choice = surveyed(many())
    for wrong, near in choice.siblings.items():
        found = [by_key[key] for key in near]
        assert all(each.group == by_key[wrong].group and each.correct for each in found)
        own = [each.model == by_key[wrong].model for each in found]
        assert own == sorted(own, reverse=True)
        assert len(found) == 4


def test_a_pair_is_of_one_group_and_source_and_no_group_has_two():
    by_key = {key_of(each.model, each.id, each.text): each for each in many()}
    choice = surveyed(many(), n_siblings=5)
    pairs = [(by_key[correct], by_key[wrong]) for correct, wrong in choice.pairs]
    assert len(pairs) == 5
    assert len({right.group for right, _ in pairs}) == 5
    for right, wrong in pairs:
        assert (right.correct, wrong.correct) == (True, False)
        assert (right.group, right.model) == (wrong.group, wrong.model)


def test_examples_come_from_every_source_and_outcome_in_turn():
    choice = surveyed(many(), n_examples=8)
    kinds = [(slot.source, slot.outcome) for slot in choice.slots]
    assert sorted(kinds[:4]) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert len(kinds) == 8
    keys = [key for slot in choice.slots for key in slot.candidates]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= choice.held


def test_entropies_are_held_up_to_a_number_of_tokens():
    traces = [trace(f"{n}", "x", token_ids=(1,) * 10, entropies=(0.5,) * 10) for n in range(20)]
    keys = sorted(key_of("m", each.id, each.text) for each in traces)
    choice = surveyed(traces, max_tokens=55)
    assert sum(key <= choice.token_limit for key in keys) == 5
    assert surveyed(traces, max_tokens=200).token_limit >= keys[-1]
