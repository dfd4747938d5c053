"""Scores of a model against a plain pass over the whole sequence."""

import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from sgram.errors import InputError, UsageError  # noqa: E402
from sgram.scoring import log_probs as scoring  # noqa: E402
from sgram.scoring import scored_file as scored  # noqa: E402
from sgram.scoring.log_probs import Scoring, encode, score_traces  # noqa: E402
from sgram.traces import TraceReader, write_traces  # noqa: E402
from sgram.training.models import LoadedModel  # noqa: E402
from tests.builders.analysis_examples import build_trace  # noqa: E402


@pytest.fixture(scope="module")
def loaded():
    """The shape of the testbed's policy with random weights, wide enough that entropies differ."""
    from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
    from sgram.testbed.warmup import new_model

    tokenizer = make_tokenizer(TestbedConfig())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = new_model(tokenizer, WarmUpConfig())
        for each in model.parameters():
            each.data += 0.05 * torch.randn_like(each)
    return LoadedModel(model.eval(), tokenizer)


TRACES = [
    build_trace("1", "My first idea is to add both and then double.", prompt="How many pens?\n"),
    build_trace("2", "That gives 4 + 3 = 7, so 7 * 2 = 14. The answer is 14. " * 3, prompt="In a square are pens.\n"),
    build_trace("3", "so", prompt=None),
    build_trace("4", "The answer is 3.", token_ids=(5, 9, 9, 2, 77, 31), prompt="How?"),
]


def plainly(loaded, one, settings):
    """(log-probabilities, entropies) by one pass over the whole sequence, in double precision afterwards."""
    seen = encode(one, loaded.tokenizer, settings)
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([seen.context + seen.ids])).logits[0].double()
    logps = logits.log_softmax(-1)[len(seen.context) - 1 : -1]
    return logps.gather(-1, torch.tensor(seen.ids)[:, None])[:, 0], -(logps.exp() * logps).sum(-1)


@pytest.mark.parametrize("window", [None, 1, 7, 10_000])
def test_scores_are_those_of_a_pass_over_the_whole_sequence(loaded, window):
    found = score_traces(TRACES, loaded, Scoring(window=window))
    for one, got in zip(TRACES, found, strict=True):
        logprobs, entropies = plainly(loaded, one, Scoring())
        assert got.token_ids == (one.token_ids or encode(one, loaded.tokenizer, Scoring()).ids)
        # 5e-6 for rounding to 5 decimals, 1e-5 for sums in another order
        assert got.logprobs == pytest.approx(logprobs.tolist(), abs=1.5e-5)
        assert got.entropies == pytest.approx(entropies.tolist(), abs=1.5e-5)
        assert max(got.entropies) - min(got.entropies) > 1e-3 or len(got.entropies) == 1
        assert (got.id, got.text, got.prompt) == (one.id, one.text, one.prompt)


def test_an_entropy_is_at_most_that_of_an_even_distribution(loaded):
    size = loaded.model.get_output_embeddings().weight.shape[0]
    for one in score_traces(TRACES, loaded):
        assert all(0 <= each <= math.log(size) for each in one.entropies)


def test_logits_of_a_window_fit_into_their_memory(loaded, monkeypatch):
    monkeypatch.setattr(scoring, "LOGIT_BYTES", 4 * scoring._COPIES * 1000)
    assert scoring.window_of(1, 100) == 10
    assert scoring.window_of(5, 100) == 2
    assert scoring.window_of(50, 1000) == 1, "one token goes through in any case"
    widths, forward = [], loaded.model.forward
    monkeypatch.setattr(
        loaded.model, "forward", lambda **given: widths.append(given["input_ids"].shape) or forward(**given)
    )
    score_traces(TRACES[1:2], loaded)
    size = loaded.model.get_output_embeddings().weight.shape[0]
    assert max(rows * width for rows, width in widths) <= max(1, 1000 // size)
    assert len(widths) > 50


def test_what_is_too_long_or_empty_comes_back_as_it_was(loaded):
    long, short, empty = TRACES[1], TRACES[2], build_trace("5", "")
    found = score_traces([long, short, empty], loaded, Scoring(max_length=12))
    assert found[0] == long
    assert found[1].entropies is not None
    assert found[2] == empty


def test_the_prompt_is_part_of_the_context(loaded):
    one = build_trace("1", "so we add", prompt="How many pens?\n")
    other = build_trace("1", "so we add", prompt="In a square are 4 by 4 pens.\n")
    assert score_traces([one], loaded)[0].entropies != score_traces([other], loaded)[0].entropies


def test_settings_and_ids_that_cannot_be_are_refused(loaded):
    with pytest.raises(UsageError, match="window is a number of tokens from 1"):
        Scoring(window=0)
    with pytest.raises(InputError, match=r"trace '4' holds the token id 900000, but the model's tokenizer has"):
        score_traces([build_trace("4", "x", token_ids=(900_000,))], loaded)
    with pytest.raises(UsageError, match="no chat template"):
        score_traces([build_trace("1", "so", prompt="How?")], loaded, Scoring(chat=True))


# -- files ----------------------------------------------------------------------------------------------


def many():
    return [build_trace(f"{n}", f"The answer is {n}.", prompt="How many pens?\n") for n in range(150)]


def test_a_scored_file_holds_what_was_computed_and_the_tokenizer_lies_beside_it(loaded, tmp_path):
    write_traces(many(), tmp_path / "in.jsonl")
    made = scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "out.jsonl.gz", Scoring())
    assert (made.traces, made.scored, made.reused) == (150, 150, 0)
    again = list(TraceReader(made.path))
    assert again == score_traces(many(), loaded)
    from sgram.traces.tokens import load_tokenizer

    assert load_tokenizer(made.tokenizer).decode(list(again[0].token_ids)) == again[0].text
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "in.jsonl",
        "out.jsonl.gz",
        "out.jsonl.gz.tokenizer.json",
    ]


def test_scoring_that_was_cut_off_goes_on_and_ends_in_the_same_bytes(loaded, tmp_path, monkeypatch):
    write_traces(many(), tmp_path / "in.jsonl")
    scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "whole.jsonl.gz", Scoring())
    calls, real = [], scoring.score_traces

    def failing(traces, *given):
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(len(traces))
        return real(traces, *given)

    monkeypatch.setattr(scoring, "score_traces", failing)
    with pytest.raises(KeyboardInterrupt):
        scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "cut.jsonl.gz", Scoring())
    assert not (tmp_path / "cut.jsonl.gz").exists()
    monkeypatch.setattr(scoring, "score_traces", real)
    made = scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "cut.jsonl.gz", Scoring())
    assert made.reused == calls[0] == scored.PART
    assert made.path.read_bytes() == (tmp_path / "whole.jsonl.gz").read_bytes()
    assert not (tmp_path / "cut.jsonl.gz.parts").exists()


def test_parts_of_other_settings_are_not_taken(loaded, tmp_path):
    write_traces(many()[:3], tmp_path / "in.jsonl")
    calls = []

    def cut(done):
        calls.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "out.jsonl", Scoring(), cut)
    made = scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "out.jsonl", Scoring(max_length=8))
    assert made.reused == 0
    assert calls == [3]


def test_an_estimate_counts_what_would_go_through_the_model(loaded):
    traces = many()[:4]
    found = scored.estimate(traces, loaded, Scoring())
    lengths = [encode(each, loaded.tokenizer, Scoring()).length for each in traces]
    assert (found.traces, found.tokens, found.too_long) == (4, sum(lengths), 0)
    assert found.seconds > 0
    few = scored.estimate([*traces, TRACES[1]], loaded, Scoring(max_length=max(lengths)))
    assert (few.tokens, few.too_long) == (sum(lengths), 1)


def test_a_name_that_says_no_format_is_refused_before_anything_is_computed(loaded, tmp_path):
    write_traces(many()[:1], tmp_path / "in.jsonl")
    with pytest.raises(UsageError, match=r"scored rollouts are written as \.jsonl"):
        scored.score_file(TraceReader(tmp_path / "in.jsonl"), loaded, tmp_path / "out.csv", Scoring())
