"""Prompts: a problem's text or chat, followed by an instruction how to answer, in the form that a model expects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt

Messages = tuple[Mapping[str, str], ...]
Prompt = str | Messages
"""Text, or the messages of a chat."""
_END_CHARS = 60


def add_instruction(problem: Prompt, instruction: str) -> Prompt:
    r"""Return `problem` with `instruction` after a blank line; in a chat, at the end of its last message.

    An empty `instruction` adds nothing.

    >>> add_instruction("1+1?", "Be brief.")
    '1+1?\n\nBe brief.'
    """
    if isinstance(problem, str):
        return _add_to_text(problem, instruction)
    *earlier, last = problem
    return (*earlier, {**last, "content": _add_to_text(last["content"], instruction)})


def prompt_text(prompt: Prompt) -> str:
    """Return the text of a prompt, of a chat that of its last message.

    >>> prompt_text(({"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}))
    '1+1?'
    """
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def as_messages(prompt: Prompt) -> Messages:
    """Return a prompt as a chat; a text becomes one message of the user.

    >>> as_messages("1+1?")
    ({'role': 'user', 'content': '1+1?'},)
    """
    return ({"role": "user", "content": prompt},) if isinstance(prompt, str) else prompt


def as_text(prompt: Prompt, problem_id: str, reason: str) -> str:
    """Return a prompt as one text.

    Raise `UsageError` for a conversation of several messages; `reason` says why the model has no chat.

    >>> as_text(({"role": "user", "content": "1+1?"},), "a", "--no-chat")
    '1+1?'
    """
    if isinstance(prompt, str):
        return prompt
    if len(prompt) > 1:
        raise UsageError(
            f"problem {excerpt(problem_id, 60)} is a conversation of {len(prompt)} messages, which needs a chat, and "
            f"there is none ({reason}); write its prompt as one text"
        )
    return prompt[0]["content"]


def is_empty_response(text: str, n_tokens: int | None) -> bool:
    """Return whether a response has no text or consists of one token; `n_tokens` is None if it is unknown.

    >>> is_empty_response("4", 1), is_empty_response("4", 2), is_empty_response(" ", None)
    (True, False, True)
    """
    return not text.strip() or (n_tokens is not None and n_tokens <= 1)


@dataclass(frozen=True, slots=True)
class PromptForm:
    """How prompts reach a model: as chats by the chat template of its tokenizer, or as plain text."""

    tokenizer: Any
    model: str
    """Name of the model, for messages."""
    is_chat: bool

    @classmethod
    def choose(cls, tokenizer: Any, model: str, chat: bool | None = None) -> "PromptForm":
        """Return the form of prompts: chats if the tokenizer has a chat template, unless `chat` says otherwise.

        Raise `UsageError` if `chat` is true and the tokenizer has no template.
        """
        form = cls(tokenizer, model, is_chat=False)
        if chat and not form.has_template:
            raise UsageError(
                f"--chat needs a chat template, and the tokenizer of {excerpt(model, 100)} has none: leave out --chat, "
                "or take a tokenizer with a template"
            )
        return replace(form, is_chat=form.has_template if chat is None else chat)

    @property
    def has_template(self) -> bool:
        """Whether the tokenizer has a chat template."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    @property
    def reason(self) -> str:
        """Why prompts are plain text."""
        return "--no-chat" if self.has_template else "no chat template"

    def describe(self) -> str:
        """Return a sentence on the form, which names the flag that changes it."""
        model = excerpt(self.model, 100)
        if self.is_chat:
            return f"prompts are chats, by the chat template of {model}; --no-chat sends plain text"
        if self.has_template:
            return f"prompts are plain text, without the chat template of {model} (--no-chat)"
        return f"prompts are plain text: the tokenizer of {model} has no chat template"

    def suggest(self) -> str:
        """Return what to do if responses are empty."""
        if self.is_chat:
            return "if the model was never trained on chats, use --no-chat; if it is a checkpoint, look at its training"
        if self.has_template:
            return "the tokenizer has a chat template: leave out --no-chat"
        return "if this is a chat model, take a tokenizer with its chat template; else end prompts as the model expects"

    def apply(self, prompt: Prompt, problem_id: str) -> Prompt:
        """Return a prompt as messages or as text. Raise `UsageError` for a conversation if there is no chat."""
        return as_messages(prompt) if self.is_chat else as_text(prompt, problem_id, self.reason)

    def encode(self, prompt: Prompt, problem_id: str, remedy: str = "") -> list[int]:
        """Return a prompt as token ids, at least one.

        Raise `UsageError` if the template refuses the chat; `remedy` is a further thing to do then.
        """
        prompt = self.apply(prompt, problem_id)
        if isinstance(prompt, str):
            return list(self.tokenizer(prompt)["input_ids"]) or [
                self.tokenizer.bos_token_id or self.tokenizer.eos_token_id
            ]
        messages = [dict(message) for message in prompt]
        try:
            encoding = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
        except Exception as error:  # a template raises whatever its author chose
            raise UsageError(
                f"the chat template refuses problem {excerpt(problem_id, 60)}: {excerpt(str(error), 120)}; use "
                f"--no-chat, or change its messages{remedy}"
            ) from error
        return list(encoding if isinstance(encoding, list) else encoding["input_ids"])

    def prompt_end(self, prompt: Prompt, problem_id: str) -> str:
        """Return the last characters of what the model reads, special tokens included."""
        text: str = self.tokenizer.decode(self.encode(prompt, problem_id)[-_END_CHARS:])
        return text[-_END_CHARS:]


def _add_to_text(text: str, instruction: str) -> str:
    return f"{text.rstrip()}\n\n{instruction}" if instruction else text
