import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.aliases import (
    ALIASES,
    CONVERSATIONS,
    OPEN_ANSWERS,
    find_column,
    is_alias,
    is_model_response,
    may_be_model,
    model_first,
    model_name,
    plain_name,
    plan_columns,
    split_reasoning,
    split_response,
)
from sgram.traces.fields import TRACE_FIELDS


def test_names_in_the_table_are_written_plainly_and_each_once():
    for field, names in ALIASES.items():
        assert len(set(names)) == len(names), field
        assert all(plain_name(name) == name for name in names)
    assert set(ALIASES) - {"reasoning"} <= TRACE_FIELDS


def test_a_name_belongs_to_one_field_except_for_what_is_a_response_or_an_answer():
    owners: dict[str, set[str]] = {}
    for field, names in ALIASES.items():
        for name in names:
            owners.setdefault(name, set()).add(field)
    shared = {name: fields for name, fields in owners.items() if len(fields) > 1}
    assert shared == {name: {"text", "answer"} for name in ("prediction", "predict", "predictions")}
    assert not owners.keys() & {*CONVERSATIONS, *OPEN_ANSWERS}


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("Question", "prompt"),
        ("Complex_CoT", "reasoning"),
        ("finalReward", "reward"),
        ("Ground Truth", "reference"),
        ("is-correct", "correct"),
        ("modelVersion", "model"),
        ("GT", "reference"),
        ("isCorrect", "correct"),
    ],
)
def test_case_and_joints_of_a_name_do_not_matter(column, field):
    assert find_column({column: "1"}, field) == column
    assert is_alias(column, field)


@given(st.text(max_size=12))
def test_a_plain_name_stays_as_it_is(column):
    assert plain_name(plain_name(column)) == plain_name(column)


def test_the_likeliest_name_comes_first_whatever_the_order_of_the_columns():
    columns = ("output", "gold", "response", "question", "prompt")
    candidates = dict(plan_columns(columns).candidates)
    assert candidates["text"] == ("response", "output")
    assert candidates["prompt"] == ("prompt", "question")
    assert dict(plan_columns(tuple(reversed(columns))).candidates) == candidates


def test_a_reference_inside_an_object_is_found_by_its_path():
    assert dict(plan_columns(("reward_model", "solution")).candidates)["reference"] == (
        "reward_model.ground_truth",
        "solution",
    )


def test_one_reasoning_of_a_model_is_the_reasoning_and_that_of_a_judge_is_none():
    assert dict(plan_columns(("response", "r1_thinking")).candidates)["reasoning"] == ("r1_thinking",)
    assert "reasoning" not in dict(plan_columns(("response", "judge_reasoning")).candidates)
    # two may be those of two models
    assert "reasoning" not in dict(plan_columns(("response", "r1_thinking", "qwq_thinking")).candidates)


def test_names_that_look_like_a_field_are_told():
    plan = plan_columns(("my_score", "was_it_correct", "human_answer", "topic", "rationale"))
    assert dict(plan.resembling) == {
        "my_score": "reward",
        "was_it_correct": "correct",
        "human_answer": "reference or answer",
        "rationale": "reasoning",
    }


def test_columns_of_messages_are_in_the_order_of_the_table():
    assert plan_columns(("conversations", "text", "messages")).conversations == ("messages", "conversations")


@pytest.mark.parametrize(
    ("column", "prefix"),
    [
        ("deepseek_reasoning", "deepseek"),
        ("gemini_thinking_trajectory", "gemini"),
        ("R1_CoT", "r1"),
        ("model_reasoning_content", "model"),
        ("reasoning", None),
        ("reasons", None),
    ],
)
def test_a_reasoning_with_a_model_before_it_is_split(column, prefix):
    assert split_reasoning(column) == prefix


def test_a_response_with_a_model_before_it_is_split_and_ranked():
    assert split_response("deepseek_response") == ("deepseek", 0)
    assert split_response("deepseek_attempt")[1] < split_response("deepseek_answer")[1]
    assert split_response("response") is None


def test_the_model_may_stand_behind():
    assert split_response("response_gpt4o") == ("gpt4o", 0)
    assert split_reasoning("thinking_qwq_32b") == "qwq_32b"
    assert model_first("is_correct_r1") == "r1_is_correct"
    assert [model_first(name) for name in ("response_length", "score_mean")] == ["response_length", "score_mean"]


@pytest.mark.parametrize(
    ("column", "is_one"),
    [
        ("gpt4o_response", True),
        ("qwen_7b_output", True),
        ("r1_solution", True),
        ("phishing_response", False),
        ("user_response", False),
        ("expected_output", False),
        ("claude_answer", False),
    ],
)
def test_a_name_tells_alone_that_it_is_a_model_s_response(column, is_one):
    assert is_model_response(column) is is_one


def test_judges_and_gold_are_no_models():
    assert [name for name in ("r1", "judge", "ground_truth", "human", "my_model") if may_be_model(name)] == [
        "r1",
        "my_model",
    ]
    assert [model_name(name) for name in ("r1", "llm")] == ["r1", None]
