"""What a run of `sgram evolve` remembers from step to step, beside its weights: pools and gate."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, excerpt, write_bytes
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.gate import Gate
from sgram.training.evolve.pool import PairPool, PoolQuestion, QuestionPool, question_id
from sgram.training.evolve.protocols import EvolveTask
from sgram.training.evolve.truths import question_text

QUESTIONS_FILE, PAIRS_FILE, STATE_FILE = "questions.jsonl", "pairs.jsonl", "state.json"


@dataclass(slots=True)
class EvolveState:
    """Pools and gate of a run. They change in each step; a checkpoint holds them as they are then."""

    questions: QuestionPool
    pairs: PairPool
    gate: Gate
    kinds: set[str] = field(default_factory=set)
    """Kinds of the valid questions that were proposed so far."""

    @classmethod
    def start(cls, config: EvolveConfig, task: EvolveTask) -> "EvolveState":
        """Return the state before the first step. Raise `UsageError` if the task has no questions to start with."""
        if config.proposer == "none" and config.fixed_questions == "train":
            source, texts = "fixed", [question_text(problem) for problem in task.fixed_problems()]
        else:
            source, texts = "start", list(task.start_questions())
        if not texts:
            raise UsageError(f"the task {excerpt(task.name)} has no questions to begin with; it needs at least one")
        questions = QuestionPool(task.forms.normal_form)
        for text in texts:
            questions.add(PoolQuestion(question_id(task.forms.normal_form(text)), text, 0, source))
        gate = replace(Gate.parse(config.gate), may_admit_all=config.judge == "oracle")
        return cls(questions, PairPool(), gate)

    def save(self, folder: Path) -> None:
        """Write the state into a folder, each file atomically."""
        self.questions.save(folder / QUESTIONS_FILE)
        self.pairs.save(folder / PAIRS_FILE)
        write_bytes(folder / STATE_FILE, canonical_json({"gate": self.gate.to_json(), "kinds": sorted(self.kinds)}))

    @classmethod
    def load(cls, folder: Path, task: EvolveTask) -> "EvolveState":
        """Return the state that `save` wrote. Raise `InputError` if it cannot be read."""
        try:
            document: Any = orjson.loads((folder / STATE_FILE).read_bytes())
            return cls(
                QuestionPool.load(folder / QUESTIONS_FILE, task.forms.normal_form),
                PairPool.load(folder / PAIRS_FILE),
                Gate.from_json(document["gate"]),
                set(document["kinds"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"cannot read the pools in {excerpt(folder)} ({error}); delete this checkpoint and run again"
            ) from error
