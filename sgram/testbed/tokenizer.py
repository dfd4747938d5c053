"""The tokenizer of a testbed, as a Hugging Face tokenizer. Equal settings give equal bytes."""

from typing import TYPE_CHECKING

from sgram.testbed.families import family_of
from sgram.testbed.problems import AnyConfig
from sgram.testbed.vocabulary import END, PAD, VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def make_tokenizer(config: AnyConfig, vocabulary: int = VOCABULARY) -> "PreTrainedTokenizerFast":
    """Return the tokenizer of a testbed. It pads on the left; `END` ends a text, and nothing is put before one."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(family_of(config).make_tokenizer(config, vocabulary)),
        pad_token=PAD,
        eos_token=END,
        bos_token=END,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
