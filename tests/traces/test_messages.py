import pytest

from sgram.traces.messages import prompt_text, reply_text, split_messages
from sgram.traces.trace import RowError

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "2+2?"}
REPLY = {"role": "assistant", "content": "4"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]}
TOOL = {"role": "tool", "content": "4.0"}


def test_a_prompt_is_a_string_or_the_contents_of_messages():
    assert prompt_text(None) is None
    assert prompt_text("2+2?") == "2+2?"
    assert prompt_text([SYSTEM, USER]) == "Be brief.\n\n2+2?"
    assert prompt_text(USER) == "2+2?"


def test_contents_may_be_arrays_of_parts_and_pictures_hold_no_text():
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "What is this?"}, "Say."]
    assert prompt_text([{"role": "user", "content": parts}]) == "What is this?\n\nSay."


def test_a_reply_that_is_a_string_is_taken_exactly():
    assert reply_text(" 4\r\n ") == (" 4\r\n ", [])


def test_a_think_tag_marks_the_reasoning_and_stays_in_the_text():
    reply = "<think>\nHmm.\n</think>\n\n4"
    text, parts = reply_text(reply)
    assert text == reply
    # "<think>\nHmm.\n</think>" has 8 + 5 + 8 = 21 characters
    assert parts == [{"kind": "reasoning", "start": 0, "end": 21}, {"kind": "answer", "start": 21, "end": 24}]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_of_its_own_comes_first_after_it_a_blank_line(key):
    text, parts = reply_text([{"role": "assistant", "content": "4", key: "Hmm."}])
    assert text == "Hmm.\n\n4"
    assert [(part["kind"], text[part["start"] : part["end"]]) for part in parts] == [
        ("reasoning", "Hmm."),
        ("answer", "4"),
    ]


def test_reasoning_parts_of_a_content_array_are_marked():
    content = [{"type": "reasoning", "reasoning": "Hmm."}, {"type": "text", "text": "4"}]
    text, parts = reply_text({"role": "assistant", "content": content})
    assert text == "Hmm.\n\n4"
    assert [part["kind"] for part in parts] == ["reasoning", "answer"]


def test_only_the_assistant_s_messages_are_its_words():
    assert reply_text([REPLY, TOOL, {"role": "assistant", "content": "So 4."}])[0] == "4\n\nSo 4."
    assert reply_text([CALL])[0] == ""


def test_messages_are_split_behind_the_last_user_message():
    shots = [SYSTEM, {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}, USER]
    assert split_messages([*shots, CALL, TOOL, REPLY]) == (shots, [CALL, TOOL, REPLY])
    assert split_messages([REPLY]) == ([], [REPLY])


@pytest.mark.parametrize(
    ("call", "value", "reason"),
    [
        (prompt_text, 5, "prompt is a number"),
        (prompt_text, [None], "a message is null"),
        (prompt_text, [{"content": 5}], "content of a message is a number"),
        (prompt_text, [{"content": [5]}], "content of a message holds a number"),
        (prompt_text, [{"content": [{"type": "text", "text": 5}]}], "content of a message holds a part"),
        (reply_text, None, "completion is null"),
        (reply_text, 4, "completion is a number"),
        (reply_text, [], "no assistant message in the completion"),
        (reply_text, [USER], "no assistant message in the completion"),
        (reply_text, [{"role": "assistant", "content": "4", "reasoning": 5}], "reasoning of a message is a number"),
        (split_messages, "text", "messages is a string, not an array"),
        (split_messages, [USER], "no assistant message after the last user message"),
        (split_messages, [REPLY, USER], "no assistant message after the last user message"),
        (split_messages, [None], "no assistant message after the last user message"),
    ],
)
def test_invalid_messages_raise_an_error_with_the_reason(call, value, reason):
    with pytest.raises(RowError, match=f"^{reason}"):
        call(value)
