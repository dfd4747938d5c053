"""Rows of verl's queue, drawn from a few words, and their planning tokens by two lines of plain Python."""

import random
from dataclasses import dataclass

import torch

from sgram.testbed import TestbedConfig, make_tokenizer

LEXICON = "[verify,check the]"
"""The grams, as users type a list."""
_TOKENIZER = make_tokenizer(TestbedConfig())
VERIFY, CHECK, THE, *OTHERS = _TOKENIZER.convert_tokens_to_ids(
    ["Ġverify", "Ġcheck", "Ġthe", "Ġboxes", "Ġcrates", "Ġ7", "Ġso", "Ġby"]
)


@dataclass
class Rows:
    """Rows of one batch, by the keys that verl gives them: ``{uid}_{session}_{number}``."""

    by_key: dict[str, dict]

    @classmethod
    def draw(cls, rng: random.Random, sessions_of_prompts: list[int], rows_of_session: int) -> "Rows":
        """Return rows of 1 to 60 tokens in random order; a reward of 0 or 1 is that of the last row of a session."""
        by_key = {}
        for prompt, n_sessions in enumerate(sessions_of_prompts):
            for session in range(n_sessions):
                n_rows = 1 if rows_of_session == 1 else rng.randint(1, rows_of_session)
                for number in range(n_rows):
                    reward = float(rng.random() < 0.4) if number == n_rows - 1 else 0.0
                    by_key[f"prompt{prompt}_{session}_{number}"] = cls._row(rng, f"prompt{prompt}", reward)
        keys = list(by_key)
        rng.shuffle(keys)
        return cls({key: by_key[key] for key in keys})

    @staticmethod
    def _row(rng: random.Random, uid: str, reward: float) -> dict:
        length = rng.randint(1, 60)
        words = rng.choices([VERIFY, CHECK, THE, *OTHERS], [1, 3, 3, *[2] * len(OTHERS)], k=length)
        mask = [float(rng.random() < 0.9) for _ in range(length - 1)] + [1.0]  # 0: what a tool wrote
        scores = torch.zeros(length)
        scores[-1] = reward
        return {
            "uid": uid,
            "responses": torch.tensor(words),
            "response_mask": torch.tensor(mask).long(),
            "rm_scores": scores,
            "old_log_probs": torch.tensor([-rng.random() for _ in words]),
            "entropy": torch.tensor([2 * rng.random() for _ in words]),
        }

    @property
    def keys(self) -> list[str]:
        """Keys of the rows, in the order of the batch."""
        return list(self.by_key)

    @property
    def n_tokens(self) -> int:
        """Number of tokens that are trained on."""
        return sum(int(row["response_mask"].sum()) for row in self.by_key.values())


def planning_mask(row: dict) -> torch.Tensor:
    """Return the tokens of "verify" and of "check the", where no token of a tool stands between them."""
    words, mask = row["responses"].tolist(), row["response_mask"].tolist()
    marked = [word == VERIFY and bool(is_own) for word, is_own in zip(words, mask, strict=True)]
    for place in range(len(words) - 1):
        if words[place : place + 2] == [CHECK, THE] and all(mask[place : place + 2]):
            marked[place] = marked[place + 1] = True
    return torch.tensor(marked)
