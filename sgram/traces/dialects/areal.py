"""Trajectories that AReaL dumps: `rollout/{version}/{task_id}.jsonl`, a line for each sample of a prompt.

Sampling goes on while weights change: `head_version` and `tail_version` are the first and last version that wrote
tokens of the sample. Numbers of tasks begin anew with each process, so that the prompt tells tasks of one number apart.
"""

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import sampled_text
from sgram.traces.ids import content_digest

_READ = frozenset({"completion", "prompt", "reward", "task_id", "tail_version"})


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of one sample."""
    text = sampled_text(record.get("completion"), "completion", "completion")
    prompt, task = record.get("prompt"), record.get("task_id")
    fields: Fields = {
        "text": text,
        "prompt": prompt,
        "reward": record.get("reward"),
        "step": record.get("tail_version"),
        "columns": {name: value for name, value in record.items() if name not in _READ},
        "meta": {} if task is None else {"task_id": task},
    }
    if isinstance(task, str | int) and isinstance(prompt, str):
        fields["group"] = f"{task}/{content_digest(prompt)}"
    return [fields]


AREAL = Dialect(
    "areal",
    "AReaL: rollout.dump_to_file",
    parse,
    columns=(frozenset({"task_id", "head_version", "tail_version", "completion"}),),
    becomes={
        "completion": "text",
        "prompt": "prompt",
        "reward": "reward",
        "tail_version": "step",
        "task_id": "group, with a digest of the prompt",
        "sample_idx, seqlen, prompt_len, head_version": "meta",
    },
    source="areal/infra/workflow_executor.py, WorkflowExecutor._dump_trajectory",
    rank=40,
)
