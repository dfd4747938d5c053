"""A policy that calls a tool, through TRL's own loop: what it trains on, and the file that is read back."""

import pytest
from datasets import Dataset

from sgram.lexicon import Lexicon
from sgram.tagging.tagged_rollouts import RolloutTagger
from sgram.tagging.token_marks import TokenMarker
from sgram.testbed import TestbedConfig, make_tokenizer
from sgram.traces import read_traces
from sgram.training import HICRATrainer
from tests.builders.tiny_policy import config, model

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

CALL = ' wait<tool_call>{"name": "add", "arguments": {"a": 3, "b": 4}}</tool_call>'
SUFFIX = "tool: wait 7<|end|>assistant: "
"""What the chat template puts between the turns of the policy; the tool says "wait", too."""
LEXICON = Lexicon.from_grams(["wait", "so"])
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}"
    "{% for call in message.get('tool_calls') or [] %}<tool_call>{{ {'name': call['function']['name'], "
    "'arguments': call['function']['arguments']} | tojson }}</tool_call>{% endfor %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "assistant: ",
    "fields": {
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": r"</tool_call>\s*",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|end\|>\s*", "content": "text"},
    },
}


def add(a: int, b: int) -> str:
    """Add two numbers.

    Args:
        a: The first number.
        b: The second number.
    """
    return f"wait {a + b}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A step of training in which every response is a call of `add` and a second turn; all but the words is real."""
    directory = tmp_path_factory.mktemp("tools")
    tokenizer = make_tokenizer(TestbedConfig())
    tokenizer.chat_template, tokenizer.response_template = CHAT_TEMPLATE, RESPONSE_TEMPLATE
    tokenizer.save_pretrained(directory / "tokenizer")
    ours = HICRATrainer(
        model(),
        lambda completions, **_: list(range(len(completions))),
        config(directory, max_steps=1, max_completion_length=120),
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "How many?"}], "problem": "a"}] * 2),
        processing_class=tokenizer,
        lexicon=LEXICON,
        tools=[add],
    )
    turns = iter([f"{CALL}<|end|>", " so 7<|end|>"])

    def say(prompt_ids, *_, **__):
        ids = tokenizer(next(turns))["input_ids"]
        return [list(ids) for _ in prompt_ids], None

    ours._generate_single_turn = say
    ours.train()
    return directory, tokenizer, list(read_traces(directory / "rollouts"))


def test_the_text_is_what_the_policy_wrote_turn_by_turn(run):
    _, tokenizer, traces = run
    assert len(traces) == 8
    for trace in traces:
        assert trace.text == f"{CALL.strip()}\n\nso 7"
        assert tokenizer.decode(trace.token_ids) == f"{CALL}<|end|>{SUFFIX} so 7<|end|>"
        (start, call_end), (answer, end) = trace.meta["policy_ids"]
        assert tokenizer.decode(trace.token_ids[start:call_end]) == f"{CALL}<|end|>"
        assert tokenizer.decode(trace.token_ids[call_end:answer]) == SUFFIX
        assert end == len(trace.token_ids)
        turns = [part for part in trace.meta["parts"] if part["kind"] == "turn"]
        assert [trace.text[turn["start"] : turn["end"]] for turn in turns] == [CALL.strip(), "so 7"]


def test_numbers_belong_to_the_tokens_of_the_policy(run):
    for trace in run[2]:
        by_policy = [any(start <= row < end for start, end in trace.meta["policy_ids"]) for row in range(87)]
        for row, is_sampled in enumerate(by_policy):
            assert (trace.logprobs[row] < 0) == is_sampled
            assert (trace.entropies[row] > 0) == is_sampled


def test_the_file_is_tagged_and_no_word_of_a_tool_is_planning(run):
    _, tokenizer, traces = run
    tagger = RolloutTagger(LEXICON, tokenizer.backend_tokenizer)
    for tagged in tagger(traces):
        spans = [tagged.trace.text[span.start : span.end] for span in tagged.spans]
        assert spans == ["wait", "so"]
        marked = [row for row, is_marked in enumerate(tagged.planning_mask) if is_marked]
        assert tokenizer.decode([tagged.token_ids[row] for row in marked]) == " wait so"
        # 87 tokens less the 19 of the suffix
        assert tagged.count_units() == (len(marked), 68)
    assert (tagger.id_counts.n_with_ids, tagger.id_counts.n_mismatched) == (8, 0)


def test_statistics_read_the_file_and_count_no_word_of_a_tool(run):
    directory, _, traces = run
    marker = TokenMarker(str(directory / "tokenizer"), [LEXICON])
    for trace in traces:
        marks = marker(trace)
        assert marker.spells(trace, marks)
        assert sum(marks.sums[0].tokens) == 68
        assert sum(marks.sums[0].entropy) == pytest.approx(sum(trace.entropies), rel=1e-6)
