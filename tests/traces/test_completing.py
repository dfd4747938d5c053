import copy
import json
import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.traces.aliases import ALIASES
from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields
from sgram.traces.ids import content_digest
from sgram.traces.trace import FailedRowError, RowError, Trace, check_trace
from tests.builders.api_rows import JSON, parts_of

ASKED = [{"role": "user", "content": "2+2?"}]
TALK = [*ASKED, {"role": "assistant", "content": "It is 4."}]


def complete(columns, notes=None, *, named=None, rewards=None, **fields):
    options = ColumnOptions(named or {}, rewards or {})
    completed = complete_fields({**fields, "columns": columns}, options, notes or ColumnNotes())
    check_trace(Trace(**{"id": "x", **completed}))
    return completed


def shown(columns, *names, **more):
    completed = complete(columns, **more)
    return tuple(completed.get(name) for name in names)


@pytest.mark.parametrize("write", [str, json.dumps])
def test_messages_in_a_string_are_the_response_as_messages_are(write):
    reply = [{"role": "assistant", "content": "It's 4."}]
    assert shown({"prompt": "2+2?", "response": write(reply)}, "prompt", "text") == ("2+2?", "It's 4.")
    # a program may answer with objects
    for text in (write([{"x": 1}]), write([{"role": "user", "content": "2+2?"}]), "[{'role': 'assistant'"):
        assert shown({"prompt": "2+2?", "response": text}, "text") == (text,)


def test_of_two_responses_the_one_that_is_named_as_the_model_s_is_its_own():
    notes = ColumnNotes()
    columns = {"instruction": "2+2?", "output": "We add: it is four.", "model_output": "I say that it's five."}
    assert shown(columns, "text", notes=notes) == ("I say that it's five.",)
    assert notes.looks_like == {"output": "text or reference"}
    assert shown({**columns, "model_output": "four"}, "text") == ("We add: it is four.",)  # an answer taken out of it
    assert shown({**columns, "model_output": "Q: 2+2? We add: it is four."}, "text") == ("We add: it is four.",)


# -- names ------------------------------------------------------------------------------------------------------


def test_columns_become_the_fields_that_they_are_named_after_and_the_others_stay_in_meta():
    notes = ColumnNotes()
    columns = {
        "question": "2+2?",
        "generated_solution": "It is 4.",
        "expected_answer": 4,
        "predicted_answer": "4",
        "is_correct": "True",
        "generation_model": "r1",
        "problem_id": 7,
        "topic": "sums",
        "empty": None,
    }
    assert complete(columns, notes) == {
        "text": "It is 4.",
        "prompt": "2+2?",
        "reference": "4",
        "answer": "4",
        "correct": True,
        "model": "r1",
        "group": "7",
        "meta": {"topic": "sums"},
    }
    assert notes.became == {
        "question": "prompt",
        "generated_solution": "text",
        "expected_answer": "reference",
        "predicted_answer": "answer",
        "is_correct": "correct",
        "generation_model": "model",
        "problem_id": "group",
    }


def test_what_the_dialect_read_is_not_replaced():
    completed = complete({"response": "no", "gold": "5"}, text="yes", reference="4")
    assert (completed["text"], completed["reference"]) == ("yes", "4")
    assert completed["meta"] == {"response": "no", "gold": "5"}


def test_columns_that_look_like_a_field_and_were_not_read_are_noted():
    notes = ColumnNotes()
    complete({"response": "4", "output": "five", "quality_score": 3.5, "judge_reasoning": "ok", "tone": "calm"}, notes)
    assert notes.looks_like == {"output": "text", "quality_score": "reward", "judge_reasoning": "reasoning"}


def test_an_empty_column_gives_way_to_the_next_name():
    assert shown({"prompt": "", "question": "2+2?", "response": "", "output": "4"}, "prompt", "text") == ("2+2?", "4")


def test_meta_of_the_record_is_kept_under_what_the_dialect_says():
    completed = complete({"response": "4", "meta": {"a": 1, "b": 2}, "c": 3}, meta={"b": 5})
    assert completed["meta"] == {"a": 1, "b": 5, "c": 3}
    assert complete({"response": "4", "meta": "note"})["meta"] == {"meta": "note"}


def test_a_record_out_of_a_document_has_its_model_and_its_own_name():
    document = {"model": "m", "date": "today"}
    completed = complete({"response": "4", "__document__": document, "__key__": "q1"})
    assert (completed["model"], completed["id"], completed["meta"]) == ("m", "q1", {"document": {"date": "today"}})
    own = complete({"response": "4", "model": "own", "id": "i", "__document__": document, "__key__": "q1"})
    assert (own["model"], own["id"], own["meta"]) == ("own", "i", {"key": "q1", "document": document})


# -- columns that the user names --------------------------------------------------------------------------------


def test_columns_that_the_user_names_come_before_all_others():
    notes = ColumnNotes()
    columns = {"utterance": "4", "response": "no", "asked": "2+2?", "extra": {"gold": "4"}, "gold": "5"}
    named = {"text": "utterance", "prompt": "asked", "reference": "extra.gold", "step": "nowhere"}
    completed = complete(columns, notes, named=named)
    assert (completed["text"], completed["prompt"], completed["reference"]) == ("4", "2+2?", "4")
    assert completed["meta"] == {"response": "no", "extra": {"gold": "4"}, "gold": "5"}
    assert {column: notes.became[column] for column in ("utterance", "asked", "extra.gold")} == {
        "utterance": "text",
        "asked": "prompt",
        "extra.gold": "reference",
    }


def test_a_named_column_replaces_what_the_dialect_read_out_of_the_record():
    record = {"input": "prompt?", "output": "4", "think": "Hmm, so."}
    options = ColumnOptions({"text": "input"})
    completed = complete_fields({"text": "4", "columns": {}}, options, ColumnNotes(), record)
    assert (completed["text"], completed["meta"]) == ("prompt?", {"text": "4"})


@pytest.mark.parametrize("name", ["traj", "history", "trajectory", "message_history", "message_log"])
def test_a_trajectory_of_an_agent_is_a_conversation(name):
    messages = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4."}]
    assert shown({name: messages, "task_id": 3}, "prompt", "text", "group") == ("2+2?", "It is 4.", "3")
    # LLaMA-Factory's history holds pairs, and no messages
    alpaca = {"instruction": "3+3?", "output": "It is 6.", "history": [["2+2?", "It is 4."]]}
    assert shown(alpaca, "prompt", "text") == ("3+3?", "It is 6.")


def test_a_row_that_is_a_message_of_somebody_else_is_no_response():
    # OpenAssistant has a row for each message of a tree
    row = {"message_id": "m", "text": "2+2?", "lang": "en"}
    for role in ("prompter", "user", "system", "Tool"):
        with pytest.raises(FailedRowError, match=f"the row is a message of the role {role}, not of the model"):
            complete({**row, "role": role})
    for role in ("assistant", "pirate", None):
        assert shown({**row, "role": role}, "text") == ("2+2?",)
    assert shown({"response": "It is 4.", "role": "user"}, "text") == ("It is 4.",)


def test_messages_that_were_not_read_are_noted():
    chat = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4."}]
    notes = ColumnNotes()
    complete({"messages": chat, "rewritten_messages": chat, "labels": [1, 2]}, notes=notes)
    assert notes.looks_like == {"rewritten_messages": "prompt and text"}


def test_a_count_of_tokens_is_no_misfit():
    notes = ColumnNotes()
    complete({"response": "It is 4.", "response_tokens": 5}, notes=notes)
    assert notes.misfits == {}
    complete({"response": "It is 4.", "response_tokens": "five"}, notes=notes)
    assert notes.misfits == {"response_tokens": 1}


def test_a_named_reference_is_not_replaced_by_an_answer():
    columns = {"question": "2+2?", "response": "It is 4.", "solution": "four", "answer": "4"}
    assert shown(columns, "reference")[0] == "4"
    assert shown(columns, "reference", named={"reference": "solution"})[0] == "four"


def test_a_named_column_of_another_shape_stays_in_meta_and_is_counted():
    notes = ColumnNotes()
    completed = complete({"response": "4", "grades": "B"}, notes, named={"correct": "grades"})
    assert "correct" not in completed
    assert completed["meta"] == {"grades": "B"}
    assert notes.misfits == {"grades": 1}


# -- the response -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["reasoning", "reasoning_content", "thinking", "thoughts", "Complex_CoT", "thinking_trajectory"]
)
def test_a_reasoning_of_its_own_comes_before_the_answer(name):
    completed = complete({"question": "2+2?", name: "Hmm, 2 and 2.", "response": "It is 4."})
    assert completed["text"] == "Hmm, 2 and 2.\n\nIt is 4."
    assert parts_of(completed) == [("reasoning", "Hmm, 2 and 2."), ("answer", "It is 4.")]


def test_a_reasoning_that_the_response_holds_already_is_not_said_twice():
    text = "<think>\nHmm, 2 and 2.\n</think>\n\nIt is 4."
    assert complete({"response": text, "reasoning": "Hmm, 2 and 2."})["text"] == text


def test_a_reasoning_may_be_a_list_of_steps_or_blocks():
    columns = {"response": "It is 4.", "thoughts": ["First, 2.", "Then 4."]}
    assert complete(columns)["text"] == "First, 2.\n\nThen 4.\n\nIt is 4."
    blocks = [{"type": "reasoning.text", "text": "Hmm."}]
    assert complete({"response": "It is 4.", "reasoning_details": blocks})["text"] == "Hmm.\n\nIt is 4."


@pytest.mark.parametrize("switch", ["on", "off", "high", "no_think", True, {"effort": "medium", "summary": None}])
def test_a_switch_of_reasoning_is_no_reasoning(switch):
    completed = complete({"response": "It is 4.", "reasoning": switch})
    assert (completed["text"], completed["meta"]) == ("It is 4.", {"reasoning": switch})


def test_an_answer_after_a_reasoning_is_the_response_if_it_is_said_in_words():
    columns = {"question": "2+2?", "reasoning": "Hmm, 2 and 2.", "answer": "The sum is 4."}
    assert shown(columns, "text", "reference") == ("Hmm, 2 and 2.\n\nThe sum is 4.", None)
    # a bare answer may be the expected one; it is, if there is no other
    columns["answer"] = "4"
    assert shown(columns, "text", "reference") == ("Hmm, 2 and 2.", "4")
    assert shown({**columns, "gold": "4"}, "text", "reference") == ("Hmm, 2 and 2.\n\n4", "4")


def test_a_solution_after_a_reasoning_is_the_response_if_it_is_said_in_words():
    columns = {"problem": "2+2?", "thinking": "Hmm, 2 and 2.", "solution": "The sum is 4.", "answer": "4"}
    assert shown(columns, "text", "reference") == ("Hmm, 2 and 2.\n\nThe sum is 4.", "4")
    assert shown({**columns, "answer": "It is indeed 4."}, "text", "reference") == (
        "Hmm, 2 and 2.\n\nIt is indeed 4.",
        "The sum is 4.",
    )
    del columns["answer"]
    assert shown(columns, "text", "reference") == ("Hmm, 2 and 2.\n\nThe sum is 4.", None)
    assert shown({**columns, "solution": "4"}, "text", "reference") == ("Hmm, 2 and 2.", "4")


def test_a_response_may_be_an_object_with_its_reasoning():
    for response in ({"thinking": "Hmm.", "answer": "4"}, {"reasoning": "Hmm.", "text": "4"}):
        assert shown({"prompt": "2+2?", "response": response}, "text") == ("Hmm.\n\n4",)
    with pytest.raises(RowError, match="no column looks like the response"):
        complete({"prompt": "2+2?", "response": {"answer": "4"}, "x": 1})


def test_a_long_answer_of_a_model_is_the_response_if_there_is_no_other():
    said = "First I add 2 and 2, which makes 4, so that the answer must be 4."
    assert shown({"question": "2+2?", "model_answer": said, "gold": "4"}, "text", "answer") == (said, None)
    assert shown({"question": "2+2?", "response": "4", "model_answer": said}, "text", "answer") == ("4", said)
    with pytest.raises(RowError, match="no column looks like the response"):
        complete({"question": "2+2?", "model_answer": "4", "gold": "4"})


def test_a_text_in_a_chat_template_is_prompt_and_response():
    notes = ColumnNotes()
    prompt = "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
    assert shown({"text": f"{prompt}It is 4.<|im_end|>"}, "prompt", "text", notes=notes) == (
        prompt,
        "It is 4.<|im_end|>",
    )
    assert notes.became == {"text": "prompt and text"}
    beside = {"text": f"{prompt}4", "question": "2+2?"}
    assert shown(beside, "prompt", "text") == ("2+2?", f"{prompt}4")


def test_messages_that_only_ask_are_the_prompt_of_the_reasoning_and_answer_beside_them():
    columns = {"messages": ASKED, "reasoning": "Hmm, 2 and 2.", "answer": "The sum is 4."}
    assert shown(columns, "prompt", "text") == ("2+2?", "Hmm, 2 and 2.\n\nThe sum is 4.")


@pytest.mark.parametrize("name", ["messages", "conversations", "conversation", "Dialogue"])
def test_messages_are_prompt_and_response(name):
    assert complete({name: TALK}) == {
        "text": "It is 4.",
        "prompt": "2+2?",
        "group": content_digest(None, "2+2?"),
        "meta": {},
    }


def test_messages_may_stand_in_a_string_as_json_or_as_python_writes_them():
    written = '[{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "It is 4."}]'
    assert shown({"messages": written}, "prompt", "text") == ("2+2?", "It is 4.")
    assert shown({"messages": str(TALK)}, "prompt", "text") == ("2+2?", "It is 4.")


def test_messages_beside_a_response_give_the_prompt():
    assert complete({"response": "It is 4.", "messages": TALK})["meta"] == {}
    assert shown({"response": "It is 4.", "messages": TALK}, "prompt", "text") == ("2+2?", "It is 4.")
    other = complete({"response": "No, 5.", "messages": TALK})
    assert (other["text"], other["meta"]) == ("No, 5.", {"messages": TALK})
    assert complete({"response": "4", "messages": [{"x": 1}]})["meta"] == {"messages": [{"x": 1}]}


def test_a_response_may_be_messages():
    completed = complete({"prompt": ASKED, "completion": [{"role": "assistant", "reasoning": "Hmm.", "content": "4"}]})
    assert (completed["prompt"], completed["text"]) == ("2+2?", "Hmm.\n\n4")


def test_a_text_that_holds_prompt_and_response_of_other_columns_is_not_the_response():
    whole = "### Instruction:\nAdd.\n### Response:\nIt is 4."
    columns = {"instruction": "Add.", "output": "It is 4.", "text": whole}
    assert shown(columns, "text") == ("It is 4.",)
    assert shown({"instruction": "Add.", "output": "4", "text": "It is 4."}, "text") == ("It is 4.",)


def test_a_generated_text_begins_after_its_prompt():
    assert shown({"prompt": "2+2?", "generated_text": "2+2? It is 4."}, "text") == (" It is 4.",)
    assert shown({"prompt": "2+2?", "generated_text": "It is 4."}, "text") == ("It is 4.",)
    assert shown({"prompt": "2+2?", "response": "2+2? It is 4."}, "text") == ("2+2? It is 4.",)


def test_a_content_is_the_response_beside_a_prompt_or_a_reasoning_only():
    assert shown({"input": "2+2?", "content": "It is 4."}, "text") == ("It is 4.",)
    with pytest.raises(RowError, match=r"no column looks like the response: .*columns: content, title"):
        complete({"content": "A page.", "title": "t"})


def test_a_response_stays_exactly_as_it_was_sampled():
    assert complete({"response": " 4\r\n "})["text"] == " 4\r\n "
    assert complete({"response": "", "reward": 0})["text"] == ""


def test_an_empty_response_with_an_error_is_a_failed_rollout():
    for columns in (
        {"prompt": "2+2?", "response": "", "error": "timeout"},
        {"prompt": "2+2?", "response": None, "error": {"message": "timeout"}},
        {"messages": ASKED, "error": "timeout"},
    ):
        with pytest.raises(FailedRowError, match="the rollout failed: timeout"):
            complete(columns)
    assert complete({"response": "4", "error": "timeout"})["meta"] == {"error": "timeout"}


def test_a_rollout_without_a_response_failed():
    with pytest.raises(FailedRowError, match="the response is missing: response is empty"):
        complete({"prompt": "2+2?", "response": None})
    with pytest.raises(FailedRowError, match="no assistant message"):
        complete({"messages": ASKED})
    with pytest.raises(FailedRowError, match="the response has no text"):
        complete({}, pieces=[])


def test_a_refusal_names_the_column_to_try():
    columns = {"problem": "A long problem, longer than all.", "solution": "It is 4.", "answer": "4", "level": 3}
    with pytest.raises(
        RowError, match=r"no column .*: if .*--column text=solution .*; columns: problem, solution, answer, level$"
    ):
        complete(columns)
    with pytest.raises(RowError, match=r"the response: problem, level$"):
        complete({"problem": "2+2?", "level": 3})
    assert complete(columns, named={"text": "solution"})["text"] == "It is 4."


# -- the prompt -------------------------------------------------------------------------------------------------


def test_a_prompt_is_a_string_or_messages_also_in_a_string():
    for prompt in ("2+2?", ASKED, ASKED[0], ["2+2?"], '[{"role": "user", "content": "2+2?"}]', str(ASKED)):
        assert shown({"prompt": prompt, "response": "4"}, "prompt") == ("2+2?",)
    for prompt in ('{"a": 1}', "[{1}]", "[{'x'"):
        assert shown({"prompt": prompt, "response": "4"}, "prompt") == (prompt,)


def test_an_instruction_is_followed_by_its_input():
    assert shown({"instruction": "Add.", "input": "2, 2", "output": "4"}, "prompt") == ("Add.\n\n2, 2",)
    assert complete({"instruction": "Add.", "input": "", "output": "4"})["prompt"] == "Add."
    assert complete({"question": "2+2?", "input": "<user>2+2?", "output": "4"})["meta"] == {"input": "<user>2+2?"}


def test_traces_of_one_prompt_at_one_step_are_one_group():
    assert shown({"prompt": "p", "step": "3", "response": "4"}, "group") == (content_digest(3, "p"),)
    assert shown({"prompt": "p", "problem_id": 5, "response": "4"}, "group") == ("5",)
    # what tools call a group begins anew with each step
    assert shown({"prompt": "p", "prompt_group": 0, "step": 2, "response": "4"}, "group") == ("2/0",)
    assert shown({"group": "g", "step": 2, "response": "4"}, "group") == ("g",)
    assert shown({"response": "4"}, "group") == (None,)


# -- answer and reference -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["answer", "final_answer", "answers"])
def test_an_answer_beside_a_prompt_is_the_reference(name):
    notes = ColumnNotes()
    completed = complete({"problem": "2+2?", "response": "It is 5.", name: "4"}, notes)
    assert (completed["reference"], completed.get("answer"), completed["meta"]) == ("4", None, {})
    assert notes.became[name] == "reference"


def test_an_answer_beside_another_reference_is_left_and_reported():
    notes = ColumnNotes()
    completed = complete({"problem": "2+2?", "response": "It is 5.", "answer": "5", "gold": "4"}, notes)
    assert (completed["reference"], completed.get("answer"), completed["meta"]) == ("4", None, {"answer": "5"})
    assert notes.looks_like == {"answer": "reference or answer"}


def test_an_answer_beside_the_id_of_a_problem_is_the_reference():
    assert shown({"problem_id": 3, "response": "It is 5.", "answer": "4"}, "reference", "group") == ("4", "3")


def test_an_answer_alone_may_be_either():
    completed = complete({"response": "It is 5.", "answer": "5"})
    assert completed == {"text": "It is 5.", "meta": {"answer": "5"}}


def test_a_short_answer_replaces_a_worked_solution_as_the_reference():
    notes = ColumnNotes()
    completed = complete({"problem": "2+2?", "response": "It is 5.", "solution": "2 and 2.", "answer": "4"}, notes)
    assert (completed["reference"], completed["meta"]) == ("4", {"solution": "2 and 2."})
    assert (notes.became.get("solution"), notes.looks_like) == (None, {"solution": "reference"})
    assert shown({"problem": "p", "response": "r", "solution": "2 and 2."}, "reference") == ("2 and 2.",)


def test_a_solution_that_the_response_holds_is_no_reference():
    code = "print(2 + 2)\n" * 5
    completed = complete({"input": "Add.", "output": f"So:\n{code}", "solution": code})
    assert ("reference" in completed, completed["meta"]) == (False, {"solution": code})
    # a short one may be what a right response ends with
    assert shown({"input": "Add.", "output": "It is 4", "solution": "4"}, "reference") == ("4",)


def test_a_reference_of_a_data_set_for_training_is_found_inside_its_column():
    columns = {"prompt": ASKED, "response": "4", "reward_model": {"style": "rule", "ground_truth": "4"}}
    completed = complete(columns)
    assert (completed["reference"], completed["meta"]) == ("4", {"reward_model": columns["reward_model"]})


def test_a_label_that_is_a_truth_value_is_no_reference():
    notes = ColumnNotes()
    assert complete({"prompt": "p", "completion": "4", "label": True}, notes)["meta"] == {"label": True}
    assert notes.misfits == {"label": 1}


# -- rewards ------------------------------------------------------------------------------------------------------


def test_numbers_truth_values_and_strings_of_numbers_are_rewards():
    notes = ColumnNotes()
    assert shown({"response": "4", "score": "0.5"}, "reward", "correct", notes=notes) == (0.5, None)
    assert notes.reward_columns == {"score"}
    assert shown({"response": "4", "score": True}, "reward", "correct") == (1.0, True)


def test_an_object_of_rewards_is_kept_and_its_main_one_counts():
    rewards = {"score": 0.5, "acc": 1, "format": 1}
    completed = complete({"response": "4", "reward": rewards})
    assert (completed["reward"], completed["correct"], completed["meta"]) == (0.5, True, {"reward": rewards})


def test_of_several_rewards_without_a_main_one_none_counts_until_the_user_names_it():
    notes = ColumnNotes()
    columns = {"response": "4", "reward": {"style": 0.25, "format": 0.5}}
    assert complete(columns, notes) == {"text": "4", "meta": {"reward": columns["reward"]}}
    assert notes.looks_like == {"style": "reward", "format": "reward"}
    assert shown(columns, "reward", rewards={"style": 2.0, "reward.format": 1.0}) == (1.0,)
    assert shown({"response": "4", "rewards": [1.0, 0.5]}, "reward", rewards={"rewards.1": 1.0}) == (0.5,)


def test_only_columns_named_as_rewards_are_added_up_and_it_is_noted_which():
    notes = ColumnNotes()
    columns = {"response": "4", "len_reward": 0.5, "accuracy_reward": 1.0, "reward_std": 9.0, "level": 5}
    completed = complete(columns, notes)
    assert (completed["reward"], completed["correct"]) == (1.5, True)
    assert notes.reward_columns == {"len_reward", "accuracy_reward"}
    assert completed["meta"] == {"len_reward": 0.5, "accuracy_reward": 1.0, "reward_std": 9.0, "level": 5}


def test_a_missing_reward_is_not_made_of_its_parts():
    assert shown({"response": "4", "reward": None, "format_reward": 0.5}, "reward") == (None,)
    assert shown({"response": "4", "reward": math.nan, "format_reward": 0.5}, "reward") == (None,)


def test_all_rows_of_a_file_have_their_reward_from_one_column():
    notes = ColumnNotes()
    rows = [{"response": "4", "reward": reward, "score": score} for reward, score in ((None, 3.0), (1.0, 2.0))]
    rows.append({"response": "4", "reward": 1.0, "score": None})
    assert [complete(row, notes).get("reward") for row in rows] == [3.0, 2.0, None]


def test_an_unknown_reward_is_an_error_that_lists_the_known_ones():
    with pytest.raises(UsageError, match="no reward is called 'c'; the numbers here are: reward, a, b"):
        complete({"response": "4", "a": 1, "b": 2.0, "reward": 3}, rewards={"c": 1.0})


def test_rewards_of_the_dialect_are_added_up_unless_it_gives_one():
    assert shown({"response": "4", "reward": 9.0}, "reward", rewards={}, text="4") == (9.0,)
    completed = complete_fields(
        {"text": "4", "rewards": {"a": 1, "b": 0.5}, "columns": {"reward": 9.0}}, ColumnOptions(), ColumnNotes()
    )
    assert completed == {"text": "4", "reward": 1.5, "meta": {"reward": 9.0}}
    one = complete_fields({"text": "4", "rewards": {"a": 1}, "reward": 3}, ColumnOptions(), ColumnNotes())
    assert one["reward"] == 3.0
    weighted = complete_fields({"text": "4", "rewards": {"a": 1}}, ColumnOptions(rewards={"a": 2}), ColumnNotes())
    assert weighted["reward"] == 2.0


# -- values -------------------------------------------------------------------------------------------------------


def test_numbers_and_truth_values_may_stand_in_strings():
    columns = {"response": "4", "reward": "1.0", "correct": "False", "step": "12", "id": 5}
    assert shown(columns, "reward", "correct", "step", "id") == (1.0, False, 12, "5")


def test_a_value_of_another_shape_stays_in_meta_under_its_name_and_is_counted():
    notes = ColumnNotes()
    columns = {"response": "4", "logprobs": {"content": []}, "acc": 0.5, "step": "last", "model": {"name": "m"}}
    for _ in range(2):
        assert complete(columns, notes) == {
            "text": "4",
            "meta": {name: value for name, value in columns.items() if name != "response"},
        }
    assert notes.misfits == {"logprobs": 2, "acc": 2, "step": 2, "model": 2}
    assert complete({}, notes, text="4", reference={}, step="x")["meta"] == {"reference": {}, "step": "x"}


def test_numbers_of_tokens_must_be_as_many_as_the_tokens():
    notes = ColumnNotes()
    columns = {"response": "4", "token_ids": [5, 6], "token_logprobs": [-0.1], "entropies": [0.5, 1]}
    completed = complete(columns, notes)
    assert (completed["token_ids"], completed["entropies"]) == ((5, 6), (0.5, 1.0))
    assert (completed["meta"], notes.misfits) == ({"token_logprobs": [-0.1]}, {"token_logprobs": 1})


def test_numbers_that_are_not_finite_are_missing():
    assert complete({"response": "4", "reward": math.nan, "x": math.inf}) == {"text": "4", "meta": {}}


def test_exact_fields_stay_as_they_are():
    prompt = '[{"role": "user", "content": "2+2?"}]'
    fields = {"id": "a", "text": "", "prompt": prompt, "answer": "", "reward": 1, "meta": {"error": "timeout"}}
    exact = complete_fields(fields, ColumnOptions(), ColumnNotes(), is_exact=True)
    assert exact == {**fields, "reward": 1.0}
    with pytest.raises(FailedRowError, match="timeout"):
        complete_fields(fields, ColumnOptions(), ColumnNotes())


# -- all rows -------------------------------------------------------------------------------------------------------

NAMES = sorted({name.partition(".")[0] for names in ALIASES.values() for name in names} | {"messages", "error", "x"})
FULL = {
    "question": "2+2?",
    "messages": TALK,
    "reasoning": "Hmm, 2 and 2.",
    "response": "It is 4.",
    "gold": "4",
    "answer": "4",
    "solution": "2 and 2.",
    "score": {"score": 1.0, "acc": True},
    "len_reward": 0.5,
    "step": 3,
    "token_ids": [1, 2],
    "logprobs": [-0.5, -0.25],
    "verification_info": '{"ground_truth": "4"}',
    "meta": {"a": 1},
}


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8), st.booleans())
@settings(max_examples=600)
def test_every_row_gives_fields_or_a_row_error(columns, has_text):
    before = copy.deepcopy(columns)
    fields = {"text": "4"} if has_text else {}
    with suppress(RowError):
        complete(columns, **fields)
    assert columns == before


@given(st.sampled_from(sorted(FULL)), JSON, st.sampled_from([{}, {"acc": 1.0}]))
@settings(max_examples=600)
def test_no_change_of_a_good_row_raises_anything_else(name, value, rewards):
    columns = {**FULL, name: value}
    before = copy.deepcopy(columns)
    with suppress(RowError, UsageError):
        assert isinstance(complete(columns, rewards=rewards)["text"], str)
    assert columns == before


@given(st.sets(st.sampled_from([*NAMES, "topic", "my_score", "judge_reasoning"]), max_size=10))
@settings(max_examples=300)
def test_every_column_ends_in_a_field_or_in_meta(names):
    columns = {name: f"the value of {name}." for name in sorted(names)}
    completed = complete({**columns, "response": "It is 4."})
    for value in (*columns.values(), "It is 4."):
        if value != columns.get("response"):
            assert value in repr(completed)


@pytest.mark.parametrize("empty", [None, ""])
def test_an_answer_is_no_reference_where_the_column_of_the_reference_is_empty(empty):
    notes = ColumnNotes()
    columns = {"problem": "2+2?", "response": "It is 5.", "answer": "5", "reference_answer": empty}
    fields = complete_fields({"columns": columns}, ColumnOptions(), notes)
    assert ("reference" in fields, fields["meta"]["answer"]) == (False, "5")
    assert notes.looks_like["answer"] == "reference or answer"
    # a label that says whether the answer is right is no reference, so the answer may be it
    labeled = complete_fields(
        {"columns": {"problem": "2+2?", "response": "It is 4.", "answer": "4", "label": True}}, ColumnOptions(), notes
    )
    assert labeled["reference"] == "4"
