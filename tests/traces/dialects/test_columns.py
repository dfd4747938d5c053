"""Rows whose columns are named by habit: one sample in the real shape of each data set, and of others like it."""

import pytest
from hypothesis import given

from sgram.traces.dialect import detect
from sgram.traces.dialects.columns import ASKED, COLUMNS
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

ASKS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
THOUGHT, ANSWER = "Hmm, 2 and 2.", "The sum is 4."
BOTH = f"{THOUGHT}\n\n{ANSWER}"
WHOLE = f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"

DATA_SETS = {
    "KingNish/reasoning-base-20k": (
        {"user": "What is 2+2?", "reasoning": THOUGHT, "assistant": ANSWER, "template": "<|user|> ..."},
        {"text": BOTH, "prompt": "What is 2+2?"},
    ),
    "cognitivecomputations/dolphin-r1": (
        {"messages": ASKS, "reasoning": THOUGHT, "answer": ANSWER, "model": "R1"},
        {"text": BOTH, "prompt": "Be brief.\n\n2+2?", "model": "R1", "reference": None},
    ),
    "dolphin-r1 with the names of ShareGPT": (
        {"conversations": [{"from": "human", "value": "2+2?"}], "thinking": THOUGHT, "answer": ANSWER},
        {"text": BOTH, "prompt": "2+2?"},
    ),
    "FreedomIntelligence/medical-o1-reasoning-SFT": (
        {"Question": "2+2?", "Complex_CoT": THOUGHT, "Response": ANSWER},
        {"text": BOTH, "prompt": "2+2?"},
    ),
    "nvidia/Llama-Nemotron-Post-Training-Dataset": (
        {"version": "v1", "input": ASKS[1:], "output": WHOLE, "reasoning": "on", "generator": "DeepSeek-R1"},
        {"text": WHOLE, "prompt": "2+2?", "model": "DeepSeek-R1"},
    ),
    "nvidia/OpenMathReasoning": (
        {"problem": "2+2?", "generated_solution": WHOLE, "expected_answer": "4", "generation_model": "QwQ-32B"},
        {"text": WHOLE, "prompt": "2+2?", "reference": "4", "model": "QwQ-32B"},
    ),
    "nvidia/OpenMathInstruct-1": (
        {
            **{"question": "2+2?", "generated_solution": ANSWER, "expected_answer": "4", "predicted_answer": "5"},
            **{"is_correct": False, "error_message": "", "dataset": "gsm8k"},
        },
        {"text": ANSWER, "reference": "4", "answer": "5", "correct": False},
    ),
    "nvidia/OpenCodeReasoning": (
        {"id": "c1", "input": "Add.", "output": "Hmm.\n" + "print(4)\n" * 9, "solution": "print(4)\n" * 9},
        {"text": "Hmm.\n" + "print(4)\n" * 9, "prompt": "Add.", "reference": None, "id": "c1"},
    ),
    "simplescaling/s1K": (
        {"question": "2+2?", "solution": "4", "cot": None, "thinking_trajectories": [THOUGHT], "attempt": ANSWER},
        {"text": BOTH, "prompt": "2+2?", "reference": "4"},
    ),
    "PrimeIntellect/SYNTHETIC-1": (
        {
            **{"response_id": "r1", "problem_id": "p1", "prompt": "2+2?", "gold_standard_solution": None},
            **{"llm_response": WHOLE, "verification_info": '{"ground_truth": "4"}', "score": 1.0},
        },
        {"text": WHOLE, "id": "r1", "group": "p1", "prompt": "2+2?", "reference": "4", "reward": 1.0},
    ),
    "PrimeIntellect/SYNTHETIC-1-SFT-Data": (
        {
            "response_id": "r1",
            "problem_id": "p1",
            "score": 1.0,
            "messages": [*ASKS, {"role": "assistant", "content": "4"}],
        },
        {"text": "4", "id": "r1", "group": "p1", "reward": 1.0},
    ),
    "PrimeIntellect/NuminaMath-QwQ-CoT-5M": (
        {"problem_id": 3, "prompt": "2+2?", "response": WHOLE, "ground_truth": "4", "correct": True},
        {"text": WHOLE, "group": "3", "reference": "4", "correct": True},
    ),
    "a-m-team/AM-DeepSeek-R1-Distilled-1.4M": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": "2+2?",
                    "info": {"source": "s", "reference_answer": "4", "test_case": None},
                },
                {"role": "assistant", "content": WHOLE, "info": {"source": "r1", "think_content": THOUGHT}},
            ]
        },
        {"text": WHOLE, "prompt": "2+2?", "reference": "4", "model": "r1"},
    ),
    "open-r1/Mixture-of-Thoughts": (
        {"messages": [ASKS[1], {"role": "assistant", "content": WHOLE}], "num_tokens": 9, "source": "s"},
        {"text": WHOLE, "prompt": "2+2?"},
    ),
    "open-r1/codeforces-cots": (
        {"id": "1/A", "prompt": "2+2?", "generation": WHOLE, "finish_reason": "stop", "messages": ASKS[1:]},
        {"text": WHOLE, "prompt": "2+2?", "id": "1/A"},
    ),
    "Congliu/Chinese-DeepSeek-R1-Distill-data-110k": (
        {"input": "2+2?", "reasoning_content": THOUGHT, "content": ANSWER, "repo_name": "math", "score": 9},
        {"text": BOTH, "prompt": "2+2?", "reward": 9.0},
    ),
    "ServiceNow-AI/R1-Distill-SFT": (
        {
            **{"id": "i", "problem": "2+2?", "solution": "4", "verified": None},
            **{"messages": [ASKS[1], {"role": "assistant", "content": WHOLE}]},
        },
        {"text": WHOLE, "prompt": "2+2?", "reference": "4"},
    ),
    "Alpaca columns": (
        {"instruction": "Add.", "input": "2, 2", "output": WHOLE, "text": f"### Add.\n2, 2\nAdd.\n{WHOLE}"},
        {"text": WHOLE, "prompt": "Add.\n\n2, 2"},
    ),
    "LLaMA-Factory": (
        {"prompt": "<|user|>2+2?", "predict": ANSWER, "label": "4"},
        {"text": ANSWER, "prompt": "<|user|>2+2?", "reference": "4"},
    ),
    "OpenRLHF": ({"input": "2+2?", "output": ANSWER, "reward": 0.5}, {"text": ANSWER, "prompt": "2+2?", "reward": 0.5}),
    "a script of one's own": (
        {"question": "2+2?", "response": ANSWER, "gold": 4, "pred": 4, "acc": 1},
        {"text": ANSWER, "reference": "4", "answer": "4", "correct": True},
    ),
}


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_row_of_a_data_set_is_read(name):
    row, expected = DATA_SETS[name]
    (fields,) = read_row(row)
    assert {key: fields.get(key) for key in expected} == expected


def test_messages_with_reasoning_and_answer_beside_them_are_read_before_shares_of_conversations():
    row, _ = DATA_SETS["dolphin-r1 with the names of ShareGPT"]
    assert detect(row) is ASKED
    assert not ASKED.fits({**row, "conversations": [*row["conversations"], {"from": "gpt", "value": "4"}]})
    assert not ASKED.fits({**row, "thinking": True})
    assert not ASKED.fits({**row, "conversations": [{"role": "nobody"}]})


@pytest.mark.parametrize(
    "row",
    [
        {"problem": "What is it?", "solution": "The sum is 4.", "answer": "4"},  # NuminaMath, LIMO
        {"question": "What?", "answer": "The sum is 4. #### 4"},  # GSM8K
        {"prompt": "What?", "chosen": "It is 4.", "rejected": "It is 5 or so."},
    ],
)
def test_a_row_without_a_response_is_refused_with_the_column_to_try(row):
    longest = max(
        (name for name in row if name not in ("problem", "question", "prompt")), key=lambda name: len(row[name])
    )
    with pytest.raises(RowError, match=f"response: if {longest} holds it, --column text={longest} "):
        read_row(row)


def test_rows_of_something_else_are_left_alone():
    assert detect({"loss": 0.5, "lr": 1e-5, "epoch": 3}) is None
    assert detect({}) is None


@given(
    mutations(DATA_SETS["PrimeIntellect/SYNTHETIC-1"][0]) | mutations(DATA_SETS["cognitivecomputations/dolphin-r1"][0])
)
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(COLUMNS, row)
    assert gives_fields_or_row_error(ASKED, row)


SHOTS = [
    {"role": "user", "content": "1+1?"},
    {"role": "assistant", "content": "It is 2."},
    {"role": "user", "content": "2+2?"},
]
QUESTION = "1+1?\n\nIt is 2.\n\n2+2?"


@pytest.mark.parametrize(
    "columns",
    [
        {"messages": SHOTS, "response": "It is 4."},
        {"messages": SHOTS, "responses": ["It is 4."]},
        {"conversations": [{"from": row["role"], "value": row["content"]} for row in SHOTS], "output": "It is 4."},
        {"messages": SHOTS, "reasoning": "I add them up.", "answer": "It is 4, I am sure."},
    ],
)
def test_messages_that_end_with_a_question_are_the_prompt_of_the_response_beside_them(columns):
    (fields,) = read_row(columns)
    assert fields["prompt"] == QUESTION
    assert "It is 2." not in fields["text"]
    assert fields["text"].split("\n\n")[-1].startswith("It is 4")
    assert "reference" not in fields


def test_a_conversation_that_ends_with_a_question_and_has_no_response_beside_it_is_read_to_its_last_reply():
    (fields,) = read_row({"messages": SHOTS})
    assert (fields["prompt"], fields["text"]) == ("1+1?", "It is 2.")
