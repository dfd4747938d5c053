"""Special tokens and sizes of the testbed's tokenizers."""

PAD, END = "<|pad|>", "<|end|>"
VOCABULARY = 640
"""Largest number of tokens of the tokenizer that learns merges."""
N_TEXTS = 2000
"""Prompts and responses that a tokenizer is made from."""
