"""What a policy is asked: a problem's text or chat, and how to answer. Knows nothing about answers or files."""

from collections.abc import Mapping

Prompt = str | tuple[Mapping[str, str], ...]


def prompt_with(problem: Prompt, instruction: str, chat: bool = False) -> Prompt:
    """`problem` with the `instruction` after a blank line, in a chat at the end of its last message.

    With `chat`, a text becomes a chat of one message of the user.
    """
    if isinstance(problem, str):
        asked = f"{problem.rstrip()}\n\n{instruction}" if instruction else problem
        return ({"role": "user", "content": asked},) if chat else asked
    *before, last = problem
    return (*before, {**last, "content": prompt_with(last["content"], instruction)})
