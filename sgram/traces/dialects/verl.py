"""Rollouts and validation samples that verl dumps, a line each: `{step}.jsonl`.

Beside input, output, gts, score and step there is a column for each key that the reward function returned; a key that
another data source has is missing or null. The prompt keeps the markers of its chat template.
"""

import re

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import sampled_text

_SAMPLE_KEY = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_\d+_\d+")
"""Key of a sample in verl's queue: uid of the prompt, session, number of the sample."""


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of one sample."""
    output = sampled_text(record.get("output"), "output", "output")
    columns = {name: value for name, value in record.items() if name not in _READ}
    fields: Fields = {
        "text": output,
        "prompt": record.get("input"),
        "reference": record.get("gts"),
        "step": record.get("step"),
        "columns": columns,
    }
    if record.get("score") is not None:
        fields["rewards"] = {"score": record["score"]}
    uid = record.get("uid")
    match = _SAMPLE_KEY.fullmatch(uid) if isinstance(uid, str) else None
    if match is not None:
        fields["group"] = match[1]
    return [fields]


_READ = frozenset({"input", "output", "gts", "step", "score"})

VERL = Dialect(
    "verl",
    "verl: trainer.rollout_data_dir and trainer.validation_data_dir",
    parse,
    columns=(frozenset({"input", "output", "score"}), frozenset({"input", "output", "gts"})),
    becomes={
        "output": "text",
        "input": "prompt",
        "gts": "reference",
        "score": "reward",
        "step": "step",
        "uid": "group; without it input and step",
        "acc": "correct",
        "pred": "answer",
        "other keys of the reward function": "meta",
    },
    source="verl/trainer/ppo/ray_trainer.py, RayPPOTrainer._dump_generations",
    rank=40,
)
