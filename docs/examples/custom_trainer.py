"""HICRA in a trainer of your own: advantages that give planning tokens more credit.

The trainer has token ids (B, T), a mask of the response tokens, rewards (B,) and a key for each prompt.
`shape_advantages` returns advantages (B, T) to put into the loss. Arrays are numpy here;
torch tensors stay tensors, on their device.

Run: `python docs/examples/custom_trainer.py`
"""

import numpy as np

from sgram import PlanningTagger
from sgram.training import group_advantages, shape_advantages

# Your tokenizer: one of transformers, tokenizers, tiktoken or sentencepiece. Here each byte is a token.
tokenizer = [bytes([byte]) for byte in range(256)]
tagger = PlanningTagger("sgram", tokenizer)

responses = ["Wait, let me check. 4", "4", "Let me try another way. 5", "5"]
width = max(map(len, responses))
ids = np.array([list(text.encode().ljust(width, b"\0")) for text in responses])  # (B, T)
response_mask = np.array([[position < len(text) for position in range(width)] for text in responses])  # (B, T)
rewards, prompts = [1.0, 1.0, 0.0, 0.0], ["2+2"] * 4

advantages = group_advantages(rewards, prompts)  # (B,)
for method in ("grpo", "hicra", "hicra-symmetric"):
    shaped, metrics = shape_advantages(
        advantages, ids, response_mask, prompts, tagger, method, alpha=0.5, rewards=rewards
    )  # (B, T)
    values = [sorted(set(row[mask].round(3).tolist())) for row, mask in zip(shaped, response_mask, strict=True)]
    print(f"{method:16} {values}")
