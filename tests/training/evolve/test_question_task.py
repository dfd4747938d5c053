"""A file of questions as a task of `sgram evolve`."""

import json

import pytest

from sgram.errors import InputError, UsageError
from sgram.training.evolve.protocols import EvolveTask, EvolveTaskWithTruth
from sgram.training.evolve.question_task import QuestionTask


@pytest.fixture
def write(tmp_path):
    def write_rows(rows):
        path = tmp_path / "questions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write_rows


ROWS = [
    {"id": "a", "question": "What is 2 + 3?", "answer": "5", "split": "train"},
    {"id": "b", "question": "Name a prime.", "split": "train"},
    {"id": "c", "question": "What is 2 + 4?", "answer": "6", "split": "test"},
    {"id": "d", "question": "Name a color.", "split": "test"},
]


def test_all_training_questions_start_the_pool_and_those_with_a_reference_can_be_judged(write):
    task = QuestionTask(write(ROWS))
    assert isinstance(task, EvolveTask)
    assert not isinstance(task, EvolveTaskWithTruth)
    assert task.start_questions() == ("What is 2 + 3?", "Name a prime.")
    assert [(problem.id, problem.prompt, problem.reference) for problem in task.fixed_problems()] == [
        ("a", "What is 2 + 3?", "5")
    ]
    assert [problem.id for problem in task.held_out_problems()] == ["c"]


def test_responses_are_judged_by_the_reference_where_there_is_one(write):
    task = QuestionTask(write(ROWS))
    (problem,) = task.fixed_problems()
    unknown = type(problem)("b", "Name a prime.")
    outcomes = task.judge_responses(
        [problem, unknown, problem, problem], ["So <answer>5</answer>", "<answer>7</answer>", "<answer>6</answer>", ""]
    )
    assert [outcome.correct for outcome in outcomes] == [True, None, False, False]
    assert [outcome.error for outcome in outcomes] == [None, None, None, "format"]
    task.close()


def test_a_file_without_references_is_a_task_whose_accuracy_is_unknown(write):
    task = QuestionTask(write([{"question": f"Name {number} primes."} for number in range(20)]))
    assert len(task.start_questions()) >= 10
    assert (len(task.fixed_problems()), len(task.held_out_problems())) == (0, 0)


def test_chats_of_one_message_are_questions_and_longer_ones_are_refused(write):
    user = {"role": "user", "content": "What is 2 + 3?"}
    task = QuestionTask(write([{"prompt": [user], "split": "train"}]))
    assert task.start_questions() == ("What is 2 + 3?",)
    with pytest.raises(UsageError, match="is a conversation of 2 messages"):
        QuestionTask(write([{"prompt": [{"role": "system", "content": "Be brief."}, user], "split": "train"}]))


def test_a_file_in_which_every_question_is_held_out_is_refused(write):
    with pytest.raises(InputError, match=r"no questions to start from in .*questions.jsonl: all of them are held out"):
        QuestionTask(write([{"question": "What is 2 + 3?", "split": "test"}]))


def test_options_name_the_marks_and_how_the_file_is_read(write):
    path = write([{"question": f"Name {number} primes.", "answer": "2"} for number in range(20)])
    task = QuestionTask.from_options(path, {"marks": "lines", "test_share": 0.5, "seed": 1})
    assert task.forms.score_marker == "Score:"
    assert len(task.start_questions()) + len(task.held_out_problems()) == 20
    assert 2 <= len(task.held_out_problems()) <= 18
    assert QuestionTask.from_options(path, {}).forms.score_marker == "<score>"
    with pytest.raises(UsageError, match=r"a file of questions has no option 'metods'; it has .*test_share, marks"):
        QuestionTask.from_options(path, {"metods": 3})
    with pytest.raises(UsageError, match=r"marks must be tags or lines \(got 'xml'\)"):
        QuestionTask.from_options(path, {"marks": "xml"})
