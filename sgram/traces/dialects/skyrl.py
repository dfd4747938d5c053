"""Evaluations that SkyRL dumps, a line each: `dumped_evals/global_step_{n}_evals/{data source}.jsonl`."""

from typing import Any

from sgram.traces.column_values import floats, lookup
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import sampled_text
from sgram.traces.reward_columns import finite_sum

_READ = frozenset({"input_prompt", "output_response", "score"})
_REFERENCES = ("env_extras.reward_spec.ground_truth", "env_extras.reward_model.ground_truth")


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of one trajectory."""
    text = sampled_text(record.get("output_response"), "output_response", "response")
    fields: Fields = {
        "text": text,
        "prompt": record.get("input_prompt"),
        "reference": next((reference for path in _REFERENCES if (reference := lookup(record, path)) is not None), None),
        "columns": {name: value for name, value in record.items() if name not in _READ},
    }
    score = _total(record.get("score"))
    if score is not None:
        fields["rewards"] = {"score": score}
    return [fields]


def _total(score: Any) -> Any:
    """Return a score as it is; those of single tokens add up."""
    numbers = floats(score)
    return score if numbers is None else finite_sum(numbers)


SKYRL = Dialect(
    "skyrl",
    "SkyRL: trainer.dump_eval_results",
    parse,
    columns=(frozenset({"input_prompt", "output_response", "score"}),),
    becomes={
        "output_response": "text",
        "input_prompt": "prompt",
        "score": "reward; the sum if it is a list of rewards of tokens",
        "env_extras.reward_spec.ground_truth": "reference",
        "response_ids": "token_ids",
        "uid": "group",
        "stop_reason, env_class, env_extras, data_source": "meta",
    },
    source="skyrl_train/utils/trainer_utils.py, dump_per_dataset_eval_results",
    rank=40,
)
