"""Flags of the model that judges wrong rollouts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sgram.cli import judge_tables
from sgram.cli.console import meter
from sgram.cli.number_checks import check_minimum
from sgram.cli.option_groups import JUDGE
from sgram.errors import UsageError

if TYPE_CHECKING:
    from sgram.diagnosis.judge import JudgeConfig, Judgment
    from sgram.diagnosis.kinds import Diagnosis
    from sgram.traces import Trace


@Parameter(name="*", group=JUDGE)
@dataclass(frozen=True)
class JudgeFlags:
    """Ask a model as well; without --judge no model is asked."""

    judge: str | None = None
    """URL of an OpenAI-compatible endpoint, such as http://localhost:8000/v1, or a judge of an installed package."""
    judge_model: str = ""
    """Name of the model at the endpoint."""
    judge_traces: int = 100
    """Number of wrong traces that it judges, sampled by --seed; rated ones (--ratings) are judged as well."""
    judge_repeats: int = 1
    """Judgments for each trace; the majority counts."""
    judge_temperature: float = 0.0
    """Sampling temperature of the judge."""
    judge_key_env: str = "SGRAM_JUDGE_KEY"
    """Environment variable with the API key."""
    judge_parallel: int = 4
    """Requests in flight at the same time."""
    judge_tokens: int = 600
    """Maximum tokens of a reply; a model that thinks before it answers needs thousands."""
    judge_seconds: float = 300.0
    """Time limit of one request, however much of its reply has come."""
    judge_dir: Path = Path("reports")
    """Folder for the replies; a second run asks only for missing ones."""
    price_in: float | None = None
    """Price of a million input tokens."""
    price_out: float | None = None
    """Price of a million output tokens."""
    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print requests, tokens and price without asking."""

    @property
    def name(self) -> str:
        """What tables call the judge: its model, else its own name."""
        return self.judge_model or self.judge or ""

    @property
    def is_endpoint(self) -> bool:
        """Whether the judge is a model behind a URL."""
        return self.judge is not None and (bool(self.judge_model) or "/" in self.judge or ":" in self.judge)

    def check(self) -> None:
        """Raise `UsageError` for invalid flags, before anything is read."""
        if self.judge is None:
            if self.judge_model or self.dry_run:
                raise UsageError("--judge-model and --dry-run need a judge; give its URL with --judge")
            return
        check_minimum("judge-traces", self.judge_traces, 1)
        if self.is_endpoint:
            self.config()
        else:
            from sgram.diagnosis.judges import find_judge

            find_judge(self.judge)

    def config(self) -> "JudgeConfig":
        """Return these flags as the judge's configuration; raise `UsageError` if it refuses them."""
        from sgram.diagnosis.judge import JudgeConfig
        from sgram.diagnosis.judge_client import Endpoint

        return JudgeConfig(
            endpoint=Endpoint(
                self.judge or "", self.judge_key_env, timeout=self.judge_seconds, total=self.judge_seconds
            ),
            model=self.judge_model,
            repeats=self.judge_repeats,
            temperature=self.judge_temperature,
            max_tokens=self.judge_tokens,
            parallel=self.judge_parallel,
            price_in=self.price_in,
            price_out=self.price_out,
        )

    def ask(self, sample: "list[tuple[Trace, Diagnosis]]") -> "list[Judgment] | None":
        """Return the judgment of each trace of the sample, and print what it took; None for a dry run.

        Raise `SgramError` if the judge answers nothing.
        """
        from sgram.diagnosis.judge import Judge, JudgeReport, estimate_cost
        from sgram.diagnosis.judges import NamedJudge, find_judge

        traces = [trace for trace, _ in sample]
        config = self.config() if self.is_endpoint else None
        if self.dry_run:
            planned = JudgeReport(n_replies=len(traces)) if config is None else estimate_cost(traces, config)
            judge_tables.print_costs(planned, config, planned=True)
            return None
        judge: Judge | NamedJudge
        if config is None:
            judge = NamedJudge(find_judge(self.name), self.judge_dir)
        else:
            judge = Judge(config, self.judge_dir)
        judgments = []
        with meter("judging", len(traces), "traces") as bar:
            for judgment in judge(traces):
                judgments.append(judgment)
                bar.update(len(judgments))
        judge_tables.print_costs(judge.report, config)
        return judgments
