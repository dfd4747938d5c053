"""What would make a run wrong without a word, refused in a sentence. Knows nothing about how credit is given."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, TrainerCallback

from sgram.errors import SgramError, UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon
from sgram.training.credit.registry import Method
from sgram.training.trainer.config import HICRAConfig

if TYPE_CHECKING:
    from sgram.training.trainer.trainer import HICRATrainer

_PER_TOKEN_LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo")


def checked_config(args: Any, model: Any) -> HICRAConfig:
    """The settings, by default those of the paper."""
    if args is None:
        name = model if isinstance(model, str) else getattr(model.config, "_name_or_path", "") or "model"
        return HICRAConfig(f"{name.rstrip('/').split('/')[-1]}-HICRA")
    if not isinstance(args, HICRAConfig):
        raise UsageError(
            f"HICRATrainer takes a HICRAConfig, not {type(args).__name__}: it is GRPOConfig with method= and alpha="
        )
    return args


def checked_lexicon(lexicon: Lexicon | str | None, chosen: Method) -> Lexicon | None:
    """The lexicon; `UsageError` where the method needs one and there is none: nothing is fallen back to."""
    if isinstance(lexicon, Lexicon):
        return lexicon
    if lexicon is not None:
        return Lexicon.load(lexicon)
    if chosen.mask != "none":
        raise UsageError(
            f"method {chosen.name} gives credit to planning tokens, so it needs lexicon=: mine one from rollouts "
            "(sgram mine TRACES -o lexicon.json), or name a preset such as wang2025"
        )
    return None


def check_processing_class(model: Any, others: Sequence[Any], named: dict[str, Any]) -> None:
    """`UsageError` for a model whose tokenizer cannot be found: a mask is one of token ids."""
    if named.get("processing_class") is not None or len(others) > 2:  # after train_dataset and eval_dataset
        return
    name = model if isinstance(model, str) else getattr(model.config, "_name_or_path", "")
    try:
        if not name:
            raise OSError("it has no name")
        AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        reason = excerpt(str(error).splitlines()[0])
        raise UsageError(
            f"no tokenizer is found for the model {excerpt(name)!r} ({reason}): pass processing_class="
        ) from error


def is_sharded(trainer: "HICRATrainer") -> bool:
    """Whether no process holds the whole model."""
    return trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled


def check_combination(trainer: "HICRATrainer") -> None:
    """`UsageError` for what TRL, or this trainer, cannot do together."""
    args, chosen = trainer.args, trainer.method
    wanted, dataset = args.generation_batch_size // args.num_generations, trainer.train_dataset
    if hasattr(dataset, "__len__") and len(dataset) < wanted:  # TRL would take no step, and say nothing
        raise UsageError(
            f"responses to {wanted} problems are sampled at once, and there are {len(dataset)}: give more problems, or "
            "make the batch, the accumulation or steps_per_generation smaller"
        )
    if getattr(args, "use_liger_kernel", False):
        raise UsageError("use_liger_kernel computes losses of its own, which see no (B, T) advantages: leave it out")
    if chosen.penalty == "kl-cov" and args.loss_type not in _PER_TOKEN_LOSSES:
        raise UsageError(
            f"method kl-cov adds to losses per token ({', '.join(_PER_TOKEN_LOSSES)}), not to {args.loss_type}"
        )
    if chosen.at_update is not None and args.importance_sampling_level == "sequence":
        raise UsageError(
            f"method {chosen.name} weighs tokens, importance_sampling_level=sequence knows none: use token"
        )
    if args.refresh_lexicon and not args.save_rollouts:
        raise UsageError("refresh_lexicon reads the rollouts that save_rollouts=True writes: leave that on")
    if args.refresh_lexicon and trainer.lexicon is None:
        raise UsageError("refresh_lexicon needs a lexicon to begin with: pass lexicon=")
    if args.drop_finished_rows and (args.use_vllm or trainer.tools or is_sharded(trainer)):
        raise UsageError("drop_finished_rows samples with the model itself: not with vLLM, tools or a sharded model")


def check_groups(prompts: Sequence[Any], process: int, size: int) -> None:
    """`SgramError` where rows of one group do not share their prompt: advantages would compare unlike things."""
    first = process * len(prompts)
    for row in range(1, len(prompts)):
        if (first + row) // size == (first + row - 1) // size and prompts[row] != prompts[row - 1]:
            raise SgramError(
                f"rows {row - 1} and {row} of process {process} are one group of {size}, but have different prompts: "
                "a custom sampler or rollout function has changed the order of rows"
            )


def check_loss(trainer: "HICRATrainer", loss: torch.Tensor, batch: dict[str, Any], mask: torch.Tensor) -> None:
    """`SgramError` before a loss that is no number reaches the weights; it names the traces."""
    finite = torch.isfinite(loss.detach()).all()
    worst = trainer.accelerator.reduce((~finite).float(), "sum") if trainer.accelerator.num_processes > 1 else ~finite
    if not bool(worst):
        return
    advantages = batch["advantages"]
    per_row = torch.where(mask, batch["logps"].detach(), 0.0).sum(1)
    per_row = per_row + (advantages if advantages.dim() == 1 else torch.where(mask, advantages, 0.0).sum(1))
    rows = batch["row"][~torch.isfinite(per_row)]
    rows = rows if len(rows) else batch["row"]
    raise SgramError(_stopped(trainer, "the loss", trainer.names_of(rows.tolist())))


def _stopped(trainer: "HICRATrainer", what: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return (
        f"{what} of step {trainer.state.global_step + 1} is not finite; the weights are as before it. Traces: "
        f"{shown}. Lower the learning rate, or look at them in {excerpt(trainer.args.output_dir)}/rollouts"
    )


class FiniteGradients(TrainerCallback):
    """Stops a run whose gradients are no numbers, before the optimizer takes them."""

    def __init__(self, trainer: "HICRATrainer"):
        self._trainer = trainer

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        """Raise `SgramError` where a gradient is not finite; half precision with a scaler skips such steps itself."""
        if args.fp16 or is_sharded(self._trainer):
            return
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        norms = torch._foreach_norm(gradients) if gradients else []
        if norms and not bool(torch.isfinite(torch.stack([norm.float() for norm in norms])).all()):
            raise SgramError(_stopped(self._trainer, "the gradient", self._trainer.names_of(None)))


def aggregated(
    trainer: "HICRATrainer", per_token: torch.Tensor, mask: torch.Tensor, batch: dict[str, Any]
) -> torch.Tensor:
    """A term of each token, (B, T), summed up as TRL's loss of this type sums up its own."""
    kind, accumulation = trainer.loss_type, trainer.current_gradient_accumulation_steps
    kept = per_token * mask
    if kind == "grpo":
        return (kept.sum(1) / mask.sum(1).clamp(min=1)).mean() / accumulation
    if kind == "bnpo":
        return kept.sum() / mask.sum().clamp(min=1) / accumulation
    if kind == "dr_grpo":
        return kept.sum() / (len(kept) * trainer.max_completion_length) / accumulation
    tokens = batch["num_items_in_batch"].clamp(min=1.0) / trainer.accelerator.num_processes  # dapo
    return kept.sum() / (tokens * accumulation / trainer.args.steps_per_generation)


def gathered(accelerator: Any, values: list[Any]) -> list[Any]:
    """A list of all processes, in their order."""
    if accelerator.num_processes == 1:
        return values
    from accelerate.utils import gather_object

    return gather_object(values)
