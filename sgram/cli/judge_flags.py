"""Flags of a model that judges wrong rollouts. Knows nothing about diagnosing."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.errors import UsageError

if TYPE_CHECKING:
    from sgram.diagnosis.judge import JudgeConfig


@Parameter(name="*")
@dataclass(frozen=True)
class JudgeFlags:
    """Asking a model too; it is asked only where --judge is given."""

    judge: str | None = None
    """URL of an OpenAI-compatible endpoint, such as http://localhost:8000/v1."""
    judge_model: str = ""
    """Model to ask, as the endpoint calls it."""
    judge_traces: int = 100
    """Wrong traces that it is asked about, drawn by --seed."""
    judge_repeats: int = 1
    """Times that it judges each; the majority counts."""
    judge_temperature: float = 0.0
    """Temperature of its sampling."""
    judge_key_env: str = "SGRAM_JUDGE_KEY"
    """Environment variable that holds the key."""
    judge_parallel: int = 4
    """Questions that are open at a time."""
    judge_dir: Path = Path("reports")
    """Folder that remembers the replies, so that running again asks only for what is missing."""
    price_in: float | None = None
    """Price of a million tokens that it reads."""
    price_out: float | None = None
    """Price of a million tokens that it writes."""
    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Say what asking it would take, and do not ask."""

    def check(self) -> None:
        """Refuse flags that cannot be meant, before anything is read."""
        if self.judge is None:
            if self.judge_model or self.dry_run:
                raise UsageError("--judge-model and --dry-run are for a judge; give its URL with --judge")
            return
        if self.judge_traces < 1:
            raise UsageError("--judge-traces takes a number of traces from 1")
        self.config()

    def config(self) -> "JudgeConfig":
        """The same for the judge."""
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
