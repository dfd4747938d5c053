"""What columns are called: the names under which tools and data sets write the fields of a trace.

The table is applied to the columns that a dialect left. The first name that a record has wins; `--column field=NAME`
overrules the table. Names are compared by `plain_name`: `Complex_CoT` is `complex_cot`, `isCorrect` is `is_correct`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": (
            *("text", "response", "completion", "output", "generation", "generated_solution", "generated_text"),
            *("generated_response", "generated_answer", "generated_output", "model_output", "model_response"),
            *("model_completion", "model_generation", "model_solution", "assistant_response", "llm_response"),
            *("llm_output", "full_response", "raw_response", "full_output", "raw_output", "response_text", "resp"),
            *(
                "output_text",
                "completion_text",
                "output_response",
                "actual_output",
                "model_outputs",
                "prediction",
                "predict",
                "model_prediction",
            ),
            *("attempt", "reply", "rollout", "continuation", "assistant", "gpt"),
            *("responses", "completions", "outputs", "generations", "predictions", "samples", "candidates"),
            *("attempts", "rollouts", "output_list", "response_list", "completion_list", "generation_list"),
            *("code", "content"),
        ),
        "prompt": (
            *("prompt", "question", "query", "instruction", "input", "problem", "prompt_text", "input_text"),
            *("user_prompt", "full_prompt", "formatted_prompt", "input_prompt", "raw_prompt", "problem_statement"),
            *(
                "question_text",
                "problem_text",
                "question_content",
                "prompt_messages",
                "input_messages",
                "prompts",
                "origin_prompt",
                "user_input",
            ),
            *(
                "user_query",
                "user_message",
                "query_text",
                "question_body",
                "prompt_str",
                "problem_str",
                "user",
                "human",
            ),
        ),
        "reasoning": (
            *("reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "reasoning_trace", "thinking"),
            *("reasoning_process", "thinking_content", "thinking_process", "think_content", "thought", "thoughts"),
            *("thought_process", "thinking_trajectory", "thinking_trajectories", "think", "cot", "complex_cot"),
            *("long_cot", "model_cot", "chain_of_thought", "chain_of_thoughts", "model_reasoning", "model_thinking"),
        ),
        "correct": (
            *("correct", "is_correct", "correctness", "acc", "correctness_math_verify", "math_verify", "passed"),
            *("is_right", "answer_correct", "is_answer_correct", "answer_is_correct", "is_equiv", "accuracy_reward"),
            *("grade", "graded", "verified", "is_verified", "is_passed", "solved", "resolved", "correctness_llama"),
            *("is_accurate", "judgement", "judgment", "verdict", "eval_correct", "judge_correct", "final_correct"),
            *("is_match", "is_exact_match", "follow_all_instructions"),
        ),
        "reference": (
            *("reference", "reference_answer", "expected_answer", "gold_answer", "correct_answer", "ground_truth"),
            *("ground_truth_answer", "golden_answer", "gold", "gts", "gt", "gt_answer", "true_answer", "target_answer"),
            *("standard_answer", "std_answer", "ref_answer", "reference_answers", "gold_answers", "ground_truths"),
            *(
                "groundtruth",
                "gold_ans",
                "answer_key",
                "expected",
                "expected_output",
                "ideal",
                "label",
                "labels",
                "target",
            ),
            *("targets", "gold_label", "reward_model.ground_truth", "reward_spec.ground_truth"),
            *("verification_info.ground_truth", "ground_truth_solution", "gold_standard_solution"),
            *("reference_solution", "gold_solution", "gt_solution", "canonical_solution", "solution"),
        ),
        "answer": (
            *("pred", "preds", "predicted_answer", "extracted_answer", "model_answer", "parsed_answer", "pred_answer"),
            *("extracted_prediction", "answer_parsed", "answer_extracted", "extracted", "extraction", "predicted"),
            *("model_pred", "pred_ans", "final_pred", "answer_pred", "parsed_prediction"),
            *("prediction", "predict", "predictions"),
        ),
        "group": (
            *("group", "group_id", "group_index", "prompt_group", "uid", "task_id", "example_id", "problem_id"),
            *("prompt_id", "question_id", "query_id", "problem_idx", "prompt_index", "prompt_idx", "question_idx"),
            *("group_idx", "group_key", "prompt_uid", "problem_uid", "question_uid", "qid", "prompt_hash"),
            *("problem_hash", "question_hash", "instance_id", "doc_hash"),
        ),
        "run": ("run", "run_name", "run_id", "experiment", "experiment_name", "exp_name"),
        "model": (
            *("model", "model_name", "model_id", "generator", "generation_model", "generator_model", "model_path"),
            *("model_name_or_path", "model_used", "response_model", "teacher_model", "source_model", "model_version"),
            *("llm", "engine"),
        ),
        "step": ("step", "global_step", "training_step", "train_step", "global_steps", "gen_step", "iteration"),
        "reward": (
            *("reward", "score", "rewards", "scores", "total_reward", "final_reward", "overall_reward"),
            *("combined_reward", "reward_score", "reward_total", "total_score"),
        ),
        "id": ("id", "custom_id", "request_id", "response_id", "sample_id", "trace_id", "uuid"),
        "token_ids": (
            *("token_ids", "response_ids", "completion_ids", "output_ids", "response_token_ids", "output_token_ids"),
            *("completion_token_ids", "response_tokens", "output_tokens", "generated_token_ids"),
        ),
        "logprobs": (
            *("logprobs", "rollout_log_probs", "response_logprobs", "token_logprobs", "rollout_logprobs"),
            *("output_logprobs", "completion_logprobs", "sampling_logprobs"),
        ),
        "entropies": ("entropies", "token_entropies"),
    }
)
"""Field -> names of columns, the likeliest first. A name with a dot is a key of an object, or of JSON in a string."""
CONVERSATIONS = (
    *("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "traj", "history", "trajectory"),
    *("message_history", "message_log"),
)
"""Names of columns that hold the messages of a conversation."""
OPEN_ANSWERS = ("answer", "final_answer", "answers")
"""Columns that hold the expected answer in some data sets, and the model's in others."""
SOLUTIONS = frozenset(name for name in ALIASES["reference"] if name.endswith("solution"))
"""References that are a worked solution; a short answer beside one replaces it."""

SAMPLE_NUMBERS = frozenset(
    f"{name}{end}"
    for name in ("sample", "generation", "completion", "response", "rollout", "attempt", "trial", "repeat", "choice")
    for end in ("_idx", "_index", "_number", "_num", "_no", "_id")
) | {"sample", "seed", "attempt", "trial", "repeat", "rollout", "repetition", "replicate"}
"""Columns that say which of several samples of a prompt a row is."""

_REASONING_ENDS = (
    *("reasoning", "thinking", "thinking_trajectory", "reasoning_content", "thoughts", "thought", "cot", "think"),
    *("reasoning_trace", "thinking_content", "chain_of_thought"),
)
_RESPONSE_ENDS = (
    *("response", "completion", "output", "generation", "attempt", "solution", "prediction", "reply"),
    *("answer", "content", "text"),
)
"""The likeliest first; the last three are responses only beside a reasoning."""
_BARE_RESPONSE_ENDS = _RESPONSE_ENDS[:-3]
_MODEL = re.compile(
    "(?:r1|deepseek|qwq|qwen|(?:chat)?gpt|o1|o3|o4|claude|gemini|gemma|llama|mistral|mixtral|magistral|phi|grok|kimi|glm"
    "|nemotron|internlm|doubao|hunyuan|minimax|ernie|sonnet|opus|haiku|olmo|granite|exaone|skywork)(?![a-z])"
)
_GENERIC = frozenset(
    {
        *("model", "llm", "lm", "ai", "assistant", "generated", "final", "full", "raw", "student", "teacher", "policy"),
        *("actor", "bot", "agent", "response", "output", "completion", "sampled", "original", "predicted"),
    }
)
_OTHERS = frozenset(
    {
        *("gold", "golden", "ground", "gt", "reference", "ref", "expected", "target", "correct", "human", "user"),
        *("judge", "grader", "grade", "verifier", "verification", "critic", "critique", "reward", "score", "eval"),
        *("evaluation", "feedback", "review", "label", "annotator", "canonical", "official", "sample", "example"),
        *("input", "prompt", "question", "query", "problem", "test", "tool", "code", "execution", "stdout", "parsed"),
        *("extracted", "chosen", "rejected", "bad", "wrong", "no", "is", "has", "use", "with", "hint", "given"),
    }
)
"""First words of names that speak of somebody else than the model, or of its input."""
_RESEMBLE = (
    ("reasoning", re.compile(r"(?:^|_)(?:reasoning|thinking|thoughts?|cot|rationale|explanation)$")),
    ("reward", re.compile(r"reward|(?:^|_)score$")),
    ("correct", re.compile(r"(?:^|_)(?:correct|correctness|accuracy|accurate|passed|pass|grade)$")),
    ("reference or answer", re.compile(r"(?:^|_)(?:answers?|gold|label|target|ground_truth|reference)$")),
    ("text", re.compile(r"(?:^|_)(?:response|completion|output|generation|chosen|solution|prediction)$")),
    ("model", re.compile(r"(?:^|_)model(?:_name|_id)?$")),
)
"""Field -> names of columns that look like it, though the table does not have them."""
_RANKS = {field: {name: rank for rank, name in enumerate(names)} for field, names in ALIASES.items()}
_NESTED = tuple((name.partition(".")[0], name) for name in ALIASES["reference"] if "." in name)


@lru_cache(maxsize=4096)
def plain_name(column: str) -> str:
    """Return the name of a column in lower case, its words joined by underscores.

    >>> plain_name("Complex_CoT"), plain_name("finalAnswer"), plain_name("Ground Truth"), plain_name("Is-correct?")
    ('complex_cot', 'final_answer', 'ground_truth', 'is_correct')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.replace("CoT", "Cot"))
    return re.sub(r"[\s\-_]+", "_", spaced).strip("_?!:").lower()


@lru_cache(maxsize=4096)
def _numbers_samples(column: str) -> bool:
    return plain_name(column) in SAMPLE_NUMBERS


def sample_number(meta: Mapping[str, Any]) -> str:
    """Return which sample of its prompt a row says to be, by the first column that numbers samples; "" if none does.

    >>> sample_number({"task": "sums", "sample_idx": 3}), sample_number({"sample": {"x": 1}})
    ('3', '')
    """
    numbers = (value for name, value in meta.items() if type(value) in (int, str) and _numbers_samples(name))
    return str(next(numbers, ""))


def find_column(columns: Mapping[str, Any], field: str) -> str | None:
    """Return the name of the column of `columns` that holds a field, by the table; None if there is none.

    >>> find_column({"Question": "2+2?", "gold": "4"}, "prompt"), find_column({"question": "2+2?"}, "reference")
    ('Question', None)
    """
    ranks = _RANKS[field]
    ranked_columns = [(ranks[name], column) for column in columns if (name := plain_name(column)) in ranks]
    return next((column for _, column in sorted(ranked_columns) if columns[column] is not None), None)


def is_alias(column: str, *fields: str) -> bool:
    """Return whether the table has the name of a column under one of `fields`.

    >>> is_alias("is_correct", "correct", "reward"), is_alias("topic", "correct")
    (True, False)
    """
    name = plain_name(column)
    return any(name in _RANKS[field] for field in fields)


class ColumnPlan(NamedTuple):
    """What columns of these names may hold."""

    candidates: tuple[tuple[str, tuple[str, ...]], ...]
    """(field, columns that may hold it, the likeliest first); a nested one is written with a dot."""
    conversations: tuple[str, ...]
    """Columns that may hold messages."""
    resembling: tuple[tuple[str, str], ...]
    """(column, field) of columns that look like a field without being in the table."""


@lru_cache(maxsize=512)
def plan_columns(columns: tuple[str, ...]) -> ColumnPlan:
    """Return what columns of these names may hold.

    >>> plan = plan_columns(("problem", "r1_reasoning", "solution", "final_score"))
    >>> plan.candidates
    (('prompt', ('problem',)), ('reasoning', ('r1_reasoning',)), ('reference', ('solution',)))
    >>> plan.resembling
    (('final_score', 'reward'),)
    """
    names = {column: plain_name(column) for column in columns}
    candidates: dict[str, tuple[str, ...]] = {}
    for field, ranks in _RANKS.items():
        ranked = [(ranks[name], column) for column, name in names.items() if name in ranks]
        if field == "reference":
            nested = {name: column for column, name in names.items()}
            ranked += [
                (ranks[path], f"{nested[outer]}.{path.partition('.')[2]}") for outer, path in _NESTED if outer in nested
            ]
        if field == "reasoning" and not ranked:
            apart = [column for column in columns if (prefix := split_reasoning(column)) and may_be_model(prefix)]
            ranked = [(0, apart[0])] if len(apart) == 1 else []
        if ranked:
            candidates[field] = tuple(column for _, column in sorted(ranked))
    candidate_columns = {column for found in candidates.values() for column in found}
    conversations = {name: column for column, name in names.items() if name in CONVERSATIONS}
    resembling = []
    for column, name in names.items():
        field = next((field for field, pattern in _RESEMBLE if pattern.search(name)), "")
        if field and column not in candidate_columns and name not in OPEN_ANSWERS:
            resembling.append((column, field))
    return ColumnPlan(
        tuple(candidates.items()),
        tuple(conversations[name] for name in CONVERSATIONS if name in conversations),
        tuple(resembling),
    )


# -- names that begin with a model ----------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def model_first(column: str) -> str:
    """Return the plain name of a column with the model before what it holds.

    >>> model_first("response_gpt4o"), model_first("gpt4o_response"), model_first("response_length")
    ('gpt4o_response', 'gpt4o_response', 'response_length')
    """
    name = plain_name(column)
    for end in (*_REASONING_ENDS, *_BARE_RESPONSE_ENDS, "is_correct", "correct", "grade", "score", "reward"):
        if name.startswith(f"{end}_") and _MODEL.match(name, len(end) + 1):
            return f"{name[len(end) + 1 :]}_{end}"
    return name


def _split(name: str, ends: Iterable[str]) -> tuple[str, str] | None:
    """Return (first part, end) of a name that has one of `ends` after an underscore; the longest end counts."""
    longest_end = max((end for end in ends if name.endswith(f"_{end}")), key=len, default="")
    return (name[: -len(longest_end) - 1], longest_end) if longest_end and len(name) > len(longest_end) + 1 else None


def split_reasoning(column: str) -> str | None:
    """Return the first part of a name that ends like a reasoning; None if it does not.

    >>> split_reasoning("deepseek_thinking_trajectory"), split_reasoning("reasoning")
    ('deepseek', None)
    """
    split = _split(model_first(column), _REASONING_ENDS)
    return split[0] if split else None


def split_response(column: str) -> tuple[str, int] | None:
    """Return the first part of a name that ends like a response, and the rank of the end; None if it does not.

    >>> split_response("gemini_attempt"), split_response("attempt")
    (('gemini', 4), None)
    """
    split = _split(model_first(column), _RESPONSE_ENDS)
    return (split[0], _RESPONSE_ENDS.index(split[1])) if split else None


def is_model_response(column: str) -> bool:
    """Return whether a column holds a model's response by its name alone, without a reasoning beside it.

    >>> is_model_response("r1_solution"), is_model_response("r1_answer"), is_model_response("official_solution")
    (True, False, False)
    """
    split = _split(model_first(column), _BARE_RESPONSE_ENDS)
    return split is not None and _MODEL.match(split[0]) is not None


def may_be_model(prefix: str) -> bool:
    """Return whether the first part of a column's name can be a model: it does not speak of somebody else.

    >>> may_be_model("deepseek"), may_be_model("ground_truth"), may_be_model("judge")
    (True, False, False)
    """
    return prefix.partition("_")[0] not in _OTHERS


def model_name(prefix: str) -> str | None:
    """Return the model that the first part of a column's name names; None if it names none.

    >>> model_name("qwen_7b"), model_name("assistant")
    ('qwen_7b', None)
    """
    return None if prefix in _GENERIC else prefix
