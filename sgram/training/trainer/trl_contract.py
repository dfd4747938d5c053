"""What this package asks of TRL, checked before training begins. Knows nothing about what is done with it.

`HICRATrainer` changes GRPO at a few named places. Where one of them has moved, nothing may go on silently: that is
how a mask comes to have no effect.
"""

import inspect

import trl
from trl import GRPOTrainer

from sgram.errors import SgramError

TESTED = "1.16"
"""The release of TRL that the tests were run with."""
_PARAMETERS = {
    "_generate_and_score_completions": ("inputs",),
    "_get_per_token_logps_and_entropies": (
        "model",
        "input_ids",
        "attention_mask",
        "logits_to_keep",
        "batch_size",
        "compute_entropy",
    ),
    "_generate_single_turn": ("prompt_ids", "images", "multimodal_fields", "num_generations"),
    "_calculate_rewards": ("inputs", "prompts", "completions", "completion_ids_list"),
    "_compute_loss": ("model", "inputs"),
    "_get_train_sampler": ("dataset",),
    "_prepare_inputs": ("generation_batch",),
    "_save_checkpoint": ("model", "trial"),
    "_get_output_dir": ("trial",),
    "_load_optimizer_and_scheduler": ("checkpoint",),
    "training_step": ("model", "inputs", "num_items_in_batch"),
    "log": ("logs", "start_time"),
}
_PHRASES = {
    "_compute_loss": ('inputs["advantages"]', "advantages.unsqueeze(1)", "_get_per_token_logps_and_entropies("),
    "_prepare_inputs": ("shuffle_sequence_dict", "split_tensor_dict", "_buffered_inputs", "self._step"),
    "_generate_and_score_completions": ('"advantages": advantages', '"completion_mask": completion_mask'),
}
"""What the source of a hook must hold, because the override relies on it."""


def moved_hooks(trainer: type = GRPOTrainer) -> list[str]:
    """What is not where it is expected, a sentence's part each; empty where all is well."""
    moved = []
    for name, wanted in _PARAMETERS.items():
        hook = getattr(trainer, name, None)
        if hook is None:
            moved.append(f"{name} is gone")
            continue
        parameters = tuple(inspect.signature(hook).parameters)[1:]
        missing = [each for each in wanted if each not in parameters]
        if missing or parameters[:1] != wanted[:1]:
            moved.append(f"{name} takes ({', '.join(parameters)})")
            continue
        source = inspect.getsource(inspect.unwrap(hook))
        lost = [phrase for phrase in _PHRASES.get(name, ()) if phrase not in source]
        moved += [f"{name} no longer says {phrase}" for phrase in lost]
    return moved


def check_hooks() -> None:
    """Raise `SgramError` where the installed TRL is not one that masks can be folded into."""
    moved = moved_hooks()
    if moved:
        raise SgramError(
            f"TRL {trl.__version__} is not the TRL that this was made for ({TESTED}): {'; '.join(moved)}; "
            f"pip install 'trl=={TESTED}.*'"
        )
