"""Rollouts that ROLL dumps: `rollout_dump_data.step_{n}.jsonl`, one line that is an object of lists.

The container makes rows of the lists, so that `responses` and `scores` hold one value each. `id` is that of the problem
in its data set, shared by its responses.
"""

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import sampled_text

_READ = frozenset({"responses", "prompt", "scores", "ground_truth", "global_step", "id"})


def recognize(record: Record) -> bool:
    """Return whether a record is a row of the dump, not a step of it."""
    return not isinstance(record["responses"], list)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of one response."""
    text = sampled_text(record["responses"], "responses", "response")
    columns = {name: value for name, value in record.items() if name not in _READ}
    fields: Fields = {
        "text": text,
        "reference": record.get("ground_truth"),
        "step": record.get("global_step"),
        "columns": columns,
    }
    prompt, messages, name = record.get("prompt"), record.get("messages"), record.get("id")
    if prompt:
        fields["prompt"] = prompt
    elif messages:
        fields["prompt"] = messages
        del columns["messages"]
    if record.get("scores") is not None:
        fields["rewards"] = {"scores": record["scores"]}
    if isinstance(name, str | int) and not isinstance(name, bool) and name != "":
        fields["group"] = str(name) if fields["step"] is None else f"{fields['step']}/{name}"
    return [fields]


ROLL = Dialect(
    "roll",
    "ROLL: rollout_dump_dir of the RLVR pipeline",
    parse,
    columns=(frozenset({"responses", "scores", "global_step"}),),
    recognize=recognize,
    becomes={
        "responses": "text",
        "prompt": "prompt; without it messages",
        "scores": "reward",
        "ground_truth": "reference",
        "global_step": "step",
        "id": "group, with the step",
        "domain, difficulty, tag, case_type, test_cases, sampling_params": "meta",
    },
    source="roll/pipeline/rlvr/utils.py, dump_rollout_to_specific_path",
    rank=40,
)
