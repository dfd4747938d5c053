"""Training runs made by hand: tokens, curves, growth; what is kept whatever the order of inputs."""

import json
import math

import numpy as np
import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.analysis.entropies import conditional_at, equal_size, semantic_at
from sgram.analysis.trace_counts import over_draws
from sgram.errors import InputError, UsageError
from tests.builders.analysis_examples import byte_ids, byte_tokenizer, lexicon, rollouts, run, trace

PLANNING, EXECUTION = ({"token_class": name} for name in ("planning", "execution"))
CONFIG = AnalysisConfig(n_placebos=0, n_draws=100)


def sampled(id, text, step, entropies, logprobs, **known):  # noqa: A002
    """A trace with the ids of its bytes and the same entropy and log-probability at each of two classes."""
    ids = byte_ids(text)
    planning = np.zeros(len(text), bool)
    for gram in ("so", "wait"):
        at = text.find(gram)
        while at >= 0:
            planning[at : at + len(gram)] = True
            at = text.find(gram, at + 1)
    values = [[pair[0] if each else pair[1] for each in planning] for pair in (entropies, logprobs)]
    return trace(
        id,
        text,
        step=step,
        model=None,
        prompt=known.pop("prompt", "p"),
        token_ids=ids,
        entropies=tuple(values[0]),
        logprobs=tuple(values[1]),
        **known,
    )


def curve_traces(n_steps=12):
    """Two problems a step; planning tokens start at 2 nats and fall, execution tokens stay at 1/2 nat."""
    made = []
    for step in range(n_steps):
        for problem in "pq":
            # 5 and 10 characters: "so it" has 2 planning bytes of 5, "so we wait" 6 of 10
            text = "so it" if problem == "p" else "so we wait"
            correct = step >= n_steps / 2 or problem == "p"
            made.append(
                sampled(
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
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return analyze([run(folder, "a", curve_traces(), tokenizer=True)], CONFIG)


def row(made, table, **wanted):
    (found,) = made.tables[table].records(**wanted)
    return found


def test_tokens_are_told_apart_by_the_runs_own_tokenizer(made):
    # each step 8 planning bytes of 15; entropies of planning fall from 2 to 2 - 11/12, their mean is 2 - 11/24
    found = row(made, "tokens", **PLANNING)
    assert (found["tokens"], row(made, "tokens", **EXECUTION)["tokens"]) == (8 * 12, 7 * 12)
    assert found["entropy"] == pytest.approx(2 - 11 / 24)
    assert found["perplexity"] == pytest.approx(math.exp(1 + 11 / 20)), "surprise grows from 1 to 2.1 nats"
    assert row(made, "tokens", **EXECUTION)["perplexity"] == pytest.approx(math.exp(0.25))
    found = row(made, "shares", outcome="all")
    assert (found["value"], found["unit"]) == (pytest.approx(8 / 15), "tokens")


def test_high_entropy_tokens_are_the_planning_ones_here(made):
    # the top 30 % of 180 tokens are 54 of the 96 planning tokens, as all of these lie above 1/2 nat
    found = row(made, "overlap")
    assert found["high_given_planning"] == pytest.approx(54 / 96)
    assert found["planning_given_high"] == pytest.approx(1)
    assert found["chance"] == pytest.approx(96 / 180)


def test_high_entropy_tokens_beyond_the_planning_ones_are_shared_among_ties(tmp_path):
    # the top 60 % are 108 tokens: all 96 planning ones, and 12 of the 84 execution tokens, which are tied
    place = run(tmp_path, "a", curve_traces(), tokenizer=True)
    found = row(analyze([place], AnalysisConfig(n_placebos=0, n_draws=20, top=0.6)), "overlap")
    assert found["high_given_planning"] == 1
    assert found["planning_given_high"] == pytest.approx(96 / 108)


def test_of_too_many_tokens_whole_traces_are_sampled_and_told(tmp_path):
    # 180 tokens in traces of 5 and 10: of these at most 50 are held
    place = run(tmp_path, "a", curve_traces(), tokenizer=True)
    made = analyze([place], AnalysisConfig(n_placebos=0, n_draws=20, max_tokens=50))
    held = row(made, "overlap")["tokens"]
    assert 40 < held <= 50
    assert any(f"among {held} of 180 tokens" in said for said in made.notes)
    assert row(made, "tokens", **PLANNING)["tokens"] == 96, "means need no holding"


def test_the_first_token_of_a_gram_has_an_entropy(made):
    # "wait" begins with a planning byte at every step
    assert row(made, "grams", gram="wait")["entropy"] == pytest.approx(2 - 11 / 24)


def test_curves_follow_every_step(made):
    found = {each["step"]: each for each in made.tables["curves"].records(series="planning entropy")}
    assert [found[step]["value"] for step in range(12)] == pytest.approx([2 - step / 12 for step in range(12)])
    assert found[6]["relative"] == pytest.approx((2 - 6 / 12) / 2)
    assert found[6]["n"] == 2
    accuracy = {each["step"]: each["value"] for each in made.tables["curves"].records(series="pass@1")}
    assert [accuracy[step] for step in (0, 5, 6, 11)] == [0.5, 0.5, 1, 1]
    errors = {each["step"]: each["value"] for each in made.tables["curves"].records(series="strategic errors")}
    assert [errors[step] for step in (0, 5, 6, 11)] == [0.5, 0.5, 0, 0]
    assert {each["value"] for each in made.tables["curves"].records(series="length")} == {2.5}, "words: 2 and 3"
    surprise = [math.log(each["value"]) for each in made.tables["curves"].records(series="planning perplexity")]
    assert surprise == pytest.approx([1 + step / 10 for step in range(12)])
    perplexity = made.tables["curves"].records(series="execution perplexity", step=3)
    assert perplexity[0]["value"] == pytest.approx(math.exp(0.25))


def test_a_curve_that_moves_settles_and_the_verdict_needs_both(made):
    settled = row(made, "settling", series="planning entropy")
    assert settled["total_change"] < -0.5
    assert settled["step90"] is not None
    assert row(made, "settling", series="execution entropy")["step90"] is None, "it never moves"
    assert made.orders["hicra, seed 0"].answer == "cannot say"


def test_errors_are_told_step_by_step(made):
    assert row(made, "errors", step=0, kind="strategic")["of_judged"] == 0.5
    assert row(made, "errors", step=None, kind="strategic")["count"] == 6
    assert made.tables["errors"].records(step=8) == [], "no trace is wrong there"


def test_growth_is_that_of_reflection_only(made):
    # "wait" is backtracking: once a step among 5 words; "so" is deduction and is not told
    found = row(made, "aha")
    assert (found["medoid"], found["first_step"], found["ratio"]) == ("wait", 0, 1)
    assert found["start_rate"] == pytest.approx(1000 / 5)


def test_traces_that_tell_steps_have_curves_without_a_run(tmp_path):
    lexicon().save(tmp_path / "lexicon.json")
    path = rollouts(tmp_path, curve_traces(4))
    made = analyze([path], AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=0, n_draws=50))
    assert {each["series"] for each in made.tables["curves"].records()} == {
        "pass@1",
        "length",
        "planning share",
        "strategic errors",
        "procedural errors",
        "semantic entropy",
        "cluster entropy",
        "conditional entropy",
    }, "all but those of tokens"
    assert any("--tokenizer" in said for said in made.notes), "the ids are there, and what they spell is not"
    assert made.tables["corpus"].column("tokens") == [15 * 4]


def test_texts_without_ids_are_encoded_by_the_tokenizer_that_is_given(tmp_path):
    # "so we go": 2 of 8 bytes are planning; "we go on" has none of 8
    byte_tokenizer(tmp_path / "tokenizer.json")
    lexicon().save(tmp_path / "lexicon.json")
    path = rollouts(tmp_path, [trace("1", "so we go"), trace("2", "we go on")])
    config = AnalysisConfig(
        lexicon=str(tmp_path / "lexicon.json"), tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20
    )
    made = analyze([path], config)
    found = row(made, "shares", outcome="all")
    assert (found["value"], found["unit"]) == (2 / 16, "tokens")
    assert made.tables["corpus"].column("tokens") == [16]
    assert "tokens" not in made.tables, "entropies are not known"


def test_ids_that_the_tokenizer_does_not_have_are_told_with_the_trace(tmp_path):
    byte_tokenizer(tmp_path / "tokenizer.json")
    path = rollouts(tmp_path, [trace("odd", "so", token_ids=(1, 5000))])
    with pytest.raises(InputError, match=r"trace 'odd' holds the token id 5000, but the tokenizer has 256 ids"):
        analyze([path], AnalysisConfig(tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0))


def test_runs_are_sources_of_their_own(tmp_path):
    run(tmp_path, "a", curve_traces(3), tokenizer=True)
    run(tmp_path, "b", curve_traces(3), tokenizer=True, method="grpo")
    made = analyze([tmp_path], CONFIG)
    assert made.sources == ("grpo, seed 0", "hicra, seed 0")
    assert made.tables["corpus"].column("traces") == [6, 6]
    assert [each["source"] for each in made.provenance["inputs"]] == list(made.sources)


def test_the_order_of_inputs_and_of_rows_changes_nothing(tmp_path):
    lexicon().save(tmp_path / "lexicon.json")
    texts = ["so we add it up", "wait no let me check it", "we go", "so so it is", "wait we see", "let me check"]
    traces = [
        trace(
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
    first, second = rollouts(tmp_path, traces[:30], "a.jsonl"), rollouts(tmp_path, traces[30:], "b.jsonl")
    (tmp_path / "other").mkdir()
    back = rollouts(tmp_path / "other", traces[29::-1], "a.jsonl")
    config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=2, n_draws=50, placebo_chars=700)
    one, two = analyze([first, second], config), analyze([second, back], config)
    assert one.tables == two.tables
    assert "placebo" in one.tables
    assert [each.trace for each in one.examples] == [each.trace for each in two.examples]
    assert len(one.examples) == 12
    assert [(each.correct.trace.id, each.wrong.trace.id) for each in one.siblings] == [
        (each.correct.trace.id, each.wrong.trace.id) for each in two.siblings
    ]
    assert one.siblings, "there are groups with both outcomes"


def test_what_is_said_of_a_lexicon_stands_beside_its_placebo(tmp_path):
    lexicon().save(tmp_path / "lexicon.json")
    words = "so we add it up then we go on and let me check the sum of two by three times".split()
    traces = [
        trace(f"{n}", " ".join(words[(n * k) % 17] for k in range(1, 14)), group=f"g{n % 5}", correct=n % 2 == 0)
        for n in range(40)
    ]
    config = AnalysisConfig(lexicon=str(tmp_path / "lexicon.json"), n_placebos=3, n_draws=50)
    made = analyze([rollouts(tmp_path, traces)], config)
    found = row(made, "shares", source="m", outcome="all", list="placebo")
    real = row(made, "shares", source="m", outcome="all", list="SGs")
    assert found["value"] == pytest.approx(real["value"], rel=0.1), "it is matched"
    assert found["low"] <= found["value"] <= found["high"]
    assert len(made.tables["placebo"]) == 3
    assert {each["list"] for each in made.tables["scaling"].records()} == {"SGs", "placebo"}
    by_bins = {(each["bins"], each["list"]) for each in made.tables["semantic_entropy"].records(outcome="all")}
    assert by_bins == {("grams", "SGs"), ("grams", "placebo"), ("clusters", "SGs"), ("moves", "SGs")}
    assert made.provenance["lexicons"][0]["placebos"][0] != made.provenance["lexicons"][0]["placebos"][1]


def test_provenance_is_json_and_names_no_folder_of_the_machine(made):
    told = json.dumps(made.provenance)
    (about,) = made.provenance["inputs"]
    assert about["traces"] == 24
    assert about["config"]["method"] == "hicra"
    assert len(about["digest"]) == 64
    assert set(made.provenance["versions"]) >= {"sgram", "python", "numpy"}
    assert "hand_made" not in told


def test_entropies_are_compared_at_the_smallest_sufficient_number():
    assert equal_size([500, 120, 40, 0]) == 120, "40 are too few to be compared with"
    assert equal_size([40, 12, 24]) == 24, "where all are few, half the largest will do"
    assert equal_size([]) == 1


def test_entropy_at_a_size_is_that_of_every_way_to_draw():
    # bins 0, 0, 1 of three problems: of the three pairs one is equal (0 nats), two differ (ln 2)
    spans = (np.array([0, 1, 2]), np.array([0, 0, 1]))
    problem = np.array([7, 8, 9])
    assert semantic_at(problem, spans, 2, True).value == pytest.approx(2 / 3 * math.log(2))
    assert semantic_at(problem, spans, 2, False).value == pytest.approx(2 / 3 * math.log(2))
    # what follows: gram 0 by a and b, gram 1 by a; of pairs of spans only the first two leave ln 2 open
    pairs = (*spans, np.array([5, 6, 5]))
    assert conditional_at(problem, pairs, 2, True).value == pytest.approx(1 / 3 * math.log(2))
    assert conditional_at(problem, pairs, 2, False).value == pytest.approx(1 / 3 * math.log(2))


def test_a_placebos_range_is_that_of_its_draws():
    found = over_draws([1.0, 3.0, 2.0])
    assert (found.value, found.low, found.high) == (2, 1, 3)
    assert over_draws([1.0]).low is None


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("entropies", -3.0, "-3 in its entropies"),
        ("entropies", 1e308, r"1e\+308 in its entropies"),
        ("logprobs", 0.5, "0.5 in its logprobs"),
        ("logprobs", -1e300, r"-1e\+300 in its logprobs"),
    ],
)
def test_numbers_that_nothing_in_nats_can_be_are_told_with_the_trace(tmp_path, field, value, told):
    byte_tokenizer(tmp_path / "tokenizer.json")
    made = {"entropies": (0.5, 0.5), "logprobs": (-0.5, -0.5), field: (0.0, value)}
    path = rollouts(tmp_path, [trace("odd", "so", token_ids=tuple(byte_ids("so")), **made)])
    config = AnalysisConfig(tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20)
    with pytest.raises(InputError, match=f"trace 'odd' holds {told}, which are in nats"):
        analyze([path], config)
    # 2 * 256 ids: ln 512 = 6.24; -9999 is what engines write for a token that they rule out
    fine = trace("1", "so", token_ids=tuple(byte_ids("so")), entropies=(6.2, -0.001), logprobs=(-9999.0, 0.001))
    assert "tokens" in analyze([rollouts(tmp_path, [fine], "fine.jsonl")], config).tables


def test_token_ids_that_do_not_spell_their_text_are_told(tmp_path):
    byte_tokenizer(tmp_path / "tokenizer.json")
    config = AnalysisConfig(tokenizer=str(tmp_path / "tokenizer.json"), n_placebos=0, n_draws=20)

    def told(*texts):
        made = [
            trace(str(n), text, token_ids=tuple(byte_ids("so we go")), entropies=(0.5,) * 8)
            for n, text in enumerate(texts)
        ]
        notes = analyze([rollouts(tmp_path, made)], config).notes
        return [note for note in notes if "do not spell" in note]

    assert told("so we go", "  so we go\n") == []  # spaces at the ends are cut off by many
    assert told(*["so we go"] * 19, "wait") == []  # one in twenty
    (note,) = told("so we go", "wait")
    assert note.startswith("In 1 of 2 traces")


def test_a_lexicon_without_a_name_is_no_lexicon(tmp_path):
    path = rollouts(tmp_path, [trace("1", "so")])
    with pytest.raises(UsageError, match="no lexicon ''"):
        analyze([path], AnalysisConfig(lexicon=""))
