"""Request states of HELM (``scenario_state.json``): an instance, the request that was made of it, and its result.

The completions of a request are one group. Whether they are correct stands in another file (``per_instance_stats``).
"""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import conversation_text, error_text, keep_words, mapping
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"instance", "request", "result", "__document__"})
_SHORT = ("train_trial_index", "num_train_instances", "prompt_truncated", "output_mapping")


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each completion."""
    instance, request, result = (mapping(record.get(name)) for name in ("instance", "request", "result"))
    if record.get("result") is None:
        raise FailedRowError("the request was not made")
    if result.get("success") is False or result.get("error"):
        raise FailedRowError(f"the request failed: {error_text(result.get('error'))}")
    if record.get("reference_index") is not None or request.get("max_tokens") == 0 or request.get("embedding") is True:
        raise RowError("the request asks for probabilities or an embedding, not for a response")
    completions = result.get("completions")
    if not isinstance(completions, list) or not completions:
        raise RowError(f"result.completions is {json_type(completions)}, not an array of completions")
    prompt = _prompt(request, instance)
    shared: Fields = {
        "prompt": prompt,
        "reference": _reference(instance, record.get("output_mapping")),
        "model": request.get("model_deployment") or request.get("model") or _adapter(record).get("model"),
    }
    meta: dict[str, Any] = {name: record[name] for name in _SHORT if record.get(name) is not None}
    meta |= {name: instance[name] for name in ("id", "split", "sub_split") if instance.get(name) is not None}
    traces = []
    for completion in completions:
        text = mapping(completion).get("text")
        if not isinstance(text, str):
            raise RowError(f"text of a completion is {json_type(text)}, not a string")
        if request.get("echo_prompt") is True and prompt and text.startswith(prompt):
            text = text[len(prompt) :]
        fields: Fields = {**shared, "text": text, "meta": dict(meta)}
        thinking = mapping(completion.get("thinking")).get("text")
        if isinstance(thinking, str) and thinking.strip():
            fields.pop("text")
            fields["pieces"] = [("reasoning", thinking), ("answer", text)]
        reason = mapping(completion.get("finish_reason")).get("reason")
        if isinstance(reason, str):
            fields["meta"]["finish_reason"] = reason
        traces.append(fields)
    return keep_words(traces)


def _prompt(request: Record, instance: Record) -> str | None:
    """Return the prompt of a request: text, messages, or else the instance's input."""
    if isinstance(request.get("prompt"), str) and request["prompt"]:
        return str(request["prompt"])
    if request.get("messages"):
        return conversation_text(request["messages"])
    text = mapping(instance.get("input")).get("text")
    return text if isinstance(text, str) and text else None


def _reference(instance: Record, output_mapping: Any) -> Any:
    """Return what is expected: the references tagged as correct, or the letters that the request gives them."""
    references = instance.get("references")
    correct = []
    for reference in references if isinstance(references, list) else []:
        tags, text = mapping(reference).get("tags"), mapping(mapping(reference).get("output")).get("text")
        if isinstance(tags, list) and "correct" in tags and isinstance(text, str):
            correct.append(text)
    if isinstance(output_mapping, Mapping):
        letters = [letter for letter, text in output_mapping.items() if text in correct]
        correct = letters or correct
    return correct[0] if len(correct) == 1 else correct or None


def _adapter(record: Record) -> Record:
    """Return what the document around the request states says of the model."""
    return mapping(mapping(record.get("__document__")).get("adapter_spec"))


def recognize(record: Record) -> bool:
    """Return whether a record is a request state."""
    return all(isinstance(record.get(name), Mapping) for name in ("instance", "request")) and "result" in record


HELM = Dialect(
    "helm",
    "HELM, `scenario_state.json`",
    parse,
    columns=(frozenset({"instance", "request", "result"}),),
    recognize=recognize,
    becomes={
        "result.completions[].text": "text, one trace for each",
        "result.completions[].thinking.text": "reasoning",
        "request.prompt, request.messages": "prompt",
        "instance.references tagged correct": "reference, by their letters if there is an output_mapping",
        "request.model_deployment, request.model": "model",
    },
    source="stanford-crfm/helm src/helm/benchmark/adaptation/request_state.py, src/helm/common/request.py",
    rank=30,
)
