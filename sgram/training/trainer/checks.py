"""Checks that stop a run with a clear error instead of letting it train silently on wrong data."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer, TrainerCallback

from sgram.errors import SgramError, UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon, LexiconLike, as_lexicon
from sgram.training.credit.method import Method
from sgram.training.credit.shaping import check_known_when_sampled
from sgram.training.trainer.config import HICRAConfig
from sgram.training.trainer.loss_reduction import PER_TOKEN_LOSSES
from sgram.training.trainer.processes import gather_list, holds_anywhere
from sgram.training.trainer.sequence_ratio import find_token_obstacle

TraceNames = Callable[[list[int] | None], list[str]]
"""Function from rows of the current batch (None: all rows) to the ids of their traces."""
_LISTED_TRACES = 8


def _model_name(model: Any) -> str:
    """Return the name of a model that is given as a name or as an object, "" if it has none."""
    return model if isinstance(model, str) else getattr(model.config, "_name_or_path", "")


def resolve_config(args: Any, model: Any) -> HICRAConfig:
    """Return `args`, or for None the settings of the paper. Raise `UsageError` unless it is a `HICRAConfig`."""
    if args is None:
        name = _model_name(model) or "model"
        return HICRAConfig(f"{name.rstrip('/').split('/')[-1]}-HICRA")
    if not isinstance(args, HICRAConfig):
        raise UsageError(
            f"args must be a HICRAConfig (got {type(args).__name__}); it is GRPOConfig with method= and alpha="
        )
    return args


def resolve_lexicon(lexicon: LexiconLike | None, method: Method) -> Lexicon | None:
    """Return the lexicon, loaded if it is a path or preset, made if it is a list of phrases.

    Raise `UsageError` if the method needs a lexicon and there is none; no default is used instead.
    """
    if lexicon is not None:
        return as_lexicon(lexicon)
    if method.mask != "none":
        raise UsageError(
            f"method {method.name} gives credit to planning tokens, so it needs lexicon=: mine one from rollouts "
            "(sgram mine TRACES -o lexicon.json), name a preset such as sgram, or list phrases"
        )
    return None


def check_processing_class(model: Any, positional: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Raise `UsageError` if the tokenizer of the model cannot be found; planning masks need its token ids.

    `positional` and `named` are the arguments of `GRPOTrainer` after `args`.
    """
    if named.get("processing_class") is not None or len(positional) > 2:  # after train_dataset and eval_dataset
        return
    name = _model_name(model)
    try:
        if not name:
            raise OSError("the model has no name")
        AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = excerpt(str(error).splitlines()[0])
        raise UsageError(
            f"cannot find a tokenizer for the model {excerpt(name)!r} ({reason}): pass processing_class="
        ) from error


def check_reference_name(model: Any, beta: float, named: Mapping[str, Any]) -> None:
    """Raise `UsageError` if TRL would look for the weights of the reference model (beta > 0), but has no name for them.

    With an adapter TRL needs none: the reference is the model without it.
    """
    has_adapter = named.get("peft_config") is not None or hasattr(model, "peft_config")
    if beta and not has_adapter and not _model_name(model):
        raise UsageError(
            "with beta > 0 TRL loads the reference model by the name of the model, and this model has none: save it "
            "with its tokenizer and pass the folder as model, or set beta=0"
        )


def check_reference(model: torch.nn.Module, reference: torch.nn.Module | None) -> None:
    """Raise `UsageError` if the reference that TRL loaded by name has other weights than the model at the start.

    They are compared in bfloat16, because the two may be loaded in different types.
    """
    if reference is None:
        return
    weights = dict(reference.named_parameters())
    for name, weight in model.named_parameters():
        expected = weights.get(name)
        if expected is None or expected.shape != weight.shape:  # quantized differently
            continue
        if not torch.equal(weight.detach().bfloat16(), expected.detach().to(weight.device).bfloat16()):
            raise UsageError(
                f"with beta > 0 TRL loads the reference model by name, and {excerpt(_model_name(model))} has other "
                f"weights than the model that is trained ({excerpt(name)}): save the model and pass the folder as "
                "model, or set beta=0"
            )


@dataclass(frozen=True, slots=True)
class TrainerFeatures:
    """What `check_combination` needs to know of a trainer beside its configuration."""

    n_problems: int | None
    """Rows of the training dataset; None if unknown."""
    has_lexicon: bool
    has_tools: bool
    is_sharded: bool
    """Whether no process holds the whole model."""


def check_combination(args: HICRAConfig, features: TrainerFeatures) -> None:
    """Raise `UsageError` for settings that TRL or `HICRATrainer` cannot combine."""
    method = args.credit_method
    n_prompts = _n_prompts_per_generation(args)
    if features.n_problems is not None and features.n_problems < n_prompts:  # TRL would silently take no step
        raise UsageError(
            f"responses to {n_prompts} problems are sampled at once, but there are {features.n_problems}: pass more "
            "problems, or decrease the batch, the accumulation or steps_per_generation"
        )
    if getattr(args, "use_liger_kernel", False):
        raise UsageError("use_liger_kernel computes its own loss, which ignores (B, T) advantages: leave it out")
    check_known_when_sampled(method, "HICRATrainer")
    if callable(method.penalty) and args.loss_type not in PER_TOKEN_LOSSES:
        raise UsageError(
            f"method {method.name} adds to per-token losses ({', '.join(PER_TOKEN_LOSSES)}), not to {args.loss_type}"
        )
    if args.importance_sampling_level not in ("token", "sequence"):  # TRL would sample first, then stop
        level = excerpt(str(args.importance_sampling_level))
        raise UsageError(f"importance_sampling_level must be token or sequence (got {level})")
    obstacle = find_token_obstacle(method, args.loss_type, args.importance_sampling_level)
    if obstacle is not None:
        raise UsageError(obstacle)
    if args.refresh_lexicon and not args.save_rollouts:
        raise UsageError("refresh_lexicon reads the rollouts that save_rollouts=True writes: leave that on")
    if args.refresh_lexicon and not features.has_lexicon:
        raise UsageError("refresh_lexicon needs a lexicon to start with: pass lexicon=")
    if args.drop_finished_rows and (args.use_vllm or features.has_tools or features.is_sharded):
        raise UsageError(
            "drop_finished_rows samples with the model itself: it does not work with vLLM, tools or a sharded model"
        )
    if args.trim_padding and features.is_sharded:  # the processes would gather weights a different number of times
        raise UsageError("trim_padding does not work with a sharded model: leave it out")


def _n_prompts_per_generation(args: HICRAConfig) -> int:
    if args.generation_batch_size is None or args.num_generations is None:
        raise SgramError("TRL did not set generation_batch_size and num_generations")
    return args.generation_batch_size // args.num_generations


def check_groups(prompts: Sequence[Any], process: int, size: int) -> None:
    """Raise `SgramError` if rows of one group have different prompts: advantages would compare unlike responses.

    `prompts` are the rows of `process`; groups are `size` consecutive rows over all processes.
    """
    first = process * len(prompts)
    for row in range(1, len(prompts)):
        if (first + row) // size == (first + row - 1) // size and prompts[row] != prompts[row - 1]:
            raise SgramError(
                f"rows {row - 1} and {row} of process {process} are in one group of {size}, but have different "
                "prompts: a custom sampler or rollout function has changed the order of rows"
            )


def check_loss(
    loss: torch.Tensor,
    batch: Mapping[str, Any],
    response_mask: torch.Tensor,
    accelerator: Any,
    *,
    step: int,
    output_dir: str,
    trace_names: TraceNames,
) -> None:
    """Raise `SgramError`, with the names of the traces, if the loss is not finite; call it before the update.

    `batch` is a micro-batch after TRL's loss, `step` the number of the step from 1. If it fails in one process, all
    processes raise the same error.
    """
    if not holds_anywhere(accelerator, not bool(torch.isfinite(loss.detach()).all())):
        return
    advantages = batch["advantages"]
    row_sums = torch.where(response_mask, batch["logps"].detach(), 0.0).sum(1)
    row_sums = row_sums + (advantages if advantages.dim() == 1 else torch.where(response_mask, advantages, 0.0).sum(1))
    failed_rows = batch["row"][~torch.isfinite(row_sums)].tolist()
    names = gather_list(accelerator, trace_names(failed_rows))
    names = names or gather_list(accelerator, trace_names(batch["row"].tolist()))
    raise SgramError(_not_finite("the loss", step, names, output_dir))


def _not_finite(quantity: str, step: int, names: Sequence[str], output_dir: str, is_applied: bool = False) -> str:
    names = list(dict.fromkeys(names))
    n_unlisted = len(names) - _LISTED_TRACES
    listed = ", ".join(names[:_LISTED_TRACES]) + (f" and {n_unlisted} more" if n_unlisted > 0 else "")
    consequence = (
        "DeepSpeed has already applied it, so only earlier checkpoints hold good weights"
        if is_applied
        else "the weights are those before the step"
    )
    return (
        f"{quantity} of step {step} is not finite; {consequence}. Traces: {listed}. Lower the learning rate, or "
        f"inspect the traces in {excerpt(output_dir)}/rollouts"
    )


class FiniteGradientCheck(TrainerCallback):
    """A callback that stops a run, in all processes, if a gradient is not finite: before the update.

    Of a model sharded by FSDP each process looks at its own shards. DeepSpeed updates the weights inside of the
    backward pass and gives the norm of the gradient afterwards: there the run stops after the update, and says so.
    """

    def __init__(self, trace_names: TraceNames, accelerator: Any) -> None:
        self._trace_names, self._accelerator = trace_names, accelerator

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Raise `SgramError` if a gradient is not finite; half precision with a scaler skips such steps itself."""
        if args.fp16:
            return
        engine = getattr(self._accelerator, "deepspeed_engine_wrapped", None)
        is_finite = _has_finite_norm(engine) if engine is not None else _has_finite_gradients(model)
        if not holds_anywhere(self._accelerator, not is_finite):
            return
        names = gather_list(self._accelerator, self._trace_names(None))
        if len(names) > _LISTED_TRACES:  # those of the step, which are numbered
            names = [f"{names[0]} to {names[-1]}"]
        step = state.global_step + 1
        raise SgramError(_not_finite("the gradient", step, names, args.output_dir, is_applied=engine is not None))


def _has_finite_gradients(model: torch.nn.Module) -> bool:
    """Return whether the gradients are finite; of sharded ones, the part that is in this process."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    local_gradients = [grad.to_local() if hasattr(grad, "to_local") else grad for grad in gradients]
    norms = torch._foreach_norm(local_gradients) if local_gradients else []
    return not norms or bool(torch.isfinite(torch.stack([norm.float() for norm in norms])).all())


def _has_finite_norm(engine: Any) -> bool:
    norm = engine.get_global_grad_norm()
    return norm is None or math.isfinite(float(norm))
