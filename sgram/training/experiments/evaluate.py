"""Sample from a policy, and measure it on held-out problems."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from sgram.grading.outcome import Problem, TaskOutcome
from sgram.lexicon import Lexicon, SentenceScorerLike
from sgram.metrics import semantic_entropy
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import MaskKind
from sgram.tagging.tagger import PlanningTagger
from sgram.training.tasks.prompts import PromptForm
from sgram.training.tasks.task import Task
from sgram.training.trainer.sampler import sample_rows
from sgram.training.trainer.step_metrics import detail_shares, error_shares

_SAMPLED_TOKENS = 1 << 15
"""Upper bound of the tokens sampled in one batch, without prompts."""
_FORWARD_TOKENS, _FORWARD_LOGITS = 4096, 1 << 25
"""Upper bounds of the tokens and of the logits that are in memory at once, in some copies; one response may exceed
them."""


def sampled_rows(max_tokens: int) -> int:
    """Return how many responses are sampled in one batch.

    >>> sampled_rows(112)
    292
    """
    return max(1, _SAMPLED_TOKENS // max_tokens)


def forward_tokens(vocab: int, longest: int) -> int:
    """Return for how many tokens logits are computed at once, if no sequence has more than `longest` tokens.

    >>> forward_tokens(640, 200), forward_tokens(49_152, 200), forward_tokens(49_152, 2000)
    (4096, 682, 2000)
    """
    return max(longest, min(_FORWARD_TOKENS, _FORWARD_LOGITS // vocab))


@dataclass(frozen=True, slots=True)
class PolicyEvaluation:
    """Measurements of a policy on held-out problems. Shares are of the `n` judged responses; entropies are in nats."""

    n: int
    pass_at_1: float | None
    errors: Mapping[str, float | None]
    """Share of strategic, procedural and format errors; None if the task does not recognize the kind."""
    planning_entropy: float | None = None
    execution_entropy: float | None = None
    planning_share: float | None = None
    semantic_entropy: float | None = None
    length: float | None = None
    """Mean number of tokens of a response."""
    n_problems: int = 0
    by_problem: tuple[tuple[int, int], ...] = ()
    """(responses, correct responses) of each problem, in the task's order: for intervals over problems."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Share of responses for which each detail of their outcome (`TaskOutcome.details`) is true."""

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "PolicyEvaluation":
        """Return the evaluation that `to_json` wrote.

        >>> evaluation = PolicyEvaluation(2, 0.5, {}, by_problem=((2, 1),))
        >>> PolicyEvaluation.from_json(evaluation.to_json()) == evaluation
        True
        """
        by_problem = tuple((int(n_responses), int(n_correct)) for n_responses, n_correct in document["by_problem"])
        return cls(**{**document, "by_problem": by_problem})


@dataclass(frozen=True, slots=True)
class SampledResponses:
    """Responses to problems: row i answers ``problems[i]``."""

    problems: list[Problem]
    ids: list[list[int]]
    texts: list[str]


class Policy:
    """A model and its tokenizer with fixed sampling settings. Prompts have the form `form`, by default the model's."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_tokens: int,
        temperature: float,
        eos_ids: Sequence[int],
        top_p: float = 1.0,
        top_k: int = 0,
        form: PromptForm | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.form = form or PromptForm.choose(tokenizer, "the model")
        self.top_p, self.top_k = top_p, top_k
        self.max_tokens, self.temperature, self.eos_ids = max_tokens, temperature, tuple(eos_ids)

    def sample(
        self, problems: Sequence[Problem], n: int, seed: int, on_sampled: Callable[[int], None] | None = None
    ) -> SampledResponses:
        """Return `n` responses, drawn by `seed`; each problem gets one in turn until there are `n`.

        torch's own random state does not change. `on_sampled` gets the number of responses so far, batch by batch.
        """
        generator = torch.Generator(device=self.model.device).manual_seed(seed)
        sampled_problems = [problems[number % len(problems)] for number in range(n)]
        was_training = self.model.training
        self.model.eval()
        ids: list[list[int]] = []
        try:
            size = sampled_rows(self.max_tokens)
            for start in range(0, n, size):
                ids += sample_rows(
                    self.model,
                    [self.prompt_ids(problem) for problem in sampled_problems[start : start + size]],
                    max_new_tokens=self.max_tokens,
                    eos_ids=self.eos_ids,
                    pad_id=self.tokenizer.pad_token_id,
                    temperature=self.temperature,
                    top_p=self.top_p,
                    top_k=self.top_k,
                    generator=generator,
                )
                if on_sampled is not None:
                    on_sampled(len(ids))
        finally:
            self.model.train(was_training)
        return SampledResponses(sampled_problems, ids, self.tokenizer.batch_decode(ids, skip_special_tokens=True))

    def prompt_ids(self, problem: Problem) -> list[int]:
        """Return a prompt as token ids. Raise `UsageError` if it cannot have the form of the others."""
        return self.form.encode(problem.prompt, problem.id)

    @torch.no_grad()
    def entropies(self, responses: SampledResponses) -> list[torch.Tensor]:
        """Return, for each response, the entropies (nats) of the policy's distributions at the sampling temperature.

        They are those before `top_p` and `top_k`, as in training.
        """
        pairs = [
            (self.prompt_ids(problem), ids) for problem, ids in zip(responses.problems, responses.ids, strict=True)
        ]
        widths = [len(prompt) + len(ids) for prompt, ids in pairs]
        entropies: dict[int, torch.Tensor] = {}
        limit = forward_tokens(self.model.config.get_text_config().vocab_size, max(widths, default=0))
        was_training = self.model.training
        self.model.eval()
        try:
            batch: list[int] = []
            for row in sorted(range(len(pairs)), key=widths.__getitem__):
                if batch and widths[row] * (len(batch) + 1) > limit:
                    entropies |= self._batch_entropies(batch, pairs)
                    batch = []
                batch.append(row)
            if batch:
                entropies |= self._batch_entropies(batch, pairs)
        finally:
            self.model.train(was_training)
        return [entropies[row] for row in range(len(pairs))]

    def _batch_entropies(
        self, rows: Sequence[int], pairs: Sequence[tuple[list[int], list[int]]]
    ) -> dict[int, torch.Tensor]:
        """Return row -> entropies of its response, by one forward pass over these rows of (prompt, response) ids."""
        width = max(len(pairs[row][0]) + len(pairs[row][1]) for row in rows)
        device, pad_id = self.model.device, self.tokenizer.pad_token_id
        sequences = [pairs[row][0] + pairs[row][1] for row in rows]
        ids = torch.tensor([sequence + [pad_id] * (width - len(sequence)) for sequence in sequences], device=device)
        attention_mask = torch.tensor(
            [[1] * len(sequence) + [0] * (width - len(sequence)) for sequence in sequences], device=device
        )
        logits = self.model(input_ids=ids, attention_mask=attention_mask).logits.float() / self.temperature
        logps = logits.log_softmax(-1)
        entropies = -(logps.exp() * logps).sum(-1).cpu()
        by_row = {}
        for index, row in enumerate(rows):
            first = len(pairs[row][0]) - 1
            by_row[row] = entropies[index, first : first + len(pairs[row][1])]
        return by_row


def evaluate(
    policy: Policy,
    task: Task,
    lexicon: Lexicon | None,
    n: int,
    seed: int = 0,
    on_sampled: Callable[[int], None] | None = None,
    mask: MaskKind = "grams",
    scorer: SentenceScorerLike = "sgram",
) -> PolicyEvaluation:
    """Sample `n` responses to the held-out problems, judge them and return the measurements.

    `mask` and `scorer` say which tokens are planning tokens; semantic entropy is that of all grams. Without a `lexicon`
    the entropies and the planning share are None.
    """
    problems = task.problems("test")
    responses = policy.sample(problems, n, seed, on_sampled)
    outcomes = task.judge(responses.problems, responses.texts)
    correct = [outcome.correct for outcome in outcomes]
    judged = [is_correct for is_correct in correct if is_correct is not None]
    lengths = [len(ids) for ids in responses.ids]
    return PolicyEvaluation(
        n=len(judged),
        pass_at_1=sum(judged) / len(judged) if judged else None,
        errors=error_shares(correct, [outcome.error for outcome in outcomes], getattr(task, "error_kinds", None)),
        length=sum(lengths) / len(lengths),
        n_problems=min(n, len(problems)),
        by_problem=_count_by_problem(responses.problems, outcomes),
        details=detail_shares(outcome.details for outcome in outcomes),
        **_entropy_measures(policy, responses, lexicon, mask, scorer),
    )


def _count_by_problem(problems: Sequence[Problem], outcomes: Sequence[TaskOutcome]) -> tuple[tuple[int, int], ...]:
    counts: dict[str, tuple[int, int]] = {}
    for problem, outcome in zip(problems, outcomes, strict=True):
        if outcome.correct is not None:
            n_responses, n_correct = counts.get(problem.id, (0, 0))
            counts[problem.id] = n_responses + 1, n_correct + outcome.correct
    return tuple(counts.values())


def _entropy_measures(
    policy: Policy, responses: SampledResponses, lexicon: Lexicon | None, mask: MaskKind, scorer: SentenceScorerLike
) -> dict[str, float]:
    if lexicon is None:
        return {}
    find_spans = SpanFinder(lexicon)
    gram_counts = Counter(span.gram for text in responses.texts for span in find_spans(text))
    measures: dict[str, float] = {}
    if (entropy := semantic_entropy(gram_counts)) is not None:
        measures["semantic_entropy"] = float(entropy)
    vocab_size = getattr(policy.model.config.get_text_config(), "vocab_size", None)
    tagger = PlanningTagger(lexicon, policy.tokenizer, vocab_size=vocab_size, mask=mask, scorer=scorer)
    is_planning = torch.cat([torch.from_numpy(row_mask) for row_mask in tagger.tag_rows(responses.ids)])
    entropies = torch.cat(policy.entropies(responses)).double()
    measures["planning_share"] = is_planning.double().mean().item()
    for name, is_class in (("planning_entropy", is_planning), ("execution_entropy", ~is_planning)):
        if is_class.any():
            measures[name] = entropies[is_class].mean().item()
    return measures
