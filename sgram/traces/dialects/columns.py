"""Rows whose columns are named by habit: a response, a prompt, perhaps a reasoning, or messages.

Data sets and scripts agree on no names; `sgram.traces.aliases` has those that are used. Several responses in one row
are read by `generations`, `numbered_columns` and `model_columns`.
"""

from collections.abc import Mapping
from typing import Any

from sgram.traces.aliases import ALIASES, CONVERSATIONS, OPEN_ANSWERS, plan_columns
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.generations import parse_list
from sgram.traces.messages import read_conversation
from sgram.traces.trace import RowError

_SAID_BY = ("text", "prompt", "reasoning", "reference")
"""Fields whose columns show that a row may be a rollout, or at least why it is none."""


def parse(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the columns as they are; the table of aliases tells what they hold."""
    named = options.columns.get("text")
    if named is not None and isinstance(record.get(named), list):
        return parse_list(record, named)
    conversations = plan_columns(tuple(record)).conversations
    notes = _message_notes(record[conversations[0]]) if conversations else {}
    return [{"columns": {**notes, **record} if notes else record}]


def _message_notes(messages: Any) -> dict[str, Any]:
    """Return what messages say beside their content, in `info`: reference, source, test cases."""
    notes: dict[str, Any] = {}
    for message in messages if isinstance(messages, list) else ():
        info = message.get("info") if isinstance(message, Mapping) else None
        if isinstance(info, Mapping):
            message_fields = {
                key: value for key, value in info.items() if value is not None and not key.endswith("_content")
            }
            if message.get("role") == "assistant" and "source" in message_fields:
                message_fields["model"] = message_fields.pop("source")
            notes.update(message_fields)
    return notes


def recognize(record: Record) -> bool:
    """Return whether a column is named as a response, a prompt, a reasoning, a reference, or messages."""
    plan = plan_columns(tuple(record))
    candidates = dict(plan.candidates)
    if any(_is_listed(record.get(column)) for column in candidates.get("text", ())):
        return False
    return bool(plan.conversations) or any(name in candidates for name in _SAID_BY)


def _is_listed(value: Any) -> bool:
    """Return whether a value is a list of responses, which `generations` reads."""
    return isinstance(value, list) and len(value) > 0 and isinstance(value[0], str)


def recognize_asked(record: Record) -> bool:
    """Return whether messages end with the user's, and a reasoning stands beside them."""
    plan = plan_columns(tuple(record))
    reasoning = dict(plan.candidates).get("reasoning")
    if not plan.conversations or reasoning is None or not any(isinstance(record[name], str) for name in reasoning):
        return False
    messages = record[plan.conversations[0]]
    try:
        conversation = read_conversation(messages) if isinstance(messages, list) else None
    except RowError:
        return False
    return conversation is not None and (conversation.failed or conversation.is_unanswered)


ASKED = Dialect(
    "asked-messages",
    "data sets with messages that ask, and reasoning and answer in columns",
    parse,
    recognize=recognize_asked,
    becomes={"messages, conversations": "prompt", "reasoning": "text", "answer": "text, after the reasoning"},
    source="card of the data set cognitivecomputations/dolphin-r1",
    rank=79,
)

COLUMNS = Dialect(
    "columns",
    "data sets and scripts, by the usual names of columns",
    parse,
    recognize=recognize,
    becomes={
        **{alias: name for name, aliases in ALIASES.items() for alias in aliases},
        **dict.fromkeys(CONVERSATIONS, "prompt and text"),
        **dict.fromkeys(OPEN_ANSWERS, "reference beside a prompt or a solution; the text after a reasoning"),
    },
    source=(
        "cards of data sets: open-thoughts/OpenThoughts3-1.2M, cognitivecomputations/dolphin-r1, "
        "nvidia/OpenMathReasoning, nvidia/OpenMathInstruct-1, nvidia/Llama-Nemotron-Post-Training-Dataset, "
        "KingNish/reasoning-base-20k, FreedomIntelligence/medical-o1-reasoning-SFT, PrimeIntellect/SYNTHETIC-1, "
        "a-m-team/AM-DeepSeek-R1-Distilled-1.4M, open-r1/Mixture-of-Thoughts, bespokelabs/Bespoke-Stratos-17k; "
        "LLaMA-Factory, generated_predictions.jsonl; ms-swift, swift/pipelines/infer/infer.py; "
        "OpenRLHF, openrlhf/cli/batch_inference.py"
    ),
    rank=90,
)
