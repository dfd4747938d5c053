"""Texts that hold a prompt and its response in the markers of a chat template, as data for fine-tuning do."""

_TURNS = (
    ("<|im_start|>user", "<|im_start|>assistant\n"),
    ("<|start_header_id|>user<|end_header_id|>", "<|start_header_id|>assistant<|end_header_id|>\n\n"),
    ("<start_of_turn>user", "<start_of_turn>model\n"),
    ("<｜User｜>", "<｜Assistant｜>"),
    ("<|user|>", "<|assistant|>\n"),
    ("[INST]", "[/INST]"),
    ("### Instruction:", "### Response:\n"),
)
"""Beginnings of a turn of the user and of the model: ChatML, Llama 3, Gemma, DeepSeek, Zephyr, Mistral, Alpaca."""
_BEGINNINGS = ("<", "[INST]", "###", "Below is an instruction")


def split_template(text: str) -> tuple[str, str] | None:
    r"""Return (prompt, response) of a text that is one turn of a user and one of the model, each with its markers.

    None if it is anything else: a text without markers at its beginning, or with several turns.

    >>> split_template("<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>")
    ('<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n', '4<|im_end|>')
    >>> split_template("It is 4.") is None
    True
    """
    if not text.lstrip().startswith(_BEGINNINGS):
        return None
    for asked, answered in _TURNS:
        start = text.find(asked)
        end = text.find(answered, start + len(asked)) if start >= 0 else -1
        if end >= 0:
            end += len(answered)
            is_one_turn = text.find(asked, start + len(asked)) < 0 and text.find(answered, end) < 0
            return (text[:end], text[end:]) if is_one_turn and text[end:].strip() else None
    return None
