"""Prompts: a problem's text or chat, followed by an instruction how to answer."""

from collections.abc import Mapping

Prompt = str | tuple[Mapping[str, str], ...]
"""Text, or the messages of a chat."""


def add_instruction(problem: Prompt, instruction: str, chat: bool = False) -> Prompt:
    r"""Return `problem` with `instruction` after a blank line; in a chat, at the end of its last message.

    With `chat`, a text becomes a chat of one user message. An empty `instruction` adds nothing.

    >>> add_instruction("1+1?", "Be brief.")
    '1+1?\n\nBe brief.'
    """
    if isinstance(problem, str):
        text = _add_to_text(problem, instruction)
        return ({"role": "user", "content": text},) if chat else text
    *earlier, last = problem
    return (*earlier, {**last, "content": _add_to_text(last["content"], instruction)})


def prompt_text(prompt: Prompt) -> str:
    """Return the text of a prompt, of a chat that of its last message.

    >>> prompt_text(({"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}))
    '1+1?'
    """
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def _add_to_text(text: str, instruction: str) -> str:
    return f"{text.rstrip()}\n\n{instruction}" if instruction else text
