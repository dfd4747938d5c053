"""How good a policy is on held-out problems. Knows nothing about how it was trained."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sgram.grading.outcome import Problem, TaskOutcome
from sgram.lexicon import Lexicon
from sgram.metrics import semantic_entropy
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.tagger import PlanningTagger
from sgram.training.tasks.task import Task
from sgram.training.trainer.sampler import sample_rows

_SAMPLED_TOKENS = 1 << 15
"""Most tokens that are sampled together, prompts not counted."""
_FORWARD_TOKENS = 4096
"""Tokens whose logits are held at once."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a policy did on held-out problems. Shares are of the `n` responses that were judged; entropies in nats."""

    n: int
    pass_at_1: float | None
    errors: Mapping[str, float]
    """Share of strategic, procedural and format errors; empty where the task cannot tell."""
    planning_entropy: float | None = None
    execution_entropy: float | None = None
    planning_share: float | None = None
    semantic_entropy: float | None = None
    length: float | None = None
    """Tokens of a response, mean."""
    n_problems: int = 0
    by_problem: tuple[tuple[int, int], ...] = ()
    """(responses, correct ones) of each problem, in the task's order: for intervals over problems."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Evaluation":
        """Back from `to_json`."""
        pairs = tuple((int(n), int(right)) for n, right in given["by_problem"])
        return cls(**{**given, "by_problem": pairs})


@dataclass(frozen=True, slots=True)
class Sampled:
    """Responses to problems: row i answers ``problems[i]``."""

    problems: list[Problem]
    ids: list[list[int]]
    texts: list[str]


class Policy:
    """A model and its tokenizer, to sample from."""

    def __init__(self, model: Any, tokenizer: Any, *, max_tokens: int, temperature: float, eos_ids: Sequence[int]):
        self.model, self.tokenizer = model, tokenizer
        self.max_tokens, self.temperature, self.eos_ids = max_tokens, temperature, tuple(eos_ids)

    def sample(
        self, problems: Sequence[Problem], n: int, seed: int, tell: Callable[[int], None] | None = None
    ) -> Sampled:
        """`n` responses, problem by problem in turns, drawn by `seed`; torch's own random state stays as it is."""
        generator = torch.Generator(device=self.model.device).manual_seed(seed)
        asked = [problems[number % len(problems)] for number in range(n)]
        was_training = self.model.training
        self.model.eval()
        ids: list[list[int]] = []
        try:
            size = max(1, _SAMPLED_TOKENS // self.max_tokens)
            for start in range(0, n, size):
                batch = asked[start : start + size]
                ids += sample_rows(
                    self.model,
                    [self.prompt_ids(each) for each in batch],
                    max_new_tokens=self.max_tokens,
                    eos_ids=self.eos_ids,
                    pad_id=self.tokenizer.pad_token_id,
                    temperature=self.temperature,
                    generator=generator,
                )
                if tell is not None:
                    tell(len(ids))
        finally:
            self.model.train(was_training)
        return Sampled(asked, ids, self.tokenizer.batch_decode(ids, skip_special_tokens=True))

    def prompt_ids(self, problem: Problem) -> list[int]:
        """A prompt as token ids; messages go through the tokenizer's chat template."""
        if isinstance(problem.prompt, str):
            return self.tokenizer(problem.prompt)["input_ids"]
        found = self.tokenizer.apply_chat_template(list(problem.prompt), add_generation_prompt=True, tokenize=True)
        return list(found["input_ids"] if isinstance(found, Mapping) else found)

    @torch.no_grad()
    def entropies(self, sampled: Sampled) -> list[torch.Tensor]:
        """Entropy (nats) of the distribution that each response token was drawn from, a row a response."""
        known = [(self.prompt_ids(each), ids) for each, ids in zip(sampled.problems, sampled.ids, strict=True)]
        widths = [len(prompt) + len(ids) for prompt, ids in known]
        entropies: list[torch.Tensor | None] = [None] * len(known)
        was_training = self.model.training
        self.model.eval()
        try:
            batch: list[int] = []
            for row in sorted(range(len(known)), key=widths.__getitem__):
                if batch and widths[row] * (len(batch) + 1) > _FORWARD_TOKENS:
                    self._entropies_of(batch, known, entropies)
                    batch = []
                batch.append(row)
            if batch:
                self._entropies_of(batch, known, entropies)
        finally:
            self.model.train(was_training)
        return entropies

    def _entropies_of(self, rows: list[int], known: list, entropies: list) -> None:
        width = max(len(known[row][0]) + len(known[row][1]) for row in rows)
        device, pad = self.model.device, self.tokenizer.pad_token_id
        joined = [known[row][0] + known[row][1] for row in rows]
        ids = torch.tensor([each + [pad] * (width - len(each)) for each in joined], device=device)
        attended = torch.tensor([[1] * len(each) + [0] * (width - len(each)) for each in joined], device=device)
        logits = self.model(input_ids=ids, attention_mask=attended).logits.float() / self.temperature
        logps = logits.log_softmax(-1)
        values = -(logps.exp() * logps).sum(-1).cpu()
        for place, row in enumerate(rows):
            first = len(known[row][0]) - 1
            entropies[row] = values[place, first : first + len(known[row][1])]


def evaluate(
    policy: Policy,
    task: Task,
    lexicon: Lexicon | None,
    n: int,
    seed: int = 0,
    tell: Callable[[int], None] | None = None,
) -> Evaluation:
    """Sample `n` responses to the held-out problems and judge them."""
    problems = task.problems("test")
    sampled = policy.sample(problems, n, seed, tell)
    verdicts = task.judge(sampled.problems, sampled.texts)
    judged = [verdict for verdict in verdicts if verdict.correct is not None]
    right = sum(bool(verdict.correct) for verdict in judged)
    lengths = [len(ids) for ids in sampled.ids]
    return Evaluation(
        n=len(judged),
        pass_at_1=right / len(judged) if judged else None,
        errors=_errors(judged),
        length=sum(lengths) / len(lengths),
        n_problems=min(n, len(problems)),
        by_problem=_by_problem(sampled.problems, verdicts),
        **_entropies(policy, sampled, lexicon),
    )


def _errors(judged: Sequence[TaskOutcome]) -> dict[str, float]:
    counts = Counter(verdict.error for verdict in judged if verdict.error is not None)
    if not counts and not all(verdict.correct for verdict in judged):
        return {}  # the task cannot tell kinds apart
    return {kind: counts[kind] / len(judged) for kind in ("strategic", "procedural", "format")} if judged else {}


def _by_problem(problems: Sequence[Problem], verdicts: Sequence[TaskOutcome]) -> tuple[tuple[int, int], ...]:
    found: dict[str, list[int]] = {}
    for problem, verdict in zip(problems, verdicts, strict=True):
        if verdict.correct is not None:
            pair = found.setdefault(problem.id, [0, 0])
            pair[0] += 1
            pair[1] += verdict.correct
    return tuple((n, right) for n, right in found.values())


def _entropies(policy: Policy, sampled: Sampled, lexicon: Lexicon | None) -> dict[str, float]:
    if lexicon is None:
        return {}
    finder = SpanFinder(lexicon)
    grams = Counter(span.gram for text in sampled.texts for span in finder(text))
    found = {"semantic_entropy": float(semantic_entropy(grams))} if grams else {}
    size = getattr(policy.model.config.get_text_config(), "vocab_size", None)
    masks = PlanningTagger(lexicon, policy.tokenizer, vocab_size=size).rows(sampled.ids)
    planning = torch.cat([torch.from_numpy(mask) for mask in masks])
    values = torch.cat(policy.entropies(sampled)).double()
    found["planning_share"] = planning.double().mean().item()
    for name, kind in (("planning_entropy", planning), ("execution_entropy", ~planning)):
        if kind.any():
            found[name] = values[kind].mean().item()
    return found
