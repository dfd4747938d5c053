"""What was sampled becomes traces, filled in row by row and in any order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.grading.outcome import TaskOutcome
from sgram.traces import read_traces
from sgram.training.trainer.rollouts import (
    DIGITS,
    Rollouts,
    SampledBatch,
    make_traces,
    prompt_text,
    read_rollouts,
    rollouts_path,
    write_rollouts,
)

IDS = [[5, 6, 7], [8], [9, 9]]
SPELLED = {5: " wait", 6: " 42 ", 7: " so", 8: "4", 9: "!"}


def spell(ids):
    return "".join(SPELLED[token_id] for token_id in ids)


def sampled(outcomes=None, rewards=((1.0,), (0.0,), (float("nan"),))):
    return SampledBatch(
        inputs=[{"problem": "a"}, {"problem": "a"}, {"id": 7}],
        prompts=["p", "p", "q"],
        completions=["x", "y", "z"],
        token_ids=IDS,
        decode=spell,
        outcomes=outcomes,
        rewards=torch.tensor([[9.0]] * 3 + [list(row) for row in rewards]),  # those of another process come first
    )


PROCESS_ROWS = slice(3, 6)


def test_each_response_is_a_trace_of_its_step_and_group():
    traces = make_traces(sampled(), 12, PROCESS_ROWS, 1.0)
    assert [trace.id for trace in traces] == ["000012-00003", "000012-00004", "000012-00005"]
    assert [trace.group for trace in traces] == ["000012-a", "000012-a", "000012-7"]
    assert [trace.text for trace in traces] == ["x", "y", "z"]
    assert [trace.token_ids for trace in traces] == [(5, 6, 7), (8,), (9, 9)]
    assert [trace.reward for trace in traces] == [1.0, 0.0, None]
    assert [trace.correct for trace in traces] == [True, False, None]  # a missing reward says nothing
    assert {trace.step for trace in traces} == {12}


def test_a_verdict_says_what_is_correct_whatever_the_reward():
    outcomes = [TaskOutcome(1.0, False, "4", "procedural"), TaskOutcome(0.0, True, "5"), TaskOutcome(None, None)]
    traces = make_traces(sampled(outcomes), 0, PROCESS_ROWS, 1.0)
    assert [trace.correct for trace in traces] == [False, True, None]
    assert [trace.answer for trace in traces] == ["4", "5", None]
    assert [dict(trace.meta) for trace in traces] == [{"error": "procedural"}, {}, {}]


def test_without_a_reward_of_success_nothing_is_called_correct():
    assert [trace.correct for trace in make_traces(sampled(), 0, PROCESS_ROWS, None)] == [None, None, None]


def test_several_rewards_add_up():
    nan = float("nan")
    batch = replace(sampled(), rewards=torch.tensor([[1.0, 0.5], [nan, 0.25], [nan, nan]]))
    assert [trace.reward for trace in make_traces(batch, 0, slice(0, 3), 1.0)] == [1.5, 0.25, None]


def test_a_row_of_several_turns_holds_the_policy_s_words_by_blank_lines():
    # of the first row, a tool wrote the second token; of the others, the policy wrote everything
    batch = replace(sampled(), tool_masks=[[1, 0, 1], [1], [1, 1]])
    first, second, third = make_traces(batch, 0, PROCESS_ROWS, 1.0)
    assert first.text == "wait\n\nso"
    assert first.token_ids == (5, 6, 7)
    assert first.meta == {
        "policy_ids": [[0, 1], [2, 3]],
        "parts": [
            {"kind": "turn", "start": 0, "end": 4},
            {"kind": "answer", "start": 0, "end": 4},
            {"kind": "turn", "start": 6, "end": 8},
            {"kind": "answer", "start": 6, "end": 8},
        ],
    }
    assert (second.text, second.meta, third.text, third.meta) == ("y", {}, "z", {})


def test_thinking_is_a_part_of_its_turn():
    words = {5: "<think>Hmm.</think> wait", 6: " 42 ", 7: "so"}
    batch = replace(
        sampled(), tool_masks=[[1, 0, 1], [1], [1, 1]], decode=lambda ids: "".join(words[token_id] for token_id in ids)
    )
    trace = make_traces(batch, 0, PROCESS_ROWS, 1.0)[0]
    texts = [(part["kind"], trace.text[part["start"] : part["end"]]) for part in trace.meta["parts"]]
    assert texts == [
        ("turn", "<think>Hmm.</think> wait"),
        ("reasoning", "<think>Hmm.</think>"),
        ("answer", "wait"),
        ("turn", "so"),
        ("answer", "so"),
    ]


def test_turns_without_words_are_left_out():
    batch = replace(sampled(), tool_masks=[[0, 0, 1], [0], [1, 1]])
    first, second, _ = make_traces(batch, 0, PROCESS_ROWS, 1.0)
    assert (first.text, first.meta) == ("so", {"policy_ids": [[2, 3]]})  # one turn: it is the whole text
    assert (second.text, second.meta) == ("", {"policy_ids": []})


def test_messages_are_what_their_ids_spell():
    # TRL takes the thinking and the calls out of the content
    batch = replace(sampled(), completions=[[{"role": "assistant", "content": "so"}], "y", "z"])
    assert make_traces(batch, 0, PROCESS_ROWS, 1.0)[0].text == " wait 42  so"


def test_tokens_of_tools_have_zeros_and_those_of_the_policy_their_own_numbers():
    rollouts = Rollouts(make_traces(replace(sampled(), tool_masks=[[1, 0, 1], [1], [1, 1]]), 0, PROCESS_ROWS, 1.0))
    values = np.array([[-1.0, float("nan"), -3.0]], np.float32)
    rollouts.fill([0], values, -values, np.array([[True, False, True]]))
    assert rollouts.traces[0].logprobs == (-1.0, 0.0, -3.0)
    assert rollouts.traces[0].entropies == (1.0, 0.0, 3.0)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_a_trace_has_the_reward_that_was_trained_on(tmp_path):
    from tests.builders.tiny_policy import reward, trained

    def length(completions, **_):
        return [len(text) for text in completions]

    trained(tmp_path, max_steps=1, rewards=[reward, length], reward_weights=[2.0, 0.5])
    for trace in read_traces(sorted((tmp_path / "rollouts").iterdir())):
        assert trace.reward == pytest.approx(2 * reward([trace.text])[0] + 0.5 * len(trace.text))


def test_a_problem_without_a_name_is_named_by_its_prompt():
    batch = replace(sampled(), inputs=[{}, {}, {}])
    first, second, third = (trace.group for trace in make_traces(batch, 0, PROCESS_ROWS, None))
    assert first == second != third


@given(st.permutations([0, 1, 2]), st.integers(1, 3))
def test_rows_may_come_in_any_order_and_number(order, size):
    rollouts = Rollouts(make_traces(sampled(), 0, PROCESS_ROWS, 1.0))
    for start in range(0, 3, size):
        rows = order[start : start + size]
        assert not rollouts.is_complete
        values = np.array([[-(row + 1) - position / 10 for position in range(3)] for row in rows], np.float32)
        mask = np.array([[position < len(IDS[row]) for position in range(3)] for row in rows])
        rollouts.fill(rows, values, -values, mask)
    assert rollouts.is_complete
    for row, trace in enumerate(rollouts.traces):
        expected = [-(row + 1) - position / 10 for position in range(len(IDS[row]))]
        assert trace.logprobs == pytest.approx(expected)
        assert trace.entropies == pytest.approx([-entropy for entropy in expected])


def filled(values, mask, rows=(0,)):
    rollouts = Rollouts(make_traces(sampled(), 0, PROCESS_ROWS, 1.0))
    values = np.array([values], np.float32)
    rollouts.fill(list(rows), values, values, np.array([mask]))
    return rollouts


def test_only_the_policy_that_sampled_is_written_down():
    rollouts = filled([-1.0, -2.0, -3.0], [True] * 3)
    later = np.array([[-9.0] * 3], np.float32)
    rollouts.fill([0], later, later, np.ones((1, 3), bool))  # the next iteration
    assert rollouts.traces[0].logprobs == (-1.0, -2.0, -3.0)


@pytest.mark.parametrize(
    ("values", "mask"),
    [
        ([-1.0, -2.0, -3.0], [True, False, True]),  # a token of the policy was not counted
        ([-1.0, float("nan"), -3.0], [True] * 3),
        ([-1.0, float("-inf"), -3.0], [True] * 3),
        ([-1.0, -2.0], [True] * 2),  # cut off
    ],
)
def test_a_response_that_is_not_known_whole_keeps_neither(values, mask):
    rollouts = filled(values, mask)
    assert rollouts.traces[0].logprobs is None
    assert rollouts.traces[0].entropies is None
    assert rollouts.filled_rows == {0}  # it has been seen: nothing waits for it


def test_numbers_are_rounded_and_never_minus_zero():
    rollouts = filled([-1e-9, -0.123456789, -1.0], [True] * 3)
    assert rollouts.traces[0].logprobs == (0.0, round(-0.123456789, DIGITS), -1.0)
    assert str(rollouts.traces[0].logprobs[0]) == "0.0"


def test_written_traces_are_read_as_they_were(tmp_path):
    rollouts = filled([-1.25, -2.5, -3.0], [True] * 3)
    path = rollouts_path(tmp_path, 4)
    assert path == tmp_path / "rollouts" / "step-000004.jsonl.gz"
    assert rollouts_path(tmp_path, 4, 1, 2).name == "step-000004.001.jsonl.gz"
    write_rollouts(path, rollouts)
    assert read_rollouts(path) == rollouts.traces
    # other readers name the run of a file: here by its stem
    assert list(read_traces([path])) == [replace(trace, run="step-000004") for trace in rollouts.traces]
    first = path.read_bytes()
    write_rollouts(path, rollouts)
    assert path.read_bytes() == first


def test_a_chat_is_the_words_of_its_messages():
    chat = [
        {"role": "system", "content": "Think."},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "How many?"}]},
        {"role": "user", "content": None},
        "no message",
    ]
    assert prompt_text(chat) == "Think.\n\nHow many?"
    assert prompt_text("How many?") == "How many?"
