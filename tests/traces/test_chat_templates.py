import pytest

from sgram.traces.chat_templates import split_template


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        (
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n",
            "4<|im_end|>",
        ),
        (
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "4",
        ),
        ("<bos><start_of_turn>user\n2+2?<end_of_turn>\n<start_of_turn>model\n", "4<end_of_turn>"),
        ("<｜begin▁of▁sentence｜><｜User｜>2+2?<｜Assistant｜>", "<think>\nHmm.\n</think>\n\n4"),
        ("<s>[INST] 2+2? [/INST]", " 4</s>"),
        ("Below is an instruction.\n\n### Instruction:\n2+2?\n\n### Response:\n", "4"),
    ],
)
def test_a_turn_of_a_user_and_one_of_the_model_are_told_apart(prompt, response):
    assert split_template(prompt + response) == (prompt, response)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is 4.",
        "<think>\nHmm.\n</think>\n\n4",
        "I write ### Instruction: x\n### Response:\n4",
        "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>assistant\n4",
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n",
    ],
)
def test_other_texts_are_left_whole(text):
    assert split_template(text) is None
