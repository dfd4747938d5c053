"""What engines return without a chat API: vLLM's `RequestOutput`, SGLang's /generate, TGI's /generate.

They write the ids of the sampled tokens beside the text, and log-probabilities if they were asked for.
"""

from typing import Any

from sgram.traces.api_objects import (
    add_tokens,
    are_token_ids,
    check_success,
    empty_response,
    has_text,
    name_samples,
    request_prompt,
)
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.trace import FailedRowError, RowError, json_type

# -- vLLM -----------------------------------------------------------------------------------------------------

_OUTPUT_MARKS = frozenset({"token_ids", "cumulative_logprob", "finish_reason", "stop_reason"})
_REQUEST_MARKS = frozenset({"prompt_token_ids", "request_id", "finished", "prompt_logprobs"})
_READ = frozenset({"request_id", "prompt", "outputs"})
_OUTPUT_READ = frozenset({"index", "text", "token_ids"})


def recognize_vllm(record: Record) -> bool:
    """Return whether the outputs are those of one request."""
    outputs = record["outputs"]
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        return False
    if not outputs:
        return not _REQUEST_MARKS.isdisjoint(record)
    return "text" in outputs[0] and not (_OUTPUT_MARKS.isdisjoint(outputs[0]) and _REQUEST_MARKS.isdisjoint(record))


def parse_vllm(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of each output of a request."""
    check_success(record)
    outputs = record["outputs"]
    if not outputs:
        raise FailedRowError("the request has no outputs")
    samples, failures = [], []
    for output in outputs:
        try:
            samples.append(_read_output(output, options))
        except FailedRowError as error:
            failures.append(error)
    if not samples:
        raise failures[0]
    prompt = record.get("prompt")
    prompt_ids = record.get("prompt_token_ids")
    if not has_text(prompt) and options.decode is not None and are_token_ids(prompt_ids):
        prompt = options.decode(prompt_ids)
    columns = {name: value for name, value in record.items() if name not in _READ}
    if isinstance(prompt, list):
        columns["prompt"] = prompt  # messages
    return name_samples(samples, record.get("request_id"), prompt if has_text(prompt) else None, columns)


def _read_output(output: Any, options: DialectOptions) -> Fields:
    text = output.get("text") if isinstance(output, dict) else None
    if not isinstance(text, str):
        raise RowError(f"text of an output is {json_type(text)}, not a string")
    token_ids = output.get("token_ids")
    if not text and options.decode is not None and are_token_ids(token_ids):
        text = options.decode(token_ids)  # sampled with detokenize=False
    if not text.strip():
        raise empty_response(output.get("finish_reason"))
    meta = {name: value for name, value in output.items() if name not in _OUTPUT_READ and value is not None}
    fields: Fields = {"text": text, "meta": meta}
    add_tokens(fields, token_ids, _sampled_logprobs(output.get("logprobs"), token_ids), options)
    return fields


def _sampled_logprobs(logprobs: Any, token_ids: Any) -> list[Any] | None:
    """Return the log-probability of each sampled token, out of numbers or of {token id: number or object}."""
    if not isinstance(logprobs, list) or not isinstance(token_ids, list) or len(logprobs) != len(token_ids):
        return None
    return [_sampled_logprob(entry, token_id) for entry, token_id in zip(logprobs, token_ids, strict=True)]


def _sampled_logprob(entry: Any, token_id: Any) -> Any:
    if isinstance(entry, dict) and "logprob" not in entry:
        entry = entry.get(str(token_id), entry.get(token_id) if type(token_id) is int else None)
    return entry.get("logprob") if isinstance(entry, dict) else entry


VLLM_OUTPUTS = Dialect(
    "vllm-outputs",
    "vLLM: RequestOutput of LLM.generate and LLM.chat, written field by field",
    parse_vllm,
    columns=(frozenset({"outputs"}),),
    recognize=recognize_vllm,
    becomes={
        "outputs[].text": "text",
        "outputs[].token_ids": "token_ids",
        "outputs[].logprobs": "logprobs",
        "prompt": "prompt",
        "request_id": "id; with several outputs followed by / and the output's place, and the group without a prompt",
    },
    source="vllm/outputs.py",
    rank=20,
)

# -- SGLang ---------------------------------------------------------------------------------------------------

_META_MARKS = frozenset({"finish_reason", "completion_tokens", "output_token_logprobs", "prompt_tokens", "id"})


def recognize_sglang(record: Record) -> bool:
    """Return whether the record is a response of SGLang's own endpoint."""
    meta_info = record["meta_info"]
    return isinstance(meta_info, dict) and not _META_MARKS.isdisjoint(meta_info)


def parse_sglang(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of the response."""
    check_success(record)
    meta_info = record["meta_info"]
    reason = meta_info.get("finish_reason")
    reason_type = reason.get("type") if isinstance(reason, dict) else reason
    if reason_type == "abort":
        raise FailedRowError("the request failed: it was aborted")
    triples = meta_info.get("output_token_logprobs")
    pairs = [triple[:2] for triple in triples if _is_triple(triple)] if isinstance(triples, list) else []
    if isinstance(triples, list) and len(pairs) != len(triples):
        pairs = []
    token_ids = record.get("output_ids") or [token_id for _, token_id in pairs]
    text = record.get("text")
    if text is None and options.decode is not None and are_token_ids(token_ids):
        text = options.decode(token_ids)
    if not isinstance(text, str):
        raise RowError(f"text is {json_type(text)}, not a string")
    if not text.strip():
        raise empty_response(reason_type)
    fields: Fields = {"text": text, "meta": {"meta_info": meta_info}}
    logprobs = [number for number, _ in pairs] if [token_id for _, token_id in pairs] == token_ids else None
    add_tokens(fields, token_ids, logprobs, options)
    columns = {name: value for name, value in record.items() if name not in ("text", "meta_info", "output_ids")}
    return name_samples([fields], meta_info.get("id"), None, columns)


def _is_triple(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2


SGLANG_OUTPUTS = Dialect(
    "sglang-outputs",
    "SGLang: responses of /generate and of Engine.generate",
    parse_sglang,
    columns=(frozenset({"text", "meta_info"}), frozenset({"output_ids", "meta_info"})),
    recognize=recognize_sglang,
    becomes={
        "text": "text",
        "output_ids": "token_ids",
        "meta_info.output_token_logprobs": "logprobs, and token_ids without output_ids",
        "meta_info.id": "id",
    },
    source="sglang/srt/managers/tokenizer_manager.py",
    rank=20,
)

# -- TGI ------------------------------------------------------------------------------------------------------


def recognize_tgi(record: Record) -> bool:
    """Return whether the record is a response of text-generation-inference with details."""
    details = record["details"]
    return isinstance(details, dict) and not {"tokens", "finish_reason", "generated_tokens"}.isdisjoint(details)


def parse_tgi(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of the response, and of the others of `best_of_sequences`."""
    check_success(record)
    details = record["details"]
    others = details.get("best_of_sequences")
    own_details = {name: value for name, value in details.items() if name != "best_of_sequences"}
    sequences = [
        {**own_details, "generated_text": record["generated_text"]},
        *(others if isinstance(others, list) else []),
    ]
    samples = [_read_sequence(sequence, options) for sequence in sequences]
    prompt = request_prompt(record.get("inputs"))
    columns = {name: value for name, value in record.items() if name not in ("generated_text", "details", "inputs")}
    if prompt is None and record.get("inputs") is not None:
        columns["inputs"] = record["inputs"]
    return name_samples(samples, None, prompt, columns)


def _read_sequence(sequence: Any, options: DialectOptions) -> Fields:
    text = sequence.get("generated_text") if isinstance(sequence, dict) else None
    if not isinstance(text, str):
        raise RowError(f"generated_text is {json_type(text)}, not a string")
    if not text.strip():
        raise empty_response(sequence.get("finish_reason"))
    read = ("generated_text", "tokens")
    fields: Fields = {"text": text, "meta": {name: sequence[name] for name in sequence if name not in read}}
    tokens = sequence.get("tokens")
    if isinstance(tokens, list) and tokens and all(isinstance(token, dict) for token in tokens):
        add_tokens(fields, [token.get("id") for token in tokens], [token.get("logprob") for token in tokens], options)
    return fields


TGI_OUTPUTS = Dialect(
    "tgi-outputs",
    "text-generation-inference: responses of /generate with details",
    parse_tgi,
    columns=(frozenset({"generated_text", "details"}),),
    recognize=recognize_tgi,
    becomes={
        "generated_text": "text",
        "inputs": "prompt",
        "details.tokens": "token_ids and logprobs",
        "details.best_of_sequences": "further traces of the group",
    },
    source="huggingface.co/docs/huggingface.js, TextGenerationOutputDetails",
    rank=20,
)
