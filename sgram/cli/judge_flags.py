"""Flags of the model that judges wrong rollouts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli.number_checks import check_minimum
from sgram.errors import UsageError

if TYPE_CHECKING:
    from sgram.diagnosis.judge import JudgeConfig


@Parameter(name="*")
@dataclass(frozen=True)
class JudgeFlags:
    """Ask a model as well; without --judge no model is asked."""

    judge: str | None = None
    """URL of an OpenAI-compatible endpoint, such as http://localhost:8000/v1."""
    judge_model: str = ""
    """Name of the model at the endpoint."""
    judge_traces: int = 100
    """Number of wrong traces that it judges, sampled by --seed."""
    judge_repeats: int = 1
    """Judgments for each trace; the majority counts."""
    judge_temperature: float = 0.0
    """Sampling temperature of the judge."""
    judge_key_env: str = "SGRAM_JUDGE_KEY"
    """Environment variable with the API key."""
    judge_parallel: int = 4
    """Requests in flight at the same time."""
    judge_dir: Path = Path("reports")
    """Folder for the replies; a second run asks only for missing ones."""
    price_in: float | None = None
    """Price of a million input tokens."""
    price_out: float | None = None
    """Price of a million output tokens."""
    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print requests, tokens and price without asking."""

    def check(self) -> None:
        """Raise `UsageError` for invalid flags, before anything is read."""
        if self.judge is None:
            if self.judge_model or self.dry_run:
                raise UsageError("--judge-model and --dry-run need a judge; give its URL with --judge")
            return
        check_minimum("judge-traces", self.judge_traces, 1)
        self.config()

    def config(self) -> "JudgeConfig":
        """Return these flags as the judge's configuration; raise `UsageError` if it refuses them."""
        from sgram.diagnosis.judge import JudgeConfig
        from sgram.diagnosis.judge_client import Endpoint

        return JudgeConfig(
            endpoint=Endpoint(self.judge or "", self.judge_key_env),
            model=self.judge_model,
            repeats=self.judge_repeats,
            temperature=self.judge_temperature,
            parallel=self.judge_parallel,
            price_in=self.price_in,
            price_out=self.price_out,
        )
