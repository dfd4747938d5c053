"""Samples of the lm-evaluation-harness."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields
from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.lm_eval import LM_EVAL, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

SAMPLE = {
    "doc_id": 7,
    "doc": {"question": "2+2?"},
    "target": "4",
    "arguments": {"gen_args_0": {"arg_0": "Q: 2+2?", "arg_1": {"until": []}}},
    "resps": [["It is 4"]],
    "filtered_resps": ["4"],
    "filter": "strict-match",
    "metrics": ["exact_match"],
    "doc_hash": "abc",
    "exact_match": 1.0,
}
BOTH = {**SAMPLE, "metrics": ["exact_match", "math_verify"], "exact_match": 0, "math_verify": 1}


def only(record: dict) -> dict:
    (fields,) = read_row(record)
    return fields


def test_a_sample_gives_prompt_text_answer_reference_and_score():
    assert detect(SAMPLE) is LM_EVAL
    assert only(SAMPLE) == {
        "group": "abc",
        "prompt": "Q: 2+2?",
        "text": "It is 4",
        "reward": 1.0,
        "correct": True,
        "answer": "4",
        "reference": "4",
        "meta": {
            "doc_id": 7,
            "doc": {"question": "2+2?"},
            "doc_hash": "abc",
            "filter": "strict-match",
            "metrics": {"exact_match": 1.0},
        },
    }


def test_one_doc_with_two_prompts_is_two_groups():
    groups = {only({**SAMPLE, "prompt_hash": name})["group"] for name in ("p", "q")}
    assert groups == {"abc/p", "abc/q"}


def test_several_responses_are_one_group_and_none_has_the_score_of_all():
    several = read_row({**SAMPLE, "resps": [["4", "5"]]})
    assert [fields["text"] for fields in several] == ["4", "5"]
    assert {fields["group"] for fields in several} == {"abc"}
    assert all(not {"reward", "correct", "answer"} & fields.keys() for fields in several)
    assert several[0]["meta"]["all_responses"] == {"metrics": {"exact_match": 1.0}}
    assert "metrics" not in several[0]["meta"]


def test_several_responses_with_a_score_and_an_answer_for_each_are_taken_apart():
    row = {**SAMPLE, "resps": [["so 4", "so 5"]], "filtered_resps": [["4", "5"]], "exact_match": [1, 0]}
    first, second = read_row(row)
    assert (first["correct"], first["answer"]) == (True, "4")
    assert (second["correct"], second["answer"]) == (False, "5")


def test_if_metrics_disagree_math_verify_counts_and_meta_says_so():
    fields = only(BOTH)
    assert (fields["correct"], fields["reward"]) == (True, 1.0)
    assert fields["meta"]["metrics"] == {"exact_match": 0, "math_verify": 1}
    assert (fields["meta"]["metric"], fields["meta"]["metrics_disagree"]) == ("math_verify", True)
    assert "metrics_disagree" not in only({**BOTH, "exact_match": 1})["meta"]


def test_exact_match_wins_over_others_and_a_graded_score_is_no_verdict():
    row = {**SAMPLE, "metrics": ["acc", "exact_match", "rouge1"], "acc": 1, "exact_match": 0, "rouge1": 0.25}
    assert only(row)["correct"] is False
    graded = only({**SAMPLE, "metrics": ["rouge1"], "rouge1": 1.0})
    assert graded["reward"] == 1.0
    assert "correct" not in graded


def test_a_score_may_be_named_as_the_reward():
    (parsed,) = parse(BOTH, DialectOptions())
    fields = complete_fields(parsed, ColumnOptions(rewards={"exact_match": 2.0, "math_verify": 0.5}), ColumnNotes())
    assert fields["reward"] == 0.5  # 2 * 0 + 0.5 * 1
    unscored, _ = parse({**SAMPLE, "resps": [["4", "5"]]}, DialectOptions())
    assert "reward" not in complete_fields(unscored, ColumnOptions(rewards={"exact_match": 1.0}), ColumnNotes())


def test_the_numbers_of_an_old_sample_are_its_metrics():
    old = {name: value for name, value in SAMPLE.items() if name not in ("metrics", "filter", "doc_hash")}
    fields = only(old)
    assert (fields["correct"], fields["meta"]["metrics"]) == (True, {"exact_match": 1.0})
    assert "filter" not in fields["meta"]


def test_predict_only_has_no_score():
    fields = only({**SAMPLE, "metrics": ["bypass"], "bypass": 999})
    assert not {"reward", "correct"} & fields.keys()


@pytest.mark.parametrize("answer", ["[invalid]", "It is 4", ""])
def test_a_filter_that_found_nothing_gives_no_answer(answer):
    assert "answer" not in only({**SAMPLE, "filtered_resps": [answer]})


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        ([["Q", {"until": ["\n"]}]], "Q"),
        ({"gen_args_0": {"arg_0": '[{"role": "user", "content": "Q"}]', "arg_1": {}}}, "Q"),
        ({"gen_args_0": {"arg_0": ['[{"role": "user", "content": "Q"}]']}}, "Q"),
        ({"gen_args_0": {"arg_0": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}]}}, "S\n\nQ"),
        ({"gen_args_0": {"arg_0": '[{"role": broken'}}, '[{"role": broken'),
        ([], None),
        (None, None),
        ({"a": 5}, None),
    ],
)
def test_the_prompt_is_found_in_the_arguments(arguments, prompt):
    assert only({**SAMPLE, "arguments": arguments}).get("prompt") == prompt


def test_lmms_eval_has_its_prompt_in_a_column():
    row = {name: value for name, value in SAMPLE.items() if name != "arguments"}
    assert only({**row, "input": "2+2?"})["prompt"] == "2+2?"


def test_responses_before_the_reasoning_was_cut_off_are_the_text():
    fields = only({**SAMPLE, "raw_resps": [["<think>Hmm.</think>It is 4"]]})
    assert fields["text"] == "<think>Hmm.</think>It is 4"


def test_a_loglikelihood_row_holds_no_text():
    with pytest.raises(RowError, match="resps holds no text: a row of a loglikelihood task"):
        read_row({**SAMPLE, "resps": [[[-3.0, False]], [[-4.0, True]]]})


def test_an_empty_response_is_a_failed_row_and_one_among_others_is_counted():
    with pytest.raises(FailedRowError, match="the response has no text"):
        read_row({**SAMPLE, "resps": [[""]], "filtered_resps": [""]})
    fields = only({**SAMPLE, "resps": [["4", " "]]})
    assert (fields["text"], fields["meta"]["empty_responses"]) == ("4", 1)


@given(st.sampled_from([SAMPLE, BOTH, {**SAMPLE, "resps": [["4", "5"]]}]).flatmap(mutations))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(LM_EVAL, row)
