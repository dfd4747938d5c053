"""Small training runs: tokens, curves, growth; independence of the order of inputs."""

import json
import math

import numpy as np
import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.analysis.measures.entropies import LabeledSpans, comparison_size, conditional_entropy_at, semantic_entropy_at
from sgram.analysis.trace_counts import summarize_draws
from sgram.errors import InputError, UsageError
from tests.builders.analysis_examples import (
    build_lexicon,
    build_trace,
    byte_ids,
    write_byte_tokenizer,
    write_rollouts,
    write_run,
)

PLANNING, EXECUTION = ({"token_class": name} for name in ("planning", "execution"))
CONFIG = AnalysisConfig(n_placebos=0, n_draws=100)


def sampled_trace(id, text, step, entropies, logprobs, **fields):  # noqa: A002
    """Return a trace with the ids of its bytes; `entropies` and `logprobs` are (planning, execution)."""
    ids = byte_ids(text)
    planning = np.zeros(len(text), bool)
    for gram in ("so", "wait"):
        start = text.find(gram)
        while start >= 0:
            planning[start : start + len(gram)] = True
            start = text.find(gram, start + 1)
    token_entropies, token_logprobs = (
        tuple(pair[0] if is_planning else pair[1] for is_planning in planning) for pair in (entropies, logprobs)
    )
    return build_trace(
        id,
        text,
        step=step,
        model=None,
        prompt=fields.pop("prompt", "p"),
        token_ids=ids,
        entropies=token_entropies,
        logprobs=token_logprobs,
        **fields,
    )


def curve_traces(n_steps=12):
    """Two problems a step; planning tokens start at 2 nats and fall, execution tokens stay at 1/2 nat."""
    traces = []
    for step in range(n_steps):
        for problem in "pq":
            # 5 and 10 characters: "so it" has 2 planning bytes of 5, "so we wait" 6 of 10
            text = "so it" if problem == "p" else "so we wait"
            correct = step >= n_steps / 2 or problem == "p"
            traces.append(
                sampled_trace(
                    f"{step}-{problem}",
                    text,
                    step,
                    (2 - step / n_steps, 0.5),
                    (-1 - step / 10, -0.25),
                    prompt=problem,
                    group=f"{step}-{problem}",
                    correct=correct,
                    reward=float(correct),
                    meta={} if correct else {"error": "strategic"},
                )
            )
    return traces


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return analyze([write_run(folder, "a", curve_traces(), tokenizer=True)], CONFIG)


def record_of(analysis, table, **cells):
    (record,) = analysis.tables[table].records(**cells)
    return record


def test_token_classes_come_from_the_runs_own_tokenizer(analysis):
    # each step 8 planning bytes of 15; entropies of planning fall from 2 to 2 - 11/12, their mean is 2 - 11/24
    record = record_of(analysis, "tokens", **PLANNING)
    assert (record["tokens"], record_of(analysis, "tokens", **EXECUTION)["tokens"]) == (8 * 12, 7 * 12)
    assert record["entropy"] == pytest.approx(2 - 11 / 24)
    assert record["perplexity"] == pytest.approx(math.exp(1 + 11 / 20)), "surprise grows from 1 to 2.1 nats"
    assert record_of(analysis, "tokens", **EXECUTION)["perplexity"] == pytest.approx(math.exp(0.25))
    record = record_of(analysis, "shares", outcome="all")
    assert (record["value"], record["unit"]) == (pytest.approx(8 / 15), "tokens")


def test_high_entropy_tokens_are_the_planning_ones_here(analysis):
    # the top 30 % of 180 tokens are 54 of the 96 planning tokens, as all of these lie above 1/2 nat
    record = record_of(analysis, "overlap")
    assert record["high_given_planning"] == pytest.approx(54 / 96)
    assert record["planning_given_high"] == pytest.approx(1)
    assert record["chance"] == pytest.approx(96 / 180)


def test_high_entropy_tokens_beyond_the_planning_ones_are_shared_among_ties(tmp_path):
    # the top 60 % are 108 tokens: all 96 planning ones, and 12 of the 84 execution tokens, which are tied
    directory = write_run(tmp_path, "a", curve_traces(), tokenizer=True)
    record = record_of(analyze([directory], AnalysisConfig(n_placebos=0, n_draws=20, top=0.6)), "overlap")
    assert record["high_given_planning"] == 1
    assert record["planning_given_high"] == pytest.approx(96 / 108)


def test_too_many_tokens_are_sampled_by_whole_traces_and_a_note_says_so(tmp_path):
    # 180 tokens in traces of 5 and 10: at most 50 of them are sampled
    directory = write_run(tmp_path, "a", curve_traces(), tokenizer=True)
    analysis = analyze([directory], AnalysisConfig(n_placebos=0, n_draws=20, max_tokens=50))
    n_sampled = record_of(analysis, "overlap")["tokens"]
    assert 40 < n_sampled <= 50
    assert any(f"among {n_sampled} of 180 tokens" in note for note in analysis.notes)
    assert record_of(analysis, "tokens", **PLANNING)["tokens"] == 96, "means need no sample"


def test_the_first_token_of_a_gram_has_an_entropy(analysis):
    # "wait" begins with a planning byte at every step
    assert record_of(analysis, "grams", gram="wait")["entropy"] == pytest.approx(2 - 11 / 24)


def test_curves_follow_every_step(analysis):
    by_step = {record["step"]: record for record in analysis.tables["curves"].records(series="planning entropy")}
    assert [by_step[step]["value"] for step in range(12)] == pytest.approx([2 - step / 12 for step in range(12)])
    assert by_step[6]["relative"] == pytest.approx((2 - 6 / 12) / 2)
    assert by_step[6]["n"] == 2
    accuracy = {record["step"]: record["value"] for record in analysis.tables["curves"].records(series="pass@1")}
    assert [accuracy[step] for step in (0, 5, 6, 11)] == [0.5, 0.5, 1, 1]
    errors = {
        record["step"]: record["value"] for record in analysis.tables["curves"].records(series="strategic errors")
    }
    assert [errors[step] for step in (0, 5, 6, 11)] == [0.5, 0.5, 0, 0]
    assert {record["value"] for record in analysis.tables["curves"].records(series="length")} == {2.5}, "words: 2 and 3"
    surprise = [math.log(record["value"]) for record in analysis.tables["curves"].records(series="planning perplexity")]
    assert surprise == pytest.approx([1 + step / 10 for step in range(12)])
    perplexity = analysis.tables["curves"].records(series="execution perplexity", step=3)
    assert perplexity[0]["value"] == pytest.approx(math.exp(0.25))


def test_a_curve_that_moves_settles_and_the_verdict_needs_both(analysis):
    settled = record_of(analysis, "settling", series="planning entropy")
    assert settled["total_change"] < -0.5
    assert settled["step90"] is not None
    assert record_of(analysis, "settling", series="execution entropy")["step90"] is None, "it never moves"
    assert analysis.phase_orders["hicra, seed 0"].answer == "cannot say"


def test_errors_are_counted_at_every_step(analysis):
    assert record_of(analysis, "errors", step=0, kind="strategic")["of_judged"] == 0.5
    assert record_of(analysis, "errors", step=None, kind="strategic")["count"] == 6
    assert analysis.tables["errors"].records(step=8) == [], "no trace is wrong there"


def test_growth_is_that_of_reflection_only(analysis):
    # "wait" is backtracking: once a step among 5 words; "so" is deduction and has no row
    record = record_of(analysis, "aha")
    assert (record["gram"], record["medoid"], record["first_step"], record["ratio"]) == ("wait", "wait", 0, 1)
    assert record["start_rate"] == pytest.approx(1000 / 5)


@pytest.mark.parametrize(
    ("text", "gram"),
    # the medoid is "wait": it does not occur, occurs as often, or less often
    [("wait no it is", "wait no"), ("wait no wait it is", "wait"), ("wait no wait no wait", "wait no")],
)
def test_a_cluster_is_named_by_the_gram_that_the_traces_hold_most_often(tmp_path, text, gram):
    traces = [
        build_trace(f"{step}-{problem}", text, step=step, prompt=problem, model=None)
        for step in range(4)
        for problem in "pq"
    ]
    record = record_of(analyze([write_run(tmp_path, "a", traces)], CONFIG), "aha")
    assert (record["gram"], record["medoid"]) == (gram, "wait")


def test_a_share_of_0_or_1_over_steps_is_known_as_well_as_its_traces_allow(tmp_path):
    # 2 problems of 4 traces a step: all wrong at step 0, all right at step 1. Wilson's interval of 0 of 8 ends at
    # z^2 / (8 + z^2) = 3.8415 / 11.8415, that of 8 of 8 begins at 1 less that
    traces = [
        build_trace(f"{step}-{n}", "we go", step=step, prompt="pq"[n % 2], model=None, correct=step == 1)
        for step in (0, 1)
        for n in range(8)
    ]
    curves = analyze([write_run(tmp_path, "a", traces)], CONFIG).tables["curves"]
    end = pytest.approx(1.959964**2 / (8 + 1.959964**2))
    for series in ("pass@1", "planning share"):
        record = curves.records(series=series, step=0)[0]
        assert (record["value"], record["low"], record["high"]) == (0, 0, end), series
    record = curves.records(series="pass@1", step=1)[0]
    assert (record["value"], 1 - record["low"], record["high"]) == (1, end, 1)
    assert [record["low"] for record in curves.records(series="length")] == [2, 2], "no share: no doubt is left"


def test_a_share_of_sampled_errors_is_known_as_well_as_the_sample_allows(tmp_path):
    # of 8 judged traces a step all are wrong, and 4 of these are diagnosed: a kind that none has is 0 of 4
    traces = [
        build_trace(f"{step}-{n}", "", step=step, prompt=f"p{n % 4}", model=None, correct=False)
        for step in (0, 1)
        for n in range(8)
    ]
    run, config = write_run(tmp_path, "a", traces), AnalysisConfig(n_placebos=0, n_draws=100, max_diagnosed=8)
    record = analyze([run], config).tables["curves"].records(series="strategic errors", step=0)[0]
    assert (record["value"], record["n"]) == (0, 8)
    assert record["high"] == pytest.approx(1.959964**2 / (4 + 1.959964**2))


def test_traces_with_steps_have_curves_without_a_run(tmp_path):
    build_lexicon().save(tmp_path / "lexicon.json")
    path = write_rollouts(tmp_path, curve_traces(4))
    analysis = analyze([path], AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=0, n_draws=50))
    assert {record["series"] for record in analysis.tables["curves"].records()} == {
        "pass@1",
        "length",
        "planning share",
        "strategic errors",
        "procedural errors",
        "semantic entropy",
        "cluster entropy",
        "conditional entropy",
    }, "all but those of tokens"
    assert any("--tokenizer" in note for note in analysis.notes), "the ids are there, and what they spell is not"
    assert analysis.tables["corpus"].column("tokens") == [15 * 4]


def test_texts_without_ids_are_encoded_by_the_tokenizer(tmp_path):
    # "so we go": 2 of 8 bytes are planning; "we go on" has none of 8
    write_byte_tokenizer(tmp_path / "tokenizer.json")
    build_lexicon().save(tmp_path / "lexicon.json")
    path = write_rollouts(tmp_path, [build_trace("1", "so we go"), build_trace("2", "we go on")])
    config = AnalysisConfig(
        lexicon=str(tmp_path / "lexicon.json"), tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20
    )
    analysis = analyze([path], config)
    record = record_of(analysis, "shares", outcome="all")
    assert (record["value"], record["unit"]) == (2 / 16, "tokens")
    assert analysis.tables["corpus"].column("tokens") == [16]
    assert "tokens" not in analysis.tables, "entropies are not known"


def test_statistics_of_tokens_are_of_those_that_the_policy_wrote(tmp_path):
    write_byte_tokenizer(tmp_path / "tokenizer.json")
    build_lexicon().save(tmp_path / "lexicon.json")
    config = AnalysisConfig(
        lexicon=str(tmp_path / "lexicon.json"), tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20
    )
    text = "so it wait go"
    # a tool wrote "wait ": 5 of 13 bytes; the policy's are 2 planning bytes at 2 nats and 6 others at 0.5
    numbers = [2.0, 2.0, *[0.5] * 4, *[0.0] * 5, 0.5, 0.5]
    trace = build_trace(
        "1",
        text,
        token_ids=tuple(byte_ids(text)),
        entropies=tuple(numbers),
        logprobs=tuple(-number for number in numbers),
        meta={"policy_ids": [[0, 6], [11, 13]]},
    )
    analysis = analyze([write_rollouts(tmp_path, [trace])], config)
    assert analysis.tables["corpus"].column("tokens") == [8]
    assert record_of(analysis, "shares", outcome="all")["value"] == 2 / 8
    for token_class, n_tokens, nats in (("planning", 2, 2.0), ("execution", 6, 0.5)):
        record = record_of(analysis, "tokens", token_class=token_class)
        assert (record["tokens"], record["entropy"], record["perplexity"]) == (
            n_tokens,
            nats,
            pytest.approx(np.exp(nats)),
        )


def test_ids_that_the_tokenizer_lacks_are_refused_with_the_trace(tmp_path):
    write_byte_tokenizer(tmp_path / "tokenizer.json")
    path = write_rollouts(tmp_path, [build_trace("odd", "so", token_ids=(1, 5000))])
    with pytest.raises(InputError, match=r"trace 'odd' contains the token id 5000, but the tokenizer has 256 ids"):
        analyze([path], AnalysisConfig(tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0))


def test_runs_are_sources_of_their_own(tmp_path):
    write_run(tmp_path, "a", curve_traces(3), tokenizer=True)
    write_run(tmp_path, "b", curve_traces(3), tokenizer=True, method="grpo")
    analysis = analyze([tmp_path], CONFIG)
    assert analysis.sources == ("grpo, seed 0", "hicra, seed 0")
    assert analysis.tables["corpus"].column("traces") == [6, 6]
    assert [record["source"] for record in analysis.provenance["inputs"]] == list(analysis.sources)


def test_the_order_of_inputs_and_of_rows_changes_nothing(tmp_path):
    build_lexicon().save(tmp_path / "lexicon.json")
    texts = ["so we add it up", "wait no let me check it", "we go", "so so it is", "wait we see", "let me check"]
    traces = [
        build_trace(
            f"{n}",
            f"{texts[n % 6]}. {texts[n % 5]}",
            group=f"g{n % 7}",
            correct=n % 3 != 0,
            model="ab"[n % 2],
            answer=str(n % 4),
            step=n % 4,
        )
        for n in range(60)
    ]
    first, second = write_rollouts(tmp_path, traces[:30], "a.jsonl"), write_rollouts(tmp_path, traces[30:], "b.jsonl")
    (tmp_path / "other").mkdir()
    back = write_rollouts(tmp_path / "other", traces[29::-1], "a.jsonl")
    config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=2, n_draws=50, placebo_chars=700)
    first_analysis, second_analysis = analyze([first, second], config), analyze([second, back], config)
    assert first_analysis.tables == second_analysis.tables
    assert "placebo" in first_analysis.tables
    assert [example.trace for example in first_analysis.examples] == [
        example.trace for example in second_analysis.examples
    ]
    assert len(first_analysis.examples) == 12
    assert [(pair.correct.trace.id, pair.wrong.trace.id) for pair in first_analysis.sibling_pairs] == [
        (pair.correct.trace.id, pair.wrong.trace.id) for pair in second_analysis.sibling_pairs
    ]
    assert first_analysis.sibling_pairs, "there are groups with both outcomes"


def test_measures_of_a_lexicon_stand_beside_its_placebo(tmp_path):
    build_lexicon().save(tmp_path / "lexicon.json")
    words = "so we add it up then we go on and let me check the sum of two by three times".split()
    traces = [
        build_trace(f"{n}", " ".join(words[(n * k) % 17] for k in range(1, 14)), group=f"g{n % 5}", correct=n % 2 == 0)
        for n in range(40)
    ]
    config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=3, n_draws=50)
    analysis = analyze([write_rollouts(tmp_path, traces)], config)
    record = record_of(analysis, "shares", source="m", outcome="all", list="placebo")
    real = record_of(analysis, "shares", source="m", outcome="all", list="SGs")
    assert record["value"] == pytest.approx(real["value"], rel=0.1), "it is matched"
    assert record["low"] <= record["value"] <= record["high"]
    assert len(analysis.tables["placebo"]) == 3
    assert {record["list"] for record in analysis.tables["scaling"].records()} == {"SGs", "placebo"}
    by_bins = {
        (record["bins"], record["list"]) for record in analysis.tables["semantic_entropy"].records(outcome="all")
    }
    assert by_bins == {("grams", "SGs"), ("grams", "placebo"), ("clusters", "SGs"), ("moves", "SGs")}
    assert analysis.provenance["lexicons"][0]["placebos"][0] != analysis.provenance["lexicons"][0]["placebos"][1]


def test_provenance_is_json_and_names_no_folder_of_the_machine(analysis):
    provenance = json.dumps(analysis.provenance)
    (input_record,) = analysis.provenance["inputs"]
    assert input_record["traces"] == 24
    assert input_record["config"]["method"] == "hicra"
    assert len(input_record["digest"]) == 64
    assert set(analysis.provenance["versions"]) >= {"sgram", "python", "numpy"}
    assert "hand_made" not in provenance


def test_entropies_are_compared_at_the_smallest_sufficient_number():
    assert comparison_size([500, 120, 40, 0]) == 120, "40 are too few to be compared with"
    assert comparison_size([40, 12, 24]) == 24, "where all are few, half the largest will do"
    assert comparison_size([]) == 1


def test_entropy_at_a_size_is_that_of_every_way_to_draw():
    # bins 0, 0, 1 of three problems: of the three pairs one is equal (0 nats), two differ (ln 2)
    spans = LabeledSpans(np.array([0, 1, 2]), np.array([0, 0, 1]), np.array([5, 6, 5]))
    problem = np.array([7, 8, 9])
    assert semantic_entropy_at(problem, spans, 2, True).value == pytest.approx(2 / 3 * math.log(2))
    assert semantic_entropy_at(problem, spans, 2, False).value == pytest.approx(2 / 3 * math.log(2))
    # what follows: gram 0 by a and b, gram 1 by a; of pairs of spans only the first two leave ln 2 open
    assert conditional_entropy_at(problem, spans, 2, True).value == pytest.approx(1 / 3 * math.log(2))
    assert conditional_entropy_at(problem, spans, 2, False).value == pytest.approx(1 / 3 * math.log(2))


def test_a_placebos_range_is_that_of_its_draws():
    record = summarize_draws([1.0, 3.0, 2.0])
    assert (record.value, record.low, record.high) == (2, 1, 3)
    assert summarize_draws([1.0]).low is None


@pytest.mark.parametrize(
    ("field", "number", "message"),
    [
        ("entropies", -3.0, "-3 in `entropies`"),
        ("entropies", 1e308, r"1e\+308 in `entropies`"),
        ("logprobs", 0.5, "0.5 in `logprobs`"),
        ("logprobs", -1e300, r"-1e\+300 in `logprobs`"),
    ],
)
def test_entropies_and_logprobs_out_of_range_are_refused_with_the_trace(tmp_path, field, number, message):
    write_byte_tokenizer(tmp_path / "tokenizer.json")
    fields = {"entropies": (0.5, 0.5), "logprobs": (-0.5, -0.5), field: (0.0, number)}
    path = write_rollouts(tmp_path, [build_trace("odd", "so", token_ids=tuple(byte_ids("so")), **fields)])
    config = AnalysisConfig(tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20)
    with pytest.raises(InputError, match=f"trace 'odd' has {message}, which must be in nats"):
        analyze([path], config)
    # 2 * 256 ids: ln 512 = 6.24; -9999 is what engines write for a token that they rule out
    fine = build_trace("1", "so", token_ids=tuple(byte_ids("so")), entropies=(6.2, -0.001), logprobs=(-9999.0, 0.001))
    assert "tokens" in analyze([write_rollouts(tmp_path, [fine], "fine.jsonl")], config).tables


def test_a_note_says_that_token_ids_do_not_spell_their_text(tmp_path):
    write_byte_tokenizer(tmp_path / "tokenizer.json")
    config = AnalysisConfig(tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20)

    def spelling_notes(*texts):
        traces = [
            build_trace(str(n), text, token_ids=tuple(byte_ids("so we go")), entropies=(0.5,) * 8)
            for n, text in enumerate(texts)
        ]
        notes = analyze([write_rollouts(tmp_path, traces)], config).notes
        return [note for note in notes if "do not spell" in note]

    assert spelling_notes("so we go", "  so we go\n") == []  # spaces at the ends are cut off by many
    assert spelling_notes(*["so we go"] * 19, "wait") == []  # one in twenty
    (note,) = spelling_notes("so we go", "wait")
    assert note.startswith("In 1 of 2 traces")


def test_a_lexicon_without_a_name_is_no_lexicon(tmp_path):
    path = write_rollouts(tmp_path, [build_trace("1", "so")])
    with pytest.raises(UsageError, match="unknown lexicon ''"):
        analyze([path], AnalysisConfig(lexicon=""))
