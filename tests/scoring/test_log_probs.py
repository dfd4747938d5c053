"""Scores of a model, compared with one pass over the whole sequence."""

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from sgram.errors import InputError, UsageError  # noqa: E402
from sgram.scoring import log_probs, scored_file  # noqa: E402
from sgram.scoring.log_probs import ScoringConfig, encode_trace, score_traces  # noqa: E402
from sgram.traces import TraceReader, write_traces  # noqa: E402
from sgram.training.models import LoadedModel  # noqa: E402
from tests.builders.analysis_examples import build_trace  # noqa: E402


@pytest.fixture(scope="module")
def loaded():
    """The shape of the testbed's policy with random weights, wide enough that entropies differ."""
    from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
    from sgram.testbed.warmup import make_model

    tokenizer = make_tokenizer(TestbedConfig())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make_model(tokenizer, WarmUpConfig())
        for parameter in model.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    return LoadedModel(model.eval(), tokenizer)


TRACES = [
    build_trace("1", "My first idea is to add both and then double.", prompt="How many pens?\n"),
    build_trace("2", "That gives 4 + 3 = 7, so 7 * 2 = 14. The answer is 14. " * 3, prompt="In a square are pens.\n"),
    build_trace("3", "so", prompt=None),
    build_trace("4", "The answer is 3.", token_ids=(5, 9, 9, 2, 77, 31), prompt="How?"),
]


def score_in_one_pass(loaded, trace, config):
    """Return (log-probabilities, entropies) by one pass over the whole sequence, from there in double precision."""
    encoded = encode_trace(trace, loaded.tokenizer, config)
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([encoded.context + encoded.ids])).logits[0].double()
    logps = logits.log_softmax(-1)[len(encoded.context) - 1 : -1]
    return logps.gather(-1, torch.tensor(encoded.ids)[:, None])[:, 0], -(logps.exp() * logps).sum(-1)


@pytest.mark.parametrize("window", [None, 1, 7, 10_000])
def test_scores_are_those_of_a_pass_over_the_whole_sequence(loaded, window):
    scored_traces = score_traces(TRACES, loaded, ScoringConfig(window=window))
    for trace, scored in zip(TRACES, scored_traces, strict=True):
        logprobs, entropies = score_in_one_pass(loaded, trace, ScoringConfig())
        assert scored.token_ids == (trace.token_ids or encode_trace(trace, loaded.tokenizer, ScoringConfig()).ids)
        # 5e-6 for rounding to 5 decimals, 1e-5 for sums in another order
        assert scored.logprobs == pytest.approx(logprobs.tolist(), abs=1.5e-5)
        assert scored.entropies == pytest.approx(entropies.tolist(), abs=1.5e-5)
        assert max(scored.entropies) - min(scored.entropies) > 1e-3 or len(scored.entropies) == 1
        assert (scored.id, scored.text, scored.prompt) == (trace.id, trace.text, trace.prompt)


def test_an_entropy_is_at_most_that_of_an_even_distribution(loaded):
    size = loaded.model.get_output_embeddings().weight.shape[0]
    for scored in score_traces(TRACES, loaded):
        assert all(0 <= entropy <= math.log(size) for entropy in scored.entropies)


def test_logits_of_a_window_fit_into_their_memory(loaded, monkeypatch):
    monkeypatch.setattr(log_probs, "LOGIT_BYTES", 4 * log_probs._LOGIT_COPIES * 1000)
    assert log_probs.window_size(1, 100) == 10
    assert log_probs.window_size(5, 100) == 2
    assert log_probs.window_size(50, 1000) == 1, "one token goes through in any case"
    widths, forward = [], loaded.model.forward
    monkeypatch.setattr(
        loaded.model, "forward", lambda **inputs: widths.append(inputs["input_ids"].shape) or forward(**inputs)
    )
    score_traces(TRACES[1:2], loaded)
    size = loaded.model.get_output_embeddings().weight.shape[0]
    assert max(rows * width for rows, width in widths) <= max(1, 1000 // size)
    assert len(widths) > 50


def test_traces_that_are_too_long_or_empty_are_unchanged(loaded):
    long, short, empty = TRACES[1], TRACES[2], build_trace("5", "")
    scored_traces = score_traces([long, short, empty], loaded, ScoringConfig(max_length=12))
    assert scored_traces[0] == long
    assert scored_traces[1].entropies is not None
    assert scored_traces[2] == empty


def test_the_prompt_is_part_of_the_context(loaded):
    first = build_trace("1", "so we add", prompt="How many pens?\n")
    second = build_trace("1", "so we add", prompt="In a square are 4 by 4 pens.\n")
    assert score_traces([first], loaded)[0].entropies != score_traces([second], loaded)[0].entropies


def test_invalid_settings_and_ids_are_refused(loaded):
    with pytest.raises(UsageError, match=r"window must be >= 1 \(got 0\)"):
        ScoringConfig(window=0)
    with pytest.raises(InputError, match=r"trace '4' has the token id 900000, but the model's tokenizer has"):
        score_traces([build_trace("4", "x", token_ids=(900_000,))], loaded)
    with pytest.raises(UsageError, match="no chat template"):
        score_traces([build_trace("1", "so", prompt="How?")], loaded, ScoringConfig(chat=True))


# -- files ----------------------------------------------------------------------------------------------


def build_traces():
    return [build_trace(f"{n}", f"The answer is {n}.", prompt="How many pens?\n") for n in range(150)]


def test_a_scored_file_contains_the_scores_and_the_tokenizer_is_beside_it(loaded, tmp_path):
    inputs = tmp_path / "in.jsonl"
    write_traces(build_traces(), inputs)
    written = scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "out.jsonl.gz", ScoringConfig())
    assert (written.n_traces, written.n_scored, written.n_reused) == (150, 150, 0)
    traces = [replace(trace, run=None) for trace in TraceReader(written.path)]
    assert traces == score_traces(build_traces(), loaded)
    from sgram.traces.tokens import load_tokenizer

    assert load_tokenizer(written.tokenizer).decode(list(traces[0].token_ids)) == traces[0].text
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "in.jsonl",
        "out.jsonl.gz",
        "out.jsonl.gz.tokenizer.json",
    ]


def test_interrupted_scoring_resumes_and_writes_the_same_bytes(loaded, tmp_path, monkeypatch):
    inputs = tmp_path / "in.jsonl"
    write_traces(build_traces(), inputs)
    scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "whole.jsonl.gz", ScoringConfig())
    calls, real_score_traces = [], log_probs.score_traces

    def score_one_part(traces, *arguments):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(len(traces))
        return real_score_traces(traces, *arguments)

    monkeypatch.setattr(log_probs, "score_traces", score_one_part)
    with pytest.raises(KeyboardInterrupt):
        scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "cut.jsonl.gz", ScoringConfig())
    assert not (tmp_path / "cut.jsonl.gz").exists()
    monkeypatch.setattr(log_probs, "score_traces", real_score_traces)
    written = scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "cut.jsonl.gz", ScoringConfig())
    assert written.n_reused == calls[0] == scored_file.TRACES_PER_PART
    assert written.path.read_bytes() == (tmp_path / "whole.jsonl.gz").read_bytes()
    assert not (tmp_path / "cut.jsonl.gz.parts").exists()


def test_parts_of_other_settings_are_not_reused(loaded, tmp_path):
    inputs = tmp_path / "in.jsonl"
    write_traces(build_traces()[:3], inputs)
    calls = []

    def interrupt(n_traces):
        calls.append(n_traces)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "out.jsonl", ScoringConfig(), interrupt)
    written = scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "out.jsonl", ScoringConfig(max_length=8))
    assert written.n_reused == 0
    assert calls == [3]


def test_the_cost_counts_the_tokens_that_would_go_through_the_model(loaded):
    traces = build_traces()[:4]
    cost = scored_file.estimate_cost(traces, loaded, ScoringConfig())
    lengths = [encode_trace(trace, loaded.tokenizer, ScoringConfig()).length for trace in traces]
    assert (cost.traces, cost.tokens, cost.too_long) == (4, sum(lengths), 0)
    assert cost.seconds > 0
    limited = scored_file.estimate_cost([*traces, TRACES[1]], loaded, ScoringConfig(max_length=max(lengths)))
    assert (limited.tokens, limited.too_long) == (sum(lengths), 1)


def test_a_name_without_a_format_is_refused_before_anything_is_computed(loaded, tmp_path):
    inputs = tmp_path / "in.jsonl"
    write_traces(build_traces()[:1], inputs)
    with pytest.raises(UsageError, match=r"rollouts are written as \.jsonl"):
        scored_file.score_file(TraceReader(inputs), loaded, tmp_path / "out.csv", ScoringConfig())
