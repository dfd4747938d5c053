"""Models and data that TRL's own tests load from the hub, made here: the same names, random weights, no network.

A folder that holds `trl-internal-testing/<name>` is the working directory of the tests, so that transformers and
datasets find these names as folders. The sizes are those of TRL's tiny models. Their tokenizer is Qwen's, if
`qwen.tiktoken` is given (the package dashscope has it), else a small BPE of traces, with which a step takes a small
part of the time; the few tests that write Qwen's ids then fail with any trainer.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

OWNER = "trl-internal-testing"
N_SMALL = 2_000
"""Tokens of the small tokenizer, special ones apart."""
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
"""Qwen's special tokens, from id 151,643 on."""
ADDED = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
)
"""Added tokens after them, which are text."""
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen splits a text before it merges bytes."""
TRAIN = (
    *("Beautiful is better than", "Explicit is", "Simple is better", "Complex", "Flat is better than"),
    *("Sparse is better", "Readability", "Special cases aren't special", "Although practicality beats"),
    *("Errors should never", "Unless explicitly", "In the face of ambiguity, refuse", "There should be one-- and"),
    *("Although that way may not be obvious at first unless", "Now is better than", "Although never is often"),
    "If the implementation is hard to explain,",
)
"""Beginnings of PEP 20's lines; the tests expect the first twelve."""
TEST = ("If the implementation is easy", "Namespaces are one")
TINY = {
    "hidden_size": 8,
    "intermediate_size": 32,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
}
ENDS = {"pad_token_id": "<|endoftext|>", "eos_token_id": "<|im_end|>", "bos_token_id": "<|endoftext|>"}


def make_stand_ins(folder: Path, qwen: Path | None) -> None:
    """Make the folder's models and data set, unless an earlier call did; `qwen` is the path of qwen.tiktoken."""
    owned = folder / OWNER
    if (owned / "made").exists():
        return
    owned.mkdir(parents=True, exist_ok=True)
    _write_zen(owned / "zen")
    tokenizer = _qwen_like_tokenizer(qwen)
    for name, make in _models().items():
        template = "qwen3" if "Qwen3" in name else "qwen2_5"
        _save(owned / name, make, tokenizer, template)
    (owned / "made").touch()


def _models() -> dict[str, Callable[[Any], Any]]:
    """Name -> function from the tokenizer to a model."""
    import transformers as hf

    def small(config: Any, model: Any, **more: Any) -> Callable[[Any], Any]:
        def make(tokenizer: Any) -> Any:
            ends = {name: tokenizer.token_to_id(token) for name, token in ENDS.items()}
            size = tokenizer.get_vocab_size(with_added_tokens=True)
            return model(config(vocab_size=size, **TINY, **ends, **more))

        return make

    moe = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 2}
    return {
        "tiny-Qwen2ForCausalLM-2.5": small(hf.Qwen2Config, hf.Qwen2ForCausalLM),
        "tiny-Qwen3ForCausalLM": small(hf.Qwen3Config, hf.Qwen3ForCausalLM, head_dim=2),
        "tiny-Qwen3MoeForCausalLM": small(hf.Qwen3MoeConfig, hf.Qwen3MoeForCausalLM, **moe),
        "tiny-Gemma2ForCausalLM": small(hf.Gemma2Config, hf.Gemma2ForCausalLM, head_dim=2),
        "tiny-Qwen2ForSequenceClassification-2.5": small(
            hf.Qwen2Config, hf.Qwen2ForSequenceClassification, num_labels=1
        ),
        "tiny-Qwen3ForSequenceClassification": small(
            hf.Qwen3Config, hf.Qwen3ForSequenceClassification, num_labels=1, head_dim=2
        ),
        "tiny-LlamaForSequenceClassification-3.2": small(
            hf.LlamaConfig, hf.LlamaForSequenceClassification, num_labels=1
        ),
    }


def _save(folder: Path, make: Callable[[Any], Any], tokenizer: Any, template: str) -> None:
    import torch
    import trl
    from transformers import PreTrainedTokenizerFast

    torch.manual_seed(0)
    model = make(tokenizer)
    model.save_pretrained(folder)
    special = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    saved = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
    templates = Path(trl.__file__).parent / "chat_templates"
    saved.chat_template = (templates / f"{template}.jinja").read_text(encoding="utf-8")
    saved.save_pretrained(folder)


def _qwen_like_tokenizer(qwen: Path | None) -> Any:
    """A `tokenizers.Tokenizer` with Qwen's special tokens: Qwen's own, or one of few tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    if qwen is None:
        from tagging_inputs import trained_bpe, training_texts

        tokenizer = trained_bpe(training_texts()[0][:100], N_SMALL)
    else:
        from transformers.convert_slow_tokenizer import TikTokenConverter

        vocabulary, merges = TikTokenConverter(vocab_file=str(qwen)).extract_vocab_merges_from_model(str(qwen))
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, fuse_unk=False))
        split = pre_tokenizers.Split(Regex(WORDS), behavior="isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
        tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    tokenizer.add_tokens([AddedToken(text) for text in ADDED])
    tokenizer.add_special_tokens([AddedToken("<|finetune_right_pad_id|>", special=True)])  # Llama's
    return tokenizer


def _write_zen(folder: Path) -> None:
    """The data set `zen` in the two forms that the tests of GRPO read."""
    configurations = []
    for name in ("standard_prompt_only", "conversational_prompt_only"):
        files = []
        for split, texts in (("train", TRAIN), ("test", TEST)):
            path = folder / name / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            is_chat = name.startswith("conversational")
            prompts: list[Any] = [[{"role": "user", "content": text}] if is_chat else text for text in texts]
            path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts), encoding="utf-8")
            files.append(f"  - split: {split}\n    path: {name}/{split}.jsonl\n")
        configurations.append(f"- config_name: {name}\n  data_files:\n{''.join(files)}")
    (folder / "README.md").write_text(f"---\nconfigs:\n{''.join(configurations)}---\n", encoding="utf-8")
