import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.messages import add_reasoning, prompt_text, read_conversation, reasoning_texts
from sgram.traces.parts import check_parts
from sgram.traces.trace import RowError

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "2+2?"}
REPLY = {"role": "assistant", "content": "4"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]}
TOOL = {"role": "tool", "content": "4.0"}
REASONED = (("reasoning", "Hmm."), ("answer", "4"))


def pieces_of(message):
    """Pieces of a conversation whose only reply is `message`."""
    return read_conversation([USER, message]).pieces


# -- conversations ---------------------------------------------------------------------------------------------


def test_the_first_user_message_is_the_prompt_and_all_turns_after_it_are_the_text():
    observation = {"role": "user", "content": "Observation: 4"}
    conversation = read_conversation([SYSTEM, USER, {**REPLY, "content": "I add."}, observation, CALL, TOOL, REPLY])
    assert conversation.prompt == "Be brief.\n\n2+2?"
    assert conversation.pieces == (("turn", ""), ("answer", "I add."), ("turn", ""), ("answer", "4"))
    assert conversation.roles == ("system", "user", "assistant", "user", "assistant", "tool", "assistant")
    assert conversation.tool_calls == ({"id": "c1"},)
    text, parts = conversation.text_and_parts()
    assert text == "I add.\n\n4"
    assert [(part["kind"], text[part["start"] : part["end"]]) for part in parts] == [
        ("turn", "I add."),
        ("answer", "I add."),
        ("turn", "4"),
        ("answer", "4"),
    ]


def test_messages_of_the_model_in_a_row_are_one_turn():
    conversation = read_conversation([USER, {"role": "reasoning", "content": "Hmm."}, REPLY])
    assert conversation.pieces == REASONED
    assert conversation.text_and_parts() == (
        "Hmm.\n\n4",
        [{"kind": "reasoning", "start": 0, "end": 4}, {"kind": "answer", "start": 6, "end": 7}],
    )


def test_one_turn_without_reasoning_has_no_parts():
    assert read_conversation([USER, REPLY, TOOL]).text_and_parts() == ("4", [])


def test_an_assistant_that_speaks_first_is_part_of_the_prompt():
    conversation = read_conversation([SYSTEM, {"role": "assistant", "content": "Yes?"}, USER, REPLY])
    assert conversation.prompt == "Be brief.\n\nYes?\n\n2+2?"
    assert conversation.pieces == (("answer", "4"),)


def test_a_prompt_that_is_apart_leaves_all_turns_to_the_model():
    completion = [{**REPLY, "content": "a"}, USER, REPLY]
    for prompt in ([SYSTEM, USER], json.dumps([SYSTEM, USER])):
        conversation = read_conversation(completion, prompt_messages=prompt)
        assert conversation.prompt == "Be brief.\n\n2+2?"
        assert [text for _, text in conversation.pieces] == ["", "a", "", "4"]
        assert conversation.roles == ("system", "user", "assistant", "user", "assistant")
    assert read_conversation({"content": "4"}, prompt_messages="2+2?").prompt == "2+2?"
    assert read_conversation(" 4\n", prompt_messages="").pieces == (("answer", " 4\n"),)
    assert read_conversation([REPLY], prompt_messages=[]).prompt is None


def test_a_whole_conversation_is_a_prompt_of_any_roles():
    shots = [USER, REPLY, {"role": "narrator", "content": "Now."}, {"content": "3+3?"}]
    conversation = read_conversation(shots, whole=True)
    assert conversation.prompt == "2+2?\n\n4\n\nNow.\n\n3+3?"
    assert conversation.pieces == ()
    assert conversation.roles == ("user", "assistant", "user", "user")


@pytest.mark.parametrize("messages", [[USER, REPLY], (USER, REPLY)])
def test_messages_may_be_a_json_string_or_a_tuple(messages):
    assert read_conversation(json.dumps(messages)) == read_conversation(messages) == read_conversation([USER, REPLY])


def test_a_single_message_is_a_conversation():
    assert read_conversation(REPLY).pieces == read_conversation({"content": "4"}).pieces == (("answer", "4"),)
    assert read_conversation(REPLY).prompt is None
    assert read_conversation(json.dumps(REPLY)).pieces == (("answer", "4"),)


@pytest.mark.parametrize(
    ("messages", "failure"),
    [
        ([], "no assistant message"),
        ([SYSTEM, USER], "no assistant message"),
        ([USER, CALL, TOOL], "the assistant wrote no text after the prompt"),
        ([USER, {**REPLY, "content": " \n"}], "the assistant wrote no text after the prompt"),
        (
            [USER, {**REPLY, "content": [{"type": "image_url", "image_url": {}}]}],
            "the assistant wrote no text after the prompt",
        ),
        ([REPLY, USER], "the assistant wrote no text after the prompt"),
    ],
)
def test_a_conversation_without_words_of_the_model_failed(messages, failure):
    conversation = read_conversation(messages)
    assert conversation.failed
    assert conversation.failure == failure
    assert conversation.pieces == ()
    assert conversation.with_reasoning("Hmm.") == conversation
    assert read_conversation([USER, REPLY]).failure == ""


def test_a_refusal_is_what_the_model_said():
    assert pieces_of({"role": "assistant", "content": None, "refusal": "No."}) == (("answer", "No."),)
    assert pieces_of({**REPLY, "refusal": None}) == (("answer", "4"),)
    assert pieces_of({**REPLY, "content": [{"type": "refusal", "refusal": "No."}]}) == (("answer", "No."),)


# -- roles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["assistant", "gpt", "chatgpt", "bing", "bot", "BOT", "model", "Assistant:", "ai"])
@pytest.mark.parametrize("user", ["user", "human", "HUMAN", "prompter", "input"])
def test_roles_have_many_names(role, user):
    conversation = read_conversation([{"from": user, "value": "2+2?"}, {"from": role, "value": "4"}])
    assert (conversation.prompt, conversation.pieces) == ("2+2?", (("answer", "4"),))
    assert conversation.roles == ("user", "assistant")


@pytest.mark.parametrize("role", ["tool", "function", "observation", "environment", "ipython", "functions.f", "SYSTEM"])
def test_other_roles_are_not_the_model_s_words(role):
    assert read_conversation([USER, REPLY, {"role": role, "content": "9"}]).pieces == (("answer", "4"),)


def test_messages_that_are_calls_alone_have_no_text():
    call = {"from": "function_call", "value": '{"name": "f"}'}
    conversation = read_conversation([USER, call, {"from": "observation", "value": "9"}, REPLY])
    assert (conversation.pieces, conversation.tool_calls) == ((("answer", "4"),), (call,))


def test_opencompass_and_exported_chats_have_keys_of_their_own():
    opencompass = [{"role": "HUMAN", "prompt": "2+2?"}, {"role": "BOT", "prompt": "4"}]
    exported = [
        {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["2+2?"]}},
        {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["4"]}},
    ]
    langchain = [{"type": "human", "content": "2+2?"}, {"type": "ai", "data": {"content": "4"}}]
    for messages in (opencompass, exported, langchain):
        conversation = read_conversation(messages)
        assert (conversation.prompt, conversation.pieces) == ("2+2?", (("answer", "4"),))


def test_items_of_a_response_are_messages():
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hmm."}], "content": None},
        {"type": "function_call", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "output": "9"},
        {"type": "web_search_call", "id": "w"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]},
    ]
    conversation = read_conversation(items)
    assert conversation.pieces == (("turn", ""), ("reasoning", "Hmm."), ("turn", ""), ("answer", "4"))
    assert conversation.tool_calls == (items[1], items[3])


def test_harmony_messages_are_told_by_their_channel():
    analysis = {"role": "assistant", "channel": "analysis", "content": [{"type": "text", "text": "Hmm."}]}
    call = {"role": "assistant", "channel": "commentary", "recipient": "functions.f", "content": "{}"}
    final = {"role": "assistant", "channel": "final", "content": "4"}
    conversation = read_conversation([USER, analysis, call, final])
    assert (conversation.pieces, conversation.tool_calls) == (REASONED, (call,))


# -- contents and reasoning ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        *(
            {"role": "assistant", "content": "4", key: "Hmm."}
            for key in ("reasoning", "reasoning_content", "thinking", "thought", "thoughts")
        ),
        {"role": "assistant", "content": "4", "reasoning_details": [{"type": "reasoning.text", "text": "Hmm."}]},
        {"role": "assistant", "content": "4", "reasoning_details": [{"type": "reasoning.summary", "summary": "Hmm."}]},
        {
            "role": "assistant",
            "content": "4",
            "reasoning": "Hmm.",
            "reasoning_content": "Hmm.",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm", "index": 0},
                {"type": "reasoning.text", "text": "m.", "index": 0},
                {"type": "reasoning.encrypted", "data": "Zm9v"},
            ],
            "provider_specific_fields": {"reasoning_content": "Hmm."},
        },
        {"role": "assistant", "content": "4", "provider_specific_fields": {"reasoning_content": "Hmm."}},
        {"role": "assistant", "content": "4", "additional_kwargs": {"reasoning_content": "Hmm."}},
        {"role": "assistant", "content": "4", "thinking_blocks": [{"type": "thinking", "thinking": "Hmm."}]},
        {"role": "assistant", "content": "4", "reasoning": {"content": [{"text": "Hmm."}], "summary": [{"text": "H"}]}},
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "Hmm."}, {"type": "text", "text": "4"}],
            "reasoning_content": "Hmm.",
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "Hmm."}]},
                {"type": "redacted_thinking", "data": "Zm9v"},
                {"type": "tool_use", "name": "f", "input": {"text": "9"}},
                {"type": "tool_result", "text": "9"},
                {"type": "image", "source": {}},
                {"type": "text", "text": {"value": "4", "annotations": []}},
                None,
            ],
        },
        {"role": "assistant", "content": [{"type": "reasoning", "reasoning": "Hmm."}, "4"]},
        {"role": "assistant", "content": [{"type": "reasoning", "text": "Hmm."}, {"type": "output_text", "text": "4"}]},
        {
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": "Zm9v", "redacted": True, "summary": "Hmm."}, "4"],
        },
        {"role": "model", "parts": [{"text": "Hmm.", "thought": True}, {"text": "4"}, {"functionCall": {"name": "f"}}]},
        {"role": "model", "content": {"parts": [{"text": "Hmm.", "thought": True}, {"text": "4", "thought": False}]}},
        {"role": "assistant", "content": [{"reasoningContent": {"reasoningText": {"text": "Hmm."}}}, {"text": "4"}]},
    ],
)
def test_reasoning_comes_first_and_once_whatever_holds_it(message):
    assert pieces_of(message) == REASONED


@pytest.mark.parametrize(
    "settings",
    [
        {"reasoning": None, "thought": True, "reasoning_content": ""},
        {"reasoning": {"effort": "high", "summary": "auto"}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "Zm9v"}]},
    ],
)
def test_settings_and_encrypted_blocks_are_no_reasoning(settings):
    assert pieces_of({**REPLY, **settings}) == (("answer", "4"),)


def test_reasoning_inside_the_content_is_not_taken_twice():
    message = {**REPLY, "content": "<think>\nHmm.\n</think>\n4", "reasoning_content": "Hmm."}
    assert pieces_of(message) == (("answer", message["content"]),)


def test_of_two_keys_the_longer_reasoning_counts_and_different_ones_both():
    assert pieces_of({**REPLY, "reasoning": "Hmm.", "thinking": "Hmm. Well."})[0] == ("reasoning", "Hmm. Well.")
    assert pieces_of({**REPLY, "reasoning": "Hmm.", "thinking": "Well."})[:2] == (
        ("reasoning", "Hmm."),
        ("reasoning", "Well."),
    )


def test_blocks_of_a_reasoning_stay_apart():
    blocks = [{"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"}]
    assert reasoning_texts(blocks) == ["a", "b"]
    assert reasoning_texts([{"text": "a", "index": 0}, {"text": "b", "index": 1}, {"text": "c"}]) == ["a", "b", "c"]
    assert reasoning_texts(None) == reasoning_texts(True) == reasoning_texts(" ") == reasoning_texts({}) == []


def test_a_reasoning_beside_the_messages_joins_the_last_answer_once():
    conversation = read_conversation([USER, {**REPLY, "content": "a"}, TOOL, REPLY])
    reasoned = conversation.with_reasoning([{"type": "thinking", "thinking": "Hmm."}])
    assert reasoned.text_and_parts()[0] == "a\n\nHmm.\n\n4"
    assert reasoned.with_reasoning("Hmm.") == reasoned
    assert conversation.with_reasoning(None) == conversation
    assert add_reasoning([("answer", "4")], "Hmm.") == list(REASONED)
    assert add_reasoning([("answer", "4")], [{"type": "redacted_thinking", "data": "x"}]) == [("answer", "4")]


@given(
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), st.text(max_size=8), st.text(max_size=8)),
        max_size=8,
    )
)
def test_every_word_of_the_model_stands_in_the_text_with_its_part(rows):
    messages = [{"role": role, "content": content, "reasoning": reasoning} for role, content, reasoning in rows]
    conversation = read_conversation(messages, prompt_messages="")
    text, parts = conversation.text_and_parts()
    assert check_parts(text, parts) == parts
    contents = [content for role, content, _ in rows if role == "assistant" and content.strip()]
    assert [piece for kind, piece in conversation.pieces if kind == "answer"] == contents
    assert conversation.failed == (text == "")
    position = 0
    for content in contents:
        position = text.index(content, position) + len(content)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (None, "messages is null, not an array"),
        (5, "messages is a number, not an array"),
        ("2+2?", "messages is a string, not an array of messages"),
        ("[1, 2]", "messages is a string, not an array of messages"),
        ('[{"role"', "messages is a string, not an array of messages"),
        ([USER, "4"], "a message is a string, not an object"),
        ([USER, {"content": "4"}], "a message has no role"),
        ([USER, {"role": 5, "content": "4"}], "the role of a message is a number, not a string"),
        ([USER, {"role": "wizard", "content": "4"}], "unknown role of a message: 'wizard'"),
        ([USER, {**REPLY, "content": 5}], "content of a message is a number"),
        ([USER, {**REPLY, "content": [5]}], "content of a message holds a number"),
        ([USER, {**REPLY, "content": [{"text": 5}]}], "content of a message holds a part whose text is a number"),
        ([USER, {**REPLY, "reasoning": 5}], "reasoning of a message is a number, not a string"),
        ([USER, {**REPLY, "thinking": [[[[[[[["a"]]]]]]]]}], "thinking of a message is nested too deeply"),
    ],
)
def test_messages_that_cannot_be_understood_are_refused_with_the_reason(messages, reason):
    with pytest.raises(RowError, match=f"^{reason}"):
        read_conversation(messages)


def test_a_string_is_no_prompt_of_messages():
    with pytest.raises(RowError, match=r"^messages is a string"):
        read_conversation("2+2?", whole=True)
    with pytest.raises(RowError, match=r"^prompt is a number"):
        read_conversation([REPLY], prompt_messages=5)


# -- prompts as text ---------------------------------------------------------------------------------------


def test_a_prompt_is_a_string_or_the_contents_of_messages():
    assert prompt_text(None) is None
    assert prompt_text("2+2?") == "2+2?"
    assert prompt_text([SYSTEM, USER]) == "Be brief.\n\n2+2?"
    assert prompt_text(USER) == "2+2?"


def test_contents_may_be_arrays_of_parts_and_pictures_hold_no_text():
    parts = [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "What is this?"}, "Say."]
    assert prompt_text([{"role": "user", "content": parts}]) == "What is this?\n\nSay."


@pytest.mark.parametrize(
    ("call", "value", "reason"),
    [
        (prompt_text, 5, "prompt is a number"),
        (prompt_text, [None], "a message is null"),
        (prompt_text, [{"content": 5}], "content of a message is a number"),
        (prompt_text, [{"content": [{"type": "text", "text": 5}]}], "content of a message holds a part"),
    ],
)
def test_invalid_messages_raise_an_error_with_the_reason(call, value, reason):
    with pytest.raises(RowError, match=f"^{reason}"):
        call(value)
