"""Judges: the truth, random numbers, a policy that writes, a model behind a URL."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import SgramError, UsageError
from sgram.training.evolve.judging import EndpointJudge, OracleJudge, RandomJudge, TextJudge
from sgram.training.evolve.protocols import EvolveTaskWithTruth, Verdict
from sgram.training.evolve.score_tokens import ScoreTokens
from tests.builders.evolve_examples import ScriptedWriter, SumTask, WordForms, score_tokenizer
from tests.builders.judge_endpoint import completion, serving

FORMS = WordForms()


def scores(verdicts):
    return [verdict.score for verdict in verdicts]


def faults(verdicts):
    return [verdict.fault for verdict in verdicts]


def whole_numbers(shares, texts=(), whole_ten=True):
    """A writer with the same probabilities behind every prefix."""
    return ScriptedWriter(score_tokenizer(whole_ten), texts, lambda prompt, prefix: shares)


# -- truth and chance -----------------------------------------------------------------------------------


def test_the_oracle_knows_valid_questions_and_right_answers():
    task = SumTask()
    assert isinstance(task, EvolveTaskWithTruth)
    judge = OracleJudge(task)
    assert scores(judge.judge_questions(["1 + 1?", "1 + what?"])) == [1.0, 0.0]
    # right, wrong, cannot be judged, and an answer to what is no question: no answer can be right
    questions, answers = ["1 + 1?", "1 + 1?", "1 + 1?", "1 + what?"], ["2", "3", "?", "2"]
    assert judge.judge_answers(questions, answers) == [
        *(Verdict(1.0), Verdict(0.0), Verdict(None, "unjudged"), Verdict(0.0))
    ]


def test_the_oracle_needs_a_task_with_truth():
    class Questions:
        name = "questions.jsonl"
        forms = FORMS

    with pytest.raises(UsageError, match=r"--judge oracle needs a task .* questions.jsonl does not"):
        OracleJudge(Questions())


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6), st.randoms(use_true_random=False))
def test_random_scores_depend_on_the_seed_and_the_text_alone(pairs, random):
    judge = RandomJudge(1)
    alone = {pair: judge.judge_answers([pair[0]], [pair[1]])[0].score for pair in pairs}
    random.shuffle(pairs)
    together = scores(judge.judge_answers([question for question, _ in pairs], [answer for _, answer in pairs]))
    assert together == [alone[pair] for pair in pairs]
    assert all(0 <= score < 1 for score in together)


def test_random_scores_are_spread_and_differ_by_seed_and_by_kind_of_text():
    texts = [str(number) for number in range(400)]
    first, second = scores(RandomJudge(0).judge_questions(texts)), scores(RandomJudge(1).judge_questions(texts))
    # 400 uniform numbers: mean .5, standard error .0144; a quarter of them below .25, standard error .0217
    assert abs(sum(first) / 400 - 0.5) < 0.06
    assert abs(sum(score < 0.25 for score in first) / 400 - 0.25) < 0.09
    assert first != second
    assert first != scores(RandomJudge(0).judge_answers(texts, texts))


def test_a_text_has_another_random_score_in_another_step():
    judge, texts = RandomJudge(0), [str(number) for number in range(50)]
    first = scores(judge.judge_questions(texts))
    judge.restart(1)
    second = scores(judge.judge_questions(texts))
    assert not set(first) & set(second)
    judge.restart(0)
    assert scores(judge.judge_questions(texts)) == first


# -- a policy that writes -------------------------------------------------------------------------------


def test_the_expected_score_is_the_mean_over_the_scores_by_their_probabilities():
    # (8 * .5 + 2 * .25 + 10 * .05) / (.5 + .25 + .05) = 5 / .8 = 6.25, and (6.25 - 1) / 9; the rest is no score
    writer = whole_numbers({" 8": 0.5, " 2": 0.25, " 10": 0.05, " fine": 0.2}, ["fine Score 8"])
    (verdict,) = TextJudge(writer, FORMS).judge_questions(["1 + 1?"])
    assert verdict.score == pytest.approx(5.25 / 9)
    assert (verdict.fault, verdict.text) == (None, "fine Score 8")
    assert writer.n_passes == 1


def test_a_score_of_10_in_two_tokens_has_the_probability_of_1_and_then_0():
    # behind "Score": " 1" .4, " 4" .2; behind " 1": "0" .75, "5" .05, the end .2
    # 10: .4 * .75 = .3; 1: .4 * (1 - .8) = .08; 4: .2; mean (3 + .08 + .8) / .58
    def shares(prompt, prefix):
        return {"0": 0.75, "5": 0.05} if prefix.endswith("Score 1") else {" 1": 0.4, " 4": 0.2}

    writer = ScriptedWriter(score_tokenizer(False), ["fine Score 10", "fine Score 4", "fine Score 1"], shares)
    verdicts = TextJudge(writer, FORMS).judge_questions(["a", "b", "c"])
    assert scores(verdicts) == pytest.approx([(3.88 / 0.58 - 1) / 9] * 3)
    assert writer.n_passes == 2


def test_the_prefix_ends_before_the_score_behind_the_last_marker():
    prefixes = []

    def shares(prompt, prefix):
        prefixes.append((prompt, prefix))
        return {" 3": 1.0}

    texts = ["Score 9 fine Score 3", "fine\nScore 3"]
    writer = ScriptedWriter(score_tokenizer(True), texts, shares)
    assert scores(TextJudge(writer, FORMS).judge_answers(["1 + 1?", "1 + 2?"], ["2", "3"])) == pytest.approx(
        [2 / 9] * 2
    )
    assert prefixes == [("judge 1 + 1? 2", "Score 9 fine Score"), ("judge 1 + 2? 3", "fine\nScore")]


def test_without_expectation_the_sampled_score_counts():
    writer = ScriptedWriter(score_tokenizer(True), ["Score 10", "Score 1", "Score 11"])
    verdicts = TextJudge(writer, FORMS, expected=False).judge_questions(["a", "b", "c"])
    assert scores(verdicts) == [1.0, 0.0, None]
    assert faults(verdicts) == [None, None, "no-score"]
    assert writer.n_passes == 0


def test_several_samples_are_averaged_over_those_that_have_a_score():
    # a: 10 and 4: (1 + 3/9) / 2; b: nothing and 4: 3/9; c: nothing at all
    texts = ["Score 10", "Score 4", "fine", "Score 4", "fine", "Score"]
    writer = ScriptedWriter(score_tokenizer(True), texts)
    verdicts = TextJudge(writer, FORMS, samples=2, expected=False).judge_questions(["a", "b", "c"])
    assert scores(verdicts) == [pytest.approx(2 / 3), pytest.approx(1 / 3), None]
    assert faults(verdicts) == [None, None, "no-score"]
    assert writer.calls == [["judge a", "judge a", "judge b", "judge b", "judge c", "judge c"]]  # one call


def test_nothing_is_written_for_no_texts():
    writer = ScriptedWriter(score_tokenizer(True))
    assert TextJudge(writer, FORMS).judge_questions([]) == []
    assert writer.calls == []


def test_a_text_without_a_score_is_a_fault_and_has_no_score():
    writer = whole_numbers({" 8": 1.0}, ["fine", "fine Score 8"])
    verdicts = TextJudge(writer, FORMS).judge_questions(["a", "b"])
    assert (scores(verdicts), faults(verdicts)) == ([None, pytest.approx(7 / 9)], ["no-score", None])
    assert verdicts[0].text == "fine"


def test_behind_a_line_break_the_digits_alone_are_the_tokens_of_scores():
    # 2 of " 2" does not count there; 10 is written as two digits: "8" .6, "1" .2 and then "0" .5
    # 10: .1, 1: .2 * (1 - .5) = .1, 8: .6; mean (1 + .1 + 4.8) / .8
    def shares(prompt, prefix):
        return {"0": 0.5} if prefix.endswith("1") else {"8": 0.6, "1": 0.2, " 2": 0.2}

    writer = ScriptedWriter(score_tokenizer(True), ["Score\n8"], shares)
    assert scores(TextJudge(writer, FORMS).judge_questions(["a"])) == [pytest.approx((5.9 / 0.8 - 1) / 9)]


def test_without_tokens_for_all_scores_there_is_no_expected_score_but_a_fault_with_a_name():
    # with " 7" missing, " 8" is a token beside which 7 cannot be one; behind a line break all digits are tokens
    writer = ScriptedWriter(score_tokenizer(True, has_seven=False), ["Score 8", "Score\n8"], lambda *_: {"8": 1.0})
    verdicts = TextJudge(writer, FORMS).judge_questions(["a", "b"])
    assert (scores(verdicts), faults(verdicts)) == ([None, pytest.approx(7 / 9)], ["no-score-tokens", None])
    assert verdicts[0].text == "Score 8"


def test_a_tokenizer_without_tokens_for_all_scores_stops_the_judge():
    writer = ScriptedWriter(score_tokenizer(True, has_seven=False), ["Score 8"] * 4, lambda *_: {"8": 1.0})
    with pytest.raises(SgramError, match="no expected score can be computed; take the mean of several sampled scores"):
        TextJudge(writer, FORMS).judge_questions(["a", "b", "c", "d"])


def test_a_score_inside_a_longer_token_has_no_position():
    tokenizer = score_tokenizer(True)
    ids = [*tokenizer("fine Score")["input_ids"], tokenizer.convert_tokens_to_ids("Ġ8.")]
    assert tokenizer.decode(ids) == "fine Score 8."
    assert ScoreTokens(tokenizer, "Score").find(ids, 8) is None


def test_ids_that_only_the_model_has_spell_nothing():
    tokenizer = score_tokenizer(True)
    ids = tokenizer("fine Score 8")["input_ids"]
    position = ScoreTokens(tokenizer, "Score").find([len(tokenizer) + 5, *ids, tokenizer.eos_token_id], 8)
    assert (position.prefix, position.lead) == ((len(tokenizer) + 5, *ids[:-1]), b" ")
    assert ScoreTokens(tokenizer, "Score").find(ids, 7) is None
    assert ScoreTokens(tokenizer, "Score").find(ids[:-1], 8) is None
    assert ScoreTokens(tokenizer, "Grade").find(ids, 8) is None


@given(st.lists(st.floats(0.001, 1), min_size=10, max_size=10))
def test_the_expected_score_lies_between_1_and_10_and_both_ways_to_write_10_agree(weights):
    """The mass of 10 is moved to "1" and then "0": the mean must stay."""
    total = sum(weights)
    whole = {f" {score}": weight / total for score, weight in enumerate(weights, 1)}
    one = whole[" 1"] + whole[" 10"]

    def split(prompt, prefix):
        return {"0": whole[" 10"] / one} if prefix.endswith(" 1") else {**whole, " 1": one, " 10": 0.0}

    first = TextJudge(whole_numbers(whole, ["Score 5"]), FORMS).judge_questions(["a"])[0].score
    second = (
        TextJudge(ScriptedWriter(score_tokenizer(False), ["Score 5"], split), FORMS).judge_questions(["a"])[0].score
    )
    assert first == pytest.approx(second)
    assert 0 <= first <= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda judge: judge.judge_answers(["a"], []), "1 questions and 0 answers"),
        (lambda judge: TextJudge(judge.writer, FORMS, samples=0), "the samples of a judge must be >= 1"),
        (lambda judge: RandomJudge(0).judge_answers(["a"], []), "1 questions and 0 answers"),
        (lambda judge: OracleJudge(SumTask()).judge_answers(["a"], []), "1 questions and 0 answers"),
        (lambda judge: EndpointJudge("http://localhost:1/v1", "", FORMS), "give --judge-model"),
        (lambda judge: EndpointJudge("localhost:1", "m", FORMS), "invalid http"),
        (lambda judge: EndpointJudge("http://localhost:1/v1", "m", FORMS, parallel=0), "parallel of a judge must be"),
        (lambda judge: EndpointJudge("http://localhost:1/v1", "m", FORMS, samples=2), "need a temperature > 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call(TextJudge(whole_numbers({}), FORMS))


# -- a model behind a URL -------------------------------------------------------------------------------


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_endpoint_is_asked_for_each_text_and_its_replies_are_read():
    def reply(body, number):
        question = body["messages"][0]["content"]
        return completion({"judge a": "fine Score 10", "judge b": "fine Score 4", "judge c": "so?"}[question])

    with serving(reply) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", FORMS)
        verdicts = judge.judge_questions(["a", "b", "c"])
    assert verdicts == [
        *(Verdict(1.0, text="fine Score 10"), Verdict(3 / 9, text="fine Score 4"), Verdict(None, "no-score", "so?"))
    ]
    assert judge.name == "m"
    assert {body["model"] for body in endpoint.bodies} == {"m"}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_samples_of_an_endpoint_are_averaged():
    with serving(lambda body, number: completion(f"Score {(10, 4)[number % 2]}")) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", FORMS, samples=2, temperature=1.0, parallel=1)
        assert scores(judge.judge_answers(["a"], ["b"])) == [pytest.approx(2 / 3)]


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_request_without_reply_is_a_fault_and_an_endpoint_that_never_answers_is_given_up():
    def reply(body, number):
        return completion("Score 10") if number != 1 else (500, {}, b"")

    with serving(reply) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", FORMS, parallel=1, retries=0)
        assert judge.judge_questions(["a", "b"]) == [Verdict(1.0, text="Score 10"), Verdict(None, "no-reply")]
    with serving(lambda body, number: (500, {}, b"")) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", FORMS, parallel=1, retries=0)
        with pytest.raises(SgramError, match=r"gave no reply in 1 tries .*; run again when it answers"):
            judge.judge_questions(["a", "b", "c"])


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_limit_of_tokens_is_sent_in_the_field_that_the_endpoint_knows():
    def reply(body, number):
        if "max_tokens" in body:
            return 400, {}, json.dumps({"error": "use max_completion_tokens"}).encode()
        return completion("Score 10")

    with serving(reply) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", FORMS, parallel=1, max_tokens=50)
        assert scores(judge.judge_questions(["a", "b"])) == [1.0, 1.0]
    assert [body.get("max_completion_tokens") for body in endpoint.bodies] == [None, 50, 50]
    with serving(lambda body, number: (400, {}, b"no such model")) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", FORMS)
        with pytest.raises(UsageError, match="refuses the request"):
            judge.judge_questions(["a"])
