"""Records as each tool writes them (shapes taken from the tools' own writers), and what becomes of them."""

import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.traces.ids import content_digest
from sgram.traces.old_dialects import DIALECTS, DialectOptions, detect, fields_of, weighted_reward
from sgram.traces.trace import RowError, Trace, check_trace

SGRAM = {
    "id": "a",
    "group": "g",
    "prompt": "p",
    "text": "t",
    "reward": 1,
    "correct": True,
    "answer": 4,
    "reference": "4",
    "step": 3,
    "model": "m",
    "token_ids": [1],
    "logprobs": [-0.5],
    "entropies": [1],
    "meta": {"x": 1},
    "y": 2,
}
SHARED = {
    "id": "a-1",
    "problem": "2+2?",
    "response": "Wait. 4",
    "model": "m",
    "correct": None,
    "answer": None,
    "reference_answer": "4",
    "source": "s",
    "problem_id": "a",
    "dataset": "d",
    "license": "MIT",
    "zlib_ratio": 0.5,
}
MESSAGES = {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
PAIR = {"prompt": "2+2?", "completion": "4"}
TRL = {
    "step": 10,
    "prompt": [{"role": "user", "content": "2+2?"}],
    "completion": [{"role": "assistant", "content": "4"}],
    "accuracy_reward": 1.0,
    "format_reward": 0.5,
    "solution": "4",
    "advantage": 0.7,
}
VERL = {
    "input": "user\n2+2?\nassistant\n",
    "output": "4",
    "gts": "4",
    "score": 1.0,
    "step": 5,
    "acc": True,
    "pred": "4",
    "request_id": "r",
}
LM_EVAL = {
    "doc_id": 7,
    "doc": {"question": "2+2?"},
    "target": "4",
    "arguments": {"gen_args_0": {"arg_0": "Q: 2+2?"}},
    "resps": [["It is 4"]],
    "filtered_resps": ["4"],
    "filter": "strict-match",
    "metrics": ["exact_match"],
    "doc_hash": "abc",
    "exact_match": 1.0,
}
VERIFIERS = {
    "example_id": 3,
    "prompt": [{"role": "user", "content": "2+2?"}],
    "completion": [{"role": "assistant", "content": "4"}],
    "answer": "4",
    "reward": 0.25,
    "task": "sums",
    "info": {},
    "metrics": {"correct_answer": 1.0},
    "correct_answer": 1.0,
    "is_completed": True,
}
PRIME_RL = {
    "schema_version": 1,
    "step": 9,
    "export_step": 4,
    "rank": 0,
    "run_id": None,
    "env_name": "math",
    "token_ids": [1, 2, 3, 4, 5],
    "position_ids": [0, 1, 2, 3, 4],
    "loss_mask": [False, False, True, True, False],
    "advantages": [0.0, 0.0, 0.5, 0.5, 0.0],
    "rewards": [None, None, 1.0, 1.0, None],
    "inference_logprobs": [0.0, 0.0, -0.5, -0.25, 0.0],
    "entropy": [0.1, 0.2, 0.3, 0.4, 0.5],
    "losses": [{}, {}, {}, {}, {}],
}
DECODES = DialectOptions(decode=lambda ids: "".join(f"<{token_id}>" for token_id in ids))
NONE = DialectOptions()


def only(record: dict, dialect: str, options: DialectOptions = NONE) -> dict:
    (fields,) = fields_of(record, dialect, options)
    return fields


@pytest.mark.parametrize(
    ("record", "dialect"),
    [
        (SGRAM, "sgram"),
        (SHARED, "sgram"),
        ({"text": "t"}, "sgram"),
        (MESSAGES, "openai"),
        (PAIR, "openai"),
        ({**PAIR, "model": "m", "reward": 1}, "openai"),
        (TRL, "trl"),
        ({**PAIR, "step": 1}, "trl"),
        (VERL, "verl"),
        ({"input": "i", "output": "o", "score": 1}, "verl"),
        (LM_EVAL, "lm-eval"),
        (VERIFIERS, "verifiers"),
        (PRIME_RL, "prime-rl"),
        ({"foo": 1}, None),
        ({}, None),
        ({"id": "a", "prompt": "p"}, None),
    ],
)
def test_the_keys_identify_the_dialect(record, dialect):
    assert detect(record) == dialect
    assert detect(reversed(list(record))) == dialect


def test_native_fields_are_taken_by_name_and_others_go_to_meta():
    assert only(SGRAM, "sgram") == {
        "id": "a",
        "group": "g",
        "prompt": "p",
        "text": "t",
        "reward": 1.0,
        "correct": True,
        "answer": "4",
        "reference": "4",
        "step": 3,
        "model": "m",
        "token_ids": (1,),
        "logprobs": (-0.5,),
        "entropies": (1.0,),
        "meta": {"x": 1, "y": 2},
    }


def test_aliases_of_native_fields_are_read():
    assert only(SHARED, "sgram") == {
        "id": "a-1",
        "group": "a",
        "prompt": "2+2?",
        "text": "Wait. 4",
        "model": "m",
        "reference": "4",
        "meta": {"source": "s", "dataset": "d", "license": "MIT", "zlib_ratio": 0.5},
    }


def test_an_alias_never_replaces_the_field_itself():
    fields = only({"text": "t", "response": "r", "id": 1, "correct": 1.0}, "sgram")
    assert fields == {"id": "1", "text": "t", "correct": True, "meta": {"response": "r"}}


@pytest.mark.parametrize("meta", [{"problem": 5, "response": None}, '{"problem":5,"response":null}'])
def test_the_meta_of_a_record_is_read_back_as_it_was_written(meta):
    fields = only({"text": "t", "meta": meta}, "sgram")
    assert fields == {"text": "t", "meta": {"problem": 5, "response": None}}


def test_chat_messages_become_prompt_and_text():
    fields = only({**MESSAGES, "id": "a", "model": "m", "source": "s"}, "openai")
    assert fields == {
        "id": "a",
        "prompt": "2+2?",
        "text": "4",
        "model": "m",
        "meta": {"source": "s"},
        "group": content_digest(None, "2+2?"),
    }
    assert only({**PAIR, "step": 2}, "openai")["group"] == content_digest(2, "2+2?")
    assert only({**PAIR, "group": "g"}, "openai")["group"] == "g"
    assert "group" not in only({"completion": "4"}, "openai")


def test_separate_reasoning_is_joined_and_its_place_kept():
    fields = only({**PAIR, "reasoning_content": "Hmm."}, "openai")
    assert fields["text"] == "Hmm.\n\n4"
    assert fields["meta"]["parts"] == [
        {"kind": "reasoning", "start": 0, "end": 4},
        {"kind": "answer", "start": 6, "end": 7},
    ]


def test_a_trl_row_sums_its_reward_functions():
    # of the numbers only those called a reward count: 1.0 + 0.5
    assert only(TRL, "trl") == {
        "prompt": "2+2?",
        "text": "4",
        "step": 10,
        "reward": 1.5,
        "correct": True,
        "group": content_digest(10, "2+2?"),
        "meta": {"accuracy_reward": 1.0, "format_reward": 0.5, "solution": "4", "advantage": 0.7},
    }
    weighted = DialectOptions(rewards={"accuracy_reward": 2, "format_reward": -1})
    assert only(TRL, "trl", weighted)["reward"] == 1.5
    assert only({**PAIR, "step": "7", "brevity": 0.25, "tone": 1, "advantage": 3}, "trl")["reward"] == 1.25


def test_a_missing_trl_reward_is_none_and_not_zero():
    nan = math.nan
    assert only({**TRL, "format_reward": nan}, "trl")["reward"] == 1.0
    neither = only({**TRL, "format_reward": nan, "accuracy_reward": None}, "trl")
    assert "reward" not in neither
    assert "correct" not in neither
    assert neither["meta"]["format_reward"] is None


def test_an_unknown_reward_raises_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="no reward is called 'acc'; the numbers here are: a, b"):
        weighted_reward({"a": 1.0, "b": 2.0, "c": None}, {"acc": 1.0})


def test_rows_of_one_prompt_at_one_step_are_one_group():
    groups = [
        only({**TRL, "step": step, "completion": completion}, "trl")["group"]
        for step, completion in ((1, "a"), ("1", "b"), (2, "a"))
    ]
    assert groups[0] == groups[1] != groups[2]


def test_a_verl_line_keeps_its_extras():
    assert only(VERL, "verl") == {
        "prompt": "user\n2+2?\nassistant\n",
        "text": "4",
        "reference": "4",
        "reward": 1.0,
        "step": 5,
        "correct": True,
        "answer": "4",
        "group": content_digest(5, "user\n2+2?\nassistant\n"),
        "meta": {"acc": True, "pred": "4", "request_id": "r"},
    }
    second = only({**VERL, "gts": ["4", "four"], "acc": 0.5, "pred": 4, "score": False}, "verl")
    assert (second["reference"], second["reward"]) == ('["4","four"]', 0.0)
    assert "correct" not in second
    assert "answer" not in second


def test_an_lm_eval_line_gives_a_trace_for_each_response():
    assert only(LM_EVAL, "lm-eval") == {
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
            "filter": "strict-match",
            "metrics": ["exact_match"],
            "doc_hash": "abc",
            "exact_match": 1.0,
        },
    }
    several = fields_of({**LM_EVAL, "resps": [["4", "5"]]}, "lm-eval", NONE)
    assert [fields["text"] for fields in several] == ["4", "5"]
    # one score cannot be both responses'
    assert all("reward" not in fields and "correct" not in fields and "answer" not in fields for fields in several)


@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        ([["Q", {"until": ["\n"]}]], "Q"),
        ({"gen_args_0": {"arg_0": '[{"role": "user", "content": "Q"}]', "arg_1": {}}}, "Q"),
        ({"gen_args_0": {"arg_0": '[{"role": broken'}}, '[{"role": broken'),
        ([], None),
        (None, None),
        ({"a": 5}, None),
    ],
)
def test_an_lm_eval_prompt_is_found_in_the_arguments(arguments, prompt):
    assert only({**LM_EVAL, "arguments": arguments}, "lm-eval").get("prompt") == prompt


def test_a_loglikelihood_row_holds_no_text():
    with pytest.raises(RowError, match="resps holds no text"):
        fields_of({**LM_EVAL, "resps": [[[-3.0, False]], [[-4.0, True]]]}, "lm-eval", NONE)


def test_a_verifiers_line_has_its_reference_in_answer():
    fields = only(VERIFIERS, "verifiers")
    assert {name: value for name, value in fields.items() if name != "meta"} == {
        "prompt": "2+2?",
        "text": "4",
        "reference": "4",
        "reward": 0.25,
        "group": "sums/3",
    }
    assert fields["meta"]["correct_answer"] == 1.0
    weighted = DialectOptions(rewards={"correct_answer": 2.0, "reward": 1.0})
    assert only(VERIFIERS, "verifiers", weighted)["reward"] == 2.25
    with pytest.raises(RowError, match="field completion is missing"):
        fields_of({**VERIFIERS, "completion": None}, "verifiers", NONE)


def test_a_prime_rl_line_is_the_tokens_under_the_loss_mask():
    assert only(PRIME_RL, "prime-rl", DECODES) == {
        "prompt": "<1><2>",
        "text": "<3><4>",
        "step": 4,
        "reward": 1.0,
        "token_ids": (3, 4),
        "logprobs": (-0.5, -0.25),
        "entropies": (0.3, 0.4),
        "group": content_digest(4, "<1><2>", "math"),
        "meta": {
            "schema_version": 1,
            "step": 9,
            "export_step": 4,
            "rank": 0,
            "run_id": None,
            "env_name": "math",
            "advantages": [0.5, 0.5],
        },
    }
    hidden = {**PRIME_RL, "inference_logprobs": [0, 0, None, -0.5, 0], "entropy": None, "rewards": None}
    fields = only(hidden, "prime-rl", DECODES)
    assert not {"logprobs", "entropies", "reward"} & set(fields)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"loss_mask": [True]}, "token_ids and loss_mask are not two arrays of one length"),
        ({"loss_mask": [False] * 5}, "loss_mask selects no token"),
        ({"token_ids": [1, 2, -3, 4, 5]}, "field token_ids holds something else than token ids"),
        ({"entropy": [0.5]}, "field entropy has another length than token_ids"),
    ],
)
def test_a_prime_rl_line_whose_columns_do_not_fit_raises_an_error(changes, reason):
    with pytest.raises(RowError, match=f"^{reason}"):
        fields_of({**PRIME_RL, **changes}, "prime-rl", DECODES)


def test_prime_rl_needs_a_tokenizer():
    with pytest.raises(UsageError, match="hold token ids, not text; name the tokenizer"):
        fields_of(PRIME_RL, "prime-rl", NONE)


INSPECT = {
    "id": "sum",
    "epoch": 2,
    "uuid": None,
    "run": "r",
    "task": "arith",
    "model": "m",
    "input": "2+2?",
    "messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}],
    "completion": "4",
    "target": ["4", "four"],
    "scores": {"match": {"value": "C", "answer": "4"}},
    "error": None,
}


@pytest.mark.parametrize(
    ("value", "reward", "correct"),
    [
        ("C", 1.0, True),
        ("I", 0.0, False),
        ("P", 0.5, None),
        ("N", 0.0, False),
        (0.25, 0.25, None),
        (True, 1.0, True),
        ("B+", None, None),
        ({"a": 1}, None, None),
    ],
)
def test_an_inspect_grade_becomes_reward_and_correctness(value, reward, correct):
    fields = only({**INSPECT, "scores": {"match": {"value": value, "answer": "4"}}}, "inspect")
    assert (fields.get("reward"), fields.get("correct")) == (reward, correct)
    assert (fields["id"], fields["group"], fields["reference"]) == ("r/sum/2", "arith/sum", "4\nfour")


def test_an_inspect_sample_without_scores_or_messages_is_read_too():
    fields = only({**INSPECT, "messages": [], "scores": {}, "uuid": "u"}, "inspect")
    assert (fields["id"], fields["text"]) == ("u", "4")
    assert not {"reward", "correct", "answer"} & set(fields)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "t", "assistant", "user", "text", "reasoning", "1", '[{"role"']),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "arg_0", "meta"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted({*SGRAM, *SHARED, *MESSAGES, *TRL, *VERL, *LM_EVAL, *VERIFIERS, *PRIME_RL})


@given(st.sampled_from(sorted(set(DIALECTS) - {"inspect"})), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=12))
@settings(max_examples=1500)
def test_no_record_raises_anything_but_a_row_error(dialect, record):
    before = repr(record)
    with suppress(RowError):
        for fields in fields_of(record, dialect, DECODES):
            check_trace(Trace(**{"id": "x", **fields}))
    assert repr(record) == before  # the functions are pure


@given(st.sampled_from([SGRAM, SHARED, MESSAGES, PAIR, TRL, VERL, LM_EVAL, VERIFIERS, PRIME_RL]), st.data())
@settings(max_examples=1500)
def test_no_change_of_a_good_record_raises_anything_but_a_row_error(record, data):
    dialect = detect(record)
    changed = {**record, data.draw(st.sampled_from(sorted(record))): data.draw(JSON)}
    with suppress(RowError):
        for fields in fields_of(changed, dialect, DECODES):
            check_trace(Trace(**{"id": "x", **fields}))
