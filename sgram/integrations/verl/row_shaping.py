"""Advantages of verl's padded rows, shaped by `shape_advantages`: masks, sessions of several rows, metrics."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgram.errors import UsageError
from sgram.integrations.verl.settings import SECTION, VerlSettings
from sgram.tagging.tagger import PlanningTagger
from sgram.training.credit.shaping import shape_advantages

if TYPE_CHECKING:
    import torch

FIRST_BATCHES = 5
"""Batches over which the share of marked tokens is measured."""


@dataclass(frozen=True, slots=True, eq=False)
class RowBatch:
    """Padded rows of verl: B outputs of T tokens. The rows of one session share its advantage."""

    token_ids: Any
    response_mask: Any
    """(B, T), not 0 where a token is trained on."""
    advantages: Any
    """(B, T) float."""
    groups: Sequence[str]
    """(B,) key of the prompt."""
    rewards: Any
    """(B,) float."""
    sessions: Sequence[tuple[str, int]] | None = None
    """(B,) session and number of the row in it; None: every row is a session of its own."""
    entropies: Any = None


class RowShaper:
    """Function from a `RowBatch` to its (B, T) advantages by the method of the settings, and metrics for the log.

    `tokenizer` is what encoded the responses; only a method with a mask, or a lexicon for the log, needs it. Rows are
    tagged one by one, then the rows of a session are laid behind each other, so that a group is one of sessions: verl
    scores the last row of a session alone. Raise `UsageError` if advantages are not finite, or if the mask has marked
    nothing in the first five batches.
    """

    def __init__(self, settings: VerlSettings, tokenizer: Any) -> None:
        self.settings = settings
        self.tagger: PlanningTagger | None = None
        if settings.lexicon is not None:
            self.tagger = PlanningTagger(settings.lexicon, tokenizer, mask=settings.mask, scorer=settings.scorer)
        self._n_batches = self._n_marked = self._n_tokens = 0

    def __call__(self, batch: RowBatch) -> "tuple[torch.Tensor, dict[str, float]]":
        """See the class."""
        mask = batch.response_mask != 0
        planning_mask = self._mark(batch.token_ids, mask)
        method = self.settings.method
        sessions = None if batch.sessions is None else SessionRows.of(batch.sessions, mask)
        marked = planning_mask if method.mask != "none" else None
        rows: tuple[Any, ...] = (batch.advantages, batch.token_ids, mask, marked, batch.entropies)
        groups, rewards = batch.groups, batch.rewards
        if sessions is not None:
            rows = tuple(None if row is None else sessions.join(row) for row in rows)
            groups, rewards = [groups[row] for row in sessions.last_rows], rewards[sessions.last_rows]
        advantages, token_ids, long_mask, marked, entropies = rows
        shaped, metrics = shape_advantages(
            advantages,
            token_ids,
            long_mask,
            list(groups),
            marked,
            method,
            alpha=self.settings.alpha,
            rewards=rewards,
            entropies=entropies,
            **self.settings.options,
        )
        token_advantages: Any = shaped if sessions is None else sessions.split(shaped, batch.advantages)
        self._check(token_advantages, mask, planning_mask)
        if self.tagger is not None and metrics:
            metrics["planning/share"] = float(planning_mask.sum()) / float(mask.sum())
        return token_advantages, metrics

    def _mark(self, token_ids: Any, mask: Any) -> Any:
        """Return the (B, T) planning tokens inside of the response."""
        if self.tagger is None or not mask.numel():
            return mask & False
        is_known = token_ids < len(self.tagger.vocabulary.tokens)  # a padded table of embeddings has more ids
        planning_mask: Any = self.tagger(token_ids, mask & is_known)
        return planning_mask & mask

    def _check(self, advantages: Any, mask: Any, planning_mask: Any) -> None:
        method = self.settings.method
        if not advantages[mask].isfinite().all():
            raise UsageError(
                f"method {method.name} gives advantages that are not finite: its group statistics need a response "
                "token in every row, so use it without algorithm.rollout_correction.rollout_rs"
            )
        least = self.settings.min_mask_share
        if method.mask == "none" or not least or self._n_batches >= FIRST_BATCHES:
            return
        self._n_batches += 1
        self._n_marked += int(planning_mask.sum())
        self._n_tokens += int(mask.sum())
        if self._n_batches < FIRST_BATCHES or not self._n_tokens or self.settings.lexicon is None:
            return
        measured = (
            f"the lexicon {self.settings.lexicon.name} (mask {self.settings.mask}) marks {self._n_marked:,} of the "
            f"{self._n_tokens:,} response tokens of the first {FIRST_BATCHES} batches"
        )
        if not self._n_marked:
            raise UsageError(
                f"{measured}, so method {method.name} changes nothing: check that the lexicon and the responses are of "
                f"one language and style (sgram tag shows what is marked); {SECTION}.min_mask_share=0 trains anyway"
            )
        if self._n_marked < least * self._n_tokens:
            warnings.warn(
                f"{measured}, less than {least:.3g} of them: method {method.name} differs little from verl's "
                f"advantages; {SECTION}.min_mask_share sets this limit",
                RuntimeWarning,
                stacklevel=3,
            )


@dataclass(frozen=True, slots=True, eq=False)
class SessionRows:
    """Where the tokens of rows go when the rows of each session are laid behind each other."""

    is_token: Any
    """(B, T) bool: the tokens up to the last response token of a row."""
    rows: Any
    """(n,) session of each of these tokens."""
    columns: Any
    """(n,) place in it."""
    shape: tuple[int, int]
    """Number of sessions, tokens of the longest one."""
    last_rows: list[int]
    """The last row of each session."""

    @classmethod
    def of(cls, sessions: Sequence[tuple[str, int]], mask: Any) -> "SessionRows | None":
        """Return the places for the (B, T) `mask`; None if every session has one row.

        A session has a name and its rows a number, in the order of which they follow each other.
        """
        rows_of: dict[str, list[int]] = {}
        for row, (session, _) in enumerate(sessions):
            rows_of.setdefault(session, []).append(row)
        if len(rows_of) == len(sessions):
            return None
        for rows in rows_of.values():
            rows.sort(key=lambda row: sessions[row][1])
        import torch

        steps = torch.arange(mask.shape[1], device=mask.device)
        lengths = ((steps + 1) * mask).amax(1)
        starts, numbers = lengths.new_zeros(len(sessions)), lengths.new_zeros(len(sessions))
        longest = 0
        for number, rows in enumerate(rows_of.values()):
            start = 0
            for row in rows:
                starts[row], numbers[row] = start, number
                start += int(lengths[row])
            longest = max(longest, start)
        is_token = steps < lengths[:, None]
        return cls(
            is_token=is_token,
            rows=numbers[:, None].expand_as(mask)[is_token],
            columns=(starts[:, None] + steps)[is_token],
            shape=(len(rows_of), longest),
            last_rows=[rows[-1] for rows in rows_of.values()],
        )

    def join(self, rows: Any) -> Any:
        """Return (B, T) rows as one row a session, 0 behind its tokens."""
        joined = rows.new_zeros(self.shape)
        joined[self.rows, self.columns] = rows[self.is_token]
        return joined

    def split(self, joined: Any, rows: Any) -> Any:
        """Return the (B, T) rows with the tokens of `joined`; other places are those of `rows`."""
        split = rows.clone()
        split[self.is_token] = joined[self.rows, self.columns]
        return split
