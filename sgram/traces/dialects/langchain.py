"""Results of LangChain's models (``LLMResult``), as LangSmith exports them among the outputs of a run."""

from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import keep_words, mapping, reply_pieces
from sgram.traces.trace import RowError


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each generation of the one prompt."""
    generations = record["generations"]
    if len(generations) != 1:
        raise RowError(f"generations are of {len(generations)} prompts, which cannot be told apart here")
    output = mapping(record.get("llm_output"))
    model = output.get("model_name") or output.get("model")
    traces = [_trace(mapping(generation), model) for generation in generations[0]]
    return keep_words(traces)


def _trace(generation: Any, model: Any) -> Fields:
    message = mapping(generation.get("message"))
    arguments = mapping(message.get("kwargs") or message.get("data") or message)
    extra, info = mapping(arguments.get("additional_kwargs")), mapping(generation.get("generation_info"))
    reply = {"role": "assistant", "content": arguments.get("content") or generation.get("text") or ""}
    if extra.get("reasoning_content"):
        reply["reasoning_content"] = extra["reasoning_content"]
    calls = arguments.get("tool_calls") or extra.get("tool_calls")
    fields: Fields = {"pieces": reply_pieces([reply]), "model": model, "columns": {}, "meta": {}}
    if calls:
        fields["meta"]["tool_calls"] = calls
    if isinstance(info.get("finish_reason"), str):
        fields["meta"]["finish_reason"] = info["finish_reason"]
    return fields


def recognize(record: Record) -> bool:
    """Return whether there is a list of generations for each prompt, each with its text."""
    generations = record.get("generations")
    return (
        isinstance(generations, list)
        and bool(generations)
        and all(isinstance(samples, list) and samples for samples in generations)
        and all("text" in mapping(sample) for samples in generations for sample in samples)
    )


LANGCHAIN = Dialect(
    "langchain",
    "LangChain, results of a model",
    parse,
    columns=(frozenset({"generations"}),),
    recognize=recognize,
    becomes={"generations[0][].message, text": "text, one trace for each", "llm_output.model_name": "model"},
    source="langchain-ai/langchain libs/core/langchain_core/outputs/llm_result.py",
    rank=28,
)
