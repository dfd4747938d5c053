"""FastChat: answers of MT-bench (``model_answer/<model>.jsonl``), and battles of Chatbot Arena."""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import keep_words, mapping, strings
from sgram.traces.messages import read_conversation
from sgram.traces.trace import RowError

_READ = frozenset({"choices", "question_id", "model_id", "answer_id"})
_SIDES = ("a", "b")
_READ_BATTLE = frozenset({"conversation_a", "conversation_b", "model_a", "model_b", "question_id"})


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each choice, whose turns are joined by blank lines; the questions stand in another file."""
    columns = {name: value for name, value in record.items() if name not in _READ}
    traces: list[Fields] = []
    for choice in record["choices"]:
        turns = strings(mapping(choice).get("turns"))
        if not turns:
            raise RowError("turns of a choice are no array of strings")
        pieces = [piece for turn in turns for piece in (("turn", ""), ("answer", turn))]
        traces.append({"pieces": pieces, "model": record.get("model_id"), "columns": columns})
    for fields in traces:
        fields["group"] = record.get("question_id")
        if len(traces) == 1:
            fields["id"] = record.get("answer_id")
    return keep_words(traces)


def recognize(record: Record) -> bool:
    """Return whether a choice has turns."""
    choices = record.get("choices")
    return isinstance(choices, list) and bool(choices) and all("turns" in mapping(choice) for choice in choices)


def parse_battle(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the traces of both models; who won is no verdict on the answer and stays in `meta`."""
    columns = {name: value for name, value in record.items() if name not in _READ_BATTLE}
    traces: list[Fields] = []
    for side in _SIDES:
        conversation = read_conversation(record[f"conversation_{side}"])
        fields: Fields = {"prompt": conversation.prompt, "pieces": list(conversation.pieces), "columns": columns}
        meta: dict[str, Any] = {"side": side}
        if conversation.tool_calls:
            meta["tool_calls"] = list(conversation.tool_calls)
        traces.append(
            {**fields, "model": record.get(f"model_{side}"), "meta": meta, "group": record.get("question_id")}
        )
    return keep_words(traces)


def recognize_battle(record: Record) -> bool:
    """Return whether both conversations are messages."""
    return all(
        isinstance(messages := record.get(f"conversation_{side}"), list)
        and all(isinstance(row, Mapping) for row in messages)
        for side in _SIDES
    )


MT_BENCH = Dialect(
    "mt-bench",
    "FastChat, answers of MT-bench",
    parse,
    columns=(frozenset({"choices", "question_id"}),),
    recognize=recognize,
    becomes={
        "choices[].turns": "text, one trace for each choice; parts of the kind turn",
        "model_id": "model",
        "question_id": "group",
        "answer_id": "id, if there is one choice",
    },
    source="lm-sys/FastChat fastchat/llm_judge/gen_model_answer.py",
    rank=30,
)
ARENA = Dialect(
    "arena",
    "Chatbot Arena, battles of two models",
    parse_battle,
    columns=(frozenset({"conversation_a", "conversation_b"}),),
    recognize=recognize_battle,
    becomes={
        "conversation_a, conversation_b": "prompt and text, one trace for each",
        "model_a, model_b": "model",
        "question_id": "group",
        "winner": "meta.winner",
    },
    source="huggingface.co/datasets/lmsys/chatbot_arena_conversations",
    rank=30,
)
