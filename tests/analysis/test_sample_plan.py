"""Selection of traces by digests and budgets."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.config import AnalysisConfig
from sgram.analysis.sample_plan import TextSample, TraceSurvey
from sgram.diagnosis.kinds import select_siblings
from sgram.traces.trace_keys import group_name, problem_name, stable_key
from tests.builders.analysis_examples import build_trace


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 9)), unique_by=lambda row: row[0]), st.integers(1, 40))
def test_the_texts_with_the_smallest_keys_are_sampled_up_to_the_budget(rows, budget):
    sample = TextSample(budget)
    for key, size in rows:
        sample.add(key, "x" * size)
    # of the rows by key, the shortest prefix that reaches the budget
    expected, total = [], 0
    for _, size in sorted(rows):
        if total >= budget:
            break
        expected.append(size)
        total += size
    assert [len(text) for text in sample.texts] == expected
    assert sample.n_offered == len(rows)
    assert sample.n_offered_chars == sum(size for _, size in rows)


def test_keys_tell_parts_apart():
    assert stable_key("ab", "c") != stable_key("a", "bc")
    assert stable_key(None) != stable_key("")
    assert 0 < stable_key("a") < 1 << 62


def test_a_problem_is_the_prompt_of_a_run_and_the_group_of_rollouts():
    assert problem_name(build_trace("1", "x", group="g", prompt="p")) == "group g"
    assert problem_name(build_trace("1", "x", group="3-g", prompt="p", step=3)) == "prompt p"
    assert problem_name(build_trace("1", "x")) == "trace 1"
    assert group_name(build_trace("1", "x", prompt="p", step=3)) != group_name(
        build_trace("1", "x", prompt="p", step=4)
    )


def plan_sample(traces, **settings):
    survey = TraceSurvey(AnalysisConfig(**settings))
    for trace in traces:
        survey.add(trace, trace.model)
    return survey.plan({name: name for name in survey.source_sizes})


def ninety_traces():
    return [
        build_trace(f"{n}", "x" * (10 + n), group=f"g{n % 10}", correct=n % 3 != 0, model="ab"[n // 10 % 2])
        for n in range(90)
    ]


def test_no_more_wrong_traces_are_diagnosed_than_the_maximum():
    plan = plan_sample(ninety_traces(), max_diagnosed=7)
    assert (len(plan.diagnosed), plan.n_wrong) == (7, 30)
    keys = sorted(stable_key(trace.model, trace.id, trace.text) for trace in ninety_traces() if not trace.correct)
    assert sorted(plan.diagnosed) == list(plan.diagnosed)
    assert set(plan.diagnosed) < set(keys)
    assert {len(keys) for keys in plan.equation_keys.values()} == {7, 0}


def test_above_the_maximum_every_step_and_problem_has_its_part():
    # steps 1 to 3 with 4, 40 and 40 wrong traces of 4 problems; 20 are diagnosed: all 4, then 8 of each, 2 a problem
    traces = [
        build_trace(f"{step}-{n}", f"It is {n}.", group=f"{step}-{n % 4}", prompt=f"p{n % 4}", correct=False, step=step)
        for step, size in ((1, 4), (2, 40), (3, 40))
        for n in range(size)
    ]
    by_key = {stable_key(trace.model, trace.id, trace.text): trace for trace in traces}
    diagnosed = [by_key[key] for key in plan_sample(traces, max_diagnosed=20).diagnosed]
    assert Counter(trace.step for trace in diagnosed) == {1: 4, 2: 8, 3: 8}
    assert Counter((trace.step, trace.prompt) for trace in diagnosed if trace.step > 1) == {
        (step, f"p{problem}"): 2 for step in (2, 3) for problem in range(4)
    }
    assert set(plan_sample(traces[::-1], max_diagnosed=20).diagnosed) == set(
        plan_sample(traces, max_diagnosed=20).diagnosed
    )


def test_traces_with_a_recorded_kind_are_diagnosed_last():
    traces = [
        build_trace(f"{n}", "x" * (n + 1), correct=False, meta={"error": "strategic"} if n % 2 else {})
        for n in range(20)
    ]
    by_key = {stable_key("m", trace.id, trace.text): trace for trace in traces}

    def n_recorded(**settings):
        return sum(bool(by_key[key].meta) for key in plan_sample(traces, **settings).diagnosed)

    assert (n_recorded(max_diagnosed=10), n_recorded(max_diagnosed=14), n_recorded()) == (0, 4, 10)
    assert n_recorded(max_diagnosed=10, recorded_errors=False) > 0


def test_a_budget_of_characters_cuts_every_step_alike():
    # 40 traces of 100 characters at each of two steps, two thirds of 3,000 characters: 20 traces
    traces = [
        build_trace(f"{step}-{n}", f"{n:02}" * 50, group=f"g{n % 8}", correct=False, step=step)
        for step in (1, 2)
        for n in range(40)
    ]
    by_key = {stable_key("m", trace.id, trace.text): trace for trace in traces}
    plan = plan_sample(traces, max_kept_chars=3000)
    assert Counter(by_key[key].step for key in plan.diagnosed) == {1: 10, 2: 10}


def test_sampled_texts_have_a_budget_of_characters():
    texts = {stable_key(trace.model, trace.id, trace.text): trace.text for trace in ninety_traces()}
    plan = plan_sample(ninety_traces(), max_kept_chars=3000)
    diagnosed = {*plan.diagnosed, *(key for keys in plan.siblings.values() for key in keys)}
    assert sum(len(texts[key]) for key in diagnosed) <= 2000
    assert all(sum(len(texts[key]) for key in keys) <= 1000 for keys in plan.equation_keys.values())
    assert len(plan.diagnosed) > 2


def test_siblings_are_those_that_a_diagnosis_compares_with():
    # of 20 correct traces of either model, the 8 that `sgram diagnose` takes, in the same order
    correct = [build_trace(f"r{n}", "x" * (n + 1), group="g", correct=True, model="ab"[n % 2]) for n in range(20)]
    wrong = build_trace("w", "xxx", group="g", correct=False, model="a")
    other = build_trace("o", "x", group="h", correct=True, model="a")
    plan = plan_sample([wrong, other, *correct])
    expected = [stable_key(trace.model, trace.id, trace.text) for trace in select_siblings([wrong, *correct])]
    assert list(plan.siblings[stable_key("a", "w", "xxx")]) == expected
    assert len(expected) == 8


def test_a_sibling_of_several_wrong_traces_counts_once_against_the_budget():
    # 4 wrong traces of 100 characters and one sibling of 500: 900, two thirds of 1,350
    traces = [build_trace(f"w{n}", f"{n:02}" * 50, group="g", correct=False) for n in range(4)]
    plan = plan_sample([*traces, build_trace("r", "x" * 500, group="g", correct=True)], max_kept_chars=1350)
    assert len(plan.diagnosed) == 4


def test_a_pair_is_of_one_group_and_source_and_no_group_has_two():
    by_key = {stable_key(trace.model, trace.id, trace.text): trace for trace in ninety_traces()}
    plan = plan_sample(ninety_traces(), n_siblings=5)
    pairs = [(by_key[correct], by_key[wrong]) for correct, wrong in plan.pairs]
    assert len(pairs) == 5
    assert len({right.group for right, _ in pairs}) == 5
    for right, wrong in pairs:
        assert (right.correct, wrong.correct) == (True, False)
        assert (right.group, right.model) == (wrong.group, wrong.model)


def test_examples_come_from_every_source_and_outcome_in_turn():
    plan = plan_sample(ninety_traces(), n_examples=8)
    kinds = [(slot.source, slot.outcome) for slot in plan.slots]
    assert sorted(kinds[:4]) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert len(kinds) == 8
    keys = [key for slot in plan.slots for key in slot.candidates]
    assert len(set(keys)) == len(keys)
    assert set(keys) <= plan.sampled_keys


def test_entropies_are_sampled_up_to_a_number_of_tokens():
    traces = [build_trace(f"{n}", "x", token_ids=(1,) * 10, entropies=(0.5,) * 10) for n in range(20)]
    keys = sorted(stable_key("m", trace.id, trace.text) for trace in traces)
    plan = plan_sample(traces, max_tokens=55)
    assert sum(key <= plan.max_entropy_key for key in keys) == 5
    assert plan_sample(traces, max_tokens=200).max_entropy_key >= keys[-1]
