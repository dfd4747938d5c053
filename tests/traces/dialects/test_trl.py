"""Completions that TRL's trainers log."""

import math

import pytest
from hypothesis import given

from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields
from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.trl import TRL, find_rewards, parse
from sgram.traces.ids import content_digest
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

ROW = {
    "step": 10,
    "prompt": [{"role": "user", "content": "2+2?"}],
    "completion": [{"role": "assistant", "content": "It is 4."}],
    "accuracy_reward": 1.0,
    "format_reward": 0.5,
    "solution": "$4$",
    "gold_parsed": "[4]",
    "answer_parsed": "[4]",
    "advantage": 0.7,
}


def test_a_row_sums_its_reward_functions_and_keeps_each():
    assert detect(ROW) is TRL
    (fields,) = read_row(ROW)
    assert fields == {
        "prompt": "2+2?",
        "text": "It is 4.",
        "step": 10,
        "reward": 1.5,
        "correct": True,
        "reference": "$4$",
        "answer": "[4]",
        "group": content_digest(10, "2+2?"),
        "meta": {"accuracy_reward": 1.0, "format_reward": 0.5, "gold_parsed": "[4]", "advantage": 0.7},
    }


def test_without_a_column_that_is_called_a_reward_all_fractions_are_rewards_but_ids_and_levels():
    row = {
        **{name: ROW[name] for name in ("step", "prompt", "completion", "advantage")},
        **{"correctness": 2.0, "length_penalty": -0.25, "problem_id": 0, "difficulty": 5, "level": 3.0, "len": 7.0},
    }
    notes = ColumnNotes()
    (fields,) = parse(row, DialectOptions())
    completed = complete_fields(fields, ColumnOptions(), notes)
    assert completed["reward"] == 1.75
    assert notes.reward_columns == {"correctness", "length_penalty"}
    assert notes.misfits == {}
    assert ("correct" in completed, completed["group"]) == (False, "10/0")
    assert completed["meta"]["difficulty"] == 5


def test_names_that_end_in_an_id_a_length_or_a_level_are_no_rewards():
    names = ("uid", "idx", "difficulty_level", "completion_length", "random_seed", "n_tokens", "kl", "advantages")
    assert find_rewards(dict.fromkeys(names, 1.0)) == {}
    of_others = ("problem_hardness", "n_attempts", "avg_quality", "perplexity", "top_p", "model_strength")
    assert find_rewards(dict.fromkeys(of_others, 1.0)) == {}
    assert find_rewards({"length_bonus": 1.0, "seed": 3.0, "tone": 2, "note": "x"}) == {"length_bonus": 1.0}


def test_a_missing_reward_is_left_out_of_the_sum():
    (fields,) = read_row({**ROW, "format_reward": math.nan})
    assert (fields["reward"], fields["meta"]["format_reward"]) == (1.0, None)
    (neither,) = read_row({**ROW, "format_reward": math.nan, "accuracy_reward": None})
    assert not {"reward", "correct"} & neither.keys()


def test_an_accuracy_between_right_and_wrong_says_neither():
    (fields,) = read_row({**ROW, "accuracy_reward": 0.5})
    assert ("correct" in fields, fields["reward"]) == (False, 1.0)


def test_the_user_weighs_the_rewards():
    (fields,) = parse(ROW, DialectOptions())
    options = ColumnOptions(rewards={"accuracy_reward": 2, "format_reward": -1})
    assert complete_fields(fields, options, ColumnNotes())["reward"] == 1.5


def test_a_table_holds_strings_for_steps():
    row = {"step": "10", "prompt": "2+2?", "completion": "It is 4.", "brevity": "0.5", "advantage": "0.1"}
    (fields,) = read_row(row)
    assert (fields["step"], fields["reward"], fields["group"]) == (10, 0.5, content_digest(10, "2+2?"))


def test_a_completion_is_a_string_or_messages_with_turns_of_tools():
    turns = [
        {"role": "assistant", "content": "I add.", "tool_calls": [{"name": "add"}]},
        {"role": "tool", "content": "4"},
        {"role": "assistant", "content": "It is 4."},
    ]
    (fields,) = read_row({**ROW, "completion": turns})
    assert (fields["text"], fields["meta"]["tool_calls"]) == ("I add.\n\nIt is 4.", [{"name": "add"}])
    assert read_row({**ROW, "completion": ""})[0]["text"] == ""
    assert read_row({**ROW, "completion": "[4]"})[0]["text"] == "[4]"


def test_a_foreign_completion_is_refused_and_a_missing_one_is_skipped():
    with pytest.raises(RowError, match="messages is a number, not an array"):
        read_row({**ROW, "completion": 4})
    with pytest.raises(FailedRowError, match="the completion is missing"):
        read_row({**ROW, "completion": None})
    with pytest.raises(FailedRowError, match="no assistant message"):
        read_row({**ROW, "completion": []})


@given(mutations(ROW))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(TRL, row)
