"""``sgram sample``: sample responses of a model to problems, graded."""

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from sgram.cli.console import Meter, meter, note, print_json, print_line, print_lines
from sgram.cli.option_groups import ADVANCED, INPUT
from sgram.cli.path_checks import check_outputs
from sgram.cli.shared_flags import AsJson, DryRun, number_flag, output_flag, path_argument
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.grading.answers import BOX_INSTRUCTION

if TYPE_CHECKING:
    from sgram.grading.outcome import Problem
    from sgram.scoring.endpoint_sampler import EndpointSampler
    from sgram.scoring.local_sampler import LocalSampler
    from sgram.scoring.sampled_file import SampleCounts, SampledFile
    from sgram.scoring.sampling import SampleRequest, SamplingConfig

_ADVANCED = Parameter(group=ADVANCED)
_MODEL_GROUP = Group("Model", sort_key=3)
_MODEL = Parameter(
    group=INPUT,
    help="A folder, smollm2, a name on the hub, or the URL of an OpenAI-compatible endpoint such as "
    "http://localhost:8000/v1.",
)
_PROBLEMS = path_argument(
    "Problems, JSONL or Parquet: problem, question or prompt (text or messages); answer if known.", INPUT
)
_OUTPUT = output_flag("File for the graded responses (.jsonl.gz).")
_SPLIT = Parameter(group=INPUT, help="Only the problems that sgram train --task holds out (test) or trains on (train).")
_ALLOW_EMPTY = Parameter(group=ADVANCED, negative="", help="Sample on if most of the first responses are empty.")


@Parameter(name="*")
@dataclass(frozen=True)
class SamplingFlags:
    """How responses are sampled."""

    n: Annotated[int, Parameter(name=["--samples", "-n"])] = 8
    """Responses to each problem."""
    temperature: float = 1.0
    """0 takes the likeliest token; needs -n 1."""
    top_p: Annotated[float, _ADVANCED] = 1.0
    """Draw from the likeliest tokens that have this share of probability together."""
    top_k: Annotated[int, _ADVANCED] = 0
    """Draw from this many likeliest tokens; 0: from all."""
    max_tokens: int = 1024
    """Maximum tokens of a response."""
    seed: Annotated[int, _ADVANCED] = 0
    """The same seed gives the same responses; of an endpoint as far as its server keeps seeds."""
    system: Annotated[str, _ADVANCED] = ""
    """Text of a system message before each problem."""
    instruction: Annotated[str, _ADVANCED] = BOX_INSTRUCTION
    """Text after each problem that has an answer; "" for none."""
    chat: Annotated[bool | None, Parameter(group=ADVANCED, name="--chat", negative="--no-chat")] = None
    """Use the chat template; --no-chat sends text. Default: where the tokenizer has one."""

    def config(self) -> "SamplingConfig":
        """Return these flags as a configuration; raise `UsageError` if it refuses them."""
        from sgram.scoring.sampling import SamplingConfig

        return SamplingConfig(
            self.n, self.temperature, self.top_p, self.top_k, self.max_tokens, self.seed, self.system, self.instruction
        )


@Parameter(name="*", group=_MODEL_GROUP)
@dataclass(frozen=True)
class SourceFlags:
    """Where the model runs."""

    batch_size: int = 8
    """Responses that a local model writes at once."""
    device: str = "cpu"
    """Device of a local model: cpu, cuda or cuda:0."""
    dtype: str = "float32"
    """Precision of a local model: float32, bfloat16 or float16."""
    model_name: str = ""
    """Name of the model at an endpoint."""
    key_env: str = "SGRAM_API_KEY"
    """Environment variable with the endpoint's API key."""
    parallel: int = 8
    """Requests in flight at the same time."""
    timeout: float = 600.0
    """Seconds after which a request is tried again."""


def sample(
    *,
    model: Annotated[str, _MODEL],
    problems: Annotated[str, _PROBLEMS],
    output: Annotated[Path | None, _OUTPUT] = None,
    sampling: SamplingFlags = SamplingFlags(),
    source: SourceFlags = SourceFlags(),
    split: Annotated[Literal["train", "test"] | None, _SPLIT] = None,
    limit: Annotated[int | None, number_flag("limit", 1, "Only the first problems, this many.", INPUT)] = None,
    allow_empty: Annotated[bool, _ALLOW_EMPTY] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Sample responses of a model to problems, and grade them. An interrupted job resumes with the same command.

    sgram sample --model smollm2 --problems gsm8k.jsonl -n 8 -o before.jsonl.gz

    sgram sample --model http://localhost:8000/v1 --problems p.jsonl -o out.jsonl.gz
    """
    from sgram.scoring.sampled_file import sample_file
    from sgram.scoring.sampling import make_requests
    from sgram.scoring.scored_file import check_format

    config = sampling.config()
    if output is None and not dry_run:
        raise UsageError("-o is missing: name a file for the responses, such as -o before.jsonl.gz")
    if output is not None:
        check_outputs({"-o": output}, [problems])
        check_format(output)
    chosen_problems = _read_problems(problems, split, limit)
    requests = make_requests(chosen_problems, config.n)
    sampler = _make_sampler(model, config, sampling.chat, source)
    _introduce(chosen_problems, config, sampler)
    if dry_run or output is None:
        _show_plan(requests, sampler, config, as_json)
        return
    with meter("sampling", len(requests), "responses") as bar:
        sampled = sample_file(
            requests,
            sampler,
            output,
            config,
            allow_empty=allow_empty,
            report_start=lambda n_pending: _set_total(bar, n_pending, len(requests)),
            report_progress=lambda counts: bar.update(counts.n_samples, _progress_text(bar, counts)),
        )
    _report(sampled, requests, as_json)


def _read_problems(path: str, split: Literal["train", "test"] | None, limit: int | None) -> "list[Problem]":
    """Return the problems of a file, those of `split` only if it is given."""
    from sgram.training.tasks.problems import ReadConfig, read_problems

    # without a split nothing is held out, and problems stay in the order of the file
    config = ReadConfig(requires_answer=False) if split else ReadConfig(requires_answer=False, test_share=0)
    problem_set = read_problems(path, config)
    if remark := problem_set.note():
        note(remark)
    rows = {"train": problem_set.train, "test": problem_set.test, None: (*problem_set.train, *problem_set.test)}[split]
    if not rows:
        raise InputError(f"{excerpt(path)} has no problem of the split {split}; leave out --split")
    return list(rows[:limit])


def _make_sampler(
    model: str, config: "SamplingConfig", chat: bool | None, source: SourceFlags
) -> "LocalSampler | EndpointSampler":
    if "://" in model:
        from sgram.scoring.endpoint_sampler import EndpointSampler, make_endpoint

        endpoint = make_endpoint(model, chat is not False, source.key_env, source.timeout)
        return EndpointSampler(endpoint, source.model_name, config, source.parallel)
    if source.model_name:
        raise UsageError("--model-name is the name of a model at an endpoint; give the endpoint's URL with --model")
    from sgram.scoring.local_sampler import LocalSampler
    from sgram.training.models import load_model

    loaded = load_model(model, source.dtype, source.device)
    return LocalSampler(loaded, model, config, source.batch_size, chat)


def _introduce(problems: "list[Problem]", config: "SamplingConfig", sampler: "LocalSampler | EndpointSampler") -> None:
    """Print what is sampled, and how prompts reach the model."""
    n_with_reference = sum(problem.reference is not None for problem in problems)
    note(
        f"{config.n} responses to each of {len(problems):,} problems from {excerpt(sampler.name, 100)}: "
        f"{sampler.describe()}"
    )
    if config.instruction and n_with_reference:
        whom = "problems" if n_with_reference == len(problems) else f"{n_with_reference:,} problems with an answer"
        note(f"{whom} end with '{excerpt(config.instruction, 200)}' (--instruction)")
    if n_with_reference < len(problems):
        note(f"{len(problems) - n_with_reference:,} problems have no answer: their responses are not graded")


def _set_total(bar: Meter, n_pending: int, n_requests: int) -> None:
    if n_pending < n_requests:
        note(f"{n_requests - n_pending:,} of {n_requests:,} responses are there from an interrupted job")
    bar.total = n_pending
    bar.update(0)


def _progress_text(bar: Meter, counts: "SampleCounts") -> str:
    """Return what stands behind the progress: correct responses, and the time left where no bar shows it."""
    text = f"{counts.n_correct:,} of {counts.n_judged:,} correct"
    if sys.stderr.isatty() or not bar.total or not counts.n_samples:
        return text
    seconds = (time.monotonic() - bar.started) / counts.n_samples * (bar.total - counts.n_samples)
    return f"{text}, about {_duration(seconds)} left"


def _show_plan(
    requests: "list[SampleRequest]", sampler: "LocalSampler | EndpointSampler", config: "SamplingConfig", as_json: bool
) -> None:
    """Print how many responses and tokens there would be, and how long it takes at most. Nothing is written."""
    from sgram.scoring.endpoint_sampler import EndpointSampler

    problems = list({request.problem.id: request.problem for request in requests}.values())
    seconds = None
    if isinstance(sampler, EndpointSampler):
        prompt_tokens = sampler.estimate_prompt_tokens(problems)
    else:
        prompt_tokens = sampler.encode_prompts(problems)
        seconds = sampler.measure_seconds(requests)
    plan = {
        "problems": len(problems),
        "responses": len(requests),
        "prompt_tokens": prompt_tokens * config.n,
        "max_response_tokens": len(requests) * config.max_tokens,
        "max_seconds": seconds,
    }
    if as_json:
        print_json("sample-plan", plan)
        return
    time_text = (
        "unknown: nothing is asked of an endpoint" if seconds is None else f"about {_duration(seconds)}, at most"
    )
    print_lines(
        [
            ("samples", f"{len(requests):,} responses to {len(problems):,} problems"),
            ("tokens", f"{plan['prompt_tokens']:,} of prompts, at most {plan['max_response_tokens']:,} of responses"),
            ("time", time_text),
        ]
    )


def _duration(seconds: float) -> str:
    """Return a duration in its natural unit.

    >>> _duration(45), _duration(5400), _duration(172_800)
    ('45 s', '90 min', '48 h')
    """
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"


def _report(sampled: "SampledFile", requests: "list[SampleRequest]", as_json: bool) -> None:
    counts = sampled.counts
    if as_json:
        print_json(
            "sample",
            {
                "output": str(sampled.path),
                "tokenizer": None if sampled.tokenizer is None else str(sampled.tokenizer),
                **asdict(counts),
                "n_reused": sampled.n_reused,
                "n_missing": sampled.n_missing,
                "first_fault": sampled.first_fault or None,
            },
        )
    note(f"{counts.n_samples:,} responses written to {sampled.path}")
    if counts.n_judged:
        note(f"{counts.n_correct:,} of {counts.n_judged:,} judged responses are correct")
    n_unjudged = counts.n_samples - counts.n_judged
    if n_unjudged and counts.n_judged:
        note(f"{n_unjudged:,} responses have no verdict")
    if counts.n_cut_off:
        note(f"{counts.n_cut_off:,} responses reached the limit of tokens (--max-tokens)")
    if counts.n_empty:
        note(f"{counts.n_empty:,} responses are empty")
    if sampled.n_missing:
        note(
            f"{sampled.n_missing:,} of {len(requests):,} responses are missing and left out (first: "
            f"{sampled.first_fault}); the same command asks for them again"
        )
    tokenizer = "" if sampled.tokenizer is None else f" --tokenizer {sampled.tokenizer}"
    note(f"next: sgram report {sampled.path}{tokenizer}")
    if not as_json:
        print_line(str(sampled.path))
