"""A plug-in of pytest for trl_grpo_tests.py: puts sgram's trainer in the place of TRL's, and notes what came of tests.

Environment: SGRAM_ARM is "trl" (nothing is replaced) or a credit method; SGRAM_OUTCOMES is the file to write;
SGRAM_MAX_STEPS, if not empty, is the number of steps after which training ends.
"""

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

ARM = os.environ["SGRAM_ARM"]
OUTCOMES = Path(os.environ["SGRAM_OUTCOMES"])
N_WORDS = 20_000
"""Of the lexicon: tiny models sample noise, so that a share of their tokens is marked only if grams are many."""
_outcomes: dict[str, dict[str, str]] = {}
_counts = {"tokens": 0, "marked": 0}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Replace the names in the module of the tests; they are looked up when a test runs."""
    _change_defaults(os.environ.get("SGRAM_MAX_STEPS", ""))
    if ARM == "trl":
        return
    trainer, config = _replacements()
    for module in {item.module for item in session.items if isinstance(item, pytest.Function)}:
        module.GRPOTrainer, module.GRPOConfig = trainer, config  # type: ignore[attr-defined]


def _change_defaults(max_steps: str) -> None:
    """Of every configuration, TRL's own included. Without a GPU, TRL's default of bf16 is refused."""
    import torch
    from trl import GRPOConfig

    complete = GRPOConfig.__post_init__

    def complete_changed(self: Any) -> None:
        if not torch.cuda.is_available():
            self.use_cpu, self.bf16 = True, False
        if max_steps and self.max_steps < 0:
            self.max_steps = int(max_steps)
        complete(self)

    GRPOConfig.__post_init__ = complete_changed  # type: ignore[method-assign]


def _replacements() -> tuple[type, Any]:
    """(`HICRATrainer` with a lexicon, `HICRAConfig` of the method).

    No check of the mask's share: some tests sample ids that are no words.
    """
    from sgram.training import HICRAConfig, HICRATrainer

    class TestedTrainer(HICRATrainer):
        """`HICRATrainer` whose lexicon marks words of its tokenizer's vocabulary."""

        def __init__(self, model: Any, reward_funcs: Any = None, args: Any = None, *more: Any, **named: Any) -> None:
            super().__init__(model, reward_funcs, args, *more, lexicon=_lexicon(), **named)

        def _masks(self, token_ids: Any, mask: Any) -> Any:
            masks = super()._masks(token_ids, mask)
            _counts["tokens"] += int(mask.sum())
            _counts["marked"] += int(masks[0].sum())
            return masks

    return TestedTrainer, functools.partial(HICRAConfig, method=ARM, min_mask_share=0)


@functools.cache
def _lexicon() -> Any:
    from transformers import AutoTokenizer

    from sgram.lexicon import Lexicon

    tokenizer = AutoTokenizer.from_pretrained("trl-internal-testing/tiny-Qwen2ForCausalLM-2.5")
    pieces = (piece[1:] for piece in tokenizer.get_vocab() if piece.startswith("Ġ"))  # a blank, then a word
    words = sorted({piece for piece in pieces if piece.isascii() and piece.isalpha() and piece.islower()})
    return Lexicon.from_grams(words[:: max(1, len(words) // N_WORDS)], name="words")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the outcome of the phase that decided a test."""
    if report.when != "call" and report.outcome == "passed":
        return
    reason = ""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
    elif report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash is not None else str(report.longrepr)
    outcome = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
    name = report.nodeid.partition("::")[2]
    _outcomes[name] = {"outcome": outcome, "reason": reason, "seconds": f"{report.duration:.1f}"}


def pytest_sessionfinish() -> None:
    """Write the outcomes."""
    OUTCOMES.write_text(json.dumps({"tests": _outcomes, "counts": _counts}), encoding="utf-8")
