"""A task of sums with known truth, forms of short texts, and a writer that writes what a test tells it."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from sgram.grading.outcome import Problem, TaskOutcome
from sgram.training.evolve.protocols import Judgement, QuestionTruth, Reading, Written

END = "<end>"


@cache
def score_tokenizer(whole_ten: bool, has_seven: bool = True):
    """A byte-level tokenizer whose words and numbers below 10 are tokens with the space before them.

    10 is a token, too, or else the digits 1 and 0. Without a token for 7, it is a space and a digit. "8." is a token
    that the tokenizer never writes.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    number = "[0-9]+" if whole_ten else "[0-9]"
    pieces = pre_tokenizers.Split(Regex(rf" ?{number}| ?[^\s0-9\p{{L}}]| ?[\p{{L}}]+|\s+"), "isolated")
    words = ["Score", "ĠScore", "Ġfine", "fine", "Ġ8."]
    words += [f"Ġ{score}" for score in range(1, 11 if whole_ten else 10) if has_seven or score != 7]
    tokens = [END, *sorted(pre_tokenizers.ByteLevel.alphabet()), *words]
    model = models.BPE({token: number for number, token in enumerate(tokens)}, [], ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


class WordForms:
    """Forms of a judge that ends its text with "Score N"; questions and answers are what the text says."""

    score_marker = "Score"

    def proposer_prompt(self, rng: np.random.Generator, reference: str | None) -> str:
        return "propose" if reference is None else f"vary {reference}"

    def solver_prompt(self, question: str) -> str:
        return f"solve {question}"

    def judge_question_prompt(self, question: str) -> str:
        return f"judge {question}"

    def judge_answer_prompt(self, question: str, answer: str) -> str:
        return f"judge {question} {answer}"

    def read_proposal(self, text: str) -> Reading:
        return Reading(text.strip()) if text.strip() else Reading(None, "empty")

    def read_answer(self, text: str) -> Reading:
        if self.score_marker in text:
            return Reading(None, "judge-marker")
        return Reading(text.strip()) if text.strip() else Reading(None, "empty")

    def read_judgement(self, text: str) -> Judgement:
        match = re.fullmatch(r"(.*?)\s*Score\s+(10|[1-9])", text.strip(), re.DOTALL)
        return Judgement(text, None, "no-score") if match is None else Judgement(match[1], int(match[2]))

    def normal_form(self, question: str) -> str:
        return " ".join(question.lower().split())


class SumTask:
    """Questions such as "2 + 3?", each with one right answer; a response is right if it is the sum."""

    name = "sums"
    forms = WordForms()

    def start_questions(self) -> Sequence[str]:
        return ["1 + 1?", "1 + 2?"]

    def fixed_problems(self) -> Sequence[Problem]:
        return [self.read_question(text).problem for text in ("1 + 1?", "2 + 5?")]

    def held_out_problems(self) -> Sequence[Problem]:
        return [self.read_question("3 + 3?").problem]

    def judge_responses(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        outcomes = []
        for problem, response in zip(problems, responses, strict=True):
            is_correct = None if response == "?" else response == problem.reference
            outcomes.append(TaskOutcome(None if is_correct is None else float(is_correct), is_correct, response))
        return outcomes

    def read_question(self, question: str) -> QuestionTruth:
        match = re.fullmatch(r"([0-9]) \+ ([0-9])\?", question)
        if match is None:
            return QuestionTruth(None, fault="unreadable")
        total = int(match[1]) + int(match[2])
        return QuestionTruth(Problem(question, question, str(total)), "small" if total < 5 else "large")

    def levels(self) -> Mapping[str, str]:
        return {"small": "easy", "large": "hard"}


class ScriptedWriter:
    """Writes the texts that it is given, in their order; probabilities of tokens come from a function of the prefix."""

    def __init__(
        self, tokenizer, texts: Sequence[str] = (), shares: Callable[[str, str], Mapping[str, float]] | None = None
    ) -> None:
        self.tokenizer, self._texts, self._shares = tokenizer, list(texts), shares
        self.calls: list[list[str]] = []
        """The prompts of each call of `write`."""
        self.n_passes = 0
        """Calls of `token_shares`."""

    def write(self, prompts: Sequence[str]) -> list[Written]:
        self.calls.append(list(prompts))
        texts, self._texts = self._texts[: len(prompts)], self._texts[len(prompts) :]
        return [self.written(text) for text in texts]

    def written(self, text: str) -> Written:
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return Written(text, (*ids, self.tokenizer.eos_token_id))

    def token_shares(self, prompts, ids, candidates):
        self.n_passes += 1
        rows = []
        for prompt, prefix in zip(prompts, ids, strict=True):
            shares = self._shares(prompt, self.tokenizer.decode(list(prefix)))
            rows.append([shares.get(self.tokenizer.decode([candidate]), 0.0) for candidate in candidates])
        return np.array(rows)
