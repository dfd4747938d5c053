"""Problems out of files: what is read, what is set aside, who is held out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, QuarantineError, UsageError
from sgram.training.tasks.answer_task import AnswerTask, AnswerTaskConfig
from sgram.training.tasks.problems import MAX_PROMPT, ReadConfig, read_problems
from sgram.training.tasks.prompts import add_instruction
from tests.builders.paths import ROOT

SHARED = ROOT.parent / "shared" / "data" / "problems"


def write(path, *rows):
    """A file of JSONL; a row that is text stands there as it is."""
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def all_problems(problem_set):
    return [*problem_set.train, *problem_set.test]


@pytest.mark.parametrize(
    ("row", "prompt", "reference"),
    [
        ({"problem": "1+1?", "answer": "2"}, "1+1?", "2"),
        ({"question": "1+1?", "answer": "One and one.\n#### 2"}, "1+1?", "2"),  # GSM8K
        ({"problem": "1+1?", "solution": "It is $\\boxed{2}$. Done."}, "1+1?", "2"),  # MATH
        ({"problem": "1+1?", "answer": "2", "solution": "#### 3"}, "1+1?", "2"),
        ({"prompt": "1+1?", "reference": 2}, "1+1?", "2"),
        ({"problem": None, "prompt": "1+1?", "answer": ["2"]}, "1+1?", "2"),
        ({"prompt": "1+1?", "answer": " \\frac12 "}, "1+1?", "\\frac12"),
        ({"prompt": "1+1?", "answer": "#### 1,234"}, "1+1?", "1,234"),
        (
            {"prompt": [{"role": "user", "content": "1+1?"}], "answer": 2.5},
            ({"role": "user", "content": "1+1?"},),
            "2.5",
        ),
    ],
)
def test_the_shapes_of_the_wild_are_read(tmp_path, row, prompt, reference):
    (problem_set,) = all_problems(read_problems(write(tmp_path / "p.jsonl", row)))
    assert (problem_set.prompt, problem_set.reference) == (prompt, reference)


def test_other_fields_are_kept(tmp_path):
    row = {"id": 7, "problem": "1+1?", "answer": "2", "level": 3, "split": "train", "solution": "s"}
    (problem_set,) = read_problems(write(tmp_path / "p.jsonl", row)).train
    assert (problem_set.id, problem_set.meta) == ("7", {"level": 3, "solution": "s"})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{broken", "not valid JSON"),
        ("[1]", "the row is not an object"),
        ({"answer": "2"}, "a field is missing: problem, question or prompt"),
        ({"problem": "1+1?"}, "a field is missing: answer, reference or solution"),
        ({"problem": " ", "answer": "2"}, "problem is empty"),
        ({"problem": 3, "answer": "2"}, "problem is neither a text nor messages"),
        ({"problem": [], "answer": "2"}, "problem is neither a text nor messages"),
        ({"prompt": [{"role": "user"}], "answer": "2"}, "prompt holds a message without a known role and a text"),
        ({"prompt": [{"role": "assistant", "content": "x"}], "answer": "2"}, "messages that end with the user's"),
        ({"problem": "x" * (MAX_PROMPT + 1), "answer": "2"}, "problem is longer than 100,000 characters"),
        ({"problem": "x", "answer": True}, "answer must be a text or a number (got 'True')"),
        ({"problem": "x", "answer": ["1", "2"]}, "answer must be a text or a number (got list)"),
        ({"problem": "x", "answer": ""}, "answer must be a text or a number (got '')"),
        ({"problem": "x", "solution": "long " * 1000}, "solution marks no answer and is longer than "),
        ({"problem": "x", "answer": "2", "split": "dev"}, "split must be train or test (got 'dev')"),
        ({"problem": "x", "answer": "2", "id": ""}, "id must be a string of 1 to 200 characters (got '')"),
        ({"problem": "good 5", "answer": "6", "id": "other"}, "occurs twice with different answers: '5', then '6'"),
        ({"problem": "new", "answer": "6", "id": "id 5"}, "another problem has this id: 'id 5'"),
    ],
)
def test_a_row_that_is_no_problem_is_set_aside_with_its_place(tmp_path, row, reason):
    good = [{"id": f"id {n}", "problem": f"good {n}", "answer": n} for n in range(120)]
    path = write(tmp_path / "p.jsonl", *good[:100], row, *good[100:])
    problem_set = read_problems(path, ReadConfig(quarantine=tmp_path / "bad.jsonl"))
    assert len(all_problems(problem_set)) == 120
    assert (problem_set.rows_in, problem_set.rows_quarantined) == (121, 1)
    assert problem_set.first_fault.startswith(f"{path}:101: ")
    assert reason in problem_set.first_fault
    assert problem_set.first_fault in problem_set.note()
    (set_aside,) = (json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines())
    assert set_aside["line"] == 101
    assert reason in set_aside["reason"]


def test_a_file_without_problems_is_refused_with_its_first_fault(tmp_path):
    path = write(tmp_path / "p.jsonl", '{"text": "a trace"}', "{broken")
    with pytest.raises(
        InputError, match=rf'no problems in {path}: {path}:1: a field is missing: problem, .*; a row is {{"problem"'
    ):
        read_problems(path)
    with pytest.raises(InputError, match=r"p\.jsonl is empty"):
        read_problems(write(tmp_path / "p.jsonl"))
    with pytest.raises(InputError, match=r"cannot read .*nowhere\.jsonl"):
        read_problems(tmp_path / "nowhere.jsonl")


def test_more_bad_rows_than_allowed_are_refused(tmp_path):
    path = write(tmp_path / "p.jsonl", *({"problem": f"p{n}", "answer": n} for n in range(97)), "{", "{", "{")
    with pytest.raises(QuarantineError, match=rf"3 of 100 rows of {path} are invalid, more than the 1\.0%.*:98: not"):
        read_problems(path)
    assert len(all_problems(read_problems(path, ReadConfig(max_bad=0.03)))) == 97


def test_a_repeated_problem_is_kept_once(tmp_path):
    rows = [{"problem": "1 + 1?", "answer": "2"}, {"id": "again", "problem": "1  + 1?\n", "answer": "2"}]
    problem_set = read_problems(write(tmp_path / "p.jsonl", *rows))
    assert (len(all_problems(problem_set)), problem_set.rows_repeated) == (1, 1)
    assert problem_set.note() == "of 2 rows 1 repeat a problem"


def many(n, **fields):
    return [{"problem": f"p{number}", "answer": number, **fields} for number in range(n)]


def test_the_split_is_drawn_by_id_and_seed_alone(tmp_path):
    rows = many(400)
    problem_set = read_problems(write(tmp_path / "a.jsonl", *rows), ReadConfig(test_share=0.25))
    turned = read_problems(write(tmp_path / "b.jsonl", *rows[::-1]), ReadConfig(test_share=0.25))
    fewer = read_problems(write(tmp_path / "c.jsonl", *rows[:200]), ReadConfig(test_share=0.25))
    reseeded = read_problems(tmp_path / "a.jsonl", ReadConfig(test_share=0.25, seed=1))
    held_out = {problem.id for problem in problem_set.test}
    assert 70 <= len(held_out) <= 130  # 100 expected, standard deviation 8.7
    assert not held_out & {problem.id for problem in problem_set.train}
    assert {problem.id for problem in turned.test} == held_out
    assert {problem.id for problem in fewer.test} == held_out & {problem.id for problem in all_problems(fewer)}
    assert {problem.id for problem in reseeded.test} != held_out
    assert [problem.reference for problem in problem_set.train] == sorted(
        (p.reference for p in problem_set.train), key=int
    )
    assert len({read.digest for read in (problem_set, turned, fewer, reseeded)}) == 4
    assert problem_set.digest == read_problems(tmp_path / "a.jsonl", ReadConfig(test_share=0.25)).digest


@given(st.integers(2, 12), st.floats(0.01, 0.99))
def test_no_side_is_empty_however_few_there_are(tmp_path_factory, n, share):
    path = write(tmp_path_factory.mktemp("few") / "p.jsonl", *many(n))
    problem_set = read_problems(path, ReadConfig(test_share=share))
    assert len(problem_set.train) >= 1
    assert len(problem_set.test) >= 1
    assert len(all_problems(problem_set)) == n


def test_a_split_that_a_row_states_is_kept(tmp_path):
    rows = [*many(20, split="train"), {"problem": "held", "answer": "1", "split": "test"}]
    problem_set = read_problems(write(tmp_path / "p.jsonl", *rows), ReadConfig(test_share=0.9))
    assert (len(problem_set.train), [problem.prompt for problem in problem_set.test]) == (20, ["held"])
    assert read_problems(write(tmp_path / "p.jsonl", *many(9)), ReadConfig(test_share=0)).test == ()


def test_another_file_is_held_out_whole_and_leaves_training(tmp_path):
    train = write(tmp_path / "train.jsonl", *many(10))
    test = write(tmp_path / "test.jsonl", {"problem": "p3", "answer": "3"}, {"problem": "new", "answer": "0"})
    problem_set = read_problems(train, ReadConfig(test=test))
    assert [problem.prompt for problem in problem_set.test] == ["p3", "new"]
    assert [problem.prompt for problem in problem_set.train] == [f"p{n}" for n in range(10) if n != 3]
    assert problem_set.rows_repeated == 1


def test_shares_that_are_none_are_refused():
    with pytest.raises(UsageError, match=r"test_share must be a share >= 0 and <= 1 \(got 2\)"):
        ReadConfig(test_share=2)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_file_is_too_odd(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("odd") / "p.jsonl"
    path.write_bytes(b'{"problem": "p", "answer": 1}\n' + b"\n".join(lines) + b"\n")
    try:
        problem_set = read_problems(path, ReadConfig(max_bad=1))
    except InputError:
        return  # such as a file that begins another format
    assert (
        problem_set.rows_in == len(all_problems(problem_set)) + problem_set.rows_repeated + problem_set.rows_quarantined
    )


def test_the_instruction_follows_the_problem():
    chat = ({"role": "system", "content": "s"}, {"role": "user", "content": "1+1? "})
    assert add_instruction("1+1?\n", "Be brief.") == "1+1?\n\nBe brief."
    assert add_instruction("1+1?", "") == "1+1?"
    assert add_instruction(chat, "Be brief.") == (chat[0], {"role": "user", "content": "1+1?\n\nBe brief."})


def test_a_task_puts_its_problems_as_it_is_told(tmp_path):
    read = read_problems(write(tmp_path / "p.jsonl", *many(3, split="train")))
    task = AnswerTask("p", read, AnswerTaskConfig(instruction="Go."))
    assert [problem.prompt for problem in task.problems("train")] == [f"p{n}\n\nGo." for n in range(3)]
    assert [problem.id for problem in task.problems("train")] == [problem.id for problem in read.train]
    assert task.describe_unjudged() == ""
    task.close()
    assert AnswerTask("p", read).problems("train")[0].prompt == "p0\n\nPut your final answer in \\boxed{}."


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data beside the checkout")
def test_every_shared_set_of_problems_is_read_whole():
    sizes = {"aime24": 30, "amc23": 40, "math500": 500, "gsm8k_test": 1319, "olympiadbench_oe_maths_en": 675}
    for name, size in sizes.items():
        problem_set = read_problems(SHARED / f"{name}.jsonl")
        assert (len(all_problems(problem_set)), problem_set.rows_quarantined) == (size, 0)
