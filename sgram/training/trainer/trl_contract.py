"""What `HICRATrainer` relies on in TRL, checked before training begins.

`HICRATrainer` overrides GRPO at a few named methods. If a release of TRL has changed one of them, training must stop:
otherwise a mask silently has no effect.
"""

import inspect

import trl
from trl.trainer.grpo_trainer import GRPOTrainer

from sgram.errors import SgramError

TESTED_VERSION = "1.16"
"""The release of TRL that the tests were run with."""
PARAMETERS = {
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
    "_generate": ("prompts",),
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
"""Overridden or called method -> the parameters that it must have."""
PHRASES = {
    "_compute_loss": (
        'inputs["advantages"]',
        "advantages.unsqueeze(1)",
        "_get_per_token_logps_and_entropies(",
        'inputs.get("old_per_token_logps")',
        "log_ratio = per_token_logps - old_per_token_logps",
        'self.importance_sampling_level == "token"',
    ),
    "_prepare_inputs": ("shuffle_sequence_dict", "split_tensor_dict", "_buffered_inputs", "self._step"),
    "_generate": ("return prompt_ids, completion_ids, tool_mask,",),
    "_generate_and_score_completions": ('"advantages": advantages', '"completion_mask": completion_mask'),
}
"""Method -> phrases that its source must contain, because an override relies on them."""


def find_trl_changes(trainer: type = GRPOTrainer) -> list[str]:
    """Return the differences between `trainer` and what is relied on, one clause each; empty if there are none."""
    changes = []
    for name, expected_parameters in PARAMETERS.items():
        method = getattr(trainer, name, None)
        if method is None:
            changes.append(f"{name} is missing")
            continue
        parameters = tuple(inspect.signature(method).parameters)[1:]
        missing = [parameter for parameter in expected_parameters if parameter not in parameters]
        if missing or parameters[:1] != expected_parameters[:1]:
            changes.append(f"{name} has the parameters ({', '.join(parameters)})")
            continue
        source = inspect.getsource(inspect.unwrap(method))
        missing_phrases = [phrase for phrase in PHRASES.get(name, ()) if phrase not in source]
        changes += [f"the source of {name} lacks {phrase}" for phrase in missing_phrases]
    return changes


def check_trl() -> None:
    """Raise `SgramError` if `HICRATrainer` does not fit the installed TRL."""
    changes = find_trl_changes()
    if changes:
        raise SgramError(
            f"TRL {trl.__version__} is not supported (tested: {TESTED_VERSION}): {'; '.join(changes)}; "
            f"pip install 'trl=={TESTED_VERSION}.*'"
        )
