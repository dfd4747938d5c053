"""The form of prompts: chats where the tokenizer has a template, text elsewhere, and never a mixture."""

import copy

import pytest

pytest.importorskip("transformers", reason="needs sgram[train]")

from sgram.errors import UsageError
from sgram.training.experiments.run_config import RunConfig
from sgram.training.tasks.prompts import PromptForm, as_messages
from tests.builders import tiny_policy

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
CONVERSATION = ({"role": "system", "content": "Think."}, {"role": "user", "content": "How many?"})


@pytest.fixture(scope="module")
def plain():
    return tiny_policy.tokenizer()


@pytest.fixture(scope="module")
def templated(plain):
    tokenizer = copy.deepcopy(plain)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def test_the_tokenizer_chooses_the_form_and_the_flag_overrules_it(plain, templated):
    forms = {chat: PromptForm.choose(templated, "m", chat) for chat in (None, True, False)}
    assert [form.is_chat for form in forms.values()] == [True, True, False]
    assert forms[None].describe() == "prompts are chats, by the chat template of m; --no-chat sends plain text"
    assert forms[False].describe() == "prompts are plain text, without the chat template of m (--no-chat)"
    assert not PromptForm.choose(plain, "m").is_chat
    assert not PromptForm.choose(plain, "m", False).is_chat
    with pytest.raises(UsageError, match="--chat needs a chat template, and the tokenizer of m has none: leave out"):
        PromptForm.choose(plain, "m", True)


def test_texts_and_chats_of_one_file_reach_the_model_in_one_form(plain, templated):
    chat, text = PromptForm.choose(templated, "m"), PromptForm.choose(templated, "m", False)
    message = as_messages("How many?")
    for prompt in ("How many?", message):
        assert chat.apply(prompt, "p") == message
        assert text.apply(prompt, "p") == "How many?"
        assert chat.encode(prompt, "p") == plain("user: How many?\nassistant: ")["input_ids"]
        assert text.encode(prompt, "p") == plain("How many?")["input_ids"]
    assert chat.encode(CONVERSATION, "p") == plain("system: Think.\nuser: How many?\nassistant: ")["input_ids"]
    assert chat.prompt_end("How many?", "p").endswith("How many?\nassistant: ")
    for form, reason in ((text, "--no-chat"), (PromptForm.choose(plain, "m"), "no chat template")):
        with pytest.raises(UsageError, match=rf"problem p is a conversation of 2 messages.*\({reason}\)"):
            form.apply(CONVERSATION, "p")
    assert PromptForm.choose(plain, "m").encode("", "p") == [plain.bos_token_id or plain.eos_token_id]


def test_the_option_of_a_task_cannot_contradict_the_flag():
    with pytest.raises(UsageError, match="chat is no option of a task; use --chat or --no-chat"):
        RunConfig(task_options={"chat": True})
