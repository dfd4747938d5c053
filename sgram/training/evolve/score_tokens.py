"""The expected score of a judgement: the mean score by the probabilities of the score's token.

A judge writes an analysis, then its marker and a score. The analysis is sampled; behind it and the marker, the policy
gives each score a probability. Their mean has less noise than the one score that was sampled.

Scores 1 to 9 must be one token each, with whatever the sampled score's token has before its digits, such as a space. If
the tokenizer writes 10 as one token, that is the tenth candidate. If it writes 10 as "1" and "0", the probability of 10
is that of "1" times that of "0" behind it, the one of 1 is that of "1" times that of no digit behind it, and a second
pass of the model computes them. Whatever else a tokenizer does gives no expected score.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from sgram.array_types import FloatArray
from sgram.tagging.vocabulary import Vocabulary
from sgram.training.evolve.protocols import MAX_SCORE, Writer

_SCORE = re.compile(rb"\s*([0-9]{1,3})")
_DIGITS = tuple(str(digit).encode() for digit in range(10))


class ScorePosition(NamedTuple):
    """Where the token of a score stands in a judge's text."""

    prefix: tuple[int, ...]
    """Token ids before it."""
    lead: bytes
    """What the token has before the digits."""
    between: bytes
    """What stands between the marker and the digits."""


class ScoreTokens:
    """The tokens of scores behind a judge's marker, for one tokenizer."""

    def __init__(self, tokenizer: Any, marker: str) -> None:
        self._tokenizer, self._marker = tokenizer, marker.encode()
        self._tokens = Vocabulary.from_tokenizer(tokenizer).tokens
        self._ids: dict[bytes, list[int]] = {}
        """Bytes of a token -> its ids."""
        for token_id, token in enumerate(self._tokens):
            if token:
                self._ids.setdefault(token, []).append(token_id)
        self._splits_ten: dict[bytes, bool | None] = {}

    def find(self, ids: Sequence[int], score: int) -> ScorePosition | None:
        """Return where the score behind the last marker stands; None if it is another or its token has more text."""
        tokens = self._spell(ids)
        text = b"".join(tokens)
        marker_start = text.rfind(self._marker)
        match = _SCORE.match(text, marker_start + len(self._marker)) if marker_start >= 0 else None
        if match is None or int(match[1]) != score:
            return None
        ends = list(accumulate(map(len, tokens)))
        row = bisect_right(ends, match.start(1))  # the token with the first digit
        n_lead = match.start(1) - (ends[row] - len(tokens[row]))
        if not tokens[row][n_lead:].isdigit():
            return None
        between = text[marker_start + len(self._marker) : match.start(1)]
        return ScorePosition(tuple(ids[:row]), tokens[row][:n_lead], between)

    def expected_scores(
        self, writer: Writer, prompts: Sequence[str], positions: Sequence[ScorePosition | None]
    ) -> list[float | None]:
        """Return the mean score, from 1 to `MAX_SCORE`, behind each prompt and the prefix of its position.

        It is None without a position, or if the tokenizer has no tokens for the scores there.
        """
        scores: list[float | None] = [None] * len(positions)
        rows_by_lead: dict[tuple[bytes, bytes], dict[int, tuple[int, ...]]] = {}
        for row, position in enumerate(positions):
            if position is not None:
                rows_by_lead.setdefault((position.lead, position.between), {})[row] = position.prefix
        for (lead, between), prefix_by_row in rows_by_lead.items():
            candidates = [self._ids.get(lead + str(score).encode(), []) for score in range(1, MAX_SCORE + 1)]
            splits_ten = self._writes_ten_as_two(lead, between)
            if splits_ten is None or not all(candidates[:-1]) or not (candidates[-1] or splits_ten):
                continue
            row_prompts = [prompts[row] for row in prefix_by_row]
            prefixes = list(prefix_by_row.values())
            shares = _summed_shares(writer, row_prompts, prefixes, candidates)  # (rows, MAX_SCORE)
            if splits_ten:
                behind_one = [(*prefix, candidates[0][0]) for prefix in prefixes]
                digits = _summed_shares(
                    writer, row_prompts, behind_one, [self._ids.get(digit, []) for digit in _DIGITS]
                )
                shares[:, -1] += shares[:, 0] * digits[:, 0]
                shares[:, 0] *= 1.0 - digits.sum(axis=1)
            sums = shares.sum(axis=1)
            means = shares @ np.arange(1.0, MAX_SCORE + 1) / np.where(sums > 0, sums, np.nan)
            for row, mean in zip(prefix_by_row, means.tolist(), strict=True):
                scores[row] = mean if mean == mean else None
        return scores

    def _spell(self, ids: Sequence[int]) -> list[bytes]:
        """Return the bytes of each id; a special token, or an id that only the model has, has none."""
        return [(self._tokens[token_id] if token_id < len(self._tokens) else None) or b"" for token_id in ids]

    def _writes_ten_as_two(self, lead: bytes, between: bytes) -> bool | None:
        """Return whether the tokenizer writes 10 as "1" and "0"; None if it writes it neither so nor as one token."""
        key = lead + b"\0" + between
        if key not in self._splits_ten:
            text = (self._marker + between).decode() + str(MAX_SCORE)
            *_, before_last, last = [
                b"",
                b"",
                *self._spell(self._tokenizer(text, add_special_tokens=False)["input_ids"]),
            ]
            is_split = last == b"0" and before_last == lead + b"1"
            is_whole = last == lead + b"10"
            self._splits_ten[key] = is_split if is_split or is_whole else None
        return self._splits_ten[key]


def _summed_shares(
    writer: Writer, prompts: Sequence[str], prefixes: Sequence[Sequence[int]], candidates: Sequence[Sequence[int]]
) -> FloatArray:
    """Return (N, C): the probability that the next token is one of the ids of each candidate."""
    ids = [token_id for candidate in candidates for token_id in candidate]
    shares = np.asarray(writer.token_shares(prompts, prefixes, ids), np.float64)
    edges = np.cumsum([0, *map(len, candidates)])
    sums: FloatArray = np.stack(
        [shares[:, start:end].sum(axis=1) for start, end in zip(edges[:-1], edges[1:], strict=True)], axis=1
    )
    return sums
