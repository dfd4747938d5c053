"""Responses of a local model, sampled into a file: the same bytes whatever the batch, and after an interruption."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs sgram[train]")
pytest.importorskip("transformers", reason="needs sgram[train]")

from sgram.errors import InputError, SgramError, UsageError  # noqa: E402
from sgram.grading.outcome import Problem  # noqa: E402
from sgram.run_directory import lock_folder  # noqa: E402
from sgram.scoring.local_sampler import LocalSampler, draw_by_uniforms  # noqa: E402
from sgram.scoring.log_probs import EncodedTrace, score_sequence  # noqa: E402
from sgram.scoring.sampled_file import sample_file  # noqa: E402
from sgram.scoring.sampling import SamplingConfig, make_requests  # noqa: E402
from sgram.traces import TraceReader  # noqa: E402
from sgram.training.models import LoadedModel  # noqa: E402
from tests.builders import tiny_policy  # noqa: E402

TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
CONFIG = SamplingConfig(n=3, max_tokens=6, instruction="")
PROBLEMS = [Problem(f"p{number}", text, "4") for number, text in enumerate(tiny_policy.PROMPTS)]


@pytest.fixture(scope="module")
def loaded():
    """A policy of random weights; its tokenizer has no chat template."""
    with torch.random.fork_rng():
        return LoadedModel(tiny_policy.model().eval(), tiny_policy.tokenizer())


def with_template(loaded, template=TEMPLATE):
    """Return the model with a chat template."""
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.chat_template = template
    return LoadedModel(loaded.model, tokenizer)


def sample(loaded, path, config=CONFIG, batch_size=4, problems=PROBLEMS, **settings):
    sampler = LocalSampler(loaded, "tiny", config, batch_size)
    return sample_file(make_requests(problems, config.n), sampler, path, config, **settings)


def read(path):
    """Return the traces of a file, with the ids of their requests."""
    traces = TraceReader([path], runs={str(path): ""})
    return [replace(trace, id=trace.id.partition("@")[0]) for trace in traces]


def test_the_bytes_do_not_depend_on_the_batch_size(loaded, tmp_path):
    for batch_size in (1, 5, 12):  # 5 mixes the samples of two problems, whose prompts differ in length
        sample(loaded, tmp_path / f"{batch_size}.jsonl", batch_size=batch_size)
    (first, *others) = [(tmp_path / f"{batch_size}.jsonl").read_bytes() for batch_size in (1, 5, 12)]
    assert others == [first, first]
    sample(loaded, tmp_path / "seed.jsonl", replace(CONFIG, seed=1))
    assert (tmp_path / "seed.jsonl").read_bytes() != first


def test_a_sample_does_not_depend_on_how_many_others_there_are(loaded, tmp_path):
    sample(loaded, tmp_path / "three.jsonl")
    sample(loaded, tmp_path / "one.jsonl", replace(CONFIG, n=1), problems=PROBLEMS[2:])
    three = {trace.id: trace for trace in read(tmp_path / "three.jsonl")}
    one = read(tmp_path / "one.jsonl")
    assert [trace.id for trace in one] == ["p2#0", "p3#0"]
    assert one == [three["p2#0"], three["p3#0"]]


def test_an_interrupted_job_resumes_and_writes_the_bytes_of_an_unbroken_one(loaded, tmp_path):
    sample(loaded, tmp_path / "whole.jsonl.gz")

    def interrupt(counts):
        if counts.n_samples >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(loaded, tmp_path / "cut.jsonl.gz", report_progress=interrupt)
    assert not (tmp_path / "cut.jsonl.gz").exists()
    # other settings use no part of it, and leave it there
    other = sample(loaded, tmp_path / "cut.jsonl.gz", replace(CONFIG, seed=1))
    assert other.n_reused == 0
    resumed = sample(loaded, tmp_path / "cut.jsonl.gz", batch_size=3)
    assert resumed.n_reused == 8  # two batches of 4
    assert (tmp_path / "cut.jsonl.gz").read_bytes() == (tmp_path / "whole.jsonl.gz").read_bytes()
    assert not (tmp_path / "cut.jsonl.gz.parts").exists()


def test_a_second_job_with_the_same_output_is_refused_at_once(loaded, tmp_path):
    output = tmp_path / "out.jsonl"
    with lock_folder(Path(f"{output}.parts")):
        for config in (CONFIG, replace(CONFIG, seed=1)):
            with pytest.raises(SgramError, match=r"another process is working on this run \(.*out\.jsonl\.parts\)"):
                sample(loaded, output, config)
    assert sample(loaded, output).counts.n_samples == 12
    assert not Path(f"{output}.parts").exists()


def test_a_row_has_ids_scores_verdict_and_its_problem(loaded, tmp_path):
    sampled = sample(loaded, tmp_path / "out.jsonl")
    traces = read(tmp_path / "out.jsonl")
    assert [trace.id for trace in traces] == [f"p{problem}#{number}" for problem in range(4) for number in range(3)]
    for trace in traces:
        problem = PROBLEMS[int(trace.group[1])]
        context = tuple(loaded.tokenizer(problem.prompt)["input_ids"])
        assert (trace.prompt, trace.reference, trace.model) == (problem.prompt, "4", "tiny")
        assert trace.text == loaded.tokenizer.decode(trace.token_ids, skip_special_tokens=True)
        expected = score_sequence(EncodedTrace(context, trace.token_ids), loaded.model)
        assert (trace.logprobs, trace.entropies) == expected
        is_ended = trace.token_ids[-1] == loaded.tokenizer.eos_token_id
        assert trace.meta["finish_reason"] == ("stop" if is_ended else "length")
        assert len(trace.token_ids) == 6 or is_ended
    assert sampled.counts.n_judged == 12
    assert sampled.tokenizer.read_bytes() == loaded.tokenizer.backend_tokenizer.to_str().encode()
    ungraded = [replace(problem, reference=None) for problem in PROBLEMS[:1]]
    assert sample(loaded, tmp_path / "ungraded.jsonl", problems=ungraded).counts.n_judged == 0
    assert read(tmp_path / "ungraded.jsonl")[0].correct is None


def test_correct_responses_are_graded_as_correct(loaded, tmp_path):
    sampled_text = {trace.id: trace.text for trace in _sampled(loaded, tmp_path / "first.jsonl")}
    problem = replace(PROBLEMS[0], reference=sampled_text["p0#1"])
    traces = _sampled(loaded, tmp_path / "second.jsonl", problems=[problem])
    # a reference that is the response itself, in words
    assert [trace.correct for trace in traces] == [trace.text == problem.reference for trace in traces]


def _sampled(loaded, path, **settings):
    sample(loaded, path, **settings)
    return read(path)


def test_the_number_of_a_draw_chooses_the_token_whose_stretch_holds_it():
    # shares .2, .5, .3: stretches [0, .2), [.2, .7), [.7, 1)
    logits = torch.tensor([[0.2, 0.5, 0.3]]).log().repeat(6, 1)
    uniforms = torch.tensor([[0.0, 0.19, 0.21, 0.69, 0.71, 0.999]], dtype=torch.float64).T
    rows = torch.arange(6)
    assert draw_by_uniforms(logits, rows, 0, SamplingConfig(), uniforms).tolist() == [0, 0, 1, 1, 2, 2]
    # the two likeliest: .5 / .8 = .625 and .3 / .8, so that .69 is the last token's
    assert draw_by_uniforms(logits, rows, 0, SamplingConfig(top_k=2), uniforms).tolist() == [1, 1, 1, 2, 2, 2]
    assert draw_by_uniforms(logits, rows, 0, SamplingConfig(top_p=0.4), uniforms).tolist() == [1] * 6
    assert draw_by_uniforms(logits, rows, 0, SamplingConfig(n=1, temperature=0), uniforms).tolist() == [1] * 6


def test_prompts_go_through_the_chat_template_where_there_is_one(loaded):
    chat = with_template(loaded)
    config = replace(CONFIG, system="Be brief.", instruction="Box it.")
    sampler = LocalSampler(chat, "tiny", config)
    assert sampler.describe() == "prompts are chats, by the chat template of tiny; --no-chat sends plain text"
    (traces,) = sampler.sample(make_requests(PROBLEMS[:1], 1))
    assert traces[0].prompt == f"Be brief.\n\n{PROBLEMS[0].prompt}\n\nBox it."
    text = f"system: Be brief.\nuser: {PROBLEMS[0].prompt}\n\nBox it.\n"
    assert sampler._prompts["p0"].ids == tuple(loaded.tokenizer(text)["input_ids"])
    plain = LocalSampler(chat, "tiny", replace(config, system=""), chat=False)
    assert plain.describe() == "prompts are plain text, without the chat template of tiny (--no-chat)"
    (traces,) = plain.sample(make_requests(PROBLEMS[:1], 1))
    assert traces[0].prompt == f"{PROBLEMS[0].prompt}\n\nBox it."
    assert "has no chat template" in LocalSampler(loaded, "tiny", config).describe()


def test_prompts_that_the_model_cannot_take_are_refused(loaded, tmp_path):
    messages = ({"role": "system", "content": "Think."}, {"role": "user", "content": "How many?"})
    conversation = [Problem("c", messages, "4")]
    with pytest.raises(UsageError, match=r"problem c is a conversation of 2 messages, which needs a chat.*one text"):
        sample(loaded, tmp_path / "out.jsonl", problems=conversation)
    with pytest.raises(UsageError, match="--system needs a chat, and there is none"):
        sample(loaded, tmp_path / "out.jsonl", replace(CONFIG, system="Be brief."))
    with pytest.raises(UsageError, match="problem c has a system message of its own; leave out --system"):
        sample(with_template(loaded), tmp_path / "out.jsonl", replace(CONFIG, system="x"), problems=conversation)
    refusing = with_template(loaded, "{{ raise_exception('no system role') }}")
    with pytest.raises(UsageError, match=r"the chat template refuses problem p0: no system role; use --no-chat"):
        sample(refusing, tmp_path / "out.jsonl")
    # 4,096 positions
    with pytest.raises(InputError, match=r"4 prompts with 4,096 tokens of a response are longer than the 4,096 pos"):
        sample(loaded, tmp_path / "out.jsonl", replace(CONFIG, max_tokens=4096))
    assert not (tmp_path / "out.jsonl").exists()


def ending_at_once(loaded):
    """Return a model that is sure of the end of text: it is the likeliest token of every distribution."""
    model = copy.deepcopy(loaded.model)
    end = loaded.tokenizer.eos_token_id
    head = model.get_output_embeddings()
    forward = head.forward

    def forward_to_the_end(hidden):
        logits = forward(hidden).clone()
        logits[..., end] = 1e4
        return logits

    head.forward = forward_to_the_end
    return LoadedModel(model, loaded.tokenizer)


def test_empty_responses_at_the_start_stop_the_job_with_what_to_do(loaded, tmp_path):
    silent = ending_at_once(loaded)
    with pytest.raises(UsageError, match=r"12 of the first 12 responses are empty or one token; if this is a chat mod"):
        sample(silent, tmp_path / "out.jsonl", batch_size=12)
    with pytest.raises(UsageError, match="if the model was never trained on chats, use --no-chat"):
        sample(with_template(silent), tmp_path / "out.jsonl")
    sampled = sample(silent, tmp_path / "out.jsonl", allow_empty=True)
    assert (sampled.counts.n_samples, sampled.counts.n_empty, sampled.counts.n_correct) == (12, 12, 0)
    assert {trace.correct for trace in read(tmp_path / "out.jsonl")} == {False}, "an empty response is wrong"


def test_equal_responses_of_two_jobs_stay_two_rows_where_both_files_are_read(loaded, tmp_path):
    silent = ending_at_once(loaded)
    paths = [tmp_path / "before.jsonl", tmp_path / "after.jsonl"]
    for seed, path in enumerate(paths):
        sample(silent, path, replace(CONFIG, seed=seed), allow_empty=True)
    traces = list(TraceReader(paths))
    assert len({trace.id for trace in traces}) == len(traces) == 24


def test_a_job_without_any_response_fails_and_writes_nothing(tmp_path):
    class Mute:
        name, n_missing, first_fault = "mute", 12, "the server is busy"

        def identity(self):
            return {}

        def suggest(self):
            return ""

        def sample(self, requests):
            yield from ()

    with pytest.raises(SgramError, match="there is no response: the server is busy; run the same command again"):
        sample_file(make_requests(PROBLEMS, 3), Mute(), tmp_path / "out.jsonl", CONFIG)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, r"n must be >= 1 \(got 0\)"),
        ({"temperature": float("nan")}, "temperature must be >= 0"),
        ({"temperature": 0}, "temperature 0 gives the same response n times; use -n 1"),
        ({"top_p": 0}, "top_p must be > 0 and <= 1"),
        ({"max_tokens": 0}, "max_tokens must be >= 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        SamplingConfig(**settings)
