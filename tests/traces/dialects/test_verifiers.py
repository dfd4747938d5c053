"""Results and traces of verifiers."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields
from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.verifiers import VERIFIERS, VERIFIERS_V1, parse, parse_v1
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

ASKED = {"role": "user", "content": "2+2?"}
RESULT = {
    "example_id": 3,
    "prompt": [{"role": "system", "content": "Be brief."}, ASKED],
    "completion": [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "name": "sum", "arguments": "{}"}]},
        {"role": "tool", "tool_call_id": "c", "content": "TOOL 4"},
        {"role": "assistant", "content": "It is 4"},
    ],
    "answer": "4",
    "reward": 0.25,
    "task": "sums",
    "info": {},
    "metrics": {"correct_answer": 1.0},
    "correct_answer": 1.0,
    "is_completed": True,
    "error": None,
}


def node(parent: int | None, role: str, content: str | None, *, sampled: bool = False, **more) -> dict:
    return {"parent": parent, "message": {"role": role, "content": content}, "sampled": sampled, **more}


TRACE = {
    "version": 1,
    "id": "t0",
    "task": {"type": "Sums", "data": {"prompt": "2+2?", "answer": "4"}, "key": "k0"},
    "agent": {"config": {"model": "m"}, "name": "agent", "trainable": True},
    "nodes": [
        node(None, "user", "2+2?"),
        node(0, "assistant", "a branch that was left", sampled=True),
        node(0, "assistant", "Let me see.", sampled=True),
        node(2, "tool", "TOOL 4"),
        node(3, "assistant", "It is 4", sampled=True),
    ],
    "rewards": {"accuracy": {"score": 1.0, "weight": 1.0}, "brevity": {"score": 0.5, "weight": 0.5}, "late": None},
    "metrics": {"turns": 2.0},
    "ok": True,
    "errors": [{"type": "Timeout", "message": "first attempt"}],
}


def only(record: dict, options: DialectOptions | None = None) -> dict:
    (fields,) = read_row(record, options)
    return fields


def test_a_result_has_its_reference_in_answer_and_no_tool_text():
    assert detect(RESULT) is VERIFIERS
    fields = only(RESULT)
    assert {name: value for name, value in fields.items() if name != "meta"} == {
        "prompt": "Be brief.\n\n2+2?",
        "text": "It is 4",
        "reference": "4",
        "reward": 0.25,
        "correct": True,
        "group": "sums/3",
    }
    assert fields["meta"]["correct_answer"] == 1.0


def test_a_metric_is_never_the_reference():
    fields = only({**RESULT, "answer": ""})
    assert fields.get("reference") in (None, "")


def test_rewards_of_a_result_may_be_weighted():
    (parsed,) = parse(RESULT, DialectOptions())
    fields = complete_fields(parsed, ColumnOptions(rewards={"correct_answer": 2.0, "reward": 1.0}), ColumnNotes())
    assert fields["reward"] == 2.25


def test_a_prompt_with_examples_stays_the_prompt():
    shots = [ASKED, {"role": "assistant", "content": "an example"}, {"role": "user", "content": "3+3?"}]
    fields = only({**RESULT, "prompt": shots, "completion": [{"role": "assistant", "content": "6"}]})
    assert (fields["prompt"], fields["text"]) == ("2+2?\n\nan example\n\n3+3?", "6")


def test_a_completion_that_begins_with_the_model_keeps_its_first_turn():
    turns = [
        {"role": "assistant", "content": "left"},
        {"role": "user", "content": "a wall"},
        {"role": "assistant", "content": "right"},
    ]
    assert only({**RESULT, "completion": turns})["text"] == "left\n\nright"
    assert only({**RESULT, "completion": "4"})["text"] == "4"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"error": {"error": "ModelError"}, "completion": []}, "the rollout failed: ModelError"),
        ({"error": "ToolError('x')"}, r"the rollout failed: ToolError\('x'\)"),
        ({"completion": []}, "the rollout has no completion"),
        ({"completion": None}, "the rollout has no completion"),
        ({"completion": RESULT["completion"][:2]}, "the response has no text"),
    ],
)
def test_failed_rollouts_are_failed_rows(changes, reason):
    with pytest.raises(FailedRowError, match=reason):
        read_row({**RESULT, **changes})


def test_a_trace_is_the_path_to_its_last_message():
    assert detect(TRACE) is VERIFIERS_V1
    fields = only(TRACE)
    assert (fields["prompt"], fields["text"]) == ("2+2?", "Let me see.\n\nIt is 4")
    assert [kind for kind, _ in parts_of(fields)] == ["turn", "answer", "turn", "answer"]
    assert (fields["id"], fields["group"], fields["model"], fields["reference"]) == ("t0", "Sums/k0", "m", "4")
    assert (fields["reward"], fields["meta"]["branches"]) == (1.25, 2)  # 1 * 1 + 0.5 * 0.5
    assert fields["meta"]["rewards"] == {"accuracy": 1.0, "brevity": 0.5, "late": None}
    assert fields["meta"]["reward_weights"] == {"accuracy": 1.0, "brevity": 0.5, "late": 1.0}


def test_the_rewards_of_a_trace_may_be_weighted_and_a_single_one_goes_by_its_name():
    (parsed,) = parse_v1(TRACE, DialectOptions())
    fields = complete_fields(parsed, ColumnOptions(rewards={"brevity": 4.0, "turns": 1.0}), ColumnNotes())
    assert fields["reward"] == 4.0  # 4 * 0.5 + 2
    notes = ColumnNotes()
    (parsed,) = parse_v1({**TRACE, "rewards": {"format": {"score": 1.0, "weight": 1.0}}}, DialectOptions())
    assert complete_fields(parsed, ColumnOptions(), notes)["reward"] == 1.0
    assert notes.reward_columns == {"format"}


def test_messages_that_the_model_did_not_write_are_no_words():
    nodes = [
        node(None, "user", "1+1?"),
        node(0, "assistant", "an example"),
        node(1, "user", "2+2?"),
        node(2, "assistant", "It is 4", sampled=True),
        node(3, "assistant", "put into its mouth"),
    ]
    fields = only({**TRACE, "nodes": nodes})
    assert (fields["prompt"], fields["text"]) == ("1+1?\n\nan example\n\n2+2?", "It is 4")


def test_reasoning_of_a_node_comes_before_its_content():
    nodes = copy.deepcopy(TRACE["nodes"][:1])
    message = {"role": "assistant", "content": "4", "reasoning_content": "Hmm."}
    fields = only({**TRACE, "nodes": [*nodes, {"parent": 0, "message": message, "sampled": True}]})
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "4")]


def test_rewards_that_were_not_scored_are_missing():
    fields = only({**TRACE, "rewards": {"correct": None}, "metrics": {}})
    assert not {"reward", "correct"} & fields.keys()


def test_a_reward_named_as_correctness_is_it():
    assert only({**TRACE, "rewards": {"correct": {"score": 0.0, "weight": 1.0}}})["correct"] is False
    assert only({**TRACE, "rewards": {"r": {"score": 0.5, "weight": 1.0}}, "metrics": {"correct": 1.0}})["correct"]


def test_agents_of_one_task_are_groups_of_their_own():
    assert only({**TRACE, "agent": {"name": "judge"}})["group"] == "Sums/k0/judge"


def decode(ids: list[int]) -> str:
    return "".join({1: "2+2?", 2: "<think>Hmm.</think>", 3: "so", 4: "[TOOL]", 5: "4"}[token_id] for token_id in ids)


def test_with_a_tokenizer_the_text_is_what_the_ids_spell_and_meta_says_which_the_policy_wrote():
    nodes = [
        node(None, "user", "2+2?", token_ids=[1], mask=[False], logprobs=[]),
        node(0, "assistant", "so", sampled=True, token_ids=[2, 3], mask=[True, True], logprobs=[-0.5, -0.25]),
        node(1, "tool", "TOOL", token_ids=[4], mask=[False]),
        node(2, "assistant", "4", sampled=True, token_ids=[5], mask=[True], logprobs=[-1.0]),
    ]
    fields = only({**TRACE, "nodes": nodes}, DialectOptions(decode))
    assert fields["text"] == "<think>Hmm.</think>so[TOOL]4"
    assert fields["token_ids"] == (2, 3, 4, 5)
    assert fields["logprobs"] == (-0.5, -0.25, 0.0, -1.0)
    assert fields["meta"]["policy_ids"] == [[0, 2], [3, 4]]
    assert parts_of(fields) == [
        ("turn", "<think>Hmm.</think>so"),
        ("reasoning", "<think>Hmm.</think>"),
        ("answer", "so"),
        ("tool", "[TOOL]"),
        ("turn", "4"),
        ("answer", "4"),
    ]
    assert only({**TRACE, "nodes": nodes})["text"] == "so\n\n4"  # without one, the messages


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ok": False, "errors": [{"type": "Timeout", "message": "gone"}]}, "the rollout failed: gone"),
        ({"ok": False, "errors": []}, "the rollout failed: no reason given"),
        ({"nodes": []}, "the rollout has no message"),
        ({"nodes": TRACE["nodes"][:1]}, "the model wrote no message"),
    ],
)
def test_failed_traces_are_failed_rows(changes, reason):
    with pytest.raises(FailedRowError, match=reason):
        read_row({**TRACE, **changes})


def test_nodes_that_are_no_tree_are_refused():
    for parent in (1, 2, -1, "0", True):
        with pytest.raises(RowError, match="node 1 has no node before it as its parent"):
            read_row({**TRACE, "nodes": [node(None, "user", "2+2?"), node(parent, "assistant", "4", sampled=True)]})


@given(st.sampled_from([RESULT, TRACE]).flatmap(mutations))
@settings(max_examples=400)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(VERIFIERS, row)
    assert gives_fields_or_row_error(VERIFIERS_V1, row)
