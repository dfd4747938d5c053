"""`completions.jsonl` of ms-swift's reinforcement learning: a line is an object of lists, one element a completion.

The container makes rows of the lists. The columns are those of TRL; reward functions go by the names of their classes
(`MathAccuracy`, `Format`), and the Megatron trainer counts `gen_step`. Results of `swift infer` have usual columns.
"""

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.trl import read_completion


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of one completion."""
    return [read_completion(record, "step" if record.get("step") is not None else "gen_step")]


MS_SWIFT = Dialect(
    "ms-swift",
    "ms-swift: completions.jsonl of swift rlhf and megatron rlhf",
    parse,
    columns=(frozenset({"prompt", "completion", "advantages"}), frozenset({"prompt", "completion", "gen_step"})),
    becomes={
        "completion": "text",
        "prompt": "prompt",
        "step, gen_step": "step",
        "MathAccuracy, Format, ... (floating-point numbers)": "reward, their sum; they stay in meta",
        "MathAccuracy": "correct, if it is 0 or 1",
        "advantages": "meta.advantages",
    },
    source="swift/rlhf_trainers/grpo_trainer.py, GRPOTrainer.log; swift/megatron/trainers/grpo_trainer.py",
    rank=44,
)
